"""Stated totals are durable once each, a contradiction changes nothing, and nobody fills the journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from protocols.totals import LINES_MAX, TEXT_MAX, OwnSum, Total, TotalsKept, TotalsStated
from relay.journal.port import JournalFailed
from relay.reconcile.dates import DAY_MS, Cutover
from relay.reconcile.statements import DATE_DAYS_MAX, KEPT_DAYS, LINK_NAME, Statements
from tests.relay.reconcile.test_runs import KeptVariables
from tests.support.virtualtime import VirtualTime

DATE = "2026-11-24"


class SlowVariables(KeptVariables):
    """What is stored waits until `land`."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[str, bytes | None, Callable[[Any], None]]] = []

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Callable[[Any], None]) -> None:
        assert link_name == LINK_NAME
        self.waiting.append((name, value, done))

    def land(self, failed: bool = False) -> None:
        waiting, self.waiting = self.waiting, []
        for name, value, done in waiting:
            if failed:
                done(JournalFailed("full"))
            else:
                super().store_variable(LINK_NAME, name, value, done)


class Desk:
    def __init__(self, variables: KeptVariables | None = None, **limits: Any) -> None:
        self.time = VirtualTime()
        self.variables = variables or KeptVariables()
        self.limits = limits
        self.said: list[TotalsKept] = []
        self.counted: list[str] = []
        self.statements = self.again()

    def again(self) -> Statements:
        self.statements = Statements(self.variables, self.time, Cutover(0, 0), counted=self.counted.append, **self.limits)
        return self.statements

    def keep(self, stated: TotalsStated, listener: str = "atm") -> str:
        before = len(self.said)
        self.statements.keep(stated, listener, self.said.append)
        return self.said[-1].result if len(self.said) > before else ""


def stated(id_: str = "0500/1", party: str = "ATM1", date: str = DATE, count: int = 1, **changes: Any) -> TotalsStated:
    lines = (Total(name="debits", count=count, minor=5, kinds=("withdrawal",)),)
    return TotalsStated(**{"id": id_, "party": party, "business_date": date, "source": "0500", "lines": lines} | changes)


def test_once_each_also_in_the_next_life() -> None:
    desk = Desk()
    assert desk.keep(stated()) == "kept"
    assert desk.keep(stated()) == "known"
    assert desk.keep(stated(count=2)) == "conflict"
    assert desk.keep(stated("0500/2")) == "kept"
    desk.again()
    assert desk.keep(stated()) == "known"
    assert [kept.stated.id for kept in desk.statements.of_date(DATE)] == ["0500/1", "0500/2"]
    assert [kept.stated.lines[0].count for kept in desk.statements.of_date(DATE)] == [1, 1]


def test_nothing_is_said_before_it_is_durable_and_a_failure_can_be_said_again() -> None:
    variables = SlowVariables()
    desk = Desk(variables)
    assert desk.keep(stated()) == ""
    assert desk.keep(stated(count=2)) == "conflict", "it contradicts one that is on its way"
    assert desk.keep(stated()) == "", "the same again waits too"
    assert len(variables.waiting) == 2
    variables.land(failed=True)
    assert [kept.result for kept in desk.said[1:]] == ["failed", "failed"]
    desk.keep(stated())
    variables.land()
    assert desk.said[-1].result == "kept"
    assert len(desk.statements.of_date(DATE)) == 1


def test_a_running_figure_takes_the_place_of_the_older_one() -> None:
    desk = Desk()
    for count in (1, 2, 3):
        assert desk.keep(stated("counters", count=count, date="", mode="running")) == "kept"
    (kept,) = desk.statements.of_date(DATE)
    assert kept.stated.lines[0].count == 3


def test_names_cannot_pretend_to_be_anothers() -> None:
    desk = Desk()
    assert desk.keep(stated("1", party="A/2")) == "kept"
    assert desk.keep(stated("2/1", party="A")) == "kept"
    assert desk.keep(stated("1", party="../@reconcile")) == "kept"
    assert len(desk.variables.kept) == 3
    assert all(name.count("/") == 3 for name in desk.variables.kept)


