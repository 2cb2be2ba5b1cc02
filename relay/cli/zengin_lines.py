"""`relay decode` for a Zengin RC line: both directions, headers, telegrams field by field, nothing of a customer in it.

Owns recognising the line and what is shown of a message. It must never guess: the stream says SUBJ or SUBZ at its start, or
it is not one of ours. The traps: names, account and customer numbers are masked whatever happens; and a telegram in another
layout or character code than the default shows its headers all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protocols.errors import FieldError, FrameError
from protocols.framing import Frame, FrameCutter
from protocols.zengin.session.codec import Codec
from protocols.zengin.session.fields import HOST, RC, SUBLAYER_BYTES, Side
from protocols.zengin.session.message import DeliveryMessage, Information, Message, Watch
from protocols.zengin.telegram.codec import Letters, TelegramCodec
from protocols.zengin.telegram.fields import Layout, build_layouts
from protocols.zengin.telegram.kinds import SUBJECTS, SUBJECTS_OF_CONTROL
from protocols.zengin.telegram.message import CONTROL, Telegram, code_of
from relay.cli.plausible import Bytes
from relay.cli.reading import Item, Reading, Row

MESSAGE_BYTES_MAX = 65_535
_HIDDEN = frozenset({"beneficiary", "remitter", "remitter_number", "edi", "remarks", "account"})
_NAMES = {"KT": "為替通知", "KS": "照会", "KK": "回答", "KI": "依頼", "CT": "制御"}
_SUBJECTS = SUBJECTS | {code: name for name, code in SUBJECTS_OF_CONTROL.items()}
_TEXT_OFFSET = SUBLAYER_BYTES + 48

_layouts = build_layouts({})
_telegrams = TelegramCodec(_layouts, Letters())


class RcLines:
    """The messages of an RC line, of both directions in the order of time."""

    name = "zrc"
    names_itself = True  # SUBJ or SUBZ

    def read(self, streams: Sequence[Bytes], *, is_guess: bool) -> Reading | None:
        items: list[Item] = []
        for stream in streams:
            first = b"".join(data for _, data in stream.pieces)[:4]
            side = next((side for side in (HOST, RC) if side.sublayer_id == first), None)
            if side is not None:
                items += _read_stream(stream, side)
        broken = sum(bool(item.mistakes) for item in items)
        if not items or (is_guess and broken):
            return None
        reasons = (f"{len(items)} messages", f"{broken} of them broken" if broken else "all read")
        return Reading(self.name, reasons, tuple(sorted(items, key=lambda item: item.time_ns)), not broken)


def _read_stream(stream: Bytes, side: Side) -> Iterator[Item]:
    codec = Codec(RC if side is HOST else HOST, message_bytes_max=MESSAGE_BYTES_MAX)
    cutter = FrameCutter(codec.reading)
    for time_ns, data in stream.pieces:
        problem: FrameError | None = None
        try:
            frames: list[Frame] = cutter.feed(data)
        except FrameError as error:
            frames, problem = cutter.frames_before_error, error
        for frame in frames:
            title, rows, mistake = _shown(codec, side, frame.body)
            yield Item(title, rows, (mistake,) if mistake else (), stream.label, time_ns)
        if problem is not None:
            yield Item("????", (), (_mistake("sublayer", problem.offset, problem.problem),), stream.label, time_ns)
            return
    if cutter.has_partial:
        rest = _mistake("sublayer", cutter.buffered_count, "the rest of the message")
        yield Item("????", (), (rest,), stream.label, stream.pieces[-1][0])


def _mistake(field: str, offset: int, expected: str) -> str:
    return f"breaks off: field {field} at offset {offset}: expected {expected}"


def _shown(codec: Codec, side: Side, body: bytes) -> tuple[str, tuple[Row, ...], str]:
    """Title, rows and mistake ("") of one message."""
    way = "host to RC" if side is HOST else "RC to host"
    try:
        message: Message = codec.decode(body)
    except FieldError as error:
        return f"????  {way}", (), _mistake(error.field, error.offset, error.expected)
    if isinstance(message, Watch):
        return f"WATCH  connection watch, {way}", (), ""
    path = message.path
    rows = (
        Row(24, 4, "line", f"{path.physical:02}-{path.logical:02}"),
        Row(28, 2, "lcn", f"{path.lcn:02}"),
        Row(30, 4, "sequence", str(message.sequence)),
    )
    if isinstance(message, DeliveryMessage):
        word = "ACK" if message.is_ack else "NAK"
        return f"{word}  logical {word}, {way}", rows, ""
    return _information(message, way, rows)


def _information(message: Information, way: str, rows: tuple[Row, ...]) -> tuple[str, tuple[Row, ...], str]:
    try:
        telegram = _telegrams.decode(message.body)
    except FieldError as error:
        return f"????  telegram, {way}", rows, _mistake(error.field, _TEXT_OFFSET + error.offset, error.expected)
    code = code_of(telegram)
    layout = _layouts.control if code == CONTROL else _layouts.business
    values = _values(telegram, layout)
    more = tuple(
        Row(_TEXT_OFFSET + field.offset, field.length, field.name, values[field.name])
        for field in layout.fields
        if field.name in values
    )
    subject = _SUBJECTS.get(telegram.head.subject, "")
    meaning = ", ".join(part for part in (_NAMES[code], subject, way) if part)
    return f"{code}  {meaning}", (*rows, *more), ""


def _values(telegram: Telegram, layout: Layout) -> dict[str, str]:
    values: dict[str, str] = {}
    for part in (telegram.head, getattr(telegram, "details", None), getattr(telegram, "figures", None)):
        for field in layout.fields if part is not None else ():
            value = str(getattr(part, field.name, ""))
            if value.strip("0 "):
                values[field.name] = "*" * len(value) if field.name in _HIDDEN else value
    return values
