"""How an amount is written."""

from __future__ import annotations

import pytest

from relay.reconcile.amounts import money


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1234567, "JPY", "1,234,567"),
        (-1234, "USD", "-12.34"),
        (5, "BHD", "0.005"),
        (7, "", "7"),
        (7, "???", "7"),
        (None, "JPY", "-"),
    ],
)
def test_money_has_the_decimals_of_its_currency(minor: int | None, currency: str, text: str) -> None:
    assert money(minor, currency) == text
