"""A check of large tables lets the loop go: counted in rows looked up per step of the dialogue, not in time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from protocols.dialect import Action, Timer, TimerFired
from protocols.zengin.session.checking import TABLES
from protocols.zengin.session.gate import ReadBack
from protocols.zengin.session.session import State
from protocols.zengin.telegram.message import REQUEST, RESPONSE
from protocols.zengin.telegram.reference import Reference, compose
from protocols.zengin.telegram.shared import Shared
from protocols.zengin.telegram.slices import PIECE_ROWS, SLICE_ROWS
from tests.protocols.zengin.session.test_gate import FEES
from tests.support.zrcline import LineRig, notes

BANKS, BRANCHES = 100, 400  # of each bank
WITH_TABLES: dict[str, object] = {"tables": {"enrichment": "on", "current": "v2", "previous": "v1"}}
LARGEST_STEP = SLICE_ROWS + PIECE_ROWS


def large(version: str, break_branch: int = 0, banks: int = BANKS) -> dict[str, str]:
    """40,000 branches; `break_branch` counts rows from 1."""
    bank_rows = [(f"{n:04}", f"ｷﾞﾝｺｳ{n}", f"銀行{n}") for n in range(1, banks + 1)]
    branches = [(bank[0], f"{n:03}", "ｼﾃﾝ", f"第{n}支店") for bank in bank_rows for n in range(1, BRANCHES + 1)]
    if break_branch:
        branches[break_branch - 1] = (*branches[break_branch - 1][:3], "\0")
    tables = {"banks": bank_rows, "branches": branches, "fees": FEES}
    return {f"tables/{version}/{name}.tsv": compose(name, version, rows) for name, rows in tables.items()}


class Looked:
    """Rows that were looked up since `since` was set to 0."""

    def __init__(self) -> None:
        self.total = 0
        self.since = 0


@contextmanager
def counting() -> Iterator[Looked]:
    looked, code = Looked(), Reference.row.__code__

    def called(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code is code:
            looked.total += 1
            looked.since += 1

    sys.setprofile(called)
    try:
        yield looked
    finally:
        sys.setprofile(None)


def waits(actions: list[object]) -> bool:
    return any(isinstance(action, Timer) and action.name == TABLES and action.after_ms is not None for action in actions)


def test_forty_thousand_rows_are_read_back_a_few_at_a_time_and_others_are_served_between() -> None:
    rig = LineRig(tables=large("v1") | large("v2"), profile=WITH_TABLES)
    with counting() as looked:
        done = rig.connect()
        steps = 1
        while waits([*done]):
            assert looked.since <= LARGEST_STEP
            assert rig.sent(done) == [], "nothing is said before every row was read back"
            assert rig.dialogue.state is State.LINK_UP
            assert rig.info(1, b"no telegram"), "the line answers in between"
            looked.since = 0
            done = rig.step(TimerFired(TABLES))
            steps += 1
    assert looked.total == BANKS + BANKS * BRANCHES + len(FEES)
    assert steps > looked.total // LARGEST_STEP
    assert len(rig.telegrams(done)) == 1, "now 開局 is asked for"
    assert rig.dialogue.state is State.OPENING


def test_a_broken_row_far_behind_is_found_and_named_all_the_same() -> None:
    rig = LineRig(tables=large("v1") | large("v2", break_branch=39_999), profile=WITH_TABLES)
    done = rig.connect()
    while waits([*done]):
        done = rig.step(TimerFired(TABLES))
    assert notes(done) == ["opening-refused"]
    assert "branches: row 39999 is not well formed" in str(done)
    assert rig.dialect.rules.gate.reference is None


def test_the_version_changed_in_the_middle_of_a_check_is_the_one_that_counts() -> None:
    rig = LineRig(tables=large("v1") | large("v2", break_branch=39_999), profile=WITH_TABLES)
    assert waits([*rig.connect()])
    done = rig.command("tables-previous")
    said: list[str] = []
    while waits([*done]):
        done = rig.step(TimerFired(TABLES))
        said += notes(done)
    assert "tables-in-use" in said
    assert "opening-refused" not in said, "who waited for the broken version is told of the one in use"
    assert rig.dialect.rules.gate.reference is not None
    assert rig.dialect.rules.gate.reference.version == "v1"
    assert rig.dialogue.state is State.OPENING


def test_a_center_that_asks_again_and_again_during_the_check_is_answered_once_for_each_path() -> None:
    rig = LineRig(tables=large("v1") | large("v2"), profile={**WITH_TABLES, "session": {"opens": "peer"}})
    rig.connect()
    done = rig.info(0, rig.control("open", REQUEST))
    for _ in range(5):
        done = rig.info(0, rig.control("open", REQUEST))
        assert rig.telegrams(done) == []
    answers: list[object] = []
    done = rig.step(TimerFired(TABLES))
    while waits([*done]):
        answers += rig.telegrams(done)
        done = rig.step(TimerFired(TABLES))
    answers += rig.telegrams(done)
    assert len(answers) == 1
    assert rig.dialogue.state is State.OPEN


def test_the_hour_may_pass_while_tables_are_read() -> None:
    """Whatever allowed 開局 before the check is asked again behind it."""
    rig = LineRig(tables=large("v1") | large("v2"), profile=WITH_TABLES)
    done = rig.connect()
    assert waits([*done])
    rig.wall_ms += 12 * 3_600_000
    while waits([*done]):
        done = rig.step(TimerFired(TABLES))
        assert rig.sent(done) == []
    assert rig.dialogue.state is State.LINK_UP


def turns(rig: LineRig, done: list[Action]) -> list[Action]:
    """The check to its end: everything that the line did meanwhile."""
    every = [*done]
    while waits([*done]):
        done = rig.step(TimerFired(TABLES))
        every += done
    return every


def test_a_version_that_is_refused_in_the_middle_of_a_check_leaves_the_line_to_its_own() -> None:
    rig = LineRig(tables=large("v1", break_branch=39_999) | large("v2"), profile=WITH_TABLES)
    assert waits([*rig.connect()])
    said = turns(rig, rig.command("tables-previous"))
    assert [name for name in notes(said) if name.startswith("tables")] == ["tables-refused"]
    assert "opening-refused" not in notes(said), "who waited is told of the version that the line has"
    assert rig.dialogue.state is State.OPENING
    assert rig.dialect.rules.gate.reference is not None
    assert rig.dialect.rules.gate.reference.version == "v2"


def test_fees_go_on_while_another_version_is_read_back_and_after_it_was_refused() -> None:
    rig = LineRig(tables=large("v1", break_branch=39_999) | large("v2"), profile=WITH_TABLES)
    turns(rig, rig.connect())
    rig.acks(0)
    rig.info(0, rig.control("open", RESPONSE))
    assert rig.dialogue.state is State.OPEN
    done = rig.command("tables-previous")
    assert waits([*done])
    assert rig.dialect.rules.gate.reference is not None
    assert rig.dialect.rules.gate.reference.version == "v2"
    assert "tables-refused" in notes(turns(rig, done))
    assert rig.dialect.rules.gate.reference.version == "v2"


def test_a_new_version_is_said_to_be_in_use_when_that_is_durable() -> None:
    rig = LineRig("2026-11-26 08:00", tables=large("v1") | large("v2"), profile=WITH_TABLES)
    rig.connect()
    rig.holds_stores = True
    assert "tables-in-use" not in notes(turns(rig, rig.command("tables-previous")))
    assert "tables-in-use" in notes(rig.let_stores_go())


def test_lines_that_open_at_one_moment_read_back_once_one_slice_a_turn() -> None:
    """Three lines of one bank; the one that does the slices loses its connection in the middle, and the check goes on."""
    shared: Shared[ReadBack] = Shared()
    tables = large("v1") | large("v2")
    rigs = [LineRig(tables=dict(tables), profile=WITH_TABLES, shared=shared) for _ in range(3)]
    with counting() as looked:
        assert all(waits([*rig.connect()]) for rig in rigs)
        for turn in range(40):
            looked.since = 0
            if turn == 3:
                rigs.pop(0).disconnect()
            waiting = [waits([*rig.step(TimerFired(TABLES))]) for rig in rigs]
            if not any(waiting):
                break
            assert looked.since <= LARGEST_STEP
    assert looked.total == BANKS + BANKS * BRANCHES + len(FEES), "every row once, for all lines"
    assert [rig.dialogue.state for rig in rigs] == [State.OPENING] * 2
    late = LineRig(tables=dict(tables), profile=WITH_TABLES, shared=shared)
    assert len(late.telegrams(late.connect())) == 1, "a line that comes later finds it done"


def test_a_day_that_ends_unmatched_while_tables_are_read_keeps_the_next_one_shut() -> None:
    rig = LineRig(tables=large("v1") | large("v2"), profile={**WITH_TABLES, "session": {"unmatched_blocks_opening": True}})
    turns(rig, rig.connect())
    rig.info(0, rig.control("open", RESPONSE))
    assert rig.dialogue.state is State.OPEN
    rig.disconnect()
    rig.link()
    rig.tables = large("v1") | large("v2", banks=BANKS + 1)  # others than those that were read back this morning
    done = rig.connect()
    assert waits([*done])
    rig.wall_ms += 23 * 3_600_000
    said = turns(rig, done)
    assert "closed-unmatched" in notes(said)
    assert "opening-refused" in notes(said)
    assert rig.telegrams(said) == []
