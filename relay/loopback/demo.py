"""The demonstration as data: how many ATMs, how fast, and what goes wrong every half minute.

Owns the demo's settings and its endless plan of troubles. It must never print or run anything. The trap: a newcomer watches for
twenty seconds, so the first trouble comes early, and every kind of it within the first half minute.
"""

from __future__ import annotations

from relay.loopback.deeds import AtmPolicy
from relay.loopback.load import LoadSettings
from relay.loopback.scenario import Step, Trouble
from relay.loopback.stage import StageSettings

CYCLE_S = 30.0
CYCLE = (
    (5.0, Trouble.STORM_ON),
    (8.0, Trouble.STORM_OFF),
    (12.0, Trouble.ZONE_DOWN),
    (17.0, Trouble.ZONE_UP),
    (21.0, Trouble.DAEMON_KILL),
)
LONGEST_S = 86_400.0
CALM_END_S = 3.0  # the last seconds of a limited demo stay calm

STAGE = StageSettings(
    reply_deadline_ms=4_000, call_timeout_ms=1_000, latency_ms=3.0, late_commit_ms_max=2_000, log_level="info"
)


# Shares of the terminals; a line and a file station are one each.
SHARES = {"iso8583": 60.0, "ndc": 20.0, "branch-p1": 20.0, "zrc": 0.1, "zengin-file": 0.1}


def settings(
    terminals: int, seconds: float | None, seed: int = 1, dialects: dict[str, float] | None = None, moment_s: float = 1.0
) -> LoadSettings:
    """Closed loop: each terminal has a customer every third of a second or so."""
    return LoadSettings(
        terminals=terminals,
        rate_per_s=None,
        duration_s=seconds,
        think_ms=300.0,
        dialects=SHARES if dialects is None else dialects,
        moment_s=moment_s,
        policy=AtmPolicy(reply_timeout_ms=6_000, repeat_after_ms=2_000, not_taken_share=0.01),
        seed=seed,
    )


def troubles(seconds: float | None) -> list[Step]:
    """The plan for a demo of `seconds`, or for a day."""
    end_s = LONGEST_S if seconds is None else seconds
    last_s = end_s - CALM_END_S
    cycles = int(end_s // CYCLE_S) + 1
    steps = [Step(cycle * CYCLE_S + at_s, what) for cycle in range(cycles) for at_s, what in CYCLE]
    return [step for step in steps if step.at_s < last_s]
