"""A frame's body as fields, and back: FS between them, one trailing ETX forgiven, bytes kept as they are.

Owns the cut of a body and the text form of bytes. Which frames there are is protocols/framing.py's, chosen by the profile:
two bytes of length (big-endian, without themselves), or inclusive, four digits, or a constant header before the class byte.
The trap: screens hold ESC, SI, SO, FF, LF and VT, so that nothing is decoded as UTF-8, and nothing is ever stripped;
Latin-1 gives every byte one character and back.

Source: facts of ut-codec-ndc (ETX forgiven) and electron-atm (constant header, no ETX).
"""

from __future__ import annotations

import msgspec

from protocols.errors import FieldError
from protocols.ndc.fields import ETX, FS

CHARSET = "latin-1"
FIELD_COUNT_MAX = 512  # fields of one message; a load has some hundreds


class Cut(msgspec.Struct, frozen=True):
    """The fields of one body, in order."""

    fields: tuple[str, ...]

    def at(self, index: int) -> str:
        """The field at `index`, empty where the sender ended before it."""
        return self.fields[index] if index < len(self.fields) else ""

    def offset(self, index: int) -> int:
        """Bytes from the start of the body to field `index`."""
        return sum(len(one) + 1 for one in self.fields[:index])

    def wrong(self, index: int, name: str, expected: str) -> FieldError:
        """The error that names a field; it never shows the value."""
        return FieldError(name, self.offset(index), expected)


def cut(body: bytes) -> Cut:
    """Raises FieldError where a message has more fields than any may have."""
    if body and body[-1] == ETX:
        body = body[:-1]
    fields = body.decode(CHARSET).split(FS, FIELD_COUNT_MAX)
    if len(fields) > FIELD_COUNT_MAX:
        raise FieldError("fields", 0, f"at most {FIELD_COUNT_MAX} fields")
    return Cut(tuple(fields))


def join(fields: list[str]) -> bytes:
    """Raises UnicodeEncodeError for a character that is no byte."""
    return FS.join(fields).encode(CHARSET)
