"""A message that could not be processed: kept as it came, with its reason, until a person has decided. Shared by all dialects.

Owns the parked value, its place among a line's durable variables, and the decisions. It must never change a byte of the
message: an operator lists, resubmits or answers, and edits nothing. The trap: a parked message was acknowledged to the far
end, so it is this relay's alone from then on, and leaves the list only by a decision that is written down with a name.
"""

from __future__ import annotations

import msgspec

PARKED = "parked/"  # in the name of the durable variable; what stands before it is the line's own prefix
SUBMITTED, ANSWERED, DROPPED = "resubmitted", "answered", "dropped"


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """`place` says where in the line's own numbers it stood. `decision` is empty while it waits for a person."""

    line: str
    place: str
    wall_ms: int
    reason: str
    body: bytes
    decision: str = ""
    who: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Parked)


def pack(parked: Parked) -> bytes:
    return _encode(parked)


def unpack(data: bytes) -> Parked:
    """Raises msgspec.MsgspecError."""
    return _decoder.decode(data)


def name_in(variable: str) -> str:
    """The name that an operator types for a parked message, "" where the variable holds none."""
    at = variable.find(PARKED)
    return variable[at:] if at >= 0 else ""
