"""Shares as they are written, and how they divide a load."""

from __future__ import annotations

import pytest

from relay.loopback.customers import Customers
from relay.loopback.troupes import DEFAULT_SHARES, Plan, assemble, parse_shares, shares_text


def test_shares_are_read_and_written() -> None:
    assert parse_shares("iso8583=80, ndc=10,zrc") == {"iso8583": 80, "ndc": 10, "zrc": 1}
    assert parse_shares("iso8583=1,ndc=0") == {"iso8583": 1}
    assert parse_shares(shares_text(DEFAULT_SHARES)) == DEFAULT_SHARES


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x=1", "is not one of"),
        ("ndc=x", "not a number"),
        ("ndc=-1", "from 0"),
        ("ndc=nan", "from 0"),
        ("ndc=0", "zero"),
        ("", "not one of"),
    ],
)
def test_bad_shares_are_refused_with_the_part_at_fault(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_shares(text)


async def test_rate_and_terminals_are_divided_and_everybody_has_one_peer() -> None:
    troupes = assemble(Plan(terminals=100, rate_per_s=50), Customers())
    assert [troupe.name for troupe in troupes] == list(DEFAULT_SHARES)
    assert [troupe.peer_count() for troupe in troupes] == [80, 10, 5, 1, 1]
    (alone,) = assemble(Plan(shares={"iso8583": 3}, terminals=7), Customers())
    assert alone.peer_count() == 7
    few = assemble(Plan(terminals=1), Customers())
    assert all(troupe.peer_count() == 1 for troupe in few)


async def test_names_words_and_ports_are_all_different() -> None:
    troupes = assemble(Plan(terminals=10), Customers())
    for troupe in troupes:
        await troupe.prepare()
    try:
        assert len({troupe.key_word for troupe in troupes}) == len({troupe.site().address for troupe in troupes}) == 5
    finally:
        for troupe in troupes:
            await troupe.stop()
