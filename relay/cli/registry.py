"""The list of subcommands, each loaded when it is asked for and only then.

Owns names, one-line helps and the parser. It must never know what a subcommand does. The trap: a module that cannot be
imported must not take `relay status` down with it, at three in the morning.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
from collections.abc import Collection
from typing import NoReturn, Protocol, cast

from relay import __version__
from relay.errors import RelayError

COMMANDS = {
    "run": "run the relay with a configuration file",
    "demo": "the whole thing on this machine: relay, fake core, fake ATMs, branches and Zengin",
    "check": "every mistake in a configuration file, with line and suggestion",
    "status": "the running relay on one screen",
    "report": "where it builds up: pressure before the core",
    "top": "the console in a terminal: overview, sessions, what waits, reconciliation, failover",
    "console": "the web console: user add, passwd, role, list, remove; audit; tables",
    "control": "tell the running relay: drain, reload, resolve, log level, echo",
    "region": "the active region: status, pin, seal, block, and the signed record in DNS",
    "failover": "the regional failover: check, declare, approve, deny, hold, abort, status, report",
    "announce": "which center serves: status, withdraw, resume, hand-back",
    "takeover": "the other center is lost: take its journal over; status, begin, finish",
    "lease": "exclusive lines: which relay center has them; status, take, release, standby, init",
    "drain": "sessions out of service by stages and class: start, status, abort",
    "pair": "the other relay center: paths to it, and what both centers see",
    "outbound": "messages that the core started: list, show, cancel, settle, post",
    "saf": "what is owed to the core and what waits for a person: list, show, retry, resolve",
    "reconcile": "the journal against the core's ledger: now, report, sign",
    "journal": "search, show, export and verify what was made durable",
    "decode": "hex, file or pcap as fields, masked, with offsets",
    "send": "one message to a listener, and its answer",
    "load": "many fake terminals at a rate, and the conservation check",
    "lab": "two centers and two regions on this machine: up, status, fail, heal, switch, take-over, drill, down",
    "completion": "completion script for bash, zsh or fish",
}
RUN = "run"  # has no module here: the daemon is above this floor, and relay/main.py starts it


class Command(Protocol):
    """What a module relay/cli/NAME.py is."""

    NAME: str
    HELP: str

    def configure(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        unknown = message.partition("invalid choice: ")[2].partition(" ")[0].strip("'")
        near = difflib.get_close_matches(unknown, COMMANDS, n=1)
        super().error(message + (f"; did you mean {near[0]}?" if near else ""))


def load_command(name: str) -> Command:
    """The module of a subcommand. Raises RelayError when it cannot be imported."""
    try:
        return cast(Command, importlib.import_module(f"relay.cli.{name}"))
    except ImportError as error:
        raise RelayError(f"relay {name} cannot be loaded: {error}.", "Is the installation complete?") from error


def build_parser(loaded: Collection[str]) -> argparse.ArgumentParser:
    """The parser, with the arguments of the `loaded` subcommands; the others have their name and help only.

    A parsed namespace has `command`, and `run` for all commands but RUN. Raises RelayError as `load_command`.
    """
    parser = _Parser(prog="relay", description="Relay-center gateway: terminals in, durable journal, REST to the core out.")
    parser.add_argument("--version", action="version", version=f"relay {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        is_loaded = name in loaded
        sub = subparsers.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", add_help=is_loaded)
        if is_loaded and name == RUN:
            sub.add_argument("config", metavar="CONFIG", help="TOML file; `relay check CONFIG` shows what is wrong with it")
        elif is_loaded:
            command = load_command(name)
            command.configure(sub)
            sub.set_defaults(run=command.run)
    return parser
