"""Cutting a byte stream into frames, and wrapping a body into one.

Owns `FrameCutter` (bytes in, frames out), `wrap`, `zero_frame` and `reply_header`; what a framing is stands in
`protocols/framing_spec.py`. It must never know what a body means, nor a clock: `has_partial` tells the dialogue that half a
frame waits, and the dialogue owns the timer. The traps: the length is checked against the maximum before a byte of the frame
is kept; after a FrameError the stream has no boundaries left, so that the cutter stays dead.

Nearly every read of a link is one whole short frame. For those there is a straight way, in both directions: `leads_of` has made
a table of what must stand before so many bytes, and one comparison takes the place of reading the number. Whatever does not
match goes the precise way, which alone decides and alone speaks of errors.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import msgspec

from protocols.errors import FrameError, LocalMisuse
from protocols.framing_spec import BASE1_BYTES, DEFAULT_MAX_BYTES, FRAME_BYTES_MAX, TPDU_BYTES, Framing
from protocols.framings import FRAMINGS, REFUSED

__all__ = [
    "BASE1_BYTES",
    "DEFAULT_MAX_BYTES",
    "FRAME_BYTES_MAX",
    "FRAMINGS",
    "REFUSED",
    "TPDU_BYTES",
    "Frame",
    "FrameCutter",
    "Framing",
    "compile_wrap",
    "leads_of",
    "reply_header",
    "wrap",
    "zero_frame",
]

_HEX = frozenset(b"0123456789abcdefABCDEF")
STRAIGHT_BYTES_MAX = 1_024  # header and body of a frame that has a straight way; longer ones are rare

Leads: TypeAlias = tuple[bytes | None, ...]  # count of header and body -> prefix, length field, reserved bytes
Wrap: TypeAlias = Callable[[bytes, bytes], bytes]


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One cut frame. `is_zero`: a keep-alive without a body, to be echoed as `raw`."""

    header: bytes
    body: bytes
    is_zero: bool = False
    raw: bytes = b""  # the whole keep-alive as it came; empty for every other frame


class FrameCutter:
    """Bytes of one link in, frames out. Keeps at most one unfinished frame, never more than `max_bytes` of it."""

    __slots__ = ("_buffer", "_dead", "_framing", "_lead", "_leads", "_measured", "_need", "_split", "frames_before_error")

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._leads = leads_of(framing)
        self._lead = framing.lead_bytes
        self._split = self._lead + framing.least_header_bytes
        self._buffer = bytearray()
        self._need = max(framing.lead_bytes, 1)  # bytes of the unfinished frame wanted before the next decision
        self._measured = False  # True: _need is the whole frame
        self._dead: FrameError | None = None
        self.frames_before_error: list[Frame] = []  # what the failing feed had cut before it failed

    @property
    def has_partial(self) -> bool:
        """Half a frame waits: the partial-frame timer runs."""
        return bool(self._buffer)

    @property
    def buffered_count(self) -> int:
        """Bytes kept of the unfinished frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes, in order.

        Raises FrameError where the stream is no longer framed (offset: bytes from the start of the frame at fault), and
        again on every later call. What was cut before is in `frames_before_error`.
        """
        if not self._buffer and self._dead is None:
            lead = self._lead
            count = len(data) - lead
            if 0 < count < len(self._leads) and data[:lead] == self._leads[count]:
                split = self._split
                return [Frame(data[lead:split], data[split:])]
        if self._dead is not None:
            self.frames_before_error = []
            raise self._dead
        frames: list[Frame] = []
        try:
            if self._framing.length == "none":
                self._feed_until_trailer(data, frames)
            else:
                self._feed_counted(data, frames)
        except FrameError as error:
            self._buffer.clear()
            self.frames_before_error = frames
            self._dead = error
            raise
        return frames

    def _feed_counted(self, data: bytes, frames: list[Frame]) -> None:
        framing = self._framing
        lead = framing.lead_bytes
        buffer = self._buffer
        position = 0
        while buffer:  # finish the frame begun earlier, taking no byte more than it needs
            taken = data[position : position + self._need - len(buffer)]
            buffer += taken
            position += len(taken)
            if len(buffer) < self._need:
                return
            if not self._measured:
                self._need = lead + _measure(framing, bytes(buffer), 0)
                self._measured = True
                continue
            _cut(framing, bytes(buffer), 0, self._need, frames)
            buffer.clear()
            self._need, self._measured = lead, False
        count = len(data)
        while count - position >= lead:  # whole frames straight out of `data`
            end = position + lead + _measure(framing, data, position)
            if end > count:
                self._need, self._measured = end - position, True
                break
            _cut(framing, data, position, end, frames)
            position = end
        if position < count:
            buffer += data[position:]

    def _feed_until_trailer(self, data: bytes, frames: list[Frame]) -> None:
        framing = self._framing
        trailer = framing.trailer
        limit = framing.max_bytes
        buffer = self._buffer
        position = 0
        while position < len(data):
            room = limit - len(buffer)
            overlap = min(len(buffer), len(trailer) - 1)  # a trailer may begin in what is kept
            piece = bytes(buffer[len(buffer) - overlap :]) + data[position : position + room]
            found = piece.find(trailer)
            if found < 0:
                if len(data) - position >= room:
                    raise FrameError(f"no trailer within {limit} bytes", limit)
                buffer += data[position:]
                return
            taken = found + len(trailer) - overlap
            whole = bytes(buffer) + data[position : position + taken]
            buffer.clear()
            position += taken
            _cut(framing, whole, 0, len(whole), frames)


