"""The manual page relay(1), made from the arguments as they are: `python -m relay.cli.manpage > docs/relay.1`.

Owns the page's fixed sections. It must never list an option by itself. The trap: a line that begins with a dot or an
apostrophe is a command to troff, and a bare minus becomes a hyphen that nobody can copy and type.

Source: man-pages(7), groff_man(7).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from relay import __version__
from relay.cli.arguments import Argument, Verb
from relay.cli.completion import whole_tree

_FILES = (
    ("/etc/relay/relay.toml", "the configuration; docs/configuration.md lists every setting"),
    ("/etc/relay/dialects/", "overlays of the bank's own, beside the configuration"),
    ("/var/lib/relay/journal.sqlite", "the journal"),
    ("/run/relay/control.sock", "the control socket"),
)
_ENVIRONMENT = (
    ("CREDENTIALS_DIRECTORY", "where systemd puts credentials (LoadCredential=)"),
    ("RELAY_CREDENTIALS", "where credentials are where systemd gives none"),
    ("RELAY_SOCKET", "the control socket that the tools talk to"),
    ("NO_COLOR", "no colours, also on a terminal"),
)
_EXIT = (
    ("0", "done; for relay status: serving"),
    ("1", "the problem is on standard error; for relay status: not reachable"),
    ("2", "wrong usage or a wrong configuration; for relay status: degraded"),
    ("3", "the journal cannot be used"),
    ("4", "a listener cannot bind its address"),
    ("5", "signed by one of two people: nothing is done until the second has said the same"),
    ("130", "stopped by Ctrl-C"),
)
_SIGNALS = (
    ("SIGTERM, SIGINT", "drain: stop accepting, finish what is in flight, sign off, stop"),
    ("SIGUSR2", "as relay drain start: all classes, and the relay lives on"),
    ("SIGHUP", "read the configuration again, all or nothing"),
)


def manpage(tree: Verb) -> str:
    """The page as troff text."""
    lines = [
        f'.TH RELAY 1 "" "relay {__version__}" "The relay"',
        ".nh",
        ".ad l",
        ".SH NAME",
        "relay \\- gateway between banking terminals and a core found by name",
        ".SH SYNOPSIS",
        ".B relay",
        "COMMAND [ARGUMENT...]",
        ".SH DESCRIPTION",
        _text(tree.description),
        ".SH COMMANDS",
        *_verbs(tree, "relay"),
    ]
    for title, rows in (("FILES", _FILES), ("ENVIRONMENT", _ENVIRONMENT), ("SIGNALS", _SIGNALS), ("EXIT STATUS", _EXIT)):
        lines.append(f".SH {title}")
        for term, meaning in rows:
            lines += [".TP", f".B {_text(term)}", _text(meaning)]
    return "\n".join(lines) + "\n"


def _verbs(verb: Verb, words: str) -> Iterator[str]:
    for inner in verb.verbs:
        full = f"{words} {inner.name}"
        yield f".SS {_text(' '.join([full, *map(_usage, inner.arguments)]))}"
        yield _text(inner.description or inner.help)
        for argument in inner.arguments:
            if argument.flags != ("-h", "--help"):
                yield ".TP"
                yield f".B {_text(_term(argument))}"
                yield _text(_meaning(argument))
        if inner.epilog:
            yield ".PP"
            yield _text(inner.epilog)
        yield from _verbs(inner, full)


def _usage(argument: Argument) -> str:
    if not argument.flags:
        return argument.metavar if argument.is_required else f"[{argument.metavar}]"
    return f"{argument.flags[-1]} {argument.metavar}" if argument.is_required else ""


def _term(argument: Argument) -> str:
    names = ", ".join(argument.flags) or argument.metavar
    if not argument.takes_value or not argument.flags:
        return names
    return f"{names} {argument.metavar if _is_long(argument) else '|'.join(argument.choices) or argument.metavar}"


def _is_long(argument: Argument) -> bool:
    """Choices that would not fit on a line, which troff breaks at spaces only."""
    return len("|".join(argument.choices)) > 50


def _meaning(argument: Argument) -> str:
    if argument.choices and (_is_long(argument) or not argument.flags or not argument.help):
        return f"{argument.help}{'; ' if argument.help else ''}one of {', '.join(argument.choices)}"
    return argument.help


def _text(text: str) -> str:
    escaped = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "\\&" + escaped if escaped.startswith(".") else escaped


if __name__ == "__main__":
    sys.stdout.write(manpage(whole_tree()))
