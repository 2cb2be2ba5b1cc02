"""NDC in `relay decode`: whether bytes are NDC, and its messages as fields with names and offsets, nothing of a customer in
them.

Owns the recognition (a class, FS, and a body that reads whole) and the look. It must never print a secret: tracks, PIN,
buffers and chip data are stars here, journal text is masked as it is for keeping. The trap: NDC fields have no numbers, so
that a name is given by class and position, and what a site adds behind them is shown by its first character only.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from protocols.errors import FieldError
from protocols.ndc import fields as f
from protocols.ndc.codec import decode
from protocols.ndc.ejournal import masked
from protocols.ndc.frame import Cut as Fields
from protocols.ndc.frame import cut
from relay.cli.layout import STARS_MAX, ErrorShown, MessageShown, mask_text
from relay.cli.plausible import Bytes, CutStream, cut_stream
from relay.cli.screen import BOLD, DIM, RED, Paint, safe, table

DIALECT = "ndc"
_CLASSES = {
    "11": "transaction request, from the terminal",
    "12": "unsolicited status, from the terminal",
    "22": "solicited status, from the terminal",
    "23": "encryptor data, from the terminal",
    "61": "journal upload, from the terminal",
    "41": "site's own class, from the terminal",
    "51": "site's own class, from the terminal",
    "1": "terminal command, from the host",
    "3": "data command, from the host",
    "4": "transaction reply, from the host",
    "6": "journal command, from the host",
    "7": "to an exit, from the host",
    "8": "EMV configuration, from the host",
}
_NAMES: dict[str, tuple[str, ...]] = {
    "11": (
        "class", "luno", "", "tvn", "receipt-flag-mcn", "track2", "track3", "operation", "amount", "pin", "buffer-b",
        "buffer-c",
    ),
    "12": ("class", "luno", "", "device-status", "severities", "diagnostic", "supplies"),
    "22": ("class", "luno", ""),
    "23": ("class", "luno", "", "info", "data"),
    "61": ("class", "", "", "", "block"),
    "1": ("class", "luno", "sequence", "command", "mac"),
    "3": ("class", "luno", "sequence", "customisation"),
    "4": ("class", "luno", "sequence-or-tvn", "next-state", "notes", "tsn-function-screen", "mcn-card-print"),
    "6": ("class", "", "", "command"),
    "8": ("class", "luno"),
}  # fmt: skip
_SECRET = frozenset({"track2", "track3", "pin", "buffer-b", "buffer-c"})
_TAGGED = frozenset({"11", "4"})  # classes whose further fields are named by their first character
_SHOWN_TAGS = frozenset({"2"})  # last transaction status
_KEY_AT, _KEY_SUBCLASSES = 3, frozenset({"3", "4"})  # key loads: what follows the modifier is a key, under another one
_OPAQUE = frozenset({"41", "51", "7"})


class Found(msgspec.Struct, frozen=True):
    """One framing that gives NDC messages, and the bodies it cut. `read_count` of them read whole."""

    framing: str
    streams: tuple[CutStream, ...]
    read_count: int
    frame_count: int

    @property
    def is_whole(self) -> bool:
        return self.frame_count > 0 and self.read_count == self.frame_count and not any(one.problem for one in self.streams)


def is_ndc(body: bytes) -> bool:
    """A whole message of either direction."""
    if b"\x1c" not in body[:3]:
        return False
    try:
        decode(body)
    except FieldError:
        return False
    return True


def find(readings: Sequence[Sequence[Bytes]], framings: Sequence[str]) -> Found | None:
    """The framing under which most of the bytes are NDC; None where none of them is."""
    best: Found | None = None
    for streams in readings:
        for framing in framings:
            cuts = tuple(cut_stream(stream, framing) for stream in streams)
            bodies = [one.body for stream in cuts for one in stream.cuts]
            found = Found(framing, cuts, sum(map(is_ndc, bodies)), len(bodies))
            if found.read_count and (best is None or _rank(found) > _rank(best)):
                best = found
    return best


def _rank(found: Found) -> tuple[bool, int]:
    return found.is_whole, found.read_count


def show(body: bytes, *, framing: str, stream: str = "", time: str = "") -> MessageShown:
    """One message as an object, masked."""
    parts = cut(body)
    head = parts.at(0)
    error: ErrorShown | None = None
    try:
        decode(body)
    except FieldError as problem:
        error = ErrorShown(problem.field, problem.offset, problem.expected)
    is_key = head[:1] == f.DATA_COMMAND and parts.at(_KEY_AT)[:1] in _KEY_SUBCLASSES
    shown: dict[str, str] = {}
    offsets: dict[str, tuple[int, int]] = {}
    for index, text in enumerate(parts.fields):
        name = _name(head, parts, index)
        if name and text:
            is_hidden = index > 0 and (error is not None or (is_key and index > _KEY_AT))
            shown[name] = "*" * min(len(text), STARS_MAX) if is_hidden else _value(head, name, text)
            offsets[name] = (parts.offset(index), len(text))
    return MessageShown(
        mti=head if head in _CLASSES or head[:1] in f.HOST_CLASSES else "",
        fields=shown,
        dialect=DIALECT,
        framing=framing,
        meaning=_CLASSES.get(head) or _CLASSES.get(head[:1], ""),
        stream=stream,
        time=time,
        offsets=offsets,
        error=error,
    )


def _name(head: str, parts: Fields, index: int) -> str:
    names = _NAMES.get(head) or _NAMES.get(head[:1], ("class",))
    if index < len(names):
        return names[index] or f"field-{index}"
    text = parts.at(index)
    if head[:2] in _TAGGED and text:
        return f"tagged-{index}-{text[0]}" if text[0].isprintable() else f"tagged-{index}"
    return f"field-{index}"


def _value(head: str, name: str, text: str) -> str:
    if name in _SECRET or (head in _OPAQUE and name != "class"):
        return "*" * min(len(text), STARS_MAX)
    if name == "block":
        return masked(text[33:]) if len(text) < 34 else text[:33] + masked(text[33:])
    if name.startswith("tagged-"):
        return (
            text if text[0] in _SHOWN_TAGS and head == f.TRANSACTION_REQUEST else text[0] + "*" * min(len(text) - 1, STARS_MAX)
        )
    return mask_text(text)


def lines(shown: MessageShown, paint: Paint) -> list[str]:
    """The message for people: its meaning, then a row for each field."""
    said = [paint(BOLD, f"{shown.mti or '??'}  {shown.meaning}".rstrip())]
    beside = [f"{shown.dialect}, framing {shown.framing}", shown.stream, shown.time]
    said.append(paint(DIM, "  " + "   ".join(text for text in beside if text)))
    rows: list[Sequence[str]] = [("offset", "bytes", "field", "value", "means")]
    for name, value in shown.fields.items():
        offset, length = shown.offsets[name]
        rows.append((str(offset), str(length), name, safe(value), _means(shown, name, value)))
    said += [f"  {line}" for line in table(rows, right=(0, 1))]
    if shown.error is not None:
        error = shown.error
        said.append(paint(RED, f"  breaks off: field {error.field} at offset {error.offset}: expected {error.expected}"))
    return said


def _means(shown: MessageShown, name: str, value: str) -> str:
    """In words, where a table knows: devices, descriptors, functions, commands, customisations."""
    if name == "device-status":
        word = f.DEVICES.get(value[0], "")
        return f"{word}: {f.CASH_STATUS.get(value[1:2], '')}".rstrip(": ") if value[0] in f.CASH_HANDLERS else word
    if shown.mti == f.SOLICITED and name in ("field-3", "field-4"):
        return f.DESCRIPTORS.get(value.split(f.GS)[0], "")
    if name == "tsn-function-screen":
        return f.FUNCTIONS.get(value[4:5], "")
    if name == "command" and shown.mti[:1] == f.TERMINAL_COMMAND:
        return next((command for command, code in f.COMMANDS.items() if code == value), "")
    if name == "customisation" and value[:1] == "1":
        return f.CUSTOMISATIONS.get(value[1:2], "")
    return ""
