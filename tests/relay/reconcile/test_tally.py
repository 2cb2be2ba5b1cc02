"""What our journal counts for a date: what each exchange is worth, whose date it is, and sums as a plain sum has them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.totals import OwnSum
from protocols.vocabulary import Approved, MessageClass
from relay.core.port import Reversed, Undone
from relay.exchange import evidence
from relay.journal.records import StoredState
from relay.journal.sums import STRETCH_COUNT, Group, Look, Windows
from relay.reconcile import tally as module
from relay.reconcile.dates import DAY_MS, Cutover
from relay.reconcile.tally import NONE, Closed, Counting, Index, claim_of

DATE, NEXT, BEFORE = "2026-11-24", "2026-11-25", "2026-11-23"
CUTOVER = Cutover(0, 0)
BEGINS_MS = CUTOVER.begins_ms(DATE)
LOOK = Look(7, "financial", "withdrawal", 10_000, "", "answered", "approve", 0, None, None, None, None, "k7")
S = StoredState


@pytest.mark.parametrize(
    ("changes", "worth"),
    [
        ({}, OwnSum(1, 10_000)),
        ({"verdict": "decline"}, NONE),
        ({"reversed_to": 0}, OwnSum(1, 10_000, 1, 10_000)),
        ({"reversed_to": 4_000}, OwnSum(1, 10_000, 1, 6_000)),
        ({"reversed_to": 99_000}, OwnSum(1, 10_000, 1, 0)),
        ({"reversed_to": 0, "verdict": "doubt"}, NONE),  # given up on, and taken back: never done, never undone
        ({"state": S.AWAITING_COMPLETION, "attention": 1}, OwnSum(1, 10_000, 0, 0, 1, 10_000)),
        ({"state": S.UNPROVEN, "attention": 2}, OwnSum(1, 10_000, 0, 0, 1, 10_000)),
        ({"state": S.CONFIRMED}, OwnSum(1, 10_000)),
        ({"state": S.PART_UNDONE, "attention": 1, "standing_minor": 2_000}, OwnSum(1, 10_000, 1, 8_000, 1, 10_000)),
        ({"state": S.SETTLED, "standing_minor": 2_000}, OwnSum(1, 10_000, 1, 8_000)),
        ({"state": S.UNDONE, "attention": 1}, OwnSum(1, 10_000, 1, 10_000, 1, 10_000)),
        ({"state": S.SETTLED, "outcome": evidence.pack(Undone("reversed", 0))}, OwnSum(1, 10_000, 1, 10_000)),
        ({"state": S.SETTLED, "outcome": evidence.pack(Reversed(3_000))}, OwnSum(1, 10_000)),
        ({"state": S.SETTLED}, OwnSum(1, 10_000)),
        ({"state": S.RECORDED, "verdict": None, "attention": 1}, OwnSum(0, 0, 0, 0, 1, 10_000)),
        ({"state": S.UNDOING, "verdict": "doubt", "attention": 1}, OwnSum(0, 0, 0, 0, 1, 10_000)),
        ({"state": S.SETTLED, "verdict": "doubt"}, NONE),
        ({"state": S.SETTLED, "verdict": "doubt", "outcome": evidence.pack(Approved())}, OwnSum(1, 10_000)),
        ({"message_class": "reversal", "kind": "reversal"}, NONE),
        ({"message_class": "advice", "state": S.DELIVERING, "attention": 1}, OwnSum(1, 10_000, 0, 0, 1, 10_000)),
        ({"message_class": "advice", "state": S.SETTLED, "verdict": None}, OwnSum(1, 10_000)),
        ({"message_class": "advice", "state": S.REFUSED, "verdict": None}, NONE),
        ({"message_class": "advice", "original_kind": "withdrawal", "original_class": "financial"}, NONE),  # a completion
        ({"message_class": "advice", "original_kind": "cash-authorisation", "original_class": "financial"}, OwnSum(1, 10_000)),
    ],
)
def test_what_one_exchange_is_worth(changes: dict[str, Any], worth: OwnSum) -> None:
    assert claim_of(msgspec.structs.replace(LOOK, **changes)) == worth


class ListReader:
    """Groups by the number of their exchange; `alone` ones are looked up in `looks`."""

    def __init__(self, groups: dict[int, Group], looks: dict[int, Look] | None = None) -> None:
        self.rows = groups
        self.looks = looks or {}
        self.windows = Windows()

    def lives(self) -> list[int]:
        return [0]

    def last_before(self, wall_ms: int, life: int) -> int:
        return 0

    def next_after(self, exchange_id: int) -> tuple[int, int] | None:
        later = [number for number in self.rows if number > exchange_id]
        return (min(later), BEGINS_MS) if later else None

    def groups(self, after: int, until: int, shift_ms: int, windows: Windows) -> list[Group]:
        self.windows = windows
        return [group for number, group in self.rows.items() if after < number <= until]

    def look(self, numbers: list[int]) -> list[Look]:
        return [self.looks[number] for number in numbers]


def group(terminal: str = "ATM1", **changes: Any) -> Group:
    base = Group("atm", terminal, "withdrawal", "JPY", "", DATE, 0, 0, 1, 100)
    return msgspec.structs.replace(base, **changes)


def counted(groups: dict[int, Group], *closed: Closed, looks: dict[int, Look] | None = None) -> module.Tally:
    return Counting(ListReader(groups, looks), CUTOVER, DATE, closed).run()


KEY = ("atm", "ATM1", "withdrawal", "JPY")


def test_a_date_of_its_own_wins_and_the_day_of_receipt_else() -> None:
    tally = counted(
        {
            1: group(),
            2: group(business_date=DATE, received=BEFORE),
            3: group(business_date=NEXT),
            4: group(received=NEXT),
            6 + 9 * STRETCH_COUNT: group(minor=11),  # numbers leap from one life of the journal to the next
        }
    )
    assert tally.sums == {KEY: OwnSum(3, 211)}
    assert tally.undated == {KEY: 2}
    assert tally.late == {}


def test_after_a_cutover_comes_the_next_day_and_what_is_dated_back_is_late() -> None:
    at_ms = BEGINS_MS + DAY_MS - 600_000
    closed = Closed("atm", "ATM1", DATE, at_ms)
    rows = {
        1: group(moment=at_ms - 1),
        2: group(moment=at_ms),  # the next date's
        3: group(terminal="ATM2", moment=at_ms),  # said nothing of the kind
        4: group(moment=at_ms + 1, business_date=DATE, minor=7),  # late
        5: group(received=NEXT, business_date=DATE, minor=8),  # late, by the configured minute
        6: group(received=DATE, business_date=BEFORE, minor=9),  # late, of another date: this day's report tells it
    }
    tally = counted(rows, closed)
    assert tally.sums == {KEY: OwnSum(3, 115), ("atm", "ATM2", "withdrawal", "JPY"): OwnSum(1, 100)}
    assert tally.late == {KEY: OwnSum(3, 24)}
    assert tally.late_dates == {DATE: 2, BEFORE: 1}


def test_a_line_closes_for_all_its_terminals_and_the_day_before_flows_in() -> None:
    at_ms = BEGINS_MS - 60_000
    closed = Closed("atm", "", BEFORE, at_ms)
    reader = ListReader({1: group(received=BEFORE, moment=at_ms), 2: group(received=BEFORE, moment=at_ms - 1)})
    assert Counting(reader, CUTOVER, DATE, [closed]).run().sums == {KEY: OwnSum(1, 100)}
    assert (reader.windows.one_from, reader.windows.one_until) == (at_ms, BEGINS_MS)


def test_the_touched_ones_are_looked_at() -> None:
    look = msgspec.structs.replace(LOOK, exchange_id=2, amount_minor=100, reversed_to=40)
    tally = counted({1: group(), 2: group(alone=2)}, looks={2: look})
    assert tally.sums == {KEY: OwnSum(2, 200, 1, 60)}


def test_groups_are_bounded_and_what_is_left_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GROUPS_MAX", 2)
    tally = counted({n: group(f"ATM{n}") for n in range(1, 5)} | {9: group("ATM1")})
    assert len(tally.sums) == 2
    assert tally.left_out == 2
    assert tally.sums["atm", "ATM1", "withdrawal", "JPY"] == OwnSum(2, 200)


SUMS = st.dictionaries(
    st.tuples(
        st.sampled_from(["atm", "switch"]),
        st.sampled_from(["A", "B"]),
        st.sampled_from(["withdrawal", "deposit", "inquiry"]),
        st.sampled_from(["JPY", "USD", ""]),
    ),
    st.builds(OwnSum, *[st.integers(0, 10**9)] * 4),
)


@given(SUMS)
def test_the_index_says_what_a_plain_sum_says(sums: dict[tuple[str, str, str, str], OwnSum]) -> None:
    index = Index(sums)
    for party in ("A", ""):
        for kinds in (("withdrawal",), ("withdrawal", "deposit"), ()):
            found = index.of("atm", party, kinds, "JPY")
            plain = [
                sum_
                for (listener, terminal, kind, currency), sum_ in sums.items()
                if listener == "atm" and terminal in (party or terminal,) and kind in kinds and currency in ("JPY", "")
            ]
            assert found.minor == sum(sum_.minor for sum_ in plain)
            assert found.done_count == sum(sum_.done_count for sum_ in plain)


def test_classes_are_those_of_the_vocabulary() -> None:
    assert {MessageClass.FINANCIAL.value, MessageClass.ADVICE.value, MessageClass.REVERSAL.value} == {
        "financial",
        "advice",
        "reversal",
    }
