"""The list of currencies: shape, well-known rows, and the same list read from either side."""

from __future__ import annotations

import pytest

from protocols.currencies import CURRENCIES, by_alpha, currency_by_numeric
from protocols.errors import LocalMisuse


@pytest.mark.parametrize(
    ("numeric", "alpha", "exponent"),
    [("392", "JPY", 0), ("840", "USD", 2), ("978", "EUR", 2), ("048", "BHD", 3), ("990", "CLF", 4), ("959", "XAU", None)],
)
def test_well_known_rows(numeric: str, alpha: str, exponent: int | None) -> None:
    assert currency_by_numeric(numeric) == (alpha, exponent)
    assert by_alpha(alpha) == (numeric, exponent)


def test_the_whole_list() -> None:
    assert len(CURRENCIES) == 178
    assert len({currency.alpha for currency in CURRENCIES.values()}) == 178
    for numeric, currency in CURRENCIES.items():
        assert len(numeric) == 3
        assert numeric.isdecimal()
        assert currency.alpha.isupper()
        assert len(currency.alpha) == 3
        assert currency.exponent in (None, 0, 2, 3, 4)


def test_a_code_that_is_not_listed() -> None:
    with pytest.raises(LocalMisuse):
        currency_by_numeric("000")
    with pytest.raises(LocalMisuse):
        by_alpha("DEM")
