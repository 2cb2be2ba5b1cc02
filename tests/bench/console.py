"""The console with fifty thousand sessions: `python -m tests.bench.console`, or, without a browser, a part of `make bench`.

Owns two questions: what an open console costs the message path (a ratio within one sitting: nobody looks, one page, ten), and
how soon somebody in a real browser sees the overview, the sessions, and what they searched for. It must never judge. The
traps: the sessions have no wire (crowdedrelay.py), the messages have; and a browser on the terminals' core makes those
slow and not the relay, so the ratio's viewers are plain clients (viewers.py) and the ratio is by the relay's own CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from protocols.vocabulary import Secret
from relay.console.accounts import account, write_accounts
from relay.console.identity import Role
from relay.loopback.stage import free_port
from tests.bench import processes
from tests.bench.processes import LOAD_CORE, ROOT, Process, machine, start_core
from tests.bench.viewers import PEOPLE
from tests.support.chromium import Chromium, Seat
from tests.support.consoleroom import CHEAP, PASSWORD

SESSIONS: Final = 50_000
SIDES: Final = {"nobody": 0, "one page": 1, "ten pages": 10}
STEADY_PER_S: Final = 300.0
OUT: Final = ROOT / "docs" / "performance" / "console.json"
LINKS: Final = """
[console]
endpoint = "tcp:{console}:interface=127.0.0.1"
accounts_path = "{directory}/accounts.json"
[[listener]]
name = "atm"
endpoint = "tcp:{port}:interface=127.0.0.1"
[[listener]]
name = "branches"
dialect = "branch-p1"
channel = "branch"
endpoint = "tcp:{other}:interface=127.0.0.1"
"""
PAGES: Final = {"overview": "/", "sessions": "/sessions", "search": "/sessions?q=0310-0123", "system": "/system"}
Rounds = dict[str, list[dict[str, float]]]


class Crowded:
    """A relay with `sessions` of them, a core, and its console."""

    def __init__(self, directory: Path, sessions: int) -> None:
        self.console = free_port()
        people = [account(f"viewer{n}", Role.VIEWER, Secret(PASSWORD), 0, CHEAP) for n in range(PEOPLE)]
        write_accounts(str(directory / "accounts.json"), people)
        self.core, core_port = start_core()
        links = LINKS.replace("{console}", str(self.console)).replace("{directory}", str(directory))
        links = links.replace("{other}", str(free_port()))
        module = ["-m", "tests.bench.crowdedrelay"]
        try:
            self.relay, self.port = processes.start_relay(core_port, directory, str(sessions), links, module)
        except RuntimeError:
            self.core.end()
            raise

    def end(self) -> None:
        self.relay.popen.kill()  # its sessions have nobody to sign them off
        self.relay.end()
        self.core.end()


@contextlib.contextmanager
def crowded(sessions: int) -> Iterator[Crowded]:
    with tempfile.TemporaryDirectory(prefix="relay-bench-console-") as name:
        world = Crowded(Path(name), sessions)
        try:
            yield world
        finally:
            world.end()


def one(viewers: int, seconds: float, sessions: int = SESSIONS, terminals: int = 64, rate: float = 0.0) -> dict[str, float]:
    """One round: messages in a closed loop (or at a rate) while so many look. A relay of its own."""
    from tests.bench.__main__ import load

    with crowded(sessions) as world:
        people = Process(["-m", "tests.bench.viewers", str(world.console), str(viewers)], LOAD_CORE) if viewers else None
        try:
            if people is not None and people.line() != "ready":
                raise RuntimeError("nobody could look")
            found = load(world.port, world.relay, seconds, rate, terminals)
            if people is not None and people.popen.stdin is not None:
                people.popen.stdin.close()
                looked = json.loads(people.line())
                found |= {"looks": looked["looks"], "look_p50_ms": looked["p50_ms"], "look_worst_ms": looked["worst_ms"]}
        finally:
            if people is not None:
                people.end()
    return found


def alone(viewers: int, seconds: float, sessions: int = SESSIONS) -> float:
    """The share of a core (percent) that the relay uses without any message while so many look. Of all figures here the one
    that a busy neighbour moves least."""
    with crowded(sessions) as world:
        people = Process(["-m", "tests.bench.viewers", str(world.console), str(viewers)], LOAD_CORE) if viewers else None
        try:
            if people is not None and people.line() != "ready":
                raise RuntimeError("nobody could look")
            before = world.relay.cpu_s()
            with contextlib.suppress(subprocess.TimeoutExpired):
                world.relay.popen.wait(seconds)
            return (world.relay.cpu_s() - before) / seconds * 100
        finally:
            if people is not None:
                people.end()


def measure(rounds: int, seconds: float, sessions: int = SESSIONS) -> tuple[Rounds, Rounds]:
    """Interleaved: as fast as it goes, and at a steady rate for the latencies."""
    fast: Rounds = {side: [] for side in SIDES}
    steady: Rounds = {side: [] for side in SIDES}
    for number in range(rounds):
        for side, viewers in SIDES.items():
            fast[side].append(one(viewers, seconds, sessions))
            steady[side].append(one(viewers, seconds, sessions, rate=STEADY_PER_S, terminals=256))
            quick, calm = fast[side][-1], steady[side][-1]
            print(
                f"  round {number + 1} {side:10} {quick['per_cpu_s']:7.0f} per CPU second, at {STEADY_PER_S:.0f}/s "
                f"p50 {calm['p50_ms']:.2f} ms, p99 {calm['p99_ms']:.2f} ms",
                flush=True,
            )
    return fast, steady


# ---- what somebody sees --------------------------------------------------------------------------------------------------
TIMES = """
() => {
  const page = performance.getEntriesByType("navigation")[0], paint = performance.getEntriesByName("first-contentful-paint")[0];
  return paint ? [page.responseStart - page.requestStart, page.responseEnd - page.requestStart, paint.startTime] : null;
}
"""


async def seen(seat: Seat) -> dict[str, float]:
    """Of the page that is open: first byte, last byte, first paint; milliseconds from the request, the paint from the click."""
    await seat.page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length > 0")
    first, last, paint = await seat.page.evaluate(TIMES)
    return {"first_byte_ms": first, "last_byte_ms": last, "first_paint_ms": paint}


async def paint(rounds: int, sessions: int = SESSIONS, rate: float = 0.0) -> Rounds:
    """In a real browser, each page `rounds` times; while messages come at `rate` per second, where one is given."""
    found: Rounds = {page: [] for page in (*PAGES, "typed search")}
    with crowded(sessions) as world:
        words = ["-m", "tests.bench.terminals", str(world.port), "64", "600", str(rate), "0"]
        room = Process(words, LOAD_CORE) if rate else None
        chromium = Chromium()
        try:
            await chromium.start()
            seat = await chromium.seat(f"http://127.0.0.1:{world.console}")
            await seat.sign_in("viewer0", PASSWORD)
            for _ in range(rounds):
                for page, path in PAGES.items():
                    await seat.go(path)
                    found[page].append(await seen(seat))
                await seat.go("/sessions")
                await seat.page.fill("[name=q]", "T004")
                await seat.page.press("[name=q]", "Enter")
                await seat.page.wait_for_url("**q=T004**")
                found["typed search"].append(await seen(seat))
            await seat.close()
        finally:
            await chromium.stop()
            if room is not None:
                room.popen.kill()
                room.end()
    return found


# ---- figures -------------------------------------------------------------------------------------------------------------
def middle(rounds: Sequence[Mapping[str, float]], name: str) -> float:
    return median(each[name] for each in rounds)


def ratios(fast: Rounds, steady: Rounds) -> dict[str, float]:
    """Against nobody who looks."""
    told = {}
    for side in list(SIDES)[1:]:
        name = side.replace(" ", "_")
        told[f"{name}_throughput"] = middle(fast[side], "per_cpu_s") / middle(fast["nobody"], "per_cpu_s")
        told[f"{name}_p50"] = middle(steady[side], "p50_ms") / middle(steady["nobody"], "p50_ms")
        told[f"{name}_p99"] = middle(steady[side], "p99_ms") / middle(steady["nobody"], "p99_ms")
    return told


def table(figures: Mapping[str, Any]) -> str:
    """As docs/performance/README.md shows it."""
    lines = [
        "| page | first byte ms | last byte ms | first paint ms | under load: first byte | first paint |",
        "|---|---|---|---|---|---|",
    ]
    for page, idle in figures["paint"].items():
        busy = figures["paint_under_load"][page]
        lines.append(
            f"| {page} | {idle['first_byte_ms']:.0f} | {idle['last_byte_ms']:.0f} | {idle['first_paint_ms']:.0f} "
            f"| {busy['first_byte_ms']:.0f} | {busy['first_paint_ms']:.0f} |"
        )
    lines += [
        "",
        "| who looks | of a core, without messages | messages per CPU second | against nobody | p50, p99 ms at a steady rate |",
        "|---|---|---|---|---|",
    ]
    for side, one_side in figures["sides"].items():
        ratio = one_side["per_cpu_s"] / figures["sides"]["nobody"]["per_cpu_s"]
        lines.append(
            f"| {side} | {one_side['core_percent']:.1f} % | {one_side['per_cpu_s']:.0f} | {ratio:.3f} "
            f"| {one_side['p50_ms']:.2f}, {one_side['p99_ms']:.2f} |"
        )
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.console", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each round")
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--json", type=Path, default=OUT, metavar="FILE")
    given = parser.parse_args(words)
    where = machine()
    idle = asyncio.run(paint(given.rounds * 2, given.sessions))
    busy = asyncio.run(paint(given.rounds * 2, given.sessions, STEADY_PER_S))
    fast, steady = measure(given.rounds, given.seconds, given.sessions)
    cpu = {side: median(alone(SIDES[side], 20.0, given.sessions) for _ in range(given.rounds)) for side in SIDES}
    names = ("first_byte_ms", "last_byte_ms", "first_paint_ms")
    figures = {
        "machine": where,
        "sessions": given.sessions,
        "rounds": given.rounds,
        "seconds_per_round": given.seconds,
        "steady_per_s": STEADY_PER_S,
        "ratios": ratios(fast, steady),
        "paint": {page: {name: middle(rounds, name) for name in names} for page, rounds in idle.items()},
        "paint_under_load": {page: {name: middle(rounds, name) for name in names} for page, rounds in busy.items()},
        "sides": {
            side: {
                "per_cpu_s": middle(fast[side], "per_cpu_s"),
                "per_s": middle(fast[side], "per_s"),
                "p50_ms": middle(steady[side], "p50_ms"),
                "p99_ms": middle(steady[side], "p99_ms"),
                "core_percent": cpu[side],
                **({"look_p50_ms": middle(fast[side], "look_p50_ms")} if SIDES[side] else {}),
            }
            for side in SIDES
        },
    }
    given.json.write_text(json.dumps(figures, indent=2) + "\n")
    print(table(figures))
    print(json.dumps(figures["ratios"], indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
