"""`relay check`: every mistake of a configuration file at once, each with its line and what was probably meant.

Owns how the result is printed. It must never start or change anything: it is run by people on hosts that serve. The trap:
standard output with `--json` is exactly the list of mistakes; what does not stop the relay goes to standard error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import msgspec

from relay.cli.keys import key_findings
from relay.clock import SystemClock
from relay.configfile import Checked, check
from relay.configpair import compare
from relay.configuration.environment import machine_check
from relay.configuration.relations import Finding
from relay.settings import Settings

NAME = "check"
HELP = "every mistake in a configuration file, with line and suggestion"

EXIT_CLEAN = 0
EXIT_MISTAKES = 2


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", help="TOML file")
    parser.add_argument("--json", action="store_true", help="a list of {file, line, path, problem, suggestion}")
    parser.add_argument(
        "--peer",
        metavar="FILE",
        help="a copy of the other center's file: what both centers would give out, and only one may",
    )
    parser.add_argument(
        "--no-environment",
        action="store_true",
        help="the file only: no look at the files, certificates, credentials and directories of this host",
    )


def run(args: argparse.Namespace) -> int:
    checked = check(args.config, machine=None if args.no_environment else _look_at_the_host)
    if args.peer is not None and not checked.mistakes:
        checked = msgspec.structs.replace(checked, mistakes=compare(args.config, args.peer))
    for warning in checked.warnings:
        print(f"warning: {warning.text()}", file=sys.stderr)
    if args.json:
        print(msgspec.json.format(msgspec.json.encode(checked.mistakes), indent=2).decode())
    else:
        for mistake in checked.mistakes:
            print(mistake.text())
        print(summary(args.config, checked), file=sys.stderr if checked.mistakes else sys.stdout)
    return EXIT_MISTAKES if checked.mistakes else EXIT_CLEAN


def _look_at_the_host(settings: Settings) -> Iterator[Finding]:
    yield from machine_check(SystemClock().wall_ms())(settings)
    yield from key_findings(settings)


def summary(file: str, checked: Checked) -> str:
    """One line for people: what the file says, or how many mistakes it has."""
    warnings = f", {_count(len(checked.warnings), 'warning')}" if checked.warnings else ""
    settings = checked.settings
    if settings is None or checked.mistakes:
        return f"{file}: {_count(len(checked.mistakes), 'mistake')}{warnings}"
    parts = [_count(len(settings.listener), "listener")]
    if settings.dialer:
        parts.append(_count(len(settings.dialer), "dialer"))
    scheme = "https" if settings.core.tls is not None else "http"
    return f"{file}: fine: {', '.join(parts)}, core at {scheme}://{settings.core.name}:{settings.core.port}{warnings}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
