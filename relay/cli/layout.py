"""One decoded message as lines for people and as an object for programs, with nothing in it that identifies a card.

Owns the look of a message, the words for its type, and the masks. It must never read bytes: it gets places, already cut. The
traps: card numbers also hide in free text and binaries, so digits that pass the Luhn check are masked wherever they stand; a
guessed dialect that fits nothing puts a card number anywhere, so then no value is shown at all; field 55 shows its tags and
sizes only; a peer chose the text, so control characters never reach the terminal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from protocols.errors import FieldError
from protocols.iso8583.codec import Place, Scan
from protocols.iso8583.message import Value, masked_value
from protocols.iso8583.spec import Spec
from protocols.iso8583.tlv import parse_tlv, walk
from protocols.primitives import CURRENCIES
from protocols.vocabulary import mask_pan
from relay.cli.plausible import passes_luhn
from relay.cli.screen import BOLD, DIM, RED, Paint, safe, table

_VERSIONS = {"0": "1987", "1": "1993", "2": "2003", "8": "national", "9": "private"}
_CLASSES = {
    "1": "authorisation",
    "2": "financial",
    "3": "file action",
    "4": "reversal",
    "5": "reconciliation",
    "6": "administrative",
    "7": "fee collection",
    "8": "network management",
}
_FUNCTIONS = {
    "0": "request",
    "1": "response",
    "2": "advice",
    "3": "advice response",
    "4": "notification",
    "5": "notification acknowledgement",
    "6": "instruction",
    "7": "instruction acknowledgement",
}
_ORIGINS = {"0": "acquirer", "1": "acquirer", "2": "issuer", "3": "issuer", "4": "other", "5": "other"}
_PAN_RUN = re.compile(r"(?<!\d)\d{13,19}(?!\d)")
_TLV_FIELDS = frozenset({"55"})
_CURRENCY_FIELDS = frozenset({49, 50, 51})
STARS_MAX = 16


class ErrorShown(msgspec.Struct, frozen=True):
    """Where a message breaks off and what was expected there; never what was there instead."""

    field: str
    offset: int
    expected: str


class MessageShown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message as `relay decode --json` prints it. `offsets` gives offset and length in bytes, from the message's start."""

    mti: str
    fields: dict[str, str]
    dialect: str
    framing: str
    meaning: str = ""
    header: str = ""
    stream: str = ""
    time: str = ""
    offsets: dict[str, tuple[int, int]] = {}
    tags: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    also_fits: tuple[str, ...] = ()
    error: ErrorShown | None = None


def describe_mti(mti: str) -> str:
    """`0421` as "reversal advice, repeated, from the acquirer, 1987"."""
    words = f"{_CLASSES.get(mti[1], 'reserved class')} {_FUNCTIONS.get(mti[2], 'reserved function')}"
    repeated = ", repeated" if mti[3] in "135" else ""
    origin = _ORIGINS.get(mti[3], "reserved origin")
    return f"{words}{repeated}, from the {origin}, {_VERSIONS.get(mti[0], 'reserved version')}"


def show_value(spec: Spec, number: int, value: Value) -> str:
    """An element as a tool may show it: secrets masked, and card numbers wherever they hide."""
    text = masked_value(spec, number, value)
    field = spec.fields.get(number)
    if number in spec.masked or field is None or (field.kind == "n" and field.length_digits == 0):
        return text  # a fixed number (a time, an amount, original data) is no card number
    return mask_text(text)


def mask_text(text: str) -> str:
    """Runs of 13 to 19 digits that pass the Luhn check, masked."""

    def mask(found: re.Match[str]) -> str:
        return mask_pan(found[0]) if passes_luhn(found[0]) else found[0]

    return _PAN_RUN.sub(mask, text)


def show(
    spec: Spec,
    scan: Scan,
    *,
    dialect: str,
    framing: str,
    header: bytes = b"",
    stream: str = "",
    time: str = "",
    is_trusted: bool = True,
) -> MessageShown:
    """What was read of a message, as an object. Without `is_trusted` (a guess that fits nothing) values are only stars."""
    parts = [place for place in scan.places if place.field.isdecimal()]
    if is_trusted:
        fields = {place.field: show_value(spec, int(place.field), place.value) for place in parts}
    else:
        fields = {place.field: "*" * min(len(place.value), STARS_MAX) for place in parts}
        header = b""
    tags = tuple(tag for place in parts for tag in _tags(place))
    mti = scan.message.mti if scan.message is not None else ""
    error = scan.error
    return MessageShown(
        mti=mti,
        fields=fields,
        dialect=dialect,
        framing=framing,
        meaning=describe_mti(mti) if mti else "",
        header=header.hex().upper(),
        stream=stream,
        time=time,
        offsets={place.field: (place.offset, place.length) for place in scan.places},
        tags=tags if is_trusted else (),
        error=None if error is None else ErrorShown(error.field, error.offset, error.expected),
    )


def lines(spec: Spec, scan: Scan, shown: MessageShown, paint: Paint) -> list[str]:
    """The message for people: one line of meaning, then a row for each part with offset, length, number, value and name."""
    title = f"{shown.mti or '????'}  {shown.meaning}".rstrip()
    said = [paint(BOLD, title)]
    beside = [f"{shown.dialect}, framing {shown.framing}", shown.stream, shown.time]
    said.append(paint(DIM, "  " + "   ".join(text for text in beside if text)))
    rows: list[Sequence[str]] = []
    if shown.header:
        rows.append(("", str(len(shown.header) // 2), "header", shown.header, ""))
    for place in scan.places:
        value, name = _cells(spec, place, shown)
        rows.append((str(place.offset), str(place.length), place.field, safe(value), name))
        rows += [("", "", "", f"  {tag}", "") for tag in _tags(place) if tag in shown.tags]
    if rows:
        rows.insert(0, ("offset", "bytes", "field", "value", "name"))
        said += [f"  {line}" for line in table(rows, right=(0, 1))]
    if shown.error is not None:
        error = shown.error
        said.append(paint(RED, f"  breaks off: field {error.field} at offset {error.offset}: expected {error.expected}"))
    return said


def _cells(spec: Spec, place: Place, shown: MessageShown) -> tuple[str, str]:
    if place.field == "mti":
        return str(place.value), "message type"
    if place.field == "bitmap":
        numbers = " ".join(other for other in shown.fields)
        return numbers, "bitmaps"
    number = int(place.field)
    name = spec.name_of(number)
    currency = CURRENCIES.get(shown.fields[place.field]) if number in _CURRENCY_FIELDS else None
    return shown.fields[place.field], f"{name}: {currency.alpha}" if currency else name


def _tags(place: Place) -> list[str]:
    """The tags of a BER-TLV element with their sizes, without a value."""
    if place.field not in _TLV_FIELDS or not isinstance(place.value, bytes):
        return []
    try:
        items = list(walk(parse_tlv(place.value, place.field)))
    except FieldError:
        return []
    return [f"{place.field}.{path} {len(item.value)} byte{'' if len(item.value) == 1 else 's'}" for path, item in items]