@lru_cache(maxsize=64)
def leads_of(framing: Framing) -> Leads:
    """What stands before each count of header and body, where that alone makes a frame: the table of the straight way.

    None where the precise way must look: a count that is none, too long, or shorter than the header. Empty for framings with
    more to look at (a trailer, BASE I, keep-alives by a bit).
    """
    if framing.length == "none" or framing.trailer or framing.control_mask or framing.header == "base1":
        return ()
    return tuple(_lead_of(framing, count) for count in range(min(STRAIGHT_BYTES_MAX, framing.max_bytes) + 1))


def _lead_of(framing: Framing, count: int) -> bytes | None:
    """The lead before `count` bytes, if the precise way would read it so."""
    try:
        lead = framing.prefix + _write_number(framing, framing.number_for(count)) + framing.after_length
        return lead if count and _measure(framing, lead, 0) == count else None
    except (FrameError, LocalMisuse):
        return None


def _measure(framing: Framing, data: bytes, start: int) -> int:
    """Bytes that follow the lead of the frame at `start`, whose lead is complete. Raises FrameError."""
    prefix = framing.prefix
    at = start + len(prefix)
    if prefix and data[start:at] != prefix:
        raise FrameError(f"the frame does not begin with {prefix.hex()}", 0)
    field_end = at + framing.field_bytes
    number = _read_number(framing, data[at:field_end], len(prefix))
    after = framing.after_length
    if after:
        seen = data[field_end : field_end + len(after)]
        mask = framing.after_mask or b"\xff" * len(after)
        if any((one ^ other) & bits for one, other, bits in zip(seen, after, mask, strict=True)):
            raise FrameError(f"the reserved bytes after the length are not {after.hex()}", len(prefix) + framing.field_bytes)
    trailer = len(framing.trailer)
    uncounted = 0 if framing.trailer_counted else trailer
    if number == 0:  # written by hand as "nothing", whatever the field would count of itself
        following = 0
    else:
        following = number + framing.adjust - (framing.field_bytes if framing.inclusive else 0)
        if framing.trailer_counted and 0 < following <= trailer:
            if following < trailer:
                raise FrameError("the length is shorter than the trailer that it counts", len(prefix))
            _allow_zero(framing)
            return following
    if following < 0:
        raise FrameError("the length is shorter than what it counts", len(prefix))
    if following + uncounted > framing.max_bytes:
        raise FrameError(f"a frame of more than {framing.max_bytes} bytes", len(prefix))
    if following == 0:
        _allow_zero(framing)
        return uncounted
    if following - (trailer - uncounted) < framing.least_header_bytes:
        raise FrameError(f"a frame shorter than its header of {framing.least_header_bytes} bytes", len(prefix))
    return following + uncounted


def _allow_zero(framing: Framing) -> None:
    if framing.zero == "error":
        raise FrameError("a frame of length zero", len(framing.prefix))


def _read_number(framing: Framing, field: bytes, offset: int) -> int:
    kind = framing.length
    if kind == "binary":
        return int.from_bytes(field, framing.order)
    text = field.hex() if kind == "bcd" else field.decode("latin-1")
    if kind == "hexascii":
        if all(byte in _HEX for byte in field):
            return int(text, 16)
    elif text.isdecimal() and (len(text) == framing.size or text[0] == "0"):  # an odd count of BCD digits: a zero in front
        return int(text)
    raise FrameError(f"the length is not made of {framing.size} {kind} digits", offset)


def _cut(framing: Framing, data: bytes, start: int, end: int, frames: list[Frame]) -> None:
    """Append the frame data[start:end], measured before. Raises FrameError for a wrong trailer or header."""
    at = start + framing.lead_bytes
    trailer = framing.trailer
    stop = end
    if trailer and at < end:
        stop = end - len(trailer)
        if data[stop:end] != trailer:
            raise FrameError(f"the frame does not end with {trailer.hex()}", stop - start)
    if at == stop or _is_control(framing, data, at):
        _allow_zero(framing)
        if framing.zero == "echo":
            frames.append(Frame(b"", b"", True, data[start:end]))
        return
    kind = framing.header
    if kind == "none":
        frames.append(Frame(b"", data[at:stop]))
        return
    split = at + (_base1_count(data[at:stop], at - start) if kind == "base1" else framing.least_header_bytes)
    if split > stop:
        raise FrameError(f"a frame shorter than its header of {framing.least_header_bytes} bytes", at - start)
    frames.append(Frame(data[at:split], data[split:stop]))


