"""The maps of 64 bits that say which data elements follow.

Owns reading and writing the first two maps and a third that follows at once; a third map inside an element is read with the
same two functions by the codec. It must never know what an element holds. The traps: bit 1 announces the second map and
belongs to the encoder alone; some peers write the second map always and leave the flag away, which `wide` remembers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from protocols.errors import FieldError
from protocols.iso8583.spec import Spec
from protocols.primitives import decode_text, encode_text, hex_to_bytes

_BITS = 64


class Bitmaps(NamedTuple):
    """`numbers` in rising order, without those of the maps themselves; `end` is the offset of the first element."""

    numbers: tuple[int, ...]
    end: int
    wide: bool


def read_map(spec: Spec, body: bytes, at: int) -> int:
    """One map of 64 bits at offset `at` as a number whose top bit is element 1. Raises FieldError."""
    end = at + spec.map_bytes
    data = body[at:end]
    if len(data) < spec.map_bytes:
        raise FieldError("bitmap", at, f"{spec.map_bytes} bytes, {len(data)} left")
    if spec.bitmap_written == "raw":
        return int.from_bytes(data, "big")
    try:
        text = decode_text(data, "ascii" if spec.bitmap_written == "hex-ascii" else "cp037")
        return int.from_bytes(hex_to_bytes(text), "big")
    except ValueError:
        raise FieldError("bitmap", at, f"{spec.map_bytes} hex characters") from None


def write_map(spec: Spec, bits: int) -> bytes:
    """The map as it stands on the wire; hex in upper case."""
    data = bits.to_bytes(8, "big")
    if spec.bitmap_written == "raw":
        return data
    return encode_text(data.hex().upper(), "ascii" if spec.bitmap_written == "hex-ascii" else "cp037")


def bits_of(numbers: Iterable[int], first: int) -> int:
    """The map of those `numbers` that lie in the 64 from `first` on."""
    bits = 0
    for number in numbers:
        if first <= number < first + _BITS:
            bits |= 1 << (_BITS - 1 - (number - first))
    return bits


def numbers_of(bits: int, first: int) -> list[int]:
    """The elements of a map whose top bit is element `first`."""
    return [first + place for place in range(_BITS) if bits >> (_BITS - 1 - place) & 1]


def read_bitmaps(spec: Spec, body: bytes, at: int) -> Bitmaps:
    """The maps at the head of a message. Raises FieldError."""
    first = read_map(spec, body, at)
    end = at + spec.map_bytes
    is_flagged = bool(first >> 63)
    numbers = numbers_of(first & ~(1 << 63), 1)
    if spec.bitmap_form == "always-128-flagged" and not is_flagged:
        raise FieldError("bitmap", at, "bit 1 set, for the second map is always there")
    if spec.bitmap_form == "minimal" and not is_flagged:
        return Bitmaps(tuple(numbers), end, False)
    second = read_map(spec, body, end)
    end += spec.map_bytes
    numbers += numbers_of(second, 65)
    if spec.third_bitmap == 1 and 65 in numbers:
        numbers.remove(65)
        third = read_map(spec, body, end)
        if third >> 63 or not third:
            raise FieldError("bitmap", end, "a third map that is not empty and announces no fourth")
        end += spec.map_bytes
        numbers += numbers_of(third, 129)
    # Worth keeping is what the encoder would not do by itself: an empty second map, or a flag that the dialect leaves away.
    wide = not second if spec.bitmap_form == "minimal" else is_flagged and spec.bitmap_form == "always-128"
    return Bitmaps(tuple(numbers), end, wide)


def write_bitmaps(spec: Spec, numbers: Iterable[int], wide: bool) -> bytes:
    """The maps for `numbers` (which hold no flags): the second where needed, always, or where `wide` asks for it."""
    given = frozenset(numbers)
    first, second, third = bits_of(given, 1), bits_of(given, 65), bits_of(given, 129)
    parts = []
    if spec.third_bitmap == 1 and third:
        second |= 1 << 63
        parts.append(write_map(spec, third))
    has_second = bool(second) or wide or spec.bitmap_form != "minimal"
    if has_second:
        parts.insert(0, write_map(spec, second))
        # "always-128" leaves the flag away unless the peer's own message had it.
        if wide or spec.bitmap_form != "always-128":
            first |= 1 << 63
    parts.insert(0, write_map(spec, first))
    return b"".join(parts)
