"""One ISO 8583 message as a frozen value: type, data elements by number, and the frame's header.

Owns what the four digits of the message type mean, and how a message is shown without its secrets. It must never know a wire
layout. The traps: `repr` may end up in a log, so that it shows only elements known to be harmless, and everything else as a
size; an answer's type is the request's with the function raised by one and the repeat bit of the origin cleared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from protocols.errors import LocalMisuse
from protocols.vocabulary import mask_pan

if TYPE_CHECKING:
    from protocols.iso8583.spec import Spec

Value: TypeAlias = str | bytes

# Shown by repr: processing code, amounts, dates and times, trace, function and reason or condition, institutions,
# references, response code, terminal, acceptor, currencies, network management code, original data.
SHOWN = frozenset({3, 4, 5, 6, 7, 11, 12, 13, 15, 17, 24, 25, 32, 33, 37, 38, 39, 41, 42, 49, 50, 51, 70, 90})

PAN_FIELDS = frozenset({2, 34})


class IsoMessage(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """`fields` holds digits and text as str, binary elements as bytes; composite ones (55) stay as they came.

    `wide` is True where the sender wrote a second bitmap, or its flag, that nothing in the message needs; the codec keeps it so
    that the same bytes come out again. New messages leave it False.
    """

    mti: str
    fields: dict[int, Value]
    header: bytes = b""
    wide: bool = False

    @property
    def version(self) -> str:
        """First digit: 0 is 1987, 1 is 1993, 2 is 2003, 8 national, 9 private."""
        return self.mti[0]

    @property
    def message_class(self) -> str:
        """Second digit: 1 authorisation, 2 financial, 3 file action, 4 reversal, 5 reconciliation, 6 administrative,
        7 fee, 8 network management."""
        return self.mti[1]

    @property
    def function(self) -> str:
        """Third digit: 0 request, 1 its response, 2 advice, 3 its response, 4 notification, 5 its acknowledgement,
        6 instruction, 7 its acknowledgement."""
        return self.mti[2]

    @property
    def origin(self) -> str:
        """Fourth digit: 0 acquirer, 2 issuer, 4 other; one more for a repeat."""
        return self.mti[3]

    @property
    def is_request(self) -> bool:
        """Something that the sender wants answered: request, advice or instruction."""
        return self.mti[2] in "026"

    @property
    def is_response(self) -> bool:
        """An answer or acknowledgement: never answered itself."""
        return self.mti[2] in "1357"

    @property
    def is_repeat(self) -> bool:
        return self.mti[3] in "135"

    @property
    def first_mti(self) -> str:
        """The type with the repeat bit cleared: 0421 gives 0420."""
        return _without_repeat(self.mti)

    def response_mti(self) -> str:
        """0200 gives 0210, 0421 gives 0430, 0803 gives 0812. Raises LocalMisuse for what is never answered."""
        if not self.is_request:
            raise LocalMisuse(f"a message of type {self.mti} is never answered", "mti")
        mti = _without_repeat(self.mti)
        return mti[:2] + chr(ord(mti[2]) + 1) + mti[3]

    def masked_fields(self, spec: Spec) -> dict[int, str]:
        """Every element as text a tool may show: secrets of `spec` masked, binaries as upper-case hex."""
        return {number: masked_value(spec, number, value) for number, value in self.fields.items()}

    def __repr__(self) -> str:
        shown = ", ".join(f"{number}: {_shown(number, value)}" for number, value in self.fields.items())
        return f"IsoMessage({self.mti} {{{shown}}})"

    __str__ = __repr__


def masked_value(spec: Spec, number: int, value: Value) -> str:
    """One element as text a tool may show."""
    if number in spec.masked:
        if number in PAN_FIELDS and isinstance(value, str):
            return mask_pan(value)
        return "*" * min(len(value), 16)
    return value.hex().upper() if isinstance(value, bytes) else value


def _without_repeat(mti: str) -> str:
    return mti[:3] + {"1": "0", "3": "2", "5": "4"}.get(mti[3], mti[3])


def _shown(number: int, value: Value) -> str:
    if number == 2 and isinstance(value, str):
        return mask_pan(value)
    if number in SHOWN and isinstance(value, str):
        return repr(value)
    return f"<{len(value)}>"
