"""The long run: histories until so many exchanges were simulated, each a line of a file, to be interrupted and gone on with.

Owns the file's lines and their sum. It must never change what a history is: a seed is the same here and alone. The traps: a
line that was cut off in the middle is no history, and its seed is run again; and what is summed is what the file says, so
lines of another version of the program do not belong into it.
"""

from __future__ import annotations

import gc
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import msgspec

from relay.exchange.exchange import TRANSITIONS
from tests.simulation.reconciling import world_of
from tests.simulation.rooms import Violation
from tests.simulation.shrink import shrink
from tests.simulation.world import ROOMS, Figures

FAULT_PER_EXCHANGES = 20  # at least one fault per so many exchanges, or the run proves little
RARELY = (100_000, 20, 50)  # thresholds of the collector
HISTORIES_PER_PROCESS = 40  # then a fresh one, so that nothing grows
OFTEN = 100  # a row of the exchange table that was taken so often is called covered


class History(msgspec.Struct, kw_only=True):
    """One line of the file. `figures` is None where the history broke a law: `violation` says which."""

    seed: int
    figures: Figures | None
    rows: dict[str, int]  # of the exchange table: "STATE EVENT" -> how often it was taken
    violation: str = ""
    cpu_ms: int = 0


def history(seed: int, rooms: tuple[str, ...] = tuple(ROOMS)) -> History:
    """Run one."""
    world = world_of(seed, rooms)
    figures, violation = None, ""
    began = time.process_time()
    try:
        figures = world.run()
    except Violation as problem:
        violation = str(problem)
    rows = {f"{state.name} {event.name}": count for (state, event), count in world.rows.items()}
    cpu_ms = round((time.process_time() - began) * 1_000)
    return History(seed=seed, figures=figures, rows=rows, violation=violation, cpu_ms=cpu_ms)


def summed(histories: Iterable[History]) -> dict[str, object]:
    """What they were, all together."""
    found = list(histories)
    figures = [each.figures for each in found if each.figures is not None]
    listeners: Counter[str] = Counter()
    outbound: Counter[str] = Counter()
    banks: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    for each in figures:
        listeners.update(each.by_listener)
        outbound.update(each.outbound)
        banks[each.bank] += each.exchanges
    for history_ in found:
        rows.update(history_.rows)
    taken = {name: rows[name] for name in (f"{state.name} {event.name}" for state, event in TRANSITIONS)}
    exchanges, faults = sum(f.exchanges for f in figures), sum(f.faults for f in figures)
    return {
        "seeds": len(found),
        "violations": sum(bool(each.violation) for each in found),
        "violations_by_seed": {each.seed: each.violation for each in found if each.violation},
        "simulated_hours": round(sum(f.simulated_ms for f in figures) / 3_600_000, 2),
        "exchanges": exchanges,
        "faults": faults,
        "faults_are_enough": faults * FAULT_PER_EXCHANGES >= exchanges,
        "crash_points": sum(f.crashes for f in figures),
        "listed": sum(f.listed for f in figures),
        "decided_by_the_person": sum(f.decided for f in figures),
        "tried_again_by_the_person": sum(f.tried_again for f in figures),
        "turned_down": sum(f.turned_down for f in figures),
        "by_listener": dict(sorted(listeners.items())),
        "by_bank": dict(sorted(banks.items())),
        "outbound": dict(sorted(outbound.items())),
        "cpu_hours": round(sum(each.cpu_ms for each in found) / 3_600_000, 2),
        "rows_of_the_exchange_table": len(taken),
        f"rows_taken_{OFTEN}_times": sum(count >= OFTEN for count in taken.values()),
        "rows_taken_less": {row: count for row, count in sorted(taken.items(), key=lambda each: each[1]) if count < OFTEN},
        "rows": dict(sorted(taken.items())),
    }


class Results:
    """The file: one history a line. Only ever added to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.histories: dict[int, History] = {}
        decode = msgspec.json.Decoder(History).decode
        if path.exists():
            for line in path.read_bytes().splitlines():
                try:
                    each = decode(line)
                except msgspec.MsgspecError:
                    continue  # cut off by whatever ended the last run
                self.histories[each.seed] = each

    def keep(self, each: History) -> None:
        """On the disk before it counts."""
        is_cut = self._path.exists() and self._path.stat().st_size and not self._path.read_bytes().endswith(b"\n")
        with self._path.open("ab") as file:
            file.write((b"\n" if is_cut else b"") + msgspec.json.encode(each) + b"\n")
        self.histories[each.seed] = each

    @property
    def exchanges(self) -> int:
        return sum(each.figures.exchanges for each in self.histories.values() if each.figures is not None)


def long_run(
    path: Path, first: int, exchanges: int, workers: int, say: Callable[[str], object], step: int = 1
) -> dict[str, object]:
    """Go on in `path` until it holds so many exchanges, from seed to seed by `step`. Returns the sum of all its lines."""
    results = Results(path)
    seeds = (seed for seed in count(first, step) if seed not in results.histories)
    say(f"{path}: {len(results.histories)} histories with {results.exchanges} exchanges so far")
    for each in _run(seeds, workers, lambda: results.exchanges < exchanges):
        results.keep(each)
        if each.violation:
            say(f"seed {each.seed}: {each.violation}")
        if len(results.histories) % 10 == 0:
            say(f"{len(results.histories)} histories, {results.exchanges} of {exchanges} exchanges")
    return summed(results.histories.values())


def shortest(seed: int) -> str:
    """A failing seed in the fewest words."""
    failure = shrink(seed)
    return f"seed {seed}: fails no more" if failure is None else f"seed {seed}: {failure.in_words()}"


def _run(seeds: Iterator[int], workers: int, is_wanted: Callable[[], bool]) -> Iterator[History]:
    if workers == 1:
        _prepare()
        while is_wanted():
            yield history(next(seeds))
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, _prepare, max_tasks_per_child=HISTORIES_PER_PROCESS) as pool:
        running: set[Future[History]] = set()
        while is_wanted() or running:
            while is_wanted() and len(running) < workers:
                running.add(pool.submit(history, next(seeds)))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (each.result() for each in done)


def _prepare() -> None:
    """Thousands of simulated failures log thousands of lines; and what a history leaves is better collected rarely."""
    logging.disable(logging.CRITICAL)
    gc.freeze()
    gc.set_threshold(*RARELY)
    sys.stdout.flush()
