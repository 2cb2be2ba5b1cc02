"""Which dialect and framing fit some bytes, and why: every pair is tried, and what comes out is judged like a person would.

Owns the trial and the marks. It must never decide for a link: a running relay is told its dialect. The trap: wrong pairs do
decode now and then, because a bitmap with few bits says little; so reading to the last byte is only the entrance, and dates,
currencies, check digits and the version's own digit rank those that got in. A guess that reads nonsense has read nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from protocols.errors import FieldError, FrameError, LocalMisuse
from protocols.framing import FRAMINGS, FrameCutter
from protocols.iso8583.codec import Codec, Scan
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.tlv import parse_tlv
from protocols.primitives import CURRENCIES

JUDGED_FRAME_COUNT_MAX = 20
RESYNC_COUNT_MAX = 20
NO_FRAMING = "none"
NONSENSE_MARKS = -4.5  # a guessed reading with so much against it does not count as one

_VERSIONS = {"0": "1987", "1": "1993", "2": "2003"}


class Cut(msgspec.Struct, frozen=True):
    """One body that a framing cut: when its last byte came (nanoseconds, 0 unknown) and where it lies in the stream."""

    time_ns: int
    header: bytes
    body: bytes


class Bytes(msgspec.Struct, frozen=True):
    """One stream to look at, as (time, bytes) in order. `is_start` is False where something is missing before it."""

    label: str
    pieces: tuple[tuple[int, bytes], ...]
    is_start: bool = True


class CutStream(msgspec.Struct, frozen=True):
    """What a framing made of a stream. `problem` says where it stopped, empty where it did not."""

    stream: Bytes
    cuts: tuple[Cut, ...]
    problem: str = ""


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """One pair of dialect and framing, and what speaks for it. `read_count` messages of `frame_count` were read whole."""

    dialect: str
    framing: str
    streams: tuple[CutStream, ...]
    frame_count: int
    read_count: int
    progress: float  # part of the judged bytes that was understood, 0 to 1
    marks: float  # per message
    reasons: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        return self.frame_count > 0 and self.read_count == self.frame_count


def cut_stream(stream: Bytes, framing: str) -> CutStream:
    """The bodies of one stream. Where its beginning is missing, cutting starts at the first piece that gives a frame."""
    if framing == NO_FRAMING:
        whole = b"".join(data for _, data in stream.pieces)
        time_ns = stream.pieces[-1][0] if stream.pieces else 0
        return CutStream(stream, (Cut(time_ns, b"", whole),) if whole else ())
    tries = 1 if stream.is_start else min(RESYNC_COUNT_MAX, len(stream.pieces))
    first = _cut_from(stream, framing, 0)
    for start in range(1, tries):
        if first.cuts:
            break
        first = _cut_from(stream, framing, start)
    return first


def _cut_from(stream: Bytes, framing: str, start: int) -> CutStream:
    cutter = FrameCutter(FRAMINGS[framing])
    cuts: list[Cut] = []
    problem = ""
    for time_ns, data in stream.pieces[start:]:
        try:
            frames = cutter.feed(data)
        except FrameError as error:
            frames, problem = cutter.frames_before_error, error.problem
        cuts += [Cut(time_ns, frame.header, frame.body) for frame in frames if not frame.is_zero]
        if problem:
            break
    if not problem and cutter.has_partial:
        problem = f"{cutter.buffered_count} bytes of an unfinished frame at the end"
    return CutStream(stream, tuple(cuts), problem)


def fits(streams: Sequence[Bytes], codecs: Mapping[str, Codec], framings: Sequence[str]) -> list[Fit]:
    """All pairs, best first. Pairs whose framing cuts nothing are left out."""
    found: list[Fit] = []
    for framing in framings:
        cut = tuple(cut_stream(stream, framing) for stream in streams)
        count = sum(len(one.cuts) for one in cut)
        if count:
            found += [_fit(name, codec, framing, cut, is_guess=len(codecs) > 1) for name, codec in codecs.items()]
    # A stable sort: of equals, the order of `codecs` and `framings` decides.
    return sorted(found, key=lambda fit: (-(fit.read_count > 0), -round(_rank(fit), 6)))


def _rank(fit: Fit) -> float:
    clean = sum(1 for one in fit.streams if not one.problem) / len(fit.streams)
    return 100 * fit.progress + 40 * clean + 10 * fit.marks


def _fit(name: str, codec: Codec, framing: str, streams: tuple[CutStream, ...], *, is_guess: bool) -> Fit:
    cuts = [cut for stream in streams for cut in stream.cuts][:JUDGED_FRAME_COUNT_MAX]
    read = 0
    understood = 0
    nonsense = 0
    marks = 0.0
    reasons: dict[str, int] = {}
    for cut in cuts:
        scan = codec.scan(cut.body, cut.header)
        if scan.error is not None or scan.message is None:
            understood += _understood(scan)
            continue
        said = judge(codec, scan.message)
        against = sum(min(mark, 0) for _, mark in said)
        if is_guess and against <= NONSENSE_MARKS:
            nonsense += 1
            understood += len(cut.body) // 2
            marks += against
        else:
            read += 1
            understood += len(cut.body)
            marks += sum(mark for _, mark in said)
        for reason, _ in said:
            reasons[reason] = reasons.get(reason, 0) + 1
    total = sum(len(cut.body) for cut in cuts) or 1
    ending = "; ".join(sorted({stream.problem for stream in streams if stream.problem}))
    why = [f"{read} of {len(cuts)} messages read to the last byte"] + ([ending] if ending else [])
    if nonsense:
        why.append(f"{nonsense} more could be read, as nonsense")
    why += [reason if count == read + nonsense else f"{reason} ({count}x)" for reason, count in reasons.items()]
    return Fit(
        dialect=name,
        framing=framing,
        streams=streams,
        frame_count=len(cuts),
        read_count=read,
        progress=understood / total,
        marks=marks / len(cuts),
        reasons=tuple(why),
    )


def _understood(scan: Scan) -> int:
    """Bytes of a message that were read before its error; a type without a bitmap says nothing."""
    last = scan.places[-1] if len(scan.places) > 2 else None
    return last.offset + last.length if last else 0


def judge(codec: Codec, message: IsoMessage) -> list[tuple[str, float]]:
    """What speaks for (and, with negative marks, against) this reading of a message."""
    said: list[tuple[str, float]] = []

    def say(is_so: bool, good: str, mark: float, bad: str = "", penalty: float = 0.0) -> None:
        if is_so or bad:
            said.append((good, mark) if is_so else (bad, -penalty))

    mti, fields, version = message.mti, message.fields, codec.spec.version
    is_usual = mti[1] in "12345678" and mti[2] in "01234567" and mti[3] in "012345"
    say(is_usual, f"type {mti} exists", 1, f"type {mti} does not exist", 6)
    expected = _VERSIONS.get(mti[0])
    if expected is not None:
        say(expected == version, f"type says {expected}", 2, f"type says {expected}, not {version}", 3)
    elif mti[0] not in "89":
        say(False, "", 0, "type of no known version", 4)
    for number, name in ((7, "date and time of transmission"), (13, "local date"), (12, "local time")):
        text = fields.get(number)
        if isinstance(text, str) and (number != 13 or version == "1987"):
            say(is_moment(number, text), f"DE {number} is a {name}", 2, f"DE {number} is no {name}", 3)
    pan = fields.get(2)
    if isinstance(pan, str) and pan:
        say(passes_luhn(pan), "DE 2 passes the Luhn check", 2)
    currency = fields.get(49)
    if isinstance(currency, str) and version != "2003":
        known = CURRENCIES.get(currency)
        say(known is not None, f"DE 49 is {known.alpha if known else ''}", 1, "DE 49 is no currency", 2)
    texts = [value for number, value in fields.items() if isinstance(value, str) and codec.spec.fields[number].kind != "n"]
    if texts:
        say(all(text.isprintable() for text in texts), "all text is printable", 1, "text with control characters", 4)
    if 39 in fields and message.is_request:
        say(False, "", 0, "a request with a response code", 1)
    emv = fields.get(55)
    if isinstance(emv, bytes) and emv:
        say(_is_tlv(emv), "DE 55 is BER-TLV", 2, "DE 55 is no BER-TLV", 1)
    return said


def _is_tlv(data: bytes) -> bool:
    try:
        return bool(parse_tlv(data))
    except (FieldError, LocalMisuse):
        return False


def is_moment(number: int, text: str) -> bool:
    """Can DE 7, 12 or 13 mean a date or a time? The year, where there is one, does not matter."""
    if not text.isdecimal():
        return False
    if number == 7:
        return is_moment(13, text[:4]) and is_moment(12, text[4:])
    if number == 13:
        return 1 <= int(text[:2]) <= 12 and 1 <= int(text[2:4]) <= 31
    if len(text) > 6:  # 1993 and 2003: the date before the time
        return is_moment(13, text[-10:-6]) and is_moment(12, text[-6:])
    return int(text[:2]) < 24 and int(text[2:4]) < 60 and int(text[4:6] or "0") < 60


def passes_luhn(digits: str) -> bool:
    """ISO/IEC 7812-1: the check digit of a card number."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = ord(digit) - 48
        total += number if place % 2 == 0 else number * 2 - (9 if number > 4 else 0)
    return total % 10 == 0
