"""The figures of the drills: as JSON with every one, and as a page.

Owns both forms. The trap: drills in which orchestrators were killed say nothing about time, and stand in a table of their own.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from relay.loopback.lab.crowd import Verdict
from relay.loopback.lab.drillplay import Outcome
from tests.live.lab.figures import Machine
from tests.live.lab.mortal import Note

AT_TERMINALS = ("iso8583", "branch-p1")  # an NDC machine is declined by the relay itself, which its books do not tell apart


class DrillLife(msgspec.Struct, frozen=True, kw_only=True):
    """One lab from up to down. `kills`: what was killed at; empty where nobody was. `loads`: the machine's load average at
    the end of each drill."""

    outcomes: tuple[Outcome, ...]
    verdict: Verdict
    unknown_ends: dict[str, int] = {}
    kills: tuple[Note, ...] = ()
    loads: tuple[float, ...] = ()

    @property
    def is_good(self) -> bool:
        return self.verdict.is_good and not any(outcome.wrong for outcome in self.outcomes)


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    lives: int
    drills: int
    called_off: int
    kills: int
    killed_at: dict[str, int]
    lost: int
    doubled: int
    listed: int
    unended: int
    wrong: tuple[str, ...]
    unknown_ends: dict[str, int]


class File(msgspec.Struct, frozen=True, kw_only=True):
    totals: Totals
    machine: Machine
    all_lives: tuple[DrillLife, ...]


def totals(lives: Sequence[DrillLife]) -> Totals:
    outcomes = [outcome for life in lives for outcome in life.outcomes]
    ends: Counter[str] = Counter()
    for life in lives:
        ends.update(life.unknown_ends)
    killed = Counter(note.what for life in lives for note in life.kills)
    return Totals(
        lives=len(lives),
        drills=sum(outcome.state == "DONE" for outcome in outcomes),
        called_off=sum(outcome.state == "ABORTED" for outcome in outcomes),
        kills=killed.total(),
        killed_at=dict(sorted(killed.items())),
        lost=sum(life.verdict.lost for life in lives),
        doubled=sum(life.verdict.doubled for life in lives),
        listed=sum(life.verdict.listed for life in lives),
        unended=sum(life.verdict.unended for life in lives),
        wrong=tuple(what for outcome in outcomes for what in outcome.wrong),
        unknown_ends=dict(ends),
    )


def to_json(lives: Sequence[DrillLife]) -> str:
    machine = Machine(os.cpu_count() or 0, platform.machine(), platform.release(), round(os.getloadavg()[0], 1))
    file = File(totals=totals(lives), machine=machine, all_lives=tuple(lives))
    return msgspec.json.format(msgspec.json.encode(file), indent=1).decode() + "\n"


def read_json(file: Path) -> tuple[DrillLife, ...]:
    return msgspec.json.decode(file.read_bytes(), type=File).all_lives


# ---- the page ----------------------------------------------------------------------------------------------------------------
def page(lives: Sequence[DrillLife]) -> str:
    """Tables for docs/performance/failover.md."""
    plain = [outcome for life in lives if not life.kills for outcome in life.outcomes]
    whole = totals(lives)
    lines = [
        f"Drills to the end: {whole.drills}, called off: {whole.called_off}, in {whole.lives} lives of the lab. "
        f"In all of them together: {whole.lost} lost, {whole.doubled} doubled, {whole.unended} without an end, "
        f"{whole.listed} for a person; done twice, or before its gate: {len(whole.wrong)}.",
        "",
    ]
    if plain:
        loads = [load for life in lives if not life.kills for load in life.loads]
        if loads:
            lines += [f"Load average of the machine meanwhile: {min(loads)} to {max(loads)}, on {os.cpu_count()} cores.", ""]
        lines += ["| of drills without kills, seconds | median | worst |", "|---|---|---|"]
        lines += [f"| {name} | {_s(statistics.median(some))} | {_s(max(some))} |" for name, some in _rows(plain)]
        ends = "; ".join(f"{what}: {count}" for what, count in sorted(whole.unknown_ends.items()))
        lines += ["", f"Unknown for a time, and in the end: {ends or 'none'}."]
        lost, mended = (
            sum(each.commits_lost for each in plain),
            sum(tail.mended for each in plain for tail in each.tails.values()),
        )
        lines += [f"Commits of any kind that the promotions lost: {lost}; messages said again in the new region: {mended}."]
    if whole.kills:
        at = ", ".join(f"{what} {count}" for what, count in whole.killed_at.items())
        lines += ["", f"Orchestrators killed: {whole.kills}, at: {at}."]
    return "\n".join(lines) + "\n"


def _rows(outcomes: Sequence[Outcome]) -> Iterable[tuple[str, list[int]]]:
    yield "from the blow until both relays find the region lost", [each.noticed_ms for each in outcomes]
    yield "from the declaration to service", [each.elapsed_ms for each in outcomes]
    yield "of that, people between a page that can be signed and their word", [each.people_ms for each in outcomes]
    yield "**of that, the machine: everything else (goal 60)**", [each.machine_ms for each in outcomes]
    yield "the machine by the orchestrator's own clock (gates are people's)", [each.clock_machine_ms for each in outcomes]
    yield "preparation", [each.prepare_ms for each in outcomes]
    yield "of that, not beside deliberation", [each.prepare_ms - each.overlap_ms for each in outcomes]
    for part in ("initiate", "promote", "dns", "verify", "release"):
        yield f"{part}", [each.parts.get(part, 0) for each in outcomes]
    for name in AT_TERMINALS:
        yield f"no answer of the core at {name}, people's time and all", [each.without_service_ms[name] for each in outcomes]


def _s(ms: float) -> str:
    return f"{ms / 1_000:.1f}"
