"""Cutting the stream of an RC line into messages: the shared cutter, told where this wire keeps its length.

Owns the framing of one direction. It must never know what a message means. The trap: TCP is a stream, so one read is never one
message; and a wrong identifier at the start of a frame means that there are no boundaries left: the line is released.

Source: sublayer header, bytes 0 to 5 [S1].
"""

from __future__ import annotations

from protocols.framing import Frame, FrameCutter, wrap
from protocols.framing_spec import Framing
from protocols.zengin.session.fields import LENGTH_BYTES, LENGTH_OFFSET, Side

LEAD_BYTES = LENGTH_OFFSET + LENGTH_BYTES  # identifier and length: what the cutter takes off
__all__ = ["LEAD_BYTES", "Frame", "FrameCutter", "framing_of", "wrap"]


def framing_of(sender: Side, message_bytes_max: int) -> Framing:
    """The framing of what `sender` writes. `message_bytes_max` counts both headers."""
    return Framing(
        length="binary",
        size=LENGTH_BYTES,
        prefix=sender.sublayer_id,
        adjust=-LEAD_BYTES,
        zero="error",
        max_bytes=message_bytes_max - LEAD_BYTES,
    )
