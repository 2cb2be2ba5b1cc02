"""A reply as the journal keeps it: its parts, less what the request carries and less everything secret.

Owns `ReplyParts`, its packed form, and the text that a printer may get. It must never know a link or the core. The trap:
what is packed here is sent again byte for byte, so that it holds no LUNO, no coordination number and no TSN, which belong
to the request.
"""

from __future__ import annotations

import msgspec

from protocols.ndc.message import Buffer, PrintGroup
from protocols.vocabulary import Reply, Secret

TAKEN_CODE = "taken"  # of a journal block or a notice: recorded, and that is all


class ReplyParts(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """A transaction reply less what the request itself carries (LUNO, MCN, TVN) and less the TSN."""

    next_state: str
    function: str
    screen: str = ""
    card_flag: str = "0"
    notes: tuple[int, ...] = ()
    amount_minor: int = 0  # what the notes, or the notes taken in, are worth
    prints: tuple[tuple[str, str], ...] = ()
    buffers: tuple[tuple[str, str], ...] = ()
    nothing_ordered: bool = False  # approved, and no dispense can be ordered: known not to have been dispensed


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ReplyParts)


def parts_of(reply: Reply) -> ReplyParts:
    """Raises msgspec.DecodeError or ValidationError for what was not made here."""
    return _decoder.decode(reply.data)


def packed(parts: ReplyParts) -> bytes:
    return _encoder.encode(parts)


def printable(text: str) -> str:
    """Text for a printer: line breaks and ASCII; what the core put in beside is shown as "?", separators above all."""
    return "".join(one if one == "\n" or " " <= one <= "~" else "?" for one in text)


def print_groups(parts: ReplyParts) -> tuple[PrintGroup, ...]:
    return tuple(PrintGroup(printer, text) for printer, text in parts.prints)


def reply_buffers(parts: ReplyParts) -> tuple[Buffer, ...]:
    return tuple(Buffer(name, Secret(text)) for name, text in parts.buffers)
