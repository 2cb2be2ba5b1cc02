"""`python -m tests.bench` (or `make bench`; BENCH=short for under five minutes): ratios in one sitting, table, plots, JSON.

Owns the order of the measurements and what is written to docs/performance/. Every figure is the median of interleaved rounds,
so that a slow minute of the machine hits all sides; a goal missed is printed as missed, never an error.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

from tests.bench import (
    branchcodec,
    codec,
    console,
    everydialect,
    failover,
    fairness,
    growth,
    journal,
    ndc,
    plots,
    storm,
    stormplot,
    zenginfiles,
)
from tests.bench.dialects import FAR_ENDS
from tests.bench.processes import LOAD_CORE, ROOT, Process, fsync_us, machine, start_bare_pipe, start_core, start_relay

OUT = ROOT / "docs" / "performance"
SHORT = os.environ.get("BENCH", "") == "short"
ROUNDS = 5
SIDE_ROUNDS = 3 if SHORT else ROUNDS  # of all but the bare pipe and the relay's ISO 8583
SECONDS = 2.0 if SHORT else 6.0
TERMINALS = 64
STEADY_PER_S = 2_000.0
SESSIONS = 10_000
GOALS = {
    "throughput_vs_bare_pipe": (">=", 0.30),
    "throughput_vs_httpx_pool": (">=", 10.0),
    "codec_parse_vs_pyiso8583": (">=", 5.0),
    "codec_build_vs_pyiso8583": (">=", 5.0),
    "bytes_per_idle_session": ("<=", 4096),
    "recovery_s_of_the_largest_journal": ("<=", growth.GOAL_S),
    "fairness_p99_lanes_off_vs_quiet": (">=", 3.0),  # the core is the bottleneck
    "fairness_p99_lanes_on_vs_quiet": ("<=", 1.2),
    "console_ten_pages_throughput_vs_nobody": (">=", 0.95),  # fifty thousand sessions
    "failover_lost_or_doubled": ("<=", 0.0),
    "storm_s_until_all_are_back": ("<=", storm.GOAL_S),
    "storm_missing_or_wrong": ("<=", 0.0),
    "storm_core_calls_over_limit": ("<=", 0.0),
}


def load(port: int, gateway: Process, seconds: float, rate: float = 0.0, terminals: int = TERMINALS) -> dict[str, float]:
    """One round of load. Adds `per_cpu_s`: answers per second of CPU that the gateway used, all its threads."""
    words = ["-m", "tests.bench.terminals", str(port), str(terminals), str(seconds), str(rate), "1.0"]
    room = Process(words, LOAD_CORE)
    before = gateway.cpu_s()
    if not rate:
        room.line()  # "counting"
        before = gateway.cpu_s()
        room.line()  # "counted"
    after = gateway.cpu_s()
    answer: dict[str, float] = json.loads(room.line())
    if rate:
        after = gateway.cpu_s()
    room.end()
    is_bare = "tests.bench.barepipe" in str(gateway.popen.args)
    if answer["refused"] and not is_bare:
        raise RuntimeError(f"{answer['refused']:.0f} messages were refused: this measures nothing")
    used_s = after - before
    return answer | {"per_cpu_s": answer["per_s"] * seconds / used_s if used_s else 0.0}


def throughput(directory: Path) -> dict[str, list[dict[str, float]]]:
    """Closed loop, gateway on one core: interleaved rounds of bare pipe, relay, relay on httpx, aiohttp pipe, and the relay's
    other dialects; 64 terminals each, but files, of which there is one at a time."""
    rounds: dict[str, list[dict[str, float]]] = {
        "bare": [],
        "relay": [],
        "httpx": [],
        "aiohttp": [],
        **{n: [] for n in FAR_ENDS},
    }
    for number in range(ROUNDS):
        for name in rounds:
            if name not in ("bare", "relay") and number >= SIDE_ROUNDS:
                continue
            if name in FAR_ENDS:
                rounds[name].append(everydialect.round_of(name, directory, SECONDS))
                say(number, name, rounds[name][-1])
                continue
            core, core_port = start_core()
            if name in ("bare", "aiohttp"):
                gateway, port = start_bare_pipe(core_port, name)
            else:
                gateway, port = start_relay(core_port, directory, "own" if name == "relay" else "httpx")
            rounds[name].append(load(port, gateway, SECONDS))
            gateway.end()
            core.end()
            say(number, name, rounds[name][-1])
    return rounds


def say(number: int, name: str, last: dict[str, float]) -> None:
    print(f"  round {number + 1} {name:11} {last['per_s']:9.0f}/s  {last['per_cpu_s']:9.0f} per CPU second", flush=True)


def latency(directory: Path, rate: float) -> dict[str, list[dict[str, float]]]:
    """Open loop at a steady rate: bare pipe and relay by turns; the difference is what the relay adds."""
    rounds: dict[str, list[dict[str, float]]] = {"bare": [], "relay": []}
    for number in range(ROUNDS):
        for name in rounds:
            core, core_port = start_core()
            gateway, port = start_bare_pipe(core_port) if name == "bare" else start_relay(core_port, directory)
            rounds[name].append(load(port, gateway, SECONDS, rate, 256))
            gateway.end()
            core.end()
            last = rounds[name][-1]
            print(
                f"  round {number + 1} {name:8} p50 {last['p50_ms']:7.2f} ms  p99 {last['p99_ms']:7.2f} ms  "
                f"{last['per_s']:.0f}/s, {last['unserved']:.0f} unserved",
                flush=True,
            )
    return rounds


def idle_sessions(directory: Path, count: int) -> tuple[float, int]:
    """Process memory per signed-on session that does nothing, bytes; and how many there were."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(count, hard - 500)
    core, core_port = start_core()
    relay, port = start_relay(core_port, directory)
    warm = Process(["-m", "tests.bench.terminals", str(port), "200", "0", "0", "0"], LOAD_CORE)
    warm.line()
    before = relay.rss_bytes()
    rooms = Process(["-m", "tests.bench.terminals", str(port), str(count), "0", "0", "0"], LOAD_CORE)
    signed_on = int(json.loads(rooms.line() or '{"signed_on": 0}')["signed_on"])
    after = relay.rss_bytes()
    for process in (rooms, warm, relay, core):
        process.end()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    # The second room's first 200 terminals replace those of the first.
    return (after - before) / max(1, signed_on - 200), signed_on


