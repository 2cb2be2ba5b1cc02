"""The command line as data says what argparse would accept."""

from __future__ import annotations

import argparse

from relay.cli.arguments import Argument, read


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="tool", description="A tool.", add_help=False)
    subs = top.add_subparsers()
    inner = subs.add_parser("do", help="does it", description="Does it all.", epilog="At last.", add_help=False)
    inner.add_argument("-f", "--file", metavar="FILE", help="100%% of a file")
    inner.add_argument("--loud", action="store_true", help="louder")
    inner.add_argument("how", choices=("fast", "slow"))
    inner.add_argument("--hidden", help=argparse.SUPPRESS)
    inner.add_argument("--dry-run-count", type=int)
    return top


def test_a_parser_becomes_a_tree() -> None:
    tree = read(parser(), "tool")
    assert (tree.name, tree.description) == ("tool", "A tool.")
    verb = tree.find(["do"])
    assert verb is not None
    assert (verb.help, verb.description, verb.epilog) == ("does it", "Does it all.", "At last.")
    assert verb.arguments == (
        Argument(flags=("-f", "--file"), metavar="FILE", help="100% of a file", choices=(), takes_value=True, is_file=True),
        Argument(flags=("--loud",), metavar="", help="louder", choices=(), takes_value=False, is_file=False),
        Argument(flags=(), metavar="HOW", help="", choices=("fast", "slow"), takes_value=True, is_file=False, is_required=True),
        Argument(flags=("--dry-run-count",), metavar="DRY-RUN-COUNT", help="", choices=(), takes_value=True, is_file=False),
    )


def test_words_that_lead_nowhere() -> None:
    assert read(parser()).find(["do", "more"]) is None
    assert read(parser()).find([]) == read(parser())
