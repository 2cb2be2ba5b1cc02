"""The figures of the scenarios: as JSON with every run, and as a page.

Owns both forms. The trap: a void run is kept and counted, and left out of the medians only where others are left.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from relay.loopback.lab.crowd import Verdict
from tests.live.lab.play import Result


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One lab from up to down. `verdict_after`: once more, when a center that was lost was there again."""

    results: tuple[Result, ...]
    verdict: Verdict
    unknown_ends: dict[str, int] = {}
    verdict_after: Verdict | None = None

    @property
    def last(self) -> Verdict:
        return self.verdict_after or self.verdict

    @property
    def is_good(self) -> bool:
        return self.verdict.is_good and self.last.is_good


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Of one scenario. `median` and `worst` are milliseconds of what is judged; `void` runs had a machine above 70 % CPU."""

    runs: int
    void: int
    judged: str
    goal: int
    median: int
    worst: int
    detected_median: dict[str, int]
    pause_median: dict[str, int]
    pause_worst: dict[str, int]
    sessions_lost_median: int
    sessions_back_median: int
    refused: int
    doubted: int
    timed_out: int
    cpu_forwarder_worst: float
    cpu_total_median: float
    figures_median: dict[str, int] = {}
    figures_worst: dict[str, int] = {}
    ends: dict[str, int] = {}


class Machine(msgspec.Struct, frozen=True):
    cores: int
    kind: str
    system: str
    load: float


class File(msgspec.Struct, frozen=True, kw_only=True):
    scenarios: dict[str, Summary]
    lives: int
    lost: int
    doubled: int
    listed: int
    unended: int
    unknown_ends: dict[str, int] = {}
    machine: Machine
    all_runs: tuple[Life, ...]


def summary(results: Sequence[Result]) -> Summary:
    """Of all runs; raises StatisticsError for none."""
    valid = [result for result in results if not result.is_void] or list(results)
    return Summary(
        runs=len(results),
        void=sum(result.is_void for result in results),
        judged=results[0].judged,
        goal=results[0].goal_ms,
        median=_median([result.judged_ms for result in valid]),
        worst=max(result.judged_ms for result in valid),
        detected_median={
            name: _median([result.detected[name] for result in valid if name in result.detected]) for name in valid[0].detected
        },
        pause_median={name: _median([result.pause_ms[name] for result in valid]) for name in valid[0].pause_ms},
        pause_worst={name: max(result.pause_ms[name] for result in valid) for name in valid[0].pause_ms},
        sessions_lost_median=_median([result.sessions_lost for result in valid]),
        sessions_back_median=_median([result.sessions_back_ms for result in valid]),
        refused=sum(result.refused for result in results),
        doubted=sum(result.doubted for result in results),
        timed_out=sum(result.timed_out for result in results),
        cpu_forwarder_worst=max(result.cpu_forwarder for result in results),
        cpu_total_median=statistics.median(result.cpu_total for result in results),
        figures_median={name: _median([result.figures[name] for result in valid]) for name in valid[0].figures},
        figures_worst={name: max(result.figures[name] for result in valid) for name in valid[0].figures},
        ends=_summed(result.ends for result in results),
    )


def _machine() -> Machine:
    version = ".".join(platform.release().split(".")[:2])
    return Machine(os.cpu_count() or 0, platform.machine(), version, round(os.getloadavg()[2], 1))


def _summed(some: Iterable[dict[str, int]]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for each in some:
        sums.update(each)
    return dict(sorted(sums.items()))


def _median(values: Sequence[int]) -> int:
    return round(statistics.median(values))


def to_json(lives: Sequence[Life]) -> str:
    by_name: dict[str, list[Result]] = {}
    for life in lives:
        for result in life.results:
            by_name.setdefault(result.scenario, []).append(result)
    file = File(
        scenarios={name: summary(results) for name, results in sorted(by_name.items())},
        lives=len(lives),
        lost=sum(max(life.verdict.lost, life.last.lost) for life in lives),
        doubled=sum(max(life.verdict.doubled, life.last.doubled) for life in lives),
        listed=sum(life.verdict.listed for life in lives),
        unended=sum(max(life.verdict.unended, life.last.unended) for life in lives),
        unknown_ends=_summed(life.unknown_ends for life in lives),
        machine=_machine(),
        all_runs=tuple(lives),
    )
    return msgspec.json.format(msgspec.json.encode(file), indent=1).decode() + "\n"


def read_json(path: Path) -> tuple[Life, ...]:
    return msgspec.json.decode(path.read_bytes(), type=File).all_runs


def table(lives: Sequence[Life]) -> Iterator[str]:
    """The rows of docs/performance/failover.md."""
    file = msgspec.json.decode(to_json(lives), type=File)
    yield "| scenario | judged | median, worst | goal | detected after | no answer to ISO ATMs; NDC; branches: median, worst |"
    yield "|---|---|---|---|---|---|"
    for name, one in file.scenarios.items():
        detected = "; ".join(f"{what} {ms} ms" for what, ms in one.detected_median.items())
        pauses = "; ".join(f"{one.pause_median[dialect]}, {one.pause_worst[dialect]}" for dialect in one.pause_median)
        yield f"| {name} | {one.judged} | {one.median}, {one.worst} ms | {one.goal} ms | {detected} | {pauses} ms |"
    yield ""
    yield "| scenario | runs (void) | sessions lost, all back after | refused, in doubt, no word | CPU in all, forwarder |"
    yield "|---|---|---|---|---|"
    for name, one in file.scenarios.items():
        ends = f"{one.refused}, {one.doubted}, {one.timed_out}"
        cpu = f"{one.cpu_total_median:.0%}, {one.cpu_forwarder_worst:.1%}"
        back = f"{one.sessions_lost_median}, {one.sessions_back_median} ms"
        yield f"| {name} | {one.runs} ({one.void}) | {back} | {ends} | {cpu} |"
    yield from _more(file)


def _more(file: File) -> Iterator[str]:
    """What only some scenarios measure, and how what a lost center had left open ended."""
    some = {name: one for name, one in file.scenarios.items() if one.figures_median}
    if some:
        yield from ("", "| scenario | what else | median, worst |", "|---|---|---|")
    for name, one in some.items():
        for figure, median in one.figures_median.items():
            yield f"| {name} | {figure} | {median}, {one.figures_worst[figure]} |"
    if any(one.ends for one in file.scenarios.values()):
        yield from ("", "| scenario | what was unknown or open for a time, in all its runs, ended so |", "|---|---|")
    for name, one in file.scenarios.items():
        if one.ends:
            yield f"| {name} | {', '.join(f'{count} {state}' for state, count in one.ends.items())} |"


def page(lives: Sequence[Life]) -> str:
    file = msgspec.json.decode(to_json(lives), type=File)
    judged = f"{file.lost} lost, {file.doubled} doubled, {file.unended} without an end, {file.listed} for a person"
    machine = f"{file.machine.cores} {file.machine.kind} cores, Linux {file.machine.system}, load {file.machine.load}"
    head = [f"Lives of the lab: {file.lives}. In all of them together: {judged}. {machine}.", ""]
    ends = ", ".join(f"{count} {state}" for state, count in file.unknown_ends.items())
    last = f"Exchanges whose outcome was unknown for a time, and where they stood in the end: {ends}."
    return "\n".join([*head, *table(lives), "", last, ""])
