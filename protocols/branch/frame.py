"""Cutting branch telegrams out of the stream: a length of four bytes, most significant first, then that many bytes.

Owns the one framing of the profile. It must never know a header. The trap: 電文長 counts the bytes *after* itself, so offsets
in the documents (160 for the body) are 4 more than inside a frame.

Source: our profile branch-p1 [P].
"""

from __future__ import annotations

from protocols.framing import Framing

FRAME_BYTES_MAX_DEFAULT = 4_096


def branch_framing(frame_bytes_max: int = FRAME_BYTES_MAX_DEFAULT) -> Framing:
    """`frame_bytes_max` bounds what follows 電文長, bytes; a longer one ends the link before a byte of it is kept."""
    return Framing(length="binary", size=4, max_bytes=frame_bytes_max)
