"""The pressure report's rows, gathered from the exchange floor.

Owns the gathering. It must never judge (control/pressure.py does). The trap: what is gathered is read once, on the loop, so
no row may cost more than a look into a table.
"""

from __future__ import annotations

from relay.control import pressure as p
from relay.exchange.desk import Desk
from relay.journal.port import Journal

HOTTEST_COUNT = 5  # per scope


def pressure_report(
    desk: Desk, journal: Journal, now_ms: int, wall_ms: int, queue_max: int, journal_waiting_max: int
) -> p.PressureReport:
    """`now_ms` is monotonic, `wall_ms` UTC; the two limits are those of the configuration."""
    traffic, lanes = desk.traffic, desk.lanes
    figures, spots = traffic.pressure, traffic.spots
    others, hot_calls = lanes.waiting_of(""), traffic.hot_calls
    rows = (
        ("other", False, others, desk.inflight - hot_calls, traffic.target.target),
        ("hot", True, lanes.waiting_count - others, hot_calls, traffic.budget.slots if spots.lanes else 0),
    )
    return p.PressureReport(
        at_ms=wall_ms,
        is_enabled=spots.limits.enabled,
        hottest=tuple(_hottest(desk, now_ms)),
        lanes=tuple(_lanes(desk, now_ms)),
        lanes_max=spots.limits.lanes_count_max,
        waits=tuple(
            p.WaitRow(
                lane=lane,
                count=figures.waits[is_hot].count(now_ms),
                p50_ms=figures.waits[is_hot].percentile(50, now_ms),
                p99_ms=figures.waits[is_hot].percentile(99, now_ms),
                waiting=waiting,
                inflight=inflight,
                inflight_max=most,
            )
            for lane, is_hot, waiting, inflight, most in rows
        ),
        queue=lanes.waiting_count,
        queue_max=queue_max,
        refused=tuple(
            p.RefusedRow(lane="hot" if is_hot else "other", why=why.value, count=count)
            for (is_hot, why), count in sorted(figures.refusals(now_ms).items())
        ),
        target=traffic.target.target,
        target_moves=tuple(
            p.TargetRow(ago_ms=now_ms - move.at_ms, before=move.before, after=move.after, why=move.why)
            for move in reversed(figures.moves)
        ),
        core_mean_ms=round(traffic.target.mean_ms, 1),
        core_best_ms=traffic.target.best_ms,
        journal_waiting=journal.waiting_count(),
        journal_waiting_max=journal_waiting_max,
        owed=desk.saf.owed_count,
    )


def _hottest(desk: Desk, now_ms: int) -> list[p.HottestRow]:
    spots = desk.traffic.spots
    return [
        p.HottestRow(
            scope=scope.value,
            who=key,
            per_s=round(per_s, 2),
            usual_per_s=None if (usual := _usual(desk, scope.value, key, now_ms)) is None else round(usual, 2),
            is_hot=f"{scope.value} {key}" in spots.lanes,
        )
        for scope, heat in spots.heat.items()
        for key, per_s in heat.hottest(HOTTEST_COUNT, now_ms)
    ]


def _usual(desk: Desk, scope: str, key: str, now_ms: int) -> float | None:
    spots = desk.traffic.spots
    lane = spots.lanes.get(f"{scope} {key}")
    if lane is not None:
        return lane.usual_per_s
    heat = next(heat for each, heat in spots.heat.items() if each.value == scope)
    return heat.usual_per_s(key, now_ms, spots.limits.learning_ms)


def _lanes(desk: Desk, now_ms: int) -> list[p.HotLaneRow]:
    traffic = desk.traffic
    return [
        p.HotLaneRow(
            scope=lane.scope.value,
            who=lane.key,
            hot_ms=now_ms - lane.entered_ms,
            per_s=round(traffic.spots.heat[lane.scope].rate_per_s(lane.key, now_ms), 2),
            usual_per_s=round(lane.usual_per_s, 2),
            enters_per_s=round(lane.enter_per_s, 2),
            leaves_per_s=round(lane.enter_per_s * traffic.spots.limits.leave_percent / 100, 2),
            calm_ms=now_ms - lane.busy_ms,
            waiting=desk.lanes.waiting_of(lane.name),
            inflight=traffic.calls_of(lane.name),
            example_key=traffic.examples.get(lane.name, ""),
        )
        for lane in traffic.spots.lanes.values()
    ]
