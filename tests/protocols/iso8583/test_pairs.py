"""DE 74 of 2003 against digits that are put together here by hand."""

from __future__ import annotations

import pytest

from protocols.iso8583.mapping import BadValue
from protocols.iso8583.pairs import DIGITS, Pair, currency_of_net, read_pairs, with_pairs

ROWS = [(30_000, 2), (500, 1), (0, 0), (120_000, 5), (0, 0), (20_000, 1)]
TEXT = "".join(f"{amount:016}{count:010}" for amount, count in ROWS)


@pytest.mark.parametrize("value", [TEXT, bytes.fromhex(TEXT)], ids=["characters", "packed"])
def test_six_pairs_in_their_order(value: str | bytes) -> None:
    assert read_pairs(value) == (
        Pair("credits", "", 30_000, 2),
        Pair("credits", "chargeback", 500, 1),
        Pair("credits", "reversal", 0, 0),
        Pair("debits", "", 120_000, 5),
        Pair("debits", "chargeback", 0, 0),
        Pair("debits", "reversal", 20_000, 1),
    )
    assert with_pairs(value, {}) == value
    changed = with_pairs(value, {("debits", ""): (7, 8), ("credits", "reversal"): (10**17, -1)})
    assert type(changed) is type(value)
    pairs = {(pair.family, pair.part): (pair.amount, pair.count) for pair in read_pairs(changed)}
    assert pairs["debits", ""] == (7, 8)
    assert pairs["credits", "reversal"] == (10**16 - 1, 0), "the largest and the smallest that there is room for"
    assert pairs["credits", "chargeback"] == (500, 1)


@pytest.mark.parametrize("value", ["", TEXT[:-1], TEXT + "0", TEXT[:-1] + "A", b"", bytes(77), bytes.fromhex(TEXT[:-2] + "0F")])
def test_what_is_none_is_told(value: str | bytes) -> None:
    with pytest.raises(BadValue, match=f"DE 74: {DIGITS} digits"):
        read_pairs(value)


@pytest.mark.parametrize("value", ["D3920" + "0" * 16, "3920D" + "0" * 16, "C3920" + "0" * 16])
def test_the_currency_stands_in_the_net_amount(value: str) -> None:
    assert currency_of_net(value) == ("392", 0)


@pytest.mark.parametrize("value", ["", "D", "DD920" + "0" * 16, "X3920" + "0" * 16, b"D3920"])
def test_a_net_amount_that_is_none_is_told(value: str | bytes) -> None:
    with pytest.raises(BadValue, match="DE 97"):
        currency_of_net(value)