def _is_control(framing: Framing, data: bytes, at: int) -> bool:
    mask = framing.control_mask
    if not mask:
        return False
    reserved = data[at - len(framing.after_length) : at]
    pairs = zip(reserved, mask, framing.control_bits, strict=False)
    return all(byte & bits == wanted for byte, bits, wanted in pairs)


def _base1_count(data: bytes, offset: int) -> int:
    """Bytes of the BASE I header, or of the chain of them in a reject (top bit of byte 1: another header follows)."""
    count = 0
    while True:
        if len(data) < count + BASE1_BYTES or not BASE1_BYTES <= data[count] <= len(data) - count:
            raise FrameError("a BASE I header with an impossible length", offset + count)
        has_more = data[count + 1] & 0x80
        count += data[count]
        if not has_more:
            return count


def _write_number(framing: Framing, number: int) -> bytes:
    kind = framing.length
    if kind == "none":
        return b""
    if not 0 <= number <= framing.number_max:
        raise LocalMisuse(f"a length of {number} does not fit into {framing.size} {kind} digits or bytes", "framing.size")
    if kind == "binary":
        return number.to_bytes(framing.size, framing.order)
    if kind == "hexascii":
        return f"{number:0{framing.size}X}".encode("ascii")
    digits = f"{number:0{framing.size}}"
    return bytes.fromhex("0" * (framing.size & 1) + digits) if kind == "bcd" else digits.encode("ascii")


def wrap(framing: Framing, body: bytes, header: bytes = b"") -> bytes:
    """The frame around `body`. Without a `header` the default of the framing is written.

    Raises LocalMisuse where the body is empty, longer than the maximum or the length field allow, or holds the trailer of a
    framing without lengths.
    """
    if not body:
        raise LocalMisuse("an empty body would be a keep-alive; use zero_frame", "body")
    if framing.header != "none":
        header = _fit_header(framing, header or _default_header(framing), len(body))
    elif header:
        raise LocalMisuse("this framing has no header", "header")
    counted = len(header) + len(body)
    if counted + len(framing.trailer) > framing.max_bytes:
        raise LocalMisuse(f"a frame of more than {framing.max_bytes} bytes", "framing.max_bytes")
    if framing.length == "none" and (header + body + framing.trailer).find(framing.trailer) != counted:
        raise LocalMisuse("the body holds the trailer that would end it", "body")
    number = _write_number(framing, framing.number_for(counted))
    return b"".join((framing.prefix, number, framing.after_length, header, body, framing.trailer))


def compile_wrap(framing: Framing) -> Wrap:
    """(body, header) -> the same as `wrap`, by the straight way where there is one."""
    leads = leads_of(framing)
    header_count = framing.least_header_bytes

    def wrap_straight(body: bytes, header: bytes) -> bytes:
        count = header_count + len(body)
        if body and count < len(leads) and len(header) == header_count:
            lead = leads[count]
            if lead is not None:
                return lead + header + body
        return wrap(framing, body, header)

    return wrap_straight


def zero_frame(framing: Framing) -> bytes:
    """A keep-alive to send of our own accord. Raises LocalMisuse where the framing knows none."""
    if framing.zero == "error":
        raise LocalMisuse("this framing has no frames of length zero", "framing.zero")
    trailer = b"" if framing.trailer_counted else framing.trailer
    if framing.length == "none":
        return trailer
    return framing.prefix + _write_number(framing, 0) + framing.after_length + trailer


def _default_header(framing: Framing) -> bytes:
    if framing.default_header:
        return framing.default_header
    if framing.header == "tpdu":
        return b"\x60\x00\x00\x00\x00"
    if framing.header == "base1":
        return bytes([BASE1_BYTES, 1, 2]) + bytes(BASE1_BYTES - 3)
    raise LocalMisuse("a fixed header must be given, or configured as default_header", "header")


def _fit_header(framing: Framing, header: bytes, body_count: int) -> bytes:
    if framing.header != "base1":
        if len(header) != framing.least_header_bytes:
            raise LocalMisuse(f"a header of {framing.least_header_bytes} bytes, not {len(header)}", "header")
        return header
    if not BASE1_BYTES <= len(header) <= 255 or header[0] != len(header) or header[1] & 0x80:
        raise LocalMisuse("one BASE I header whose first byte is its length", "header")
    total = len(header) + body_count
    return header[:3] + total.to_bytes(2, "big") + header[5:]


def reply_header(framing: Framing, header: bytes) -> bytes:
    """The header of an answer to a frame that came with `header`: TPDU addresses swapped where the framing says so,
    BASE I destination and source swapped and reject parts left out, anything else as it came."""
    if framing.header == "tpdu" and framing.tpdu_swap:
        return header[:1] + header[3:5] + header[1:3]
    if framing.header == "base1":
        first = header[:BASE1_BYTES]
        return bytes([BASE1_BYTES, first[1] & 0x7F]) + first[2:5] + first[8:11] + first[5:8] + first[11:]
    return header
