"""The till book: what a number is, when cash counts, and that the same thing twice counts once."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.branch.till import RECENT_COUNT, Pending, Receipt, TillBook, pack, unpack, variable_name
from tests.support.branchlink import withdrawal

BOOK = TillBook(date="20261125", cash=1_000_000).with_taken(1, "aa").with_taken(2, "bb")


@pytest.mark.parametrize(
    ("serial", "is_repeat", "digest", "receipt"),
    [
        (3, False, "cc", Receipt.NEXT),
        (3, True, "cc", Receipt.NEXT),  # re-sent, but it never came
        (2, True, "bb", Receipt.REPEAT),
        (1, True, "aa", Receipt.REPEAT),
        (2, False, "bb", Receipt.CONFLICT),
        (2, True, "xx", Receipt.CONFLICT),
        (4, False, "dd", Receipt.GAP),
        (999_999, False, "dd", Receipt.GAP),
    ],
)
def test_the_receipt_rules(serial: int, is_repeat: bool, digest: str, receipt: Receipt) -> None:
    assert BOOK.receipt(withdrawal(serial, is_repeat=is_repeat), digest) is receipt


def test_repeats_are_recognised_up_to_the_limit() -> None:
    book = TillBook()
    for serial in range(1, RECENT_COUNT + 2):
        book = book.with_taken(serial, "aa")
    assert len(book.recent) == RECENT_COUNT
    assert book.receipt(withdrawal(2, is_repeat=True), "aa") is Receipt.REPEAT
    assert book.receipt(withdrawal(1, is_repeat=True), "aa") is Receipt.CONFLICT


def test_numbers_reported_as_never_used_are_not_taken_afterwards() -> None:
    book = BOOK.with_unused(4)
    assert book.receipt(withdrawal(5), "ee") is Receipt.NEXT
    assert book.receipt(withdrawal(3, is_repeat=True), "cc") is Receipt.CONFLICT


def test_cash_counts_when_it_is_proven() -> None:
    asked = BOOK.with_asked(Pending(2, "k2", -10_000))
    assert (asked.cash, asked.is_settled(2)) == (1_000_000, False)
    approved = asked.with_approved(Pending(2, "k2", -10_000))
    assert (approved.cash, approved.is_settled(2)) == (1_000_000, True)
    assert approved.find(2) == Pending(2, "k2", -10_000, True)
    moved = approved.with_moved(2, -10_000)
    assert (moved.cash, moved.pending) == (990_000, ())
    assert asked.with_unmoved(2).cash == 1_000_000


def test_a_new_day_begins_anew_and_the_same_day_goes_on() -> None:
    assert BOOK.closed(1_000_000).opened("20261125", 5) == BOOK
    assert BOOK.opened("20261126", 5) == TillBook(date="20261126", cash=5, opening=5)
    assert BOOK.closed(900_000).cash == 900_000


def test_the_durable_form() -> None:
    book = BOOK.with_asked(Pending(2, "k2", -10_000))
    assert unpack(pack(book)) == book
    assert variable_name("9901-123-0042") == "till-9901-123-0042"
    with pytest.raises(msgspec.MsgspecError):
        unpack(b"{")


@given(st.binary(max_size=60))
def test_anything_else_is_refused_when_read(data: bytes) -> None:
    try:
        unpack(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return
