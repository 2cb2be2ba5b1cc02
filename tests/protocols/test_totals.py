"""Statements against our sums: what is left over is compared, by kinds; what names no kinds is shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocols.totals import OwnSum, Total, TotalsKept, weigh

DEBITS, CREDITS = ("purchase", "withdrawal"), ("deposit",)
COUNTS = st.integers(0, 10**10)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_done_less_undone_is_compared_however_the_far_end_keeps_them(done: int, undone: int, minor: int, back: int) -> None:
    lines = [
        Total(name="debits", count=done, minor=minor, kinds=DEBITS),
        Total(name="back", count=undone, minor=back, kinds=DEBITS, undone=True),
    ]
    # It counts what it gave up on both ways; we never counted that at all: what is left is the same.
    own = OwnSum(done + 3, minor + 30, undone + 3, back + 30)
    (row,) = weigh(lines, lambda kinds: own)
    assert row.agrees
    assert (row.count, row.minor) == (own.count, own.minor) == (done - undone, minor - back)
    (row,) = weigh(lines, lambda kinds: own.plus(OwnSum(0, 1)))
    assert not row.agrees


@given(st.lists(st.tuples(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS), max_size=8))
def test_sums_are_the_same_in_any_order(parts: list[tuple[int, int, int, int, int, int]]) -> None:
    one, other = OwnSum(), OwnSum()
    for part in parts:
        one = one.plus(OwnSum(*part))
    for part in reversed(parts):
        other = OwnSum(*part).plus(other)
    assert one == other
    assert one.minor == sum(part[1] - part[3] for part in parts)


def test_each_set_of_kinds_is_one_row_and_a_line_without_kinds_its_own() -> None:
    lines = [
        Total(name="cash", minor=5),
        Total(name="debits", count=1, minor=10, kinds=DEBITS),
        Total(name="notes", count=7),
        Total(name="credits", count=2, minor=20, kinds=CREDITS),
    ]
    rows = weigh(lines, lambda kinds: OwnSum(1, 10) if kinds == DEBITS else None)
    assert [(row.name, row.is_judged, row.agrees) for row in rows] == [
        ("cash", False, True),
        ("debits", True, True),
        ("notes", False, True),
        ("credits", False, True),
    ]


def test_what_is_not_said_is_not_judged_and_the_dialects_own_count_speaks_before_the_journals() -> None:
    (row,) = weigh([Total(name="inquiries", count=4, kinds=("x",))], lambda kinds: OwnSum(4, 99))
    assert (row.agrees, row.minor, row.own_minor) == (True, None, None)
    (row,) = weigh([Total(name="out", count=4, minor=7, kinds=("x",), ours_count=4, ours_minor=8)], lambda kinds: OwnSum(4, 7))
    assert (row.agrees, row.own_minor) == (False, 8)


def test_nothing_is_acknowledged_that_failed_or_contradicts() -> None:
    said = {
        result: TotalsKept("x", result).may_acknowledge for result in ("kept", "known", "full", "off", "failed", "conflict")
    }
    assert [result for result, may in said.items() if not may] == ["failed", "conflict"]
