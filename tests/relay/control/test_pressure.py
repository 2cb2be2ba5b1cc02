"""What a report means, in sentences, each at its limit."""

from __future__ import annotations

import msgspec

from relay.control.pressure import HOT_LONG_MS, HotLaneRow, PressureReport, RefusedRow, TargetRow, meaning

QUIET = PressureReport(lanes_max=2, journal_waiting_max=100, target=64)


def lane(hot_ms: int = 1_000) -> HotLaneRow:
    return HotLaneRow(
        scope="branch", who="B7", hot_ms=hot_ms, per_s=400, usual_per_s=8, enters_per_s=80, leaves_per_s=40, waiting=12
    )


def said(**given: object) -> str:
    return "\n".join(meaning(msgspec.structs.replace(QUIET, **given)))


def test_where_nothing_builds_up_nothing_is_said() -> None:
    assert said() == ""
    assert said(lanes=(lane(),)) == "", "one hot lane within its budget is no trouble of anybody's"


def test_who_is_refused_and_why_it_may_be() -> None:
    refused = (RefusedRow(lane="other", why="queue-full", count=7),)
    assert "not hot are refused (7): more comes in" in said(refused=refused)
    slow = (TargetRow(ago_ms=59_999, before=64, after=40, why="slow"),)
    assert "not hot are refused (7): the core is slow" in said(refused=refused, target_moves=slow)
    assert "call whoever sends" in said(refused=(RefusedRow(lane="hot", why="queue-full", count=3),))


def test_a_slow_core_is_said_while_it_is_news() -> None:
    assert "RelayCoreSlow" in said(target_moves=(TargetRow(ago_ms=59_999, before=64, after=40, why="refused"),))
    assert said(target_moves=(TargetRow(ago_ms=60_000, before=64, after=40, why="slow"),)) == ""
    assert said(target_moves=(TargetRow(ago_ms=1, before=40, after=64, why="used"),)) == ""


def test_a_lane_that_is_hot_for_long_and_lanes_that_are_all_taken() -> None:
    assert said(lanes=(lane(HOT_LONG_MS),)) == ""
    assert "RelayHotLaneLong" in said(lanes=(lane(HOT_LONG_MS + 1),))
    assert "RelayHotLanesFull" in said(lanes=(lane(), lane()))


def test_the_journal_and_the_switch() -> None:
    assert said(journal_waiting=25) == ""
    assert "RelayJournalBacklog" in said(journal_waiting=26)
    assert "switched off" in said(is_enabled=False)
