"""Everybody comes back at once: `python -m tests.bench.storm --help`, or as part of `make bench`.

Owns one storm: a fleet signed on in several processes and eighty networks, the relay killed with -9 and started anew, and
how long it takes until everybody is signed on again and has traded once, with default settings for the return. The relay has
one core, terminals and the fake core share the other. Counted: what went wrong in any answer (nothing may), how many calls
the fake core had on its hands at once (measured in the fake core), and what became of each attempt. Bounded in time: after
`PATIENCE_S` whoever is missing is missing. The trap: the first sign-on of the fleet is not what is measured, so the first
life of the relay has its door wide open.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop

from relay.loopback.core import FakeCore
from relay.loopback.coreserver import CoreServer
from relay.loopback.entries import EntryState
from relay.loopback.ledger import Ledger
from relay.loopback.meter import EVENTS, TRANSACTIONS
from tests.bench.processes import CORES, LOAD_CORE, Process, free_port
from tests.bench.stormplot import draw
from tests.bench.stormrelay import Alone, Several, StormRelay
from tests.support.certificates import Certificates

TERMINALS = 20_000
SPARE_DESCRIPTORS = 500
ROOMS = 4
GOAL_S = 60.0
PATIENCE_S = 150.0
CORE_LATENCY_MS = 5.0
SIGN_ON_INFLIGHT_MAX = 16  # the default, which the fake core holds us to
INFLIGHT_MAX = 512
CONFIG = """
[relay]
workers = {workers}
credentials_directory = "{directory}"
[journal]
{journal}
[core]
name = "127.0.0.1"
port = {core_port}
{core}
[telemetry]
metrics_port = 0
log_level = "info"
[control]
path = "{directory}/control.sock"
{more}
[[listener]]
name = "atm"
endpoint = "tcp:{port}:interface=127.0.0.1"
expected_sessions = {terminals}
{tls}
"""
TLS = """
[listener.tls]
certificate = "{certificate}"
key = "{key}"
"""
WIDE_OPEN = """
[reconnect]
accept_per_s = 20000
accept_burst_count = 20000
waiting_count_max = 20000
ramp_start_percent = 100
"""


def terminals_max(wanted: int, workers: int = 1) -> int:
    """As many as the host's limit of open files allows the relay, whose workers hold them all. The kernel deals them out by
    chance, so each of several has a tenth to spare."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(wanted, (hard - SPARE_DESCRIPTORS) * workers * (10 if workers == 1 else 9) // 10)


