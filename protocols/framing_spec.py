"""How frames are told apart on a link: one declarative description for every variant.

Owns `Framing` and the check that its parts can go together; the named variants are in `protocols/framings.py`, the bytes in
`protocols/framing.py`, where everything is imported from. It must never know what a body means. The traps: a header belongs
to the counted length and a trailer only where said; "inclusive" counts the length field itself.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from protocols.errors import LocalMisuse

LengthKind: TypeAlias = Literal["none", "ascii", "bcd", "binary", "hexascii"]
HeaderKind: TypeAlias = Literal["none", "fixed", "tpdu", "base1"]
ZeroPolicy: TypeAlias = Literal["error", "ignore", "echo"]

TPDU_BYTES = 5
BASE1_BYTES = 22
FRAME_BYTES_MAX = 16 * 1024 * 1024  # no profile may ask for more
DEFAULT_MAX_BYTES = 8192


class Framing(msgspec.Struct, frozen=True, kw_only=True):
    """How frames are told apart on one link. Raises LocalMisuse where the parts cannot go together.

    On the wire: `prefix`, length field, `after_length`, header, body, `trailer`. `size` counts digits (ascii, bcd,
    hexascii) or bytes (binary), 1 to 6. The number in the length field plus `adjust` is the count of bytes that follow
    `after_length`, less the field's own bytes where `inclusive`, and less the trailer where `trailer_counted`.
    `after_mask` says which bits of `after_length` must agree (all, when empty); a frame whose bits there equal
    `control_bits` under `control_mask` is a keep-alive without a message. `max_bytes` bounds header, body and trailer.
    """

    length: LengthKind = "ascii"
    size: int = 4
    order: Literal["big", "little"] = "big"
    inclusive: bool = False
    adjust: int = 0
    prefix: bytes = b""
    after_length: bytes = b""
    after_mask: bytes = b""
    control_mask: bytes = b""
    control_bits: bytes = b""
    header: HeaderKind = "none"
    header_bytes: int = 0
    default_header: bytes = b""
    tpdu_swap: bool = False
    trailer: bytes = b""
    trailer_counted: bool = False
    zero: ZeroPolicy = "error"
    max_bytes: int = DEFAULT_MAX_BYTES

    def __post_init__(self) -> None:
        _check(self)

    @property
    def field_bytes(self) -> int:
        """Bytes of the length field itself."""
        if self.length == "none":
            return 0
        return (self.size + 1) // 2 if self.length == "bcd" else self.size

    @property
    def lead_bytes(self) -> int:
        """Bytes before the counted part: prefix, length field, reserved bytes."""
        return len(self.prefix) + self.field_bytes + len(self.after_length)

    @property
    def number_max(self) -> int:
        """The largest number that the length field can say."""
        if self.length == "binary":
            return int(256**self.size) - 1
        return int((16 if self.length == "hexascii" else 10) ** self.size) - 1

    @property
    def least_header_bytes(self) -> int:
        return {"none": 0, "fixed": self.header_bytes, "tpdu": TPDU_BYTES, "base1": BASE1_BYTES}[self.header]

    def number_for(self, counted: int) -> int:
        """What the length field says for `counted` bytes of header and body."""
        number = counted - self.adjust
        if self.inclusive:
            number += self.field_bytes
        if self.trailer_counted:
            number += len(self.trailer)
        return number

    @classmethod
    def named(cls, name: str) -> Framing:
        """A variant by its name in the table of `protocols/framings.py`. Raises LocalMisuse, with the reason where known."""
        from protocols.framings import FRAMINGS, REFUSED  # they are made of this class

        found = FRAMINGS.get(name)
        if found is None:
            reason = REFUSED.get(name, f"unknown; known are {', '.join(sorted(FRAMINGS))}")
            raise LocalMisuse(f"framing {name!r}: {reason}", "framing")
        return found


def _check(framing: Framing) -> None:
    def refuse(problem: str, path: str) -> None:
        raise LocalMisuse(problem, f"framing.{path}")

    if framing.length not in ("none", "ascii", "bcd", "binary", "hexascii"):
        refuse("one of none, ascii, bcd, binary, hexascii", "length")
    if framing.header not in ("none", "fixed", "tpdu", "base1"):
        refuse("one of none, fixed, tpdu, base1", "header")
    if framing.zero not in ("error", "ignore", "echo"):
        refuse("one of error, ignore, echo", "zero")
    if framing.order not in ("big", "little"):
        refuse("big or little", "order")
    if not 1 <= framing.size <= 6:
        refuse("1 to 6 digits or bytes", "size")
    if not 1 <= framing.max_bytes <= FRAME_BYTES_MAX:
        refuse(f"1 to {FRAME_BYTES_MAX} bytes", "max_bytes")
    if framing.order == "little" and framing.length != "binary":
        refuse("only a binary length has a byte order", "order")
    if framing.after_mask and len(framing.after_mask) != len(framing.after_length):
        refuse("as long as after_length", "after_mask")
    if len(framing.control_mask) != len(framing.control_bits) or len(framing.control_mask) > len(framing.after_length):
        refuse("control_mask and control_bits are alike and no longer than after_length", "control_mask")
    if framing.length == "none":
        if not framing.trailer:
            refuse("without a length field only a trailer tells frames apart", "trailer")
        if framing.inclusive or framing.adjust or framing.prefix or framing.after_length or framing.trailer_counted:
            refuse("inclusive, adjust, prefix, after_length and trailer_counted need a length field", "length")
    if framing.trailer_counted and not framing.trailer:
        refuse("there is no trailer to count", "trailer_counted")
    if abs(framing.adjust) > 64:
        refuse("-64 to 64 bytes", "adjust")
    if (framing.header == "fixed") != (framing.header_bytes > 0):
        refuse("a fixed header, and only that, has header_bytes", "header_bytes")
    if framing.tpdu_swap and framing.header != "tpdu":
        refuse("only a TPDU has addresses to swap", "tpdu_swap")
    if framing.default_header and len(framing.default_header) != framing.least_header_bytes:
        refuse(f"{framing.least_header_bytes} bytes", "default_header")
    if framing.least_header_bytes >= framing.max_bytes:
        refuse("leaves no room for a body", "max_bytes")
    if framing.length != "none" and framing.number_for(framing.least_header_bytes + 1) > framing.number_max:
        refuse("the length field cannot say even the shortest frame", "size")
