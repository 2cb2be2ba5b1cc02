"""BER-TLV inside a data element (field 55 above all): bytes to nested items and back, byte for byte.

Owns the reading and writing of tags and lengths; unknown tags are kept like known ones. It must never know what a tag means,
nor show a value in an error. The traps: EMV lets filler bytes 00 stand between items; a peer may write a length longer than it
needs; and a tag that claims to be constructed may hold anything (issuer scripts), so its inside is offered as items only where
it really is made of them. Sources: ISO/IEC 8825-1, EMV Book 3 annex B.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from protocols.errors import FieldError, LocalMisuse

TAG_BYTES_MAX = 4
LENGTH_BYTES_MAX = 4
DEPTH_MAX = 8
FILLER = "00"


class Tlv(msgspec.Struct, frozen=True, kw_only=True):
    """One item. `tag` is upper-case hex; a run of filler bytes has the tag "00" and itself as value.

    `children` are the items inside a constructed one, and empty where its inside is not made of items; `value` is always the
    whole inside. `length_bytes` is the size of the length as written, 0 for as short as possible.
    """

    tag: str
    value: bytes
    children: tuple[Tlv, ...] = ()
    length_bytes: int = 0

    def __repr__(self) -> str:
        return f"Tlv({self.tag}, <{len(self.value)}>)"


def parse_tlv(data: bytes, field: str = "55", offset: int = 0, depth: int = 0) -> tuple[Tlv, ...]:
    """The items in `data`.

    `field` and `offset` (bytes from the start of the message) place the errors. Raises FieldError, whose field is a path such
    as "55.9F02".
    """
    items: list[Tlv] = []
    at = 0
    while at < len(data):
        if data[at] == 0:
            end = at + 1
            while end < len(data) and data[end] == 0:
                end += 1
            items.append(Tlv(tag=FILLER, value=data[at:end]))
            at = end
            continue
        tag, start = _read_tag(data, at, field, offset)
        path = f"{field}.{tag}"
        size, inside = _read_length(data, start, path, offset)
        end = inside + size
        if end > len(data):
            raise FieldError(path, offset + inside, f"{size} bytes, {len(data) - inside} left")
        value = data[inside:end]
        children: tuple[Tlv, ...] = ()
        if int(tag[:2], 16) & 0x20 and depth < DEPTH_MAX:
            try:
                children = parse_tlv(value, path, offset + inside, depth + 1)
            except FieldError:
                children = ()
        written = inside - start
        items.append(Tlv(tag=tag, value=value, children=children, length_bytes=written if written != _least(size) else 0))
        at = end
    return tuple(items)


def build_tlv(items: Sequence[Tlv]) -> bytes:
    """The bytes of `items`; of a constructed one its children, where it has any. Raises LocalMisuse."""
    return b"".join(_build_one(item, 0) for item in items)


def find(items: Sequence[Tlv], tag: str) -> bytes | None:
    """The value of the first item with this tag, looked for from the outside in."""
    for item in items:
        if item.tag == tag:
            return item.value
    for item in items:
        found = find(item.children, tag)
        if found is not None:
            return found
    return None


def walk(items: Sequence[Tlv], path: str = "") -> Iterator[tuple[str, Tlv]]:
    """Every item that is not filler with its path ("71", "71.86"), parents before children."""
    for item in items:
        if item.tag == FILLER:
            continue
        here = f"{path}.{item.tag}" if path else item.tag
        yield here, item
        yield from walk(item.children, here)


def _read_tag(data: bytes, at: int, field: str, offset: int) -> tuple[str, int]:
    end = at + 1
    if data[at] & 0x1F == 0x1F:  # more bytes follow, the last one without its top bit
        while True:
            if end >= len(data) or end - at >= TAG_BYTES_MAX:
                raise FieldError(field, offset + at, f"a tag of at most {TAG_BYTES_MAX} bytes")
            end += 1
            if not data[end - 1] & 0x80:
                break
    return data[at:end].hex().upper(), end


def _read_length(data: bytes, at: int, path: str, offset: int) -> tuple[int, int]:
    """The length at `at`, and where the value begins."""
    if at >= len(data):
        raise FieldError(path, offset + at, "a length")
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    if not 1 <= count <= LENGTH_BYTES_MAX or at + 1 + count > len(data):
        raise FieldError(path, offset + at, f"a definite length of at most {LENGTH_BYTES_MAX} bytes")
    return int.from_bytes(data[at + 1 : at + 1 + count], "big"), at + 1 + count


def _least(size: int) -> int:
    """Bytes of the shortest length field for `size`."""
    return 1 if size < 0x80 else 1 + (size.bit_length() + 7) // 8


def _build_one(item: Tlv, depth: int) -> bytes:
    if item.tag == FILLER:
        if item.value.strip(b"\0"):
            raise LocalMisuse("filler is made of bytes 00", "tlv.00")
        return item.value
    if depth > DEPTH_MAX:
        raise LocalMisuse(f"more than {DEPTH_MAX} items one in the other", f"tlv.{item.tag}")
    try:
        tag = bytes.fromhex(item.tag)
        is_one_tag = bool(tag) and _read_tag(tag, 0, "", 0) == (item.tag, len(tag)) and tag[0] != 0
    except (ValueError, FieldError):
        is_one_tag = False
    if not is_one_tag:
        raise LocalMisuse("a tag in upper-case hex, 1 to 4 bytes", f"tlv.{item.tag}")
    value = b"".join(_build_one(child, depth + 1) for child in item.children) if item.children else item.value
    return tag + _write_length(len(value), item.length_bytes, item.tag) + value


def _write_length(size: int, wanted: int, tag: str) -> bytes:
    least = _least(size)
    count = wanted or least
    if count < least or count > 1 + LENGTH_BYTES_MAX:
        raise LocalMisuse(f"a length of {size} does not fit into {count} bytes", f"tlv.{tag}")
    if count == 1:
        return bytes([size])
    return bytes([0x80 | (count - 1)]) + size.to_bytes(count - 1, "big")
