"""The daemon as a process, a fake core beside it, and a supervisor's socket that hears READY: what live tests share.

Owns starting, killing and stopping one daemon with a configuration of the test's. It must never reach into the daemon but by
its sockets, signals and files. The traps: nothing here waits for a time; it waits for a word (READY, an exit, a line). And a
port that was only seen to be free may be another's when the daemon comes, so ports are held from the choice to the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sys
import urllib.request
from pathlib import Path

from relay.control.client import ControlClient
from relay.loopback.core import FakeCore
from relay.loopback.coreserver import CoreServer
from relay.loopback.faults import FaultInjector
from relay.loopback.ledger import Ledger

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0  # of a machine that does much else
LOOK_S = 0.01


async def next_look() -> None:
    """Between two looks at what nobody tells. Who looks without a pause takes a core from those that do the work."""
    await asyncio.sleep(LOOK_S)


def held_port() -> socket.socket:
    """A socket bound to a free port of 127.0.0.1 and not listening. While it is open, the kernel gives that port to nobody
    who asks for any; whoever asks for it by number, with SO_REUSEADDR as every server here does, gets it."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


class DaemonWorld:
    """`listeners` is TOML text with `{port}` for the first listener's port; `extra` is put before it. `utc_offset_minutes`:
    of the core's days; a test that gives the relay another [reconcile] than Japan's says so here too, or the two differ from
    15:00 UTC on. `reply_deadline_ms`: long, since nobody waits for it but a test that wants it to pass, which says so."""

    def __init__(self, directory: Path, utc_offset_minutes: int = 540) -> None:
        self.directory = directory
        self.ledger = Ledger(utc_offset_minutes=utc_offset_minutes)
        self.faults = FaultInjector(1)
        self.core = CoreServer(FakeCore(self.ledger), self.faults, zones=("127.0.0.1",))
        self._held: list[socket.socket] = []
        self.port = self.hold_port()
        self.metrics_port = self.hold_port()
        self.config_path = directory / "relay.toml"
        self.log_path = directory / "relay.log"
        self.process: asyncio.subprocess.Process | None = None
        self.region_probe_ms = 1_000
        self.drain_deadline_ms = 5_000
        self.reply_deadline_ms = 30_000
        self.environment: dict[str, str] = {}
        self.module = "relay"  # what `python -m` runs
        credentials = directory / "credentials"
        credentials.mkdir()
        (credentials / "journal-key").write_text(secrets.token_hex(32))
        (credentials / "journal-key").chmod(0o600)

    def configure(self, listeners: str = "", extra: str = "", journal: str | None = None, journal_extra: str = "") -> None:
        """Write the configuration; the core must have been started, for its port."""
        self.config_path.write_text(
            f"""
[relay]
drain_deadline_ms = {self.drain_deadline_ms}
credentials_directory = "{self.directory}/credentials"
[journal]
path = "{journal or self.directory / "journal.sqlite"}"
{journal_extra}
[core]
name = "127.0.0.1"
port = {self.core.port}
call_timeout_ms = 1500
inquiry_first_ms = 100
retry_first_ms = 100
retry_max_ms = 1000
region_probe_ms = {self.region_probe_ms}
[telemetry]
metrics_port = {self.metrics_port}
[control]
path = "{self.directory}/control.sock"
two_signatures = "names"
{extra}
"""
            + (listeners or LISTENER)
            .replace("{port}", str(self.port))
            .replace("{reply_deadline_ms}", str(self.reply_deadline_ms))
        )

    def hold_port(self) -> int:
        """A port for the daemon (or for nobody), this world's until `close`."""
        self._held.append(held_port())
        return int(self._held[-1].getsockname()[1])

    async def start_core(self) -> None:
        if not self.core.port:
            self.core.port = self.hold_port()  # a core that is stopped comes back where it was
        await self.core.start()

    async def start(self) -> None:
        """Start the daemon and wait for READY=1. Raises AssertionError with its log where it ends instead."""
        notify = self.directory / "notify.sock"
        notify.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
            listening.bind(str(notify))
            listening.setblocking(False)
            await self.spawn(NOTIFY_SOCKET=str(notify))
            ended = asyncio.ensure_future(self.exit_code())
            try:
                async with asyncio.timeout(PATIENCE_S):
                    while True:
                        heard = asyncio.ensure_future(loop.sock_recv(listening, 4096))
                        done, _ = await asyncio.wait({heard, ended}, return_when=asyncio.FIRST_COMPLETED)
                        if ended in done:
                            heard.cancel()
                            raise AssertionError(f"the daemon ended with {ended.result()}:\n{self.log()}")
                        if b"READY=1" in heard.result():
                            return
            finally:
                ended.cancel()

    async def logged(self, text: str, times: int = 1) -> None:
        """Wait until the log holds `text`. Raises AssertionError with the log where the process ends before."""
        async with asyncio.timeout(PATIENCE_S):
            while self.log().count(text) < times:
                if self.process is None or self.process.returncode is not None:
                    raise AssertionError(f"the daemon ended without {text!r}:\n{self.log()}")
                await next_look()

    async def spawn(self, *holder: str, **environment: str) -> None:
        """Start the daemon without waiting for it; `holder` is a program that is to start it, with its words."""
        with self.log_path.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *holder,
                sys.executable,
                "-m",
                self.module,
                "run",
                str(self.config_path),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, **self.environment, **environment},
            )

    async def exit_code(self) -> int:
        """Wait for the daemon's end."""
        if self.process is None:
            raise AssertionError("no daemon was started")
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()

    def signal(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    async def kill(self) -> None:
        """kill -9."""
        self.signal(signal.SIGKILL)
        await self.exit_code()

    async def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.signal(signal.SIGTERM)
        return await self.exit_code()

    async def close(self) -> None:
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
        try:
            await self.core.stop()
        finally:
            for held in self._held:
                held.close()

    def metrics(self) -> dict[str, float]:
        """The metrics page: series with labels, to value."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=PATIENCE_S) as answer:
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}

    def log(self) -> str:
        return self.log_path.read_text() if self.log_path.exists() else ""

    @property
    def control(self) -> ControlClient:
        return ControlClient(str(self.directory / "control.sock"), timeout_ms=int(1_000 * PATIENCE_S))


LISTENER = """
[[listener]]
name = "atm"
endpoint = "tcp:{port}:interface=127.0.0.1"
reply_deadline_ms = {reply_deadline_ms}
"""
