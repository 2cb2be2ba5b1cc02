"""Rows of both engines become one chain. What an engine finds is in tests/support/journal_suite.py."""

from __future__ import annotations

from protocols.vocabulary import MessageClass
from relay.journal.chain import Decision, Member, is_signed, read_chain
from relay.journal.records import StoredState

O1 = (1, "o", "financial", "settled")
R2 = (2, "r", "reversal", "listed")
NOTHING = (None, None, None, None)


def member(number: int, key: str, kind: MessageClass, state: StoredState) -> Member:
    return Member(exchange_id=number, key=key, message_class=kind, state=state)


def test_rows_in_any_order_are_a_chain_oldest_first() -> None:
    rows = [(*R2, *NOTHING, 1), (*O1, 9, 70, "RESOLVED", "B: second", 1), (*O1, 7, 50, "RESOLVED", "A: first", 1)]
    original, reversal = read_chain(rows)
    assert (original.exchange_id, original.resolved) == (1, Decision(9, 70, "B: second"))
    assert reversal == member(2, "r", MessageClass.REVERSAL, StoredState.LISTED)


def test_the_last_retry_is_kept_by_its_line() -> None:
    rows = [(*R2, 5, 1, "RETRIED_DELIVERY", "A: once", 1), (*R2, 8, 2, "RETRIED_DELIVERY", "A: twice", 1)]
    (reversal,) = read_chain(rows)
    assert (reversal.retried_line_id, reversal.resolved) == (8, None)


def test_a_settled_one_without_history_is_in_an_archive_and_no_other_is() -> None:
    answered = (3, "a", "financial", "answered")
    settled, other = read_chain([(*O1, *NOTHING, 0), (*answered, *NOTHING, 0)])
    assert settled.is_archived
    assert not other.is_archived


def test_a_message_that_names_itself_is_one_member() -> None:
    row = (*O1, 9, 70, "RESOLVED", "A: first", 1)
    assert len(read_chain([row, row])) == 1


def test_only_what_people_sign_is_a_decision() -> None:
    assert is_signed("RESOLVED")
    assert is_signed("RETRIED_PART")
    assert not is_signed("GIVEN_TO_PERSON")
