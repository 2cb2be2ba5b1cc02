"""The relay that a storm comes back to: one process on one core, or a supervisor with several workers on PostgreSQL.

Owns starting it, ending it with -9 in one instant, its CPU time, and what it says of itself. It must never know the terminals.
The trap: a supervisor's workers outlive it for a moment, so whoever is to be gone at once is named before the first of them
is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Protocol

from relay.configuration.workers import control_path
from relay.control.client import ControlClient
from relay.control.report import StatusReport
from relay.errors import RelayError
from tests.bench.processes import CORES, GATEWAY_CORE, TICKS, Process
from tests.support.pgserver import PostgresServer

READY_S = 60.0
STATUS_MS = 60_000  # in the middle of a storm, on a machine that does much else


class StormRelay(Protocol):
    workers: int
    journal: str  # TOML of its [journal]

    async def start(self) -> None:
        """Returns when it serves."""
        ...

    def kill(self) -> None:
        """Everything of it, with -9."""
        ...

    def cpu_s(self) -> float: ...

    def statuses(self) -> list[StatusReport]: ...

    def remove(self) -> None: ...


class Alone:
    """One process that has a core to itself, with SQLite."""

    workers = 1

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: Process | None = None
        self.journal = f'path = "{directory}/journal.sqlite"'

    async def start(self) -> None:
        log = self._directory / "relay.log"
        words = ["-m", "tests.bench.relayproc", str(self._directory / "relay.toml"), "own"]
        self._process = Process(words, GATEWAY_CORE, log=log)
        if await asyncio.to_thread(self._process.line) != "ready":
            raise RuntimeError(f"the relay did not start: {log.read_text()[-2000:]}")

    def kill(self) -> None:
        if self._process is not None:
            self._process.popen.kill()
            self._process.popen.wait()
            self._process.end()
            self._process = None

    def cpu_s(self) -> float:
        return 0.0 if self._process is None else self._process.cpu_s()

    def statuses(self) -> list[StatusReport]:
        return [ControlClient(str(self._directory / "control.sock"), timeout_ms=STATUS_MS).status()]

    def remove(self) -> None:
        self.kill()


class Several:
    """A supervisor and its workers, on all cores, with a PostgreSQL of their own."""

    def __init__(self, directory: Path, workers: int) -> None:
        self.workers = workers
        self._directory = directory
        self._server = PostgresServer()
        self._process: Process | None = None
        self.journal = f'engine = "postgresql"\ndsn = "{self._server.dsn}"\nschema_name = "storm"'

    async def start(self) -> None:
        log = self._directory / "relay.log"
        self._process = Process(["-m", "relay", "run", str(self._directory / "relay.toml")], CORES[0], log=log)
        os.sched_setaffinity(self._process.popen.pid, set(CORES))
        deadline_s = time.monotonic() + READY_S
        while time.monotonic() < deadline_s:
            with contextlib.suppress(RelayError):
                if all(status.state == "serving" for status in await asyncio.to_thread(self.statuses)):
                    return
            await asyncio.sleep(0.05)
        raise RuntimeError(f"the relay did not start: {log.read_text()[-2000:]}")

    def kill(self) -> None:
        if self._process is None:
            return
        family = self._family()
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.popen.wait()
        self._process.end()
        self._process = None

    def _family(self) -> list[int]:
        if self._process is None:
            return []
        pid = self._process.popen.pid
        found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
        return [pid, *map(int, found.stdout.split())]

    def cpu_s(self) -> float:
        total = 0.0
        for pid in self._family():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                total += (int(fields[11]) + int(fields[12])) / TICKS
        return total

    def statuses(self) -> list[StatusReport]:
        own = str(self._directory / "control.sock")
        return [ControlClient(control_path(own, worker)).status() for worker in range(1, self.workers + 1)]

    def remove(self) -> None:
        self.kill()
        self._server.remove()