class Storm:
    """`more` is TOML of the second life, `core` what stands in its [core]."""

    def __init__(
        self,
        directory: Path,
        terminals: int,
        more: str = "",
        rooms: int = ROOMS,
        core: str = "",
        *,
        is_tls: bool = False,
        workers: int = 1,
    ) -> None:
        self.relay: StormRelay = Alone(directory) if workers == 1 else Several(directory, workers)
        self.directory = directory
        self.tls = ""
        if is_tls:
            certificate, key = Certificates(directory).relay
            self.tls = TLS.format(certificate=certificate, key=key)
        self.terminals = terminals
        self.more = more
        self.core_settings = core
        self.port = free_port()
        self.core = CoreServer(FakeCore(Ledger()), zones=("127.0.0.1",), latency_ms=CORE_LATENCY_MS)
        self.rooms: list[Process] = []
        self._rooms_count = rooms
        self.ready_s = self.killed_s = 0.0
        self.relay_cpu_s = self._rooms_before_s = self._core_before_s = 0.0
        self.seen: list[dict[str, float]] = []  # each second: what the relay says of itself

    async def run(self) -> dict[str, Any]:
        """The whole storm: what came of it, `figures` of one run."""
        (self.directory / "journal-key").write_text(secrets.token_hex(32))
        (self.directory / "journal-key").chmod(0o600)
        await self.core.start()
        try:
            await self._start_relay(WIDE_OPEN)
            await asyncio.to_thread(self._start_rooms)
            self._say("start")
            if not await self._until(self._on, self.terminals):
                raise RuntimeError(
                    f"only {await self._on()} of {self.terminals} signed on before the storm: this measures nothing"
                )
            await self._until(self._traded, self.terminals)
            await self._until(self._untold, 0)
            await asyncio.sleep(0.5)  # nothing of the first life is on the core's hands any more
            before = ledger_count(self.core.core.ledger)
            self._say("mark")
            self._rooms_before_s = sum(room.cpu_s() for room in self.rooms)
            self._core_before_s = time.process_time()
            self.core.meter.forget()
            await asyncio.to_thread(self.relay.kill)
            self.killed_s = time.monotonic()
            await self._start_relay(self.more)
            self.ready_s = time.monotonic()
            watching = asyncio.ensure_future(self._watch())
            await self._until(self._on, self.terminals)
            await self._until(self._traded, self.terminals)
            await self._until(self._untold, 0)
            await self._over()
            watching.cancel()
            self.relay_cpu_s = self.relay.cpu_s()
            return self._gathered(await asyncio.gather(*(asyncio.to_thread(self._report, room) for room in self.rooms)), before)
        finally:
            for room in self.rooms:
                room.end()
            await asyncio.to_thread(self.relay.remove)
            await self.core.stop()

    # ---- processes -------------------------------------------------------------------------------------------------------
    async def _start_relay(self, more: str) -> None:
        config = self.directory / "relay.toml"
        config.write_text(
            CONFIG.format(
                directory=self.directory,
                core_port=self.core.port,
                port=self.port,
                terminals=self.terminals,
                more=more,
                core="" if more is WIDE_OPEN else self.core_settings,
                tls=self.tls,
                workers=self.relay.workers,
                journal=self.relay.journal,
            )
        )
        await self.relay.start()

    def _start_rooms(self) -> None:
        first = 1
        for number in range(self._rooms_count):
            count = self.terminals // self._rooms_count + (number < self.terminals % self._rooms_count)
            words = ["127.0.0.1", str(self.port), str(first), str(count), f"127.{10 + number}", str(number)]
            if self.tls:
                words.append("tls")
            self.rooms.append(Process(["-m", "tests.bench.stormroom", *words], LOAD_CORE))
            first += count
        for room in self.rooms:
            if room.line() != "ready":
                raise RuntimeError("a room of terminals did not start")

    def _say(self, word: str) -> None:
        for room in self.rooms:
            if room.popen.stdin is not None:
                room.popen.stdin.write(word + "\n")
                room.popen.stdin.flush()

    def _report(self, room: Process) -> dict[str, Any]:
        if room.popen.stdin is None:
            return {}
        room.popen.stdin.write("report\n")
        room.popen.stdin.flush()
        found: dict[str, Any] = json.loads(room.line())
        return found

    async def _on(self) -> int:
        return await self._sum("count")

    async def _traded(self) -> int:
        return await self._sum("traded")

    async def _untold(self) -> int:
        """Sign-ons that the core has not heard of yet, below zero."""
        return -sum(status.reconnect.events_waiting for status in await asyncio.to_thread(self.relay.statuses))

    async def _sum(self, word: str) -> int:
        self._say(word)
        return sum(int(line) for line in await asyncio.gather(*(asyncio.to_thread(room.line) for room in self.rooms)))

    async def _until(self, count: Callable[[], Awaitable[int]], wanted: int) -> bool:
        deadline_s = time.monotonic() + PATIENCE_S
        while await count() < wanted:
            if time.monotonic() > deadline_s:
                return False
            await asyncio.sleep(0.5)
        return True

    async def _over(self) -> None:
        """Nothing more: everybody is back and has traded."""

    async def _watch(self) -> None:
        while True:
            backs = [status.reconnect for status in await asyncio.to_thread(self.relay.statuses)]
            left_ms = [back.left_ms for back in backs if back.left_ms is not None]
            self.seen.append(
                {
                    "at_s": time.monotonic() - self.ready_s,
                    "present": sum(back.present for back in backs),
                    "waiting": sum(back.waiting for back in backs),
                    "accept_per_s": sum(back.accept_per_s for back in backs),
                    "events_waiting": sum(back.events_waiting for back in backs),
                    "left_s": max(left_ms) / 1_000 if left_ms else -1.0,
                }
            )
            await asyncio.sleep(1.0)

    # ---- what came of it -------------------------------------------------------------------------------------------------
    def _gathered(self, rooms: list[dict[str, Any]], posted_before: int) -> dict[str, Any]:
        on_s = sorted(at - self.ready_s for room in rooms for at in room["signed_on_s"])
        trade_ms = sorted(ms for room in rooms for ms in room["trade_ms"])
        sign_on_ms = sorted(ms for room in rooms for ms in room["sign_on_ms"])
        traded = sum(len(room["traded_s"]) for room in rooms)
        meter, ledger = self.core.meter, self.core.core.ledger
        broken: dict[str, int] = {}
        for room in rooms:
            for why, count in room["broken"].items():
                broken[why] = broken.get(why, 0) + count
        return {
            "terminals": self.terminals,
            "workers": self.relay.workers,
            "on": sum(room["on"] for room in rooms),
            "start_s": self.ready_s - self.killed_s,
            "half_s": quantile(on_s, 0.50),
            "most_s": quantile(on_s, 0.95),
            "all_s": quantile(on_s, 1.0),
            "peak_per_s": float(max((sum(1 for at in on_s if s <= at < s + 1) for s in range(int(PATIENCE_S))), default=0)),
            "attempts": sum(room["attempts"] for room in rooms),
            "broken": broken,
            "wrong": sum(room["wrong"] for room in rooms),
            "wrong_first": [text for room in rooms for text in room["wrong_first"]],
            "traded": traded,
            "late": sum(room["late"] for room in rooms),
            "refused": sum(room["refused"] for room in rooms),
            "posted": ledger_count(ledger) - posted_before,
            "posted_twice": len(ledger.posted_twice()),
            "trade_p50_ms": quantile(trade_ms, 0.50),
            "trade_p99_ms": quantile(trade_ms, 0.99),
            "sign_on_p99_ms": quantile(sign_on_ms, 0.99),
            "core_events": meter.counts.get(EVENTS, 0),
            "core_events_most": meter.most.get(EVENTS, 0),
            "core_transactions_most": meter.most.get(TRANSACTIONS, 0),
            "relay_cpu_s": self.relay_cpu_s,
            "rooms_cpu_s": sum(room.cpu_s() for room in self.rooms) - self._rooms_before_s,
            "core_cpu_s": time.process_time() - self._core_before_s,
            "on_at_s": on_s,
            "seen": self.seen,
        }


