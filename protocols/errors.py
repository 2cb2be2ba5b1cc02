"""Whose fault it is: the peer's (PeerViolation and below) or ours (LocalMisuse). Never mixed, never caught together.

Owns the error families of the wire library. Each peer violation carries what a reply needs and never shows card data:
the field's number, the offset in bytes, what was expected, and what was decoded before the mistake.
"""

from __future__ import annotations

from typing import Any


class ProtocolError(Exception):
    """Anything this library raises on purpose."""


class LocalMisuse(ProtocolError):
    """We, or our configuration, asked for something impossible. `path` names the setting or argument."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.problem = problem
        self.path = path


class PeerViolation(ProtocolError):
    """The far end broke its own protocol."""


class FrameError(PeerViolation):
    """The stream can no longer be cut into frames: `offset` bytes into the link's unread data. The link must close."""

    def __init__(self, problem: str, offset: int = 0) -> None:
        super().__init__(f"{problem} (offset {offset})")
        self.problem = problem
        self.offset = offset


class FieldError(PeerViolation):
    """One message is malformed; the frame boundaries still hold, so the link may go on.

    `field` is a path such as "35" or "55.9F02" or "mti" or "bitmap"; `offset` counts bytes from the start of the message;
    `expected` says what the profile wants, without the offending value; `partial` holds the message decoded so far.
    """

    def __init__(self, field: str, offset: int, expected: str, partial: Any = None) -> None:
        super().__init__(f"field {field} at offset {offset}: expected {expected}")
        self.field = field
        self.offset = offset
        self.expected = expected
        self.partial = partial