def middle(rounds: list[dict[str, float]], name: str) -> float:
    return median(one[name] for one in rounds)


def main() -> int:
    OUT.mkdir(parents=True, exist_ok=True)
    where = machine()  # first: the load of others, not the bench's own
    with tempfile.TemporaryDirectory(prefix="relay-bench-") as name:
        directory = Path(name)
        print("codec", flush=True)
        codecs = codec.measure(ROUNDS, 1_000 if SHORT else 5_000)
        print("the other dialects", flush=True)
        others = {
            name: bench.measure(ROUNDS, 300 if SHORT else 2_000)
            for name, bench in (("ndc", ndc), ("branch-p1", branchcodec), ("zengin-file", zenginfiles))
        }
        print("throughput", flush=True)
        through = throughput(directory)
        print(f"latency at {STEADY_PER_S:.0f}/s", flush=True)
        late = latency(directory, STEADY_PER_S)
        relay_per_s = middle(through["relay"], "per_s")
        calm_rate = float(max(100, round(relay_per_s * 0.3, -2)))
        print(f"latency at {calm_rate:.0f}/s, three tenths of this machine's own capacity", flush=True)
        calm = latency(directory, calm_rate)
        print("fairness: one branch at fifty times its usual rate", flush=True)
        fair = fairness.measure(directory, 3 if SHORT else ROUNDS, SECONDS)
        print("idle sessions", flush=True)
        session_bytes, sessions = idle_sessions(directory, 2_000 if SHORT else SESSIONS)
        print(f"the console with {console.SESSIONS} sessions: what it costs the messages when people look", flush=True)
        looked, looked_calm = console.measure(1 if SHORT else 3, SECONDS)
        watched = console.ratios(looked, looked_calm)
        print("storm: the whole fleet comes back at once after kill -9", flush=True)
        stormed = storm.measure(2_000 if SHORT else storm.TERMINALS)
        print("journal", flush=True)
        journals = journal.measure(1 if SHORT else 3, SECONDS / 2)
        print("fail-over: the primary dies under load, its synchronous standby is promoted", flush=True)
        fails = failover.measure(3 if SHORT else ROUNDS)
        print("a journal that grows", flush=True)
        grown = growth.measure(growth.SHORT if SHORT else growth.FULL, 3, ("sqlite", "postgresql"))
        fsync = fsync_us(directory)
    figures = {
        "throughput_vs_bare_pipe": middle(through["relay"], "per_cpu_s") / middle(through["bare"], "per_cpu_s"),
        "throughput_vs_httpx_pool": middle(through["relay"], "per_cpu_s") / middle(through["httpx"], "per_cpu_s"),
        "codec_parse_vs_pyiso8583": middle(codecs, "parse_pyiso8583_us") / middle(codecs, "parse_us"),
        "codec_build_vs_pyiso8583": middle(codecs, "build_pyiso8583_us") / middle(codecs, "build_us"),
        "added_latency_ms": {
            "p50": middle(late["relay"], "p50_ms") - middle(late["bare"], "p50_ms"),
            "p99": middle(late["relay"], "p99_ms") - middle(late["bare"], "p99_ms"),
        },
        "bytes_per_idle_session": session_bytes,
        "recovery_s_of_the_largest_journal": growth.worst_s(grown),
        "fairness_p99_lanes_off_vs_quiet": middle(fair["lanes off"], "p99_ms") / middle(fair["quiet"], "p99_ms"),
        "fairness_p99_lanes_on_vs_quiet": middle(fair["lanes on"], "p99_ms") / middle(fair["quiet"], "p99_ms"),
        "console_ten_pages_throughput_vs_nobody": watched["ten_pages_throughput"],
        "storm_s_until_all_are_back": stormed["all_s"],
        "storm_missing_or_wrong": storm.missing_or_wrong(stormed),
        "storm_core_calls_over_limit": storm.over_limit(stormed),
        **({"failover_lost_or_doubled": sum(each["lost"] + each["doubled"] + each["bad"] for each in fails)} if fails else {}),
    }
    details = {
        "bare_pipe_vs_aiohttp": middle(through["bare"], "per_cpu_s") / middle(through["aiohttp"], "per_cpu_s"),
        "wall_throughput_vs_bare_pipe": relay_per_s / middle(through["bare"], "per_s"),
        "wall_throughput_vs_httpx_pool": relay_per_s / middle(through["httpx"], "per_s"),
        "relay_per_s": relay_per_s,
        "relay_cpu_us_per_message": 1e6 / middle(through["relay"], "per_cpu_s"),
        "bare_cpu_us_per_message": 1e6 / middle(through["bare"], "per_cpu_s"),
        "steady_rate_per_s": STEADY_PER_S,
        "steady_rate_reached_per_s": middle(late["relay"], "per_s"),
        "calm_rate_per_s": calm_rate,
        "calm_added_latency_ms": {
            "p50": middle(calm["relay"], "p50_ms") - middle(calm["bare"], "p50_ms"),
            "p99": middle(calm["relay"], "p99_ms") - middle(calm["bare"], "p99_ms"),
        },
        "codec_us": {key: middle(codecs, key) for key in codecs[0]},
        **{f"{name}_us": {key: middle(rounds, key) for key in rounds[0]} for name, rounds in others.items()},
        "journal_records_per_s": {
            f"{name} at {in_flight}": one["per_s"] for name, flights in journals.items() for in_flight, one in flights.items()
        },
        "journal_p99_ms": {
            f"{name} at {in_flight}": one["p99_ms"] for name, flights in journals.items() for in_flight, one in flights.items()
        },
        **({"failover": failover.figures(fails)} if fails else {}),
        "growth": growth.figures(grown),
        "storm": storm.figures(stormed),
        "console": watched,
        "idle_sessions": sessions,
        "fairness": fairness.figures(fair),
        "fsync_us": fsync,
        "rounds": ROUNDS,
        "rounds_of_the_other_sides": SIDE_ROUNDS,
        "seconds_per_round": SECONDS,
        "form": "short" if SHORT else "full",
    }
    ends = everydialect.figures({name: through[name] for name in FAR_ENDS}, through["bare"], through["relay"])
    dialects = everydialect.with_codec(ends, codecs, others)
    written = figures | {"dialects": dialects, "details": details, "machine": where}
    (OUT / "latest.json").write_text(json.dumps(written, indent=2) + "\n")
    (OUT / "latest.md").write_text(table(figures, dialects, details, where))
    plots.draw(OUT / "latest.svg", through, late, calm)
    plots.draw_journal(OUT / "journal.svg", journals)
    plots.draw_growth(OUT / "growth.svg", grown)
    fairness.draw(OUT / "fairness.svg", fair)
    stormplot.draw(OUT / "storm.svg", stormed, storm.GOAL_S)
    if fails:
        failover.draw(OUT / "failover.svg", fails)
    print((OUT / "latest.md").read_text())
    return 0


