"""The table of roles: whole, drawn as in the docs, and without a way to pre-empt."""

from __future__ import annotations

from pathlib import Path

from protocols.machine import check_table, to_mermaid
from relay.announce.port import Level
from relay.announce.role import LEVELS, STEPS_DOWN, TABLE, Event, Role

PAGE = Path(__file__).resolve().parents[3] / "docs" / "announce.md"


def test_the_table_has_no_hole() -> None:
    check_table(TABLE, Role.WITHDRAWN, {Role.GONE}, Event)
    assert set(LEVELS) == set(Role)


def test_the_page_shows_the_table_that_runs() -> None:
    assert to_mermaid(TABLE, Role.WITHDRAWN, {Role.GONE}) in PAGE.read_text(encoding="utf-8")


def test_the_role_is_held_only_by_who_was_standby_and_saw_terminals() -> None:
    ways = {(before, event) for (before, event), after in TABLE.items() if after is Role.HOLDING}
    assert ways == {(Role.STANDBY, Event.TRAFFIC)}


def test_what_people_withdrew_is_given_back_by_people_alone() -> None:
    ways = {event for (before, event), after in TABLE.items() if before is Role.PAUSED and after is not Role.GONE}
    assert ways == {Event.PEOPLE_RESUMED}


def test_no_role_can_fall_more_often_than_damping_keeps_room_for() -> None:
    def deepest(role: Role) -> int:
        falls = [0]
        for (before, _), after in TABLE.items():
            worse = STEPS_DOWN[LEVELS[after]] < STEPS_DOWN[LEVELS[before]]
            same = LEVELS[after] is LEVELS[before] and after is not before and LEVELS[after] is not Level.NONE
            if before is role and (worse or same):
                falls.append(int(worse) + deepest(after))
        return max(falls)

    for role in Role:
        assert deepest(role) <= STEPS_DOWN[LEVELS[role]], role
