"""`relay send`: one message to any listener, and its answer, decoded and masked.

Owns the ISO 8583 message made from the command line and one blocking conversation; how other dialects speak is their own
(speak.py). It must never be part of the daemon. The traps: an ATM's listener wants a sign-on first (`--sign-on`); what a shell
keeps in its history is not masked, so use test cards; and the answer is found by type and trace, because a listener may say
other things in between.
"""

from __future__ import annotations

import argparse
import socket

import msgspec
from pydantic import ValidationError

from protocols.dialect import Dialect
from protocols.dialects import DIALECTS
from protocols.errors import FieldError, FrameError, LocalMisuse
from protocols.framing import FRAMINGS, FrameCutter
from protocols.iso8583.dates import clock_text
from protocols.iso8583.defaults import CARD_FIELDS
from protocols.iso8583.dialect import Iso8583Dialect, build_dialect, default_profile
from protocols.iso8583.message import IsoMessage, Value
from protocols.iso8583.spec import FieldSpec, Spec
from protocols.saying import SilentKit
from relay.cli.speak import speak
from relay.cli.talk import EXIT_UNEXPECTED, READ_BYTES, NotAnswered, connected
from relay.clock import Clock, SystemClock
from relay.configfile import build_dialect as build_configured
from relay.credentials import Credentials
from relay.errors import ConfigurationError
from relay.overlays import overlay_reader
from relay.settings import LinkSettings

NAME = "send"
HELP = "one message to a listener, and its answer"
REPEATED = {"0": "1", "2": "3", "4": "5"}


class Exchanged(msgspec.Struct, frozen=True):
    """One message and its answer, as the tool shows them: fields by number, secrets masked."""

    sent: Shown
    answer: Shown
    latency_ms: int


class Shown(msgspec.Struct, frozen=True):
    mti: str
    fields: dict[int, str]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="HOST:PORT", help="the listener")
    parser.add_argument("--dialect", choices=sorted(DIALECTS), default="iso8583", help="protocol (default: iso8583)")
    parser.add_argument("--version", choices=["1987", "1993", "2003"], default="1987", help="of the standard (default: 1987)")
    parser.add_argument("--encoding", choices=["ascii", "bcd", "ebcdic"], default="ascii", help="on the wire (default: ascii)")
    parser.add_argument("--overlay", action="append", default=[], metavar="NAME", help="overlay by name; may be repeated")
    parser.add_argument("--framing", choices=sorted(FRAMINGS), default="ascii4", metavar="NAME", help="default: ascii4")
    parser.add_argument("--config", metavar="FILE", help="take dialect and framing from a configuration file instead")
    parser.add_argument("--listener", metavar="NAME", help="listener or dialer in that file (default: the first)")
    parser.add_argument("--mti", default="0800", help="ISO 8583 message type (default: 0800, an echo)")
    parser.add_argument(
        "--type",
        default="",
        metavar="TYPE",
        help="message type of another dialect (branch-p1: two digits, default 14, an echo; ndc: 11 or 12)",
    )
    parser.add_argument(
        "--field",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one item: a data element by number, binary ones in hex, or an item of another dialect by name; may be repeated",
    )
    parser.add_argument("--terminal", default="RELAYCLI", help="terminal in DE 41 (default: RELAYCLI)")
    parser.add_argument("--bare", action="store_true", help="send the given fields only: no DE 7, 11, 12, 13, 41 of our own")
    parser.add_argument("--sign-on", action="store_true", help="sign on before, sign off after")
    parser.add_argument("--repeat", action="store_true", help="send it again as a repeat, and compare the answers")
    parser.add_argument(
        "--expect",
        metavar="CODE",
        help=f"exit with {EXIT_UNEXPECTED} unless the answer has this: DE 39, branch reply code, or NDC next state",
    )
    parser.add_argument("--timeout-ms", type=int, default=20_000, metavar="MS", help="longest wait for each answer (20000)")
    parser.add_argument("--tls", action="store_true", help="TLS towards the listener")
    parser.add_argument("--authorities", metavar="FILE", help="PEM file its certificate must come from (default: the system's)")
    parser.add_argument("--certificate", metavar="FILE", help="PEM file with our certificate and key, for mutual TLS")
    parser.add_argument("--json", action="store_true", help="JSON: a list of {sent, answer, latency_ms}, or of what was said")