def table(
    figures: dict[str, object], dialects: dict[str, dict[str, float]], details: dict[str, object], where: dict[str, str]
) -> str:
    lines = ["# Measured", "", "Written by `make bench`; medians of interleaved rounds in one sitting.", ""]
    lines += [f"* {name}: {value}" for name, value in where.items()]
    lines += ["", "| figure | measured | goal |", "|---|---|---|"]
    for name, value in figures.items():
        goal = GOALS.get(name)
        if isinstance(value, dict):
            said, wanted = ", ".join(f"{k} {v:.2f}" for k, v in value.items()), "p99 <= 5 at 2,000/s"
            met = value["p99"] <= 5
        else:
            number = float(str(value))
            said = f"{number:.2f}"
            sign, limit = goal if goal is not None else (">=", 0.0)
            wanted = f"{sign} {limit:g}"
            met = number >= limit if sign == ">=" else number <= limit
        lines.append(f"| {name} | {said} | {wanted}: {'met' if met else '**missed**'} |")
    lines += ["", *everydialect.table(dialects), "", "| detail | measured |", "|---|---|"]
    for name, value in details.items():
        if isinstance(value, dict):
            said = ", ".join(f"{k} {v:.2f}" for k, v in value.items())
        else:
            said = f"{value:.2f}" if isinstance(value, float) else str(value)
        lines.append(f"| {name} | {said} |")
    return "\n".join([*lines, "", "![rounds](latest.svg)", ""])


if __name__ == "__main__":
    sys.exit(main())
