"""A telegram that could not be processed: kept as it came, with its reason, until a person has decided.

Owns the parked value and its name. It must never change a byte of the telegram: an operator lists, resubmits or answers,
and edits nothing. The trap: a parked telegram was acknowledged to the center, so it is this relay's alone from then on, and
leaves the list only by a decision that is written down.
"""

from __future__ import annotations

import msgspec

PARKED = "parked/"  # and the day, the LCN and the sequence number
SUBMITTED, ANSWERED, DROPPED = "resubmitted", "answered", "dropped"


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """`decision` is empty while it waits for a person."""

    line: str
    lcn: int
    sequence: int
    day: str
    wall_ms: int
    reason: str
    body: bytes
    decision: str = ""
    who: str = ""


def name_of(day: str, lcn: int, sequence: int) -> str:
    """The variable's name, without the line's prefix."""
    return f"{PARKED}{day}-{lcn:02}-{sequence}"


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Parked)


def pack(parked: Parked) -> bytes:
    return _encode(parked)


def unpack(data: bytes) -> Parked:
    """Raises msgspec.MsgspecError."""
    return _decoder.decode(data)
