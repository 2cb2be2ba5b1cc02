"""How the journal looks: money with its currency's decimals, and a key with what names it."""

from __future__ import annotations

import pytest

from relay.cli.journalpages import in_words_of, money
from relay.journal.verify import KeyUse


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (10_000, "JPY", "JPY 10,000"),
        (1250, "USD", "USD 12.50"),
        (-5, "USD", "USD -0.05"),
        (1_234_567, "KWD", "KWD 1,234.567"),
        (7, "XAU", "XAU 7 (minor units)"),
        (7, "", "7 (minor units)"),
        (None, "JPY", "-"),
    ],
)
def test_money_has_its_currencys_decimals(minor: int | None, currency: str, text: str) -> None:
    assert money(minor, currency) == text


def test_a_key_is_named_with_what_needs_it() -> None:
    spare = KeyUse(key_id="ab", is_current=False, is_needed=False, count=0)
    assert in_words_of(spare) == "key ab needed by no row (an archive may want it: relay journal keys), 0 stored secrets"
    assert in_words_of(KeyUse(key_id="", is_current=False, is_needed=False, count=2)).endswith("before keys had names")