def ledger_count(ledger: Ledger) -> int:
    """Postings that stand."""
    return sum(entry.state is EntryState.POSTED for entry in ledger.entries())


def quantile(values: list[float], part: float) -> float:
    return values[min(len(values) - 1, int(len(values) * part))] if values else 0.0


def over_limit(found: dict[str, Any], events_max: int = SIGN_ON_INFLIGHT_MAX, transactions_max: int = INFLIGHT_MAX) -> float:
    """Calls above what the core was promised, at the worst moment."""
    events, transactions, workers = found["core_events_most"], found["core_transactions_most"], found["workers"]
    return float(max(0, events - events_max * workers, transactions - transactions_max * workers))


def missing_or_wrong(found: dict[str, Any]) -> float:
    """Terminals that did not come back, answers that were not right, and postings that no terminal heard of, or twice."""
    unheard = abs(found["posted"] - found["traded"])
    return float(found["terminals"] - found["on"] + found["wrong"] + found["posted_twice"] + unheard)


def one(
    directory: Path,
    terminals: int = TERMINALS,
    more: str = "",
    rooms: int = ROOMS,
    core: str = "",
    *,
    is_tls: bool = False,
    workers: int = 1,
    is_taken_over: bool = False,
) -> dict[str, Any]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # for the children; this process has few
    os.sched_setaffinity(0, {LOAD_CORE} if workers == 1 else set(CORES))  # the fake core is in this process
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            if is_taken_over:
                from tests.bench.stormtakeover import TakeOverStorm  # which is made of this file

                return runner.run(TakeOverStorm(directory, terminals, more, rooms, core).run())
            return runner.run(Storm(directory, terminals, more, rooms, core, is_tls=is_tls, workers=workers).run())
    finally:
        os.sched_setaffinity(0, set(CORES))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def measure(
    terminals: int = TERMINALS, *, is_tls: bool = False, workers: int = 1, is_taken_over: bool = False
) -> dict[str, Any]:
    count = terminals_max(terminals, workers)
    print(
        f"  {count:,} terminals in {ROOMS} processes (wanted {terminals:,}; the limit of open files allows {count:,})",
        flush=True,
    )
    with tempfile.TemporaryDirectory(prefix="relay-bench-storm-") as name:
        found = one(Path(name), count, is_tls=is_tls, workers=workers, is_taken_over=is_taken_over)
    print(f"  {in_words(found)}", flush=True)
    return found


def in_words(found: dict[str, Any]) -> str:
    return (
        f"{found['on']:,} of {found['terminals']:,} back;"
        f" half after {found['half_s']:.1f} s, 95 % after {found['most_s']:.1f} s,"
        f" all after {found['all_s']:.1f} s; {found['attempts']:,} attempts, {found['wrong']} wrong answers,"
        f" {found['refused']} refused,"
        f" {found['traded']:,} traded, {found['posted']:,} posted, {found['posted_twice']} twice;"
        f" core: {found['core_events_most']} events and"
        f" {found['core_transactions_most']} transactions at once at most"
    )


def figures(found: dict[str, Any]) -> dict[str, float]:
    """Without the points of the plot."""
    return {name: float(value) for name, value in found.items() if isinstance(value, (int, float))}


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.storm", description=__doc__)
    parser.add_argument("terminals", type=int, nargs="?", default=TERMINALS)
    parser.add_argument("plot", type=Path, nargs="?")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--workers", type=int, default=1, help="more than one: on a PostgreSQL of their own")
    parser.add_argument("--take-over", action="store_true", help="at the other center, which takes the lost one over meanwhile")
    args = parser.parse_args(words)
    if args.take_over and (args.tls or args.workers > 1):
        parser.error("--take-over is of one process without TLS")
    found = measure(args.terminals, is_tls=args.tls, workers=args.workers, is_taken_over=args.take_over)
    print(json.dumps(figures(found) | {"broken": found["broken"], "wrong_first": found["wrong_first"]}, indent=2))
    if args.plot is not None:
        draw(args.plot, found, GOAL_S)
    is_met = found["on"] == found["terminals"] and found["all_s"] <= GOAL_S and not found["wrong"] and not over_limit(found)
    print(f"all back within {GOAL_S:g} s, no wrong answer, the core within its limits: {'met' if is_met else 'MISSED'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