def test_limits_at_the_limit_and_what_is_over_is_counted_durably() -> None:
    desk = Desk(per_date_max=5, per_party_max=2)
    assert [desk.keep(stated(str(n))) for n in range(3)] == ["kept", "kept", "full"]
    assert [desk.keep(stated("1", party=f"P{n}")) for n in range(4)] == ["kept", "kept", "kept", "full"]
    assert desk.keep(stated("0")) == "known", "what is kept stays kept"
    desk.again()
    assert desk.statements.left_out(DATE) == 2
    assert desk.keep(stated("9", date="2026-11-25")) == "kept"
    assert len(desk.statements.of_date(DATE)) == 5


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"id_": "x" * TEXT_MAX}, "kept"),
        ({"id_": "x" * (TEXT_MAX + 1)}, "full"),
        ({"party": "x" * (TEXT_MAX + 1)}, "full"),
        ({"lines": (Total(name="x"),) * LINES_MAX}, "kept"),
        ({"lines": (Total(name="x"),) * (LINES_MAX + 1)}, "full"),
        ({"date": "2026-12-02"}, "kept"),
        ({"date": "2026-12-03"}, "full"),
        ({"date": "9999-99-99"}, "full"),
    ],
)
def test_what_a_stranger_may_say(changes: dict[str, Any], result: str) -> None:
    assert DATE_DAYS_MAX == 8
    desk = Desk()
    assert desk.keep(stated(**changes)) == result
    assert desk.statements.left_out(DATE) == (result == "full")


def test_a_date_that_ends_without_a_name_is_the_nearest_and_the_first_word_counts() -> None:
    desk = Desk()  # it is midnight: the date before has just ended
    over = stated("c1", date="", lines=(), closes=True)
    assert desk.keep(over) == "kept"
    desk.time.jump_wall(5_000)
    assert desk.keep(stated("c2", date="2026-11-23", lines=(), closes=True)) == "kept"
    (closed,) = desk.statements.closed(DATE)
    assert (closed.listener, closed.party, closed.business_date) == ("atm", "ATM1", "2026-11-23")
    assert closed.at_ms == desk.time.wall_ms() - 5_000
    assert closed.covers("atm", "ATM1")
    assert not closed.covers("atm", "ATM2")


def test_ours_are_asked_for_only_when_they_are_wanted_and_after_it_is_durable() -> None:
    variables = SlowVariables()
    asked: list[str] = []

    def own(statement: TotalsStated, listener: str, done: Callable[[tuple[OwnSum, ...] | None], None]) -> None:
        asked.append(f"{statement.id} {statement.business_date} {listener}")
        done((OwnSum(1, 5),))

    desk = Desk(variables, own=own)
    desk.keep(stated(date="", wants_ours=True))
    desk.keep(stated("0500/2"))
    assert asked == []
    variables.land()
    assert asked == [f"0500/1 {DATE} atm"]
    assert [kept.ours for kept in desk.said] == [(OwnSum(1, 5),), None]


def test_what_is_old_goes_also_where_nobody_sweeps() -> None:
    desk = Desk()
    for n in range(3):
        desk.keep(stated(str(n)))
    desk.time.jump_wall((KEPT_DAYS + 1) * DAY_MS)
    desk.keep(stated("new", date=""))
    assert len(desk.variables.kept) == 2, "two went with the one that came"
    desk.keep(stated("newer", date=""))
    assert sorted(kept.stated.id for kept in desk.statements.of_date("2027-01-04")) == ["new", "newer"]
    assert len(desk.variables.kept) == 2


def test_a_date_does_not_end_before_it_began() -> None:
    desk = Desk()
    assert desk.keep(stated("c1", lines=(), closes=True)) == "kept"
    assert desk.keep(stated("c2", date="2026-11-25", lines=(), closes=True)) == "full"
    assert desk.statements.closed("2026-11-25")[0].business_date == DATE
    assert desk.keep(stated("s", date="2026-11-25")) == "kept", "totals may come early"


def test_what_is_old_is_forgotten_a_handful_at_a_time() -> None:
    desk = Desk(per_party_max=4)
    for n in range(6):
        desk.keep(stated(str(n)))
    assert len(desk.variables.kept) == 5  # four, and how many were left out
    desk.time.jump_wall(KEPT_DAYS * DAY_MS)
    assert desk.statements.forget_old() == 0, "to the day"
    desk.time.jump_wall(DAY_MS)
    assert [desk.statements.forget_old(3) for _ in range(3)] == [3, 2, 0]
    assert desk.variables.kept == {}
    assert desk.statements.of_date(DATE) == []
