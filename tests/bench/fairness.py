"""One branch at fifty times its usual rate, before a core that is the bottleneck: what everybody else's p99 is.

Owns the demonstration of the hot lanes: interleaved rounds of a quiet street, the storm with lanes off, the storm with
lanes on; each with relay, fake core and terminals as processes of their own. Everybody else's latencies are counted after
the storm has lasted `SETTLE_S`, and the seconds before are reported beside them. It must never judge. The traps: at more
than two fifths of the machine the CPU would be the bottleneck and not the core, so that share is a figure too; and a busy
neighbour makes every p99 worse, so only the ratios within one sitting mean something. Roles: `core PORT`, `room PORT
HOT_TIMES SECONDS QUIET_S SETTLE_S`; without one: measure by itself.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from relay.loopback.stage import free_port
from tests.bench.processes import CORES, LOAD_CORE, Process, start_relay
from tests.bench.terminals import Room, Terminal

CORE_CONCURRENCY, CORE_MS = 16, 50.0  # 320 calls per second
BRANCHES, TERMINALS, USUAL_PER_S, HOT_TIMES = 8, 60, 8.0, 50  # 448 per second in the storm
QUIET_S, SETTLE_S = 3.0, 3.0
LINKS = """
[[listener]]
name = "atm"
endpoint = "tcp:{port}:interface=127.0.0.1"
branch_name_chars = 4
"""
SIDES = {"quiet": (True, 1), "lanes off": (False, HOT_TIMES), "lanes on": (True, HOT_TIMES)}
Rounds = dict[str, list[dict[str, float]]]


# ---- the core -----------------------------------------------------------------------------------------------------------
async def core(port: int) -> None:
    from relay.loopback.core import FakeCore
    from relay.loopback.coreserver import CoreServer

    zones = ("127.0.0.1",)
    server = CoreServer(FakeCore(), zones=zones, port=port, latency_ms=CORE_MS, concurrency_count_max=CORE_CONCURRENCY)
    await server.start()
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop()


# ---- the terminals ------------------------------------------------------------------------------------------------------
class Street(Room):
    """Terminals of branches; one that is free is asked at its branch's rate, and one that waits for its answer asks nothing."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.free_of: dict[str, list[Terminal]] = {f"B{n:03}": [] for n in range(BRANCHES)}
        self.hot: list[float] = []
        self.others: list[float] = []
        self.onset: list[float] = []
        self.phase = ""
        self.phase_of: dict[Terminal, str] = {}  # in which phase a terminal asked that waits for its answer

    def answered(self, terminal: Terminal, body: bytes) -> None:
        branch = terminal.name[:4].decode()
        self.free_of[branch].append(terminal)
        if not self.is_running:
            self.waiting_for -= 1
            if not self.waiting_for:
                self.signed_on.set()
            return
        phase = self.phase_of.pop(terminal)
        taken_s = time.perf_counter() - terminal.asked
        if branch == "B000":
            self.hot.append(taken_s)
        elif phase == "count":
            self.others.append(taken_s)
        elif phase == "onset":
            self.onset.append(taken_s)


