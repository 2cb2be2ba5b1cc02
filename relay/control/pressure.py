"""Where it builds up: the answer of `relay report pressure`, and what it means for an operator.

Owns the shape and the judgement. It must never gather. The trap: a terminal or branch is named, an account never is: its
name is a keyed hash, and the key of one of its exchanges leads to it for whoever may read the journal.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

HOT_LONG_MS = 1_800_000  # longer than this is no storm: perhaps it is the new usual


class HottestRow(msgspec.Struct, frozen=True, kw_only=True):
    """One of the busiest. `usual_per_s` is None while it is not known."""

    scope: str
    who: str
    per_s: float
    usual_per_s: float | None = None
    is_hot: bool = False


class HotLaneRow(msgspec.Struct, frozen=True, kw_only=True):
    scope: str
    who: str
    hot_ms: int
    per_s: float
    usual_per_s: float
    enters_per_s: float
    leaves_per_s: float
    calm_ms: int = 0  # how long it has been below `leaves_per_s`
    waiting: int = 0
    inflight: int = 0
    example_key: str = ""  # of its last exchange: relay journal show KEY


class WaitRow(msgspec.Struct, frozen=True, kw_only=True):
    """Durable to asked, of the last one to two minutes; None where nobody waited."""

    lane: str  # other, or hot
    count: int
    p50_ms: int | None
    p99_ms: int | None
    waiting: int
    inflight: int
    inflight_max: int


class RefusedRow(msgspec.Struct, frozen=True, kw_only=True):
    """Of the last one to two minutes."""

    lane: str
    why: str
    count: int


class TargetRow(msgspec.Struct, frozen=True, kw_only=True):
    ago_ms: int
    before: int
    after: int
    why: str  # used, slow or refused


class PressureReport(msgspec.Struct, frozen=True, kw_only=True):
    at_ms: int = 0
    is_enabled: bool = True
    hottest: tuple[HottestRow, ...] = ()
    lanes: tuple[HotLaneRow, ...] = ()
    lanes_max: int = 0
    waits: tuple[WaitRow, ...] = ()
    queue: int = 0
    queue_max: int = 0
    refused: tuple[RefusedRow, ...] = ()
    target: int = 0
    target_moves: tuple[TargetRow, ...] = ()  # latest first
    core_mean_ms: float = 0.0
    core_best_ms: int = 0
    journal_waiting: int = 0
    journal_waiting_max: int = 0
    owed: int = 0


def meaning(report: PressureReport) -> Iterator[str]:
    """Sentences, the most urgent first. None: nothing builds up."""
    refused = {lane: sum(row.count for row in report.refused if row.lane == lane) for lane in ("other", "hot")}
    if refused["other"]:
        cause = "the core is slow" if _is_core_slow(report) else "more comes in than the core takes"
        yield f"terminals that are not hot are refused ({refused['other']}): {cause}; runbook: RelayOverloaded"
    if report.journal_waiting_max and report.journal_waiting * 4 > report.journal_waiting_max:
        yield "records queue before the journal: the disk does not keep up; runbook: RelayJournalBacklog"
    if refused["hot"]:
        yield f"hot lanes are over their budget, {refused['hot']} refused: call whoever sends; everybody else is served"
    for lane in report.lanes:
        if lane.hot_ms > HOT_LONG_MS:
            yield f"{lane.scope} {lane.who} has been hot for {lane.hot_ms // 60_000} minutes; runbook: RelayHotLaneLong"
    if report.lanes and len(report.lanes) >= report.lanes_max:
        yield "every hot lane is taken: hot_lanes.lanes_count_max; runbook: RelayHotLanesFull"
    if not refused["other"] and _is_core_slow(report):
        yield "the core answers slower than at its best; runbook: RelayCoreSlow"
    if not report.is_enabled:
        yield "hot lanes are switched off (hot_lanes.enabled): one that storms is waited for by everybody"


def _is_core_slow(report: PressureReport) -> bool:
    latest = report.target_moves[0] if report.target_moves else None
    return latest is not None and latest.why in ("slow", "refused") and latest.ago_ms < 60_000
