"""How an amount is written on the sheet of totals: with the decimals of its currency, and a dash where nobody stated one.

Pure. The trap: a figure that nobody stated is never a zero.
"""

from __future__ import annotations

from typing import Final

from protocols.errors import LocalMisuse
from protocols.primitives import by_alpha

DASH: Final = "-"  # a figure that nobody stated; never a zero


def money(minor: int | None, currency: str) -> str:
    """With the decimals of ISO 4217; minor units as they are where the currency is not known."""
    if minor is None:
        return DASH
    try:
        decimals = (by_alpha(currency)[1] or 0) if currency else 0
    except LocalMisuse:
        decimals = 0
    sign = "-" if minor < 0 else ""
    whole, rest = divmod(abs(minor), 10**decimals)
    return f"{sign}{whole:,}.{rest:0{decimals}}" if decimals else f"{sign}{whole:,}"