async def room(port: int, times: int, seconds: float, quiet_s: float, settle_s: float) -> None:
    loop = asyncio.get_running_loop()
    street, chance = Street(), random.Random(7)
    names = [f"B{n:03}{t:04}".encode() for n in range(BRANCHES) for t in range(TERMINALS)]
    street.waiting_for = len(names)
    for name in names:

        def make(name: bytes = name) -> Terminal:
            terminal = Terminal(street, 0)
            terminal.name = name
            return terminal

        await loop.create_connection(make, "127.0.0.1", port)
    await asyncio.wait_for(street.signed_on.wait(), 60)
    street.is_running = True
    print("running", flush=True)
    start = time.perf_counter()
    due = dict.fromkeys(street.free_of, 0.0)
    before = 0.0
    while (passed := time.perf_counter() - start) < quiet_s + settle_s + seconds:
        street.phase = "warm" if passed < quiet_s else "onset" if passed < quiet_s + settle_s else "count"
        for branch in due:
            rate = USUAL_PER_S * (times if branch == "B000" and street.phase != "warm" else 1)
            due[branch] += (passed - before) * rate
            while due[branch] >= 0:
                due[branch] -= chance.expovariate(1.0)
                free = street.free_of[branch]
                if free:
                    terminal = free.pop(chance.randrange(len(free)))
                    street.phase_of[terminal] = street.phase
                    terminal.ask()
        before = passed
        await asyncio.sleep(0.002)
    print("ran", flush=True)
    await asyncio.sleep(2.0)
    figures = {"hot_per_s": len(street.hot) / (quiet_s + settle_s + seconds)}
    for name, times_s in (("", street.others), ("onset_", street.onset)):
        ordered = sorted(times_s) or [0.0]
        figures |= {
            f"{name}p50_ms": ordered[len(ordered) // 2] * 1_000,
            f"{name}p99_ms": ordered[int(len(ordered) * 0.99)] * 1_000,
            f"{name}count": float(len(times_s)),
        }
    print(json.dumps(figures), flush=True)


# ---- the rounds ---------------------------------------------------------------------------------------------------------
def one(
    directory: Path, is_on: bool, times: int, seconds: float, quiet_s: float = QUIET_S, settle_s: float = SETTLE_S
) -> dict[str, float]:
    """A round with processes of its own. Adds the share of the whole machine that they used, percent."""
    core_port = free_port()
    far = Process(["-m", "tests.bench.fairness", "core", str(core_port)], LOAD_CORE)
    if far.line() != "ready":
        raise RuntimeError("the fake core did not start")
    try:
        lanes = "" if is_on else "[hot_lanes]\nenabled = false\n"
        relay, port = start_relay(core_port, directory, links=lanes + LINKS)
        try:
            words = [str(each) for each in (port, times, seconds, quiet_s, settle_s)]
            street = Process(["-m", "tests.bench.fairness", "room", *words], LOAD_CORE)
            street.line()  # "running"
            used_s, began_s = -(relay.cpu_s() + far.cpu_s() + street.cpu_s()), time.perf_counter()
            street.line()  # "ran"
            used_s += relay.cpu_s() + far.cpu_s() + street.cpu_s()
            passed_s = time.perf_counter() - began_s
            line = street.line()
            street.end()
            if not line:
                raise RuntimeError("the street gave up: this measures nothing")
            found: dict[str, float] = json.loads(line)
            return found | {"cpu_percent": 100 * used_s / passed_s / len(CORES)}
        finally:
            relay.end()
    finally:
        far.end()


def measure(directory: Path, rounds: int, seconds: float) -> Rounds:
    """Interleaved rounds of the three sides."""
    found: Rounds = {side: [] for side in SIDES}
    for number in range(rounds):
        for side, (is_on, times) in SIDES.items():
            found[side].append(one(directory, is_on, times, seconds))
            last = found[side][-1]
            print(
                f"  round {number + 1} {side:9} everybody else p50 {last['p50_ms']:7.1f} ms  p99 {last['p99_ms']:7.1f} ms  "
                f"({last['count']:.0f}), onset p99 {last['onset_p99_ms']:7.1f} ms, hot {last['hot_per_s']:.0f}/s, "
                f"cpu {last['cpu_percent']:.0f} %",
                flush=True,
            )
    return found


def figures(rounds: Rounds) -> dict[str, float]:
    """Medians, and the two ratios that the demonstration is about."""

    def middle(side: str, name: str) -> float:
        return median(one[name] for one in rounds[side])

    found = {
        f"{side.replace(' ', '_')}_{name}": middle(side, name)
        for side in rounds
        for name in ("p50_ms", "p99_ms", "onset_p99_ms", "hot_per_s", "cpu_percent")
    }
    quiet = middle("quiet", "p99_ms")
    return found | {
        "p99_off_vs_quiet": middle("lanes off", "p99_ms") / quiet,
        "p99_on_vs_quiet": middle("lanes on", "p99_ms") / quiet,
        "cpu_percent_max": max(one["cpu_percent"] for some in rounds.values() for one in some),
        "rounds": float(len(rounds["quiet"])),
    }


def draw(path: Path, rounds: Rounds) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "relay"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    names = [f"{side}\n{percentile}" for side in rounds for percentile in ("p50", "p99")]
    values = [[one[f"{percentile}_ms"] for one in rounds[side]] for side in rounds for percentile in ("p50", "p99")]
    axes.boxplot(values, tick_labels=names)
    axes.set_yscale("log")
    axes.set_ylabel("everybody else's latency, ms")
    axes.set_title(f"one branch at {HOT_TIMES} times its usual rate")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def main(words: list[str]) -> int:
    if words[:1] == ["core"]:
        asyncio.run(core(int(words[1])))
    elif words[:1] == ["room"]:
        asyncio.run(room(int(words[1]), int(words[2]), *(float(word) for word in words[3:])))
    else:
        rounds, seconds = (int(words[0]), float(words[1])) if words else (5, 8.0)
        with tempfile.TemporaryDirectory(prefix="relay-fairness-") as name:
            found = measure(Path(name), rounds, seconds)
        print(json.dumps(figures(found), indent=2))
        if len(words) == 3:
            draw(Path(words[2]), found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