def run(args: argparse.Namespace) -> int:
    clock = SystemClock()
    name, dialect = dialect_of(args, clock)
    if not isinstance(dialect, Iso8583Dialect):
        return speak(args, DIALECTS[name], dialect, clock)
    message = message_of(args, dialect, clock.wall_ms())
    messages = [message, repeated(message)] if args.repeat else [message]
    try:
        if args.sign_on:
            network = [_network(args, dialect, code, clock.wall_ms()) for code in ("sign-on", "sign-off")]
            messages = [network[0], *messages, network[1]]
        with connected(args) as link:
            conversation = Conversation(link, dialect, clock, args.timeout_ms)
            exchanged = [conversation.exchange(one) for one in messages]
    except LocalMisuse as error:
        raise ConfigurationError(f"the message cannot be written: {error}.", "See: relay send --help") from error
    if args.json:
        print(msgspec.json.format(msgspec.json.encode(exchanged), indent=2).decode())
    else:
        for one in exchanged:
            print(text_of(one, dialect.codec.spec))
    main = exchanged[1 : 1 + 1 + args.repeat] if args.sign_on else exchanged
    problem = _unexpected(args, main)
    if problem and not args.json:
        print(problem)
    return EXIT_UNEXPECTED if problem else 0


def _unexpected(args: argparse.Namespace, exchanged: list[Exchanged]) -> str:
    codes = [one.answer.fields.get(39, "") for one in exchanged]
    if args.expect is not None and codes[0] != args.expect:
        return f"expected {args.expect} in DE 39, got {codes[0] or 'none'}"
    if args.repeat and exchanged[0].answer.fields != exchanged[1].answer.fields:
        return "the repeat was answered otherwise"
    return ""


# ---- what is said --------------------------------------------------------------------------------------------------------
def dialect_of(args: argparse.Namespace, clock: Clock) -> tuple[str, Dialect]:
    """The dialect that the arguments or the configuration file mean, by name. Raises ConfigurationError."""
    if args.config is None and args.dialect != "iso8583":
        _refuse_silent(args.dialect)
        link = LinkSettings.model_construct(name=args.dialect, dialect=args.dialect, profile={})
        return args.dialect, build_configured(link, overlay_reader("."), clock.wall_ms)
    if args.config is None:
        profile = {"version": args.version, "encoding": args.encoding, "overlays": args.overlay, "framing": args.framing}
        try:
            return args.dialect, build_dialect(default_profile(**profile), overlay_reader("."), clock.wall_ms)
        except (LocalMisuse, ValidationError) as error:
            raise ConfigurationError(f"the dialect cannot be used: {error}.") from error
    from relay.cli.reach import settings_of

    settings = settings_of(args.config)
    links = [*settings.listener, *settings.dialer]
    found = [link for link in links if args.listener in (None, link.name)]
    if not found:
        names = ", ".join(link.name for link in links) or "none"
        raise ConfigurationError(f'there is no listener "{args.listener}" in {args.config}; there is: {names}.')
    _refuse_silent(found[0].dialect)
    credentials = Credentials(
        settings.relay.credentials_directory
    )  # keys of a branch's authentication, where this user may read
    return found[0].dialect, build_configured(found[0], overlay_reader(args.config, credentials.secret), clock.wall_ms)


def _refuse_silent(name: str) -> None:
    kit = DIALECTS.get(name)
    if isinstance(kit, SilentKit):
        raise ConfigurationError(f"relay send cannot speak {name}: {kit.why_silent}.")


def message_of(args: argparse.Namespace, dialect: Iso8583Dialect, wall_ms: int) -> IsoMessage:
    """The message of the command line; clock fields, trace and terminal are ours where not given. Raises ConfigurationError."""
    spec = dialect.codec.spec
    fields: dict[int, Value] = {} if args.bare else _own_fields(args, spec, wall_ms)
    for given in args.field:
        number, _, text = given.partition("=")
        field = spec.fields.get(int(number)) if number.isdecimal() else None
        if field is None or not _:
            raise ConfigurationError(f'--field "{number}": expected N=VALUE with a data element of this dialect.')
        try:
            fields[int(number)] = bytes.fromhex(text) if field.is_binary else text
        except ValueError as error:
            raise ConfigurationError(f"--field {number}: this element is binary; expected hex digits.") from error
        if field.kind == "n" and field.length_digits == 0 and text.isdecimal() and len(text) < field.max:
            raise _too_short(field, text)
    element = dialect.rules.network_element
    if args.mti[1:2] == "8" and element not in fields and not args.bare:
        fields[element] = _code(dialect, "echo")
    if len(args.mti) != 4 or not args.mti.isdecimal() or not IsoMessage(args.mti, {}).is_request:
        raise ConfigurationError(f'--mti "{args.mti}": expected four digits of a message that is answered, such as 0200.')
    return IsoMessage(args.mti, dict(sorted(fields.items())))


def _too_short(field: FieldSpec, text: str) -> ConfigurationError:
    """Digits that do not fill their fixed element. What they may have meant is not shown of card data."""
    meant = "" if field.number in CARD_FIELDS else f"; write {text.zfill(field.max)}"
    return ConfigurationError(f"--field {field.number}: {field.max} digits are wanted, not {len(text)}{meant}.")


