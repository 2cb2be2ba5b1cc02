"""One key's small rules: whose account, the same body or not, what it answers now, how it is listed."""

from __future__ import annotations

import pytest

from protocols.iso8583.defaults import KINDS
from relay.core import contract as c
from relay.loopback.entries import MOVES, Entry, EntryState, account_of, agrees, current_answer, identity_of


def request(**parts: object) -> c.TransactionRequest:
    known: dict[str, object] = {"kind": "withdrawal", "channel": "atm", "realm": "bank", "terminal": "ATM1"}
    return c.TransactionRequest(**(known | parts))  # type: ignore[arg-type]  # the members' own types


def test_every_kind_of_the_default_mapping_has_a_direction() -> None:
    assert set(KINDS) - {"reversal"} <= set(MOVES)


@pytest.mark.parametrize(
    ("parts", "account"),
    [
        ({"card": c.Card(pan="4000")}, "4000"),
        ({"card": c.Card(track2=";4000=2912"), "from_account": "A"}, "4000"),
        ({"card": c.Card(track2="4000D2912")}, "4000"),
        ({"card": c.Card(entry_mode="011"), "from_account": "A"}, "A"),
        ({"to_account": "B"}, "B"),
        ({"kind": "interbank-transfer", "card": c.Card(pan="4000"), "to_account": "B"}, "B"),
        ({}, ""),
    ],
)
def test_whose_account(parts: dict[str, object], account: str) -> None:
    assert account_of(request(**parts)) == account


def test_a_body_without_the_account_is_the_same_body_but_not_one_with_another() -> None:
    stored = identity_of(request(card=c.Card(pan="4000")))
    assert agrees(stored, identity_of(request()))
    assert not agrees(stored, identity_of(request(card=c.Card(pan="5000"))))
    assert not agrees(stored, identity_of(request(kind="deposit")))
    assert agrees(None, stored)  # a tombstone never saw a body


def entry(state: EntryState, standing: int) -> Entry:
    made = Entry("k", 1, state, "2026-11-20", 0)
    made.kind, made.terminal, made.amount, made.standing_minor = "withdrawal", "ATM1", c.Amount("3000", "JPY"), standing
    made.answer = c.TransactionAnswer(key="k", status="approved")
    return made


def test_what_a_key_answers_now() -> None:
    assert current_answer(entry(EntryState.POSTED, 3_000)).amount is None
    assert current_answer(entry(EntryState.REVERSED, 1_000)).amount == c.Amount("1000", "JPY")
    for gone in (entry(EntryState.REVERSED, 0), entry(EntryState.TOMBSTONE, 0)):
        assert (current_answer(gone).status, current_answer(gone).reason) == ("declined", "reversed")
