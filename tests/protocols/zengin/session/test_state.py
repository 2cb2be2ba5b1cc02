"""Durable values: numbers that only go up, totals that count each telegram once, and a day that waits for a signature."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.zengin.session import state
from protocols.zengin.session.state import (
    ENDED_KEPT,
    HASHES_KEPT,
    HOLES_MAX,
    OLD_KEPT,
    UNSIGNED_MAX,
    Day,
    Intent,
    Inward,
    Outward,
    Total,
    added,
    holes,
    pack,
    unpack,
)

DAY = "20261126"


def intent(serial: int, id: str = "A", lcn: int = 0, amount: int = 100, date: str = DAY, order: int = 0) -> Intent:
    numbers = {"lcn": lcn, "sequence": serial, "serial": serial, "amount": amount, "order": order}
    return Intent(id=id, telegram="KT", subject="1000", date=date, **numbers)


def test_an_outward_telegram_is_counted_when_it_arrived() -> None:
    first, second = intent(1), intent(2, "B")
    outward = Outward(day=DAY).begun(first).begun(second)
    assert (outward.serial, outward.sequences, outward.totals) == (2, {0: 2}, {})
    outward = outward.settled(first, "acknowledged", "", counts=True)
    outward = outward.settled(second, "failed", "NAK", counts=False)
    assert outward.totals == {"1000": Total(1, 100, 1, 1)}
    assert [(ended.id, ended.state) for ended in outward.ended] == [("A", "acknowledged"), ("B", "failed")]
    assert outward.open == ()
    assert outward.serial == 2, "a number is never handed back"


STEPS = st.one_of(
    st.tuples(st.just("begin"), st.integers(1, 40)),
    st.tuples(st.just("settle"), st.integers(0, 40)),
    st.just(("day", 0)),
)


@given(st.lists(STEPS, max_size=60), st.booleans())
def test_whatever_is_called_never_begun_never_was(steps: list[tuple[str, int]], from_older_version: bool) -> None:
    """The proof behind "unsent": however much was forgotten, in whatever order the messages were begun with."""
    outward, begun, serial = Outward(day=DAY), set[int](), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state, "ENDED_KEPT", 2)
        patch.setattr(state, "OLD_KEPT", 2)
        if from_older_version:  # its records have no order, and some are forgotten already
            outward = outward.begun(intent(999, "older", order=0))
        for what, number in steps:
            if what == "begin" and number not in begun:
                begun.add(number)
                serial += 1
                outward = outward.begun(intent(serial, str(number), order=number))
            elif what == "settle" and outward.open:
                chosen = outward.open[number % len(outward.open)]
                outward = outward.settled(chosen, "acknowledged", "", counts=False)
            elif what == "day":
                outward = outward.new_day(DAY)
            outward = unpack(Outward, pack(outward))
            assert all(not outward.never_began(str(order), order) for order in begun)
    assert not Outward().never_began("1", 1), "a line without a record cannot say"


def test_a_line_can_say_that_the_newest_never_was_begun() -> None:
    outward = Outward(day=DAY).begun(intent(1, "a", order=7))
    for number in range(2, ENDED_KEPT + 5):
        outward = outward.settled(outward.open[0], "acknowledged", "", counts=True).begun(
            intent(number, f"n{number}", order=number + 6)
        )
    assert outward.never_began("next", outward.open[-1].order + 1)
    assert not outward.never_began("a", 7), "forgotten by now"
    assert not outward.never_began("unheard of", 8), "of a time of which something was forgotten"


def test_yesterdays_telegram_is_settled_without_counting_today() -> None:
    old = intent(9, date="20261125")
    outward = Outward(day="20261125").begun(old).new_day(DAY)
    assert outward.open == (old,)
    assert (outward.serial, outward.sequences) == (0, {})
    assert outward.find(0, 9) is None, "today's number 9 is another message"
    assert outward.settled(old, "acknowledged", "", counts=True).totals == {}


def test_the_lines_own_telegrams_do_not_outlive_the_day() -> None:
    outward = Outward(day="20261125").begun(intent(1, id="", date="20261125"))
    assert outward.new_day(DAY).open == ()


def test_only_so_many_old_ones_are_carried_along() -> None:
    outward = Outward(day="20261125")
    for number in range(1, OLD_KEPT + 3):
        outward = outward.begun(intent(number, str(number), date="20261125"))
    assert [i.serial for i in outward.new_day(DAY).open] == list(range(3, OLD_KEPT + 3))


def test_doubt_marks_only_what_is_named() -> None:
    first, second = intent(1), intent(2, "B", lcn=1)
    outward = Outward(day=DAY).begun(first).begun(second).doubted((second,))
    assert [i.state for i in outward.open] == ["sent", "unknown"]


def test_only_so_many_ends_are_kept() -> None:
    outward = Outward(day=DAY)
    for number in range(1, ENDED_KEPT + 3):
        one = intent(number, str(number))
        outward = outward.begun(one).settled(one, "acknowledged", "", counts=True)
    assert len(outward.ended) == ENDED_KEPT
    assert outward.totals["1000"] == Total(ENDED_KEPT + 2, 100 * (ENDED_KEPT + 2), 1, ENDED_KEPT + 2)


def test_an_inward_telegram_counts_once_however_often_it_comes() -> None:
    inward = Inward(day=DAY)
    for number in (1, 2, 2, 1, 4):
        inward = inward.counting("1000", 10, number)
    assert inward.totals == {"1000": Total(3, 30, 1, 4)}
    assert inward.runs == ((1, 2), (4, 4))
    assert inward.missing(6) == [3, 5, 6]
    assert inward.counting("1000", 10, 0).totals["1000"].count == 4, "without a number there is nothing to know it by"


def test_recent_messages_are_remembered_per_lcn() -> None:
    inward = Inward(day=DAY)
    for number in range(1, HASHES_KEPT + 3):
        inward = inward.taken(3, number, bytes([number]))
    assert inward.lcn(3).last == HASHES_KEPT + 2
    assert len(inward.lcn(3).recent) == HASHES_KEPT
    assert inward.lcn(0).last == 0
    assert inward.new_day("20261127") == Inward(day="20261127")


@given(st.lists(st.integers(1, 60)), st.integers(0, 70))
def test_runs_hold_exactly_what_was_added(numbers: list[int], last: int) -> None:
    runs: tuple[tuple[int, int], ...] = ()
    for number in numbers:
        runs = added(runs, number)
    held = {number for first, end in runs for number in range(first, end + 1)}
    assert held == set(numbers)
    assert list(runs) == sorted(runs)
    assert holes(runs, last) == [number for number in range(1, last + 1) if number not in held]


def test_holes_are_bounded() -> None:
    assert holes((), 10**8) == list(range(1, HOLES_MAX + 1))


def test_a_day_waits_for_a_signature() -> None:
    day = Day(day=DAY, phase="closing").closed(("1 here, 2 there",))
    assert day.phase == "closed"
    assert [unsigned.day for unsigned in day.unsigned] == [DAY]
    assert day.sign("20200101", "nobody") is None
    signed = day.sign(DAY, "Sato")
    assert signed is not None
    assert (signed.unsigned, signed.signed) == ((), (f"{DAY} Sato",))
    assert Day(day=DAY).closed(()).unsigned == ()


def test_unsigned_days_are_bounded() -> None:
    day = Day()
    for number in range(UNSIGNED_MAX + 2):
        day = msgspec.structs.replace(day, day=str(number)).closed(("differs",))
    assert len(day.unsigned) == UNSIGNED_MAX
    assert day.unsigned[-1].day == str(UNSIGNED_MAX + 1)


def test_what_is_stored_comes_back() -> None:
    outward = Outward(day=DAY).begun(intent(1))
    inward = Inward(day=DAY).taken(0, 1, b"12345678").counting("1000", 5, 1)
    day = Day(day=DAY, phase="open").closed(("x",))
    assert unpack(Outward, pack(outward)) == outward
    assert unpack(Inward, pack(inward)) == inward
    assert unpack(Day, pack(day)) == day
    assert unpack(Day, None) == Day()
    with pytest.raises(msgspec.MsgspecError):
        unpack(Day, b"\xc1")
