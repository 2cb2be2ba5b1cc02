"""`relay decode` for a Zengin RC line: both directions, headers, telegrams field by field, nothing of a customer in it.

Owns recognising the line and what is shown of a message. It must never guess: the stream says SUBJ or SUBZ at its start, or
it is not one of ours. The traps: names, account and customer numbers are masked whatever happens; and a telegram in another
layout or character code than the default shows its headers all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from protocols.errors import FieldError, FrameError
from protocols.framing import Frame, FrameCutter
from protocols.zengin.session.codec import Codec
from protocols.zengin.session.fields import HOST, RC, SUBLAYER_BYTES, Side
from protocols.zengin.session.message import DeliveryMessage, Information, Message, Watch
from protocols.zengin.telegram.codec import Letters, TelegramCodec
from protocols.zengin.telegram.fields import Layout, build_layouts
from protocols.zengin.telegram.kinds import SUBJECTS, SUBJECTS_OF_CONTROL
from protocols.zengin.telegram.message import CONTROL, Telegram, code_of
from relay.cli.layout import ErrorShown, MessageShown
from relay.cli.plausible import Bytes
from relay.cli.screen import BOLD, DIM, RED, Paint, safe, table
from relay.cli.when import show_moment

DIALECT = "zrc"
FRAMING = "zrc-p1"
MESSAGE_BYTES_MAX = 65_535
_HIDDEN = frozenset({"beneficiary", "remitter", "remitter_number", "edi", "remarks", "account"})
_NAMES = {"KT": "為替通知", "KS": "照会", "KK": "回答", "KI": "依頼", "CT": "制御"}
_SUBJECTS = SUBJECTS | {code: name for name, code in SUBJECTS_OF_CONTROL.items()}
_TEXT_OFFSET = SUBLAYER_BYTES + 48

_layouts = build_layouts({})
_telegrams = TelegramCodec(_layouts, Letters())


def read(streams: Sequence[Bytes]) -> list[MessageShown]:
    """Every message of the streams, in the order of time; empty where they are no RC line."""
    found: list[tuple[int, MessageShown]] = []
    for stream in streams:
        first = b"".join(data for _, data in stream.pieces)[:4]
        side = next((side for side in (HOST, RC) if side.sublayer_id == first), None)
        if side is not None:
            found += _read_stream(stream, side)
    return [shown for _, shown in sorted(found, key=lambda one: one[0])]


def _read_stream(stream: Bytes, side: Side) -> list[tuple[int, MessageShown]]:
    codec = Codec(RC if side is HOST else HOST, message_bytes_max=MESSAGE_BYTES_MAX)
    cutter = FrameCutter(codec.reading)
    found: list[tuple[int, MessageShown]] = []
    for time_ns, data in stream.pieces:
        problem: FrameError | None = None
        try:
            frames: list[Frame] = cutter.feed(data)
        except FrameError as error:
            frames, problem = cutter.frames_before_error, error
        found += [(time_ns, _shown(codec, side, frame.body, stream.label, time_ns)) for frame in frames]
        if problem is not None:
            broken = ErrorShown("sublayer", problem.offset, problem.problem)
            found.append((time_ns, _made("????", "", {}, {}, stream.label, time_ns, broken)))
            break
    if cutter.has_partial:
        rest = ErrorShown("sublayer", cutter.buffered_count, "the rest of the message")
        found.append((stream.pieces[-1][0], _made("????", "", {}, {}, stream.label, 0, rest)))
    return found


def _shown(codec: Codec, side: Side, body: bytes, label: str, time_ns: int) -> MessageShown:
    way = "host to RC" if side is HOST else "RC to host"
    try:
        message: Message = codec.decode(body)
    except FieldError as error:
        return _made("????", way, {}, {}, label, time_ns, ErrorShown(error.field, error.offset, error.expected))
    if isinstance(message, Watch):
        return _made("WATCH", f"connection watch, {way}", {}, {}, label, time_ns)
    path = message.path
    fields = {"line": f"{path.physical:02}-{path.logical:02}", "lcn": f"{path.lcn:02}", "sequence": str(message.sequence)}
    offsets = {"line": (24, 4), "lcn": (28, 2), "sequence": (30, 4)}
    if isinstance(message, DeliveryMessage):
        word = "ACK" if message.is_ack else "NAK"
        return _made(word, f"logical {word}, {way}", fields, offsets, label, time_ns)
    return _information(message, way, fields, offsets, label, time_ns)


def _information(
    message: Information,
    way: str,
    fields: dict[str, str],
    offsets: dict[str, tuple[int, int]],
    label: str,
    time_ns: int,
) -> MessageShown:
    try:
        telegram = _telegrams.decode(message.body)
    except FieldError as error:
        broken = ErrorShown(error.field, _TEXT_OFFSET + error.offset, error.expected)
        return _made("????", f"telegram, {way}", fields, offsets, label, time_ns, broken)
    code = code_of(telegram)
    layout = _layouts.control if code == CONTROL else _layouts.business
    fields |= _values(telegram, layout)
    offsets |= {f.name: (_TEXT_OFFSET + f.offset, f.length) for f in layout.fields if f.name in fields}
    subject = _SUBJECTS.get(telegram.head.subject, "")
    meaning = ", ".join(part for part in (_NAMES[code], subject, way) if part)
    return _made(code, meaning, fields, offsets, label, time_ns)


def _values(telegram: Telegram, layout: Layout) -> dict[str, str]:
    values: dict[str, str] = {}
    for part in (telegram.head, getattr(telegram, "details", None), getattr(telegram, "figures", None)):
        for field in layout.fields if part is not None else ():
            value = str(getattr(part, field.name, ""))
            if value.strip("0 "):
                values[field.name] = "*" * len(value) if field.name in _HIDDEN else value
    return values


def _made(
    code: str,
    meaning: str,
    fields: dict[str, str],
    offsets: dict[str, tuple[int, int]],
    label: str,
    time_ns: int,
    error: ErrorShown | None = None,
) -> MessageShown:
    return MessageShown(
        mti=code,
        fields=fields,
        dialect=DIALECT,
        framing=FRAMING,
        meaning=meaning,
        stream=label,
        time=show_moment(time_ns // 1_000_000) if time_ns else "",
        offsets=offsets,
        error=error,
    )


def lines(shown: MessageShown, paint: Paint) -> list[str]:
    """The message for people: one line of meaning, then a row for each field."""
    said = [paint(BOLD, f"{shown.mti}  {shown.meaning}".rstrip())]
    said.append(paint(DIM, "  " + "   ".join(text for text in (shown.dialect, shown.stream, shown.time) if text)))
    rows: list[Sequence[str]] = [("offset", "bytes", "field", "value")]
    for name, value in shown.fields.items():
        offset, length = shown.offsets[name]
        rows.append((str(offset), str(length), name, safe(value)))
    if len(rows) > 1:
        said += [f"  {line}" for line in table(rows, right=(0, 1))]
    if shown.error is not None:
        error = shown.error
        said.append(paint(RED, f"  breaks off: field {error.field} at offset {error.offset}: expected {error.expected}"))
    return said
