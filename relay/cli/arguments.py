"""The command line as data: every subcommand with its options, read from argparse itself.

Owns the reading; completion.py and manpage.py write. It must never be a second list of options. The trap: argparse's own
attributes for this are private by name (`_actions`) and stable by age; they are touched here and nowhere else.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import msgspec


class Argument(msgspec.Struct, frozen=True, kw_only=True):
    """One option (with `flags`) or one positional word (without)."""

    flags: tuple[str, ...]
    metavar: str
    help: str
    choices: tuple[str, ...]
    takes_value: bool
    is_file: bool
    is_required: bool = False


class Verb(msgspec.Struct, frozen=True, kw_only=True):
    """`relay` itself, a subcommand, or a subcommand of one."""

    name: str
    help: str
    description: str
    epilog: str
    arguments: tuple[Argument, ...]
    verbs: tuple[Verb, ...]

    def find(self, words: Sequence[str]) -> Verb | None:
        """The verb that `words` lead to from here."""
        if not words:
            return self
        inner = next((verb for verb in self.verbs if verb.name == words[0]), None)
        return None if inner is None else inner.find(words[1:])


def read(parser: argparse.ArgumentParser, name: str = "relay", text: str = "") -> Verb:
    """The tree of verbs below `parser`."""
    arguments: list[Argument] = []
    verbs: list[Verb] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            verbs += [read(sub, sub_name, helps.get(sub_name, "")) for sub_name, sub in action.choices.items()]
        elif action.help != argparse.SUPPRESS:
            arguments.append(_argument(action))
    return Verb(
        name=name,
        help=text,
        description=parser.description or "",
        epilog=parser.epilog or "",
        arguments=tuple(arguments),
        verbs=tuple(verbs),
    )


def _argument(action: argparse.Action) -> Argument:
    takes_value = action.nargs != 0
    metavar = (
        action.metavar if isinstance(action.metavar, str) else (action.dest.upper().replace("_", "-") if takes_value else "")
    )
    return Argument(
        flags=tuple(action.option_strings),
        metavar=metavar,
        help=(action.help or "").replace("%%", "%"),
        choices=tuple(map(str, action.choices or ())),
        takes_value=takes_value,
        is_file=metavar in {"FILE", "CONFIG", "PATH", "DIRECTORY"} or "file" in action.dest.lower(),
        is_required=action.required,
    )