def _own_fields(args: argparse.Namespace, spec: Spec, wall_ms: int) -> dict[int, Value]:
    """DE 7, 11, 12, 13 and 41 as this dialect writes them; those that it does not carry are left out."""
    now = clock_text(wall_ms)
    width = {number: field.max for number, field in spec.fields.items()}
    own: dict[int, Value] = {7: now[4:], 11: f"{wall_ms // 10 % 999_999 + 1:0{width.get(11, 6)}}", 12: now[-width.get(12, 6) :]}
    if spec.version == "1987":
        own[13] = now[4:8]
    own[41] = args.terminal
    if 41 in width and not spec.fields[41].length_digits:
        own[41] = args.terminal.ljust(width[41])
    return {number: value for number, value in own.items() if number in width}


def _network(args: argparse.Namespace, dialect: Iso8583Dialect, action: str, wall_ms: int) -> IsoMessage:
    fields = _own_fields(args, dialect.codec.spec, wall_ms)
    if 11 in fields:
        fields[11] = str(fields[11])[:-1] + ("8" if action == "sign-on" else "9")
    fields[dialect.rules.network_element] = _code(dialect, action)
    mti = dialect.profile.version_digit + "800"
    return IsoMessage(mti, dict(sorted(fields.items())))


def _code(dialect: Iso8583Dialect, action: str) -> str:
    codes = [code for code, meant in dialect.rules.actions.items() if meant == action]
    if not codes:
        raise ConfigurationError(f"no network code means {action} in this profile.")
    return codes[0]


def repeated(message: IsoMessage) -> IsoMessage:
    """The same message with the repeat digit."""
    return IsoMessage(message.mti[:3] + REPEATED.get(message.mti[3], message.mti[3]), message.fields)


# ---- the conversation ----------------------------------------------------------------------------------------------------
class Conversation:
    """Messages and answers, one after the other, on one connection."""

    def __init__(self, link: socket.socket, dialect: Iso8583Dialect, clock: Clock, timeout_ms: int) -> None:
        self._link = link
        self._dialect = dialect
        self._clock = clock
        self._timeout_ms = timeout_ms
        self._cutter = FrameCutter(dialect.speaker.framing)
        self._arrived: list[IsoMessage] = []

    def exchange(self, message: IsoMessage) -> Exchanged:
        """Send and wait for the answer of the same trace. Raises NotAnswered; LocalMisuse where it cannot be written."""
        data = self._dialect.speaker.write(message)
        began_ms = self._clock.monotonic_ms()
        self._link.sendall(data)
        answer = self._answer_to(message, began_ms + self._timeout_ms)
        spec = self._dialect.codec.spec
        return Exchanged(
            Shown(message.mti, message.masked_fields(spec)),
            Shown(answer.mti, answer.masked_fields(spec)),
            self._clock.monotonic_ms() - began_ms,
        )

    def _answer_to(self, message: IsoMessage, deadline_ms: int) -> IsoMessage:
        wanted = message.response_mti()
        while True:
            while self._arrived:
                answer = self._arrived.pop(0)
                if answer.mti == wanted and answer.fields.get(11) == message.fields.get(11):
                    return answer
            self._receive(wanted, deadline_ms)

    def _receive(self, wanted: str, deadline_ms: int) -> None:
        left_ms = deadline_ms - self._clock.monotonic_ms()
        if left_ms <= 0:
            raise NotAnswered(f"no {wanted} within {self._timeout_ms} ms.")
        self._link.settimeout(left_ms / 1_000)
        try:
            data = self._link.recv(READ_BYTES)
            if not data:
                raise NotAnswered(f"the listener hung up instead of sending a {wanted}.", "Its log says why.")
            frames = self._cutter.feed(data)
            self._arrived += [self._dialect.codec.decode(one.body, one.header) for one in frames if not one.is_zero]
        except TimeoutError:
            return
        except (FrameError, FieldError) as error:
            raise NotAnswered(
                f"the answer cannot be read: {error}.", "Do dialect and framing fit? See: relay decode"
            ) from error


def text_of(exchanged: Exchanged, spec: Spec) -> str:
    """Both messages for people, secrets masked."""
    lines = []
    for arrow, shown in (("→", exchanged.sent), ("←", exchanged.answer)):
        lines.append(f"{arrow} {shown.mti}")
        lines += [f"  {number:>3} {value}  ({spec.name_of(number)})" for number, value in sorted(shown.fields.items())]
    lines.append(f"  {exchanged.latency_ms} ms")
    return "\n".join(lines)
