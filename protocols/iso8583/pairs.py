"""DE 74 of 2003, "reconciliation data, primary": six pairs of an amount and a number, read, and written with other figures.

Owns the layout of the composite. It must never know a kind or a journal. The traps: the amounts carry no currency of their own
(that of DE 97, the net amount, holds for them); and packed or as hexadecimal characters the digits are the same, so both are
read. What DE 75, "secondary", is made of, our sources do not say: nobody reads it.

Source: jPOS Common Message Format, DE-074 (which follows ISO 8583:2003; 78 bytes of packed digits in its packager and in
ours) and DE-097 (currency, minor unit, amount).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from protocols.iso8583.mapping import BadValue
from protocols.iso8583.message import Value

PRIMARY: Final = 74
NET: Final = 97
AMOUNT_DIGITS: Final = 16
COUNT_DIGITS: Final = 10

Part = Literal["", "chargeback", "reversal"]
ORDER: Final[tuple[tuple[str, Part], ...]] = (
    ("credits", ""),
    ("credits", "chargeback"),
    ("credits", "reversal"),
    ("debits", ""),
    ("debits", "chargeback"),
    ("debits", "reversal"),
)
DIGITS: Final = len(ORDER) * (AMOUNT_DIGITS + COUNT_DIGITS)


class Pair(msgspec.Struct, frozen=True):
    """One amount, in the minor unit that DE 97 names, and one number."""

    family: str
    part: Part
    amount: int
    count: int


def read_pairs(value: Value) -> tuple[Pair, ...]:
    """All six, in their order. Raises BadValue."""
    digits = value.hex() if isinstance(value, bytes) else value
    if len(digits) != DIGITS or not (digits.isascii() and digits.isdecimal()):
        raise BadValue(f"DE {PRIMARY}: {DIGITS} digits")
    pairs = []
    at = 0
    for family, part in ORDER:
        middle, end = at + AMOUNT_DIGITS, at + AMOUNT_DIGITS + COUNT_DIGITS
        pairs.append(Pair(family, part, int(digits[at:middle]), int(digits[middle:end])))
        at = end
    return tuple(pairs)


def with_pairs(value: Value, ours: Mapping[tuple[str, Part], tuple[int, int]]) -> Value:
    """The same element with the amounts and numbers of `ours` in their places, as wide as it was; what is too large for its
    place is written as the largest that fits. Raises BadValue."""
    made = []
    for pair in read_pairs(value):
        amount, count = ours.get((pair.family, pair.part), (pair.amount, pair.count))
        made.append(_fitting(amount, AMOUNT_DIGITS) + _fitting(count, COUNT_DIGITS))
    digits = "".join(made)
    return bytes.fromhex(digits) if isinstance(value, bytes) else digits


def currency_of_net(value: Value) -> tuple[str, int]:
    """Numeric currency code and minor unit of DE 97; the letter may stand before them or behind. Raises BadValue."""
    text = value if isinstance(value, str) else ""
    digits = text.replace("C", "", 1) if "C" in text else text.replace("D", "", 1)
    if len(digits) < 5 or not (digits.isascii() and digits.isdecimal()):
        raise BadValue(f"DE {NET}: a currency, its minor unit and an amount")
    return digits[:3], int(digits[3])


def _fitting(value: int, digits: int) -> str:
    return f"{min(max(value, 0), 10**digits - 1):0{digits}}"
