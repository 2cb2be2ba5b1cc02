"""`relay send` for the dialects that lead a conversation of their own: it carries their bytes and prints what they show.

Owns the socket's side of a `protocols.saying.Conversation`, its deadline and its output. It must never know a dialect. The
traps: a listener that hangs up in the middle has said something too, so what was shown before stays printed; and a message
that is never answered must be read by the far end before we hang up, so the end is an orderly close.
"""

from __future__ import annotations

import argparse
import socket

import msgspec

from protocols.dialect import Dialect, DialectKit
from protocols.errors import LocalMisuse, PeerViolation
from protocols.saying import Conversation, Shown, SpeakingKit, Turn, Wish
from relay.cli.talk import EXIT_UNEXPECTED, READ_BYTES, NotAnswered, connected
from relay.clock import Clock
from relay.errors import ConfigurationError

FLAGS_OF_ISO = ("bare", "sign_on")


def speak(
    args: argparse.Namespace,
    kit: DialectKit,
    dialect: Dialect,
    clock: Clock,
) -> int:
    """One conversation, printed. Returns the exit code. Raises ConfigurationError, NotAnswered."""
    if not isinstance(kit, SpeakingKit):
        raise ConfigurationError(f"relay send cannot speak {kit.name}: the dialect has no conversation for it.")
    shown: list[Shown] = []
    began_ms = clock.monotonic_ms()
    try:
        conversation = kit.conversation(dialect, wish_of(args))
        with connected(args) as link:
            code = _carried(link, conversation, shown, args, clock)
    except LocalMisuse as error:
        raise ConfigurationError(f"this cannot be said: {error}.", "See: relay send --help") from error
    finally:
        if not args.json:
            print(_text_of(shown), end="")
    if args.json:
        print(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())
    else:
        print(f"  {clock.monotonic_ms() - began_ms} ms")
    problem = _unexpected(args, shown, code)
    if problem and not args.json:
        print(problem)
    return EXIT_UNEXPECTED if problem else 0


def wish_of(args: argparse.Namespace) -> Wish:
    """The command line as a wish. Raises ConfigurationError."""
    for name in FLAGS_OF_ISO:
        if getattr(args, name):
            raise ConfigurationError(f"--{name.replace('_', '-')} is for iso8583; this dialect opens its session by itself.")
    items: dict[str, str] = {}
    for given in args.field:
        name, found, value = given.partition("=")
        if not found or not name:
            raise ConfigurationError('--field: expected NAME=VALUE, as in "amount=000000010000".')
        items[name] = value
    return Wish(message=args.type, items=items, is_repeated=args.repeat)


def _carried(
    link: socket.socket, conversation: Conversation, shown: list[Shown], args: argparse.Namespace, clock: Clock
) -> str:
    """The conversation to its end. Returns the code of the answer."""
    turn = _done(link, conversation.begin(), shown)
    heard_ms = clock.monotonic_ms()
    while turn.code is None:
        left_ms = heard_ms + args.timeout_ms - clock.monotonic_ms()
        if left_ms <= 0:
            raise NotAnswered(f"no answer within {args.timeout_ms} ms.")
        link.settimeout(left_ms / 1_000)
        try:
            data = link.recv(READ_BYTES)
        except TimeoutError:
            continue
        if not data:
            raise NotAnswered("the listener hung up instead of answering.", "Its log says why.")
        try:
            turn = conversation.heard(data)
        except PeerViolation as error:
            raise NotAnswered(
                f"the answer cannot be read: {error}.", "Does the profile fit? Try: --config, --listener"
            ) from error
        if turn.data:
            heard_ms = clock.monotonic_ms()
        turn = _done(link, turn, shown)
    link.shutdown(socket.SHUT_WR)
    return turn.code


def _done(link: socket.socket, turn: Turn, shown: list[Shown]) -> Turn:
    shown += turn.shown
    if turn.data:
        link.sendall(turn.data)
    return turn


def _text_of(shown: list[Shown]) -> str:
    lines: list[str] = []
    for one in shown:
        lines.append(f"{'→' if one.is_sent else '←'} {one.name}")
        lines += [f"  {name:>16} {value}" for name, value in one.items]
    return "\n".join(lines) + "\n" if lines else ""


def _unexpected(args: argparse.Namespace, shown: list[Shown], code: str) -> str:
    if args.expect is not None and code != args.expect:
        return f"expected {args.expect}, got {code or 'no answer'}"
    answers = [one.items for one in shown if one.is_answer]
    if args.repeat and len(answers) == 2 and answers[0] != answers[1]:
        return "the repeat was answered otherwise"
    return ""
