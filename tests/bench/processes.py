"""The bench's processes: who runs on which core, how they are started, what CPU they used.

Owns starting and ending. The gateway under test has one core to itself (all its threads), core and terminals share the other.
It must never measure. The trap: CPU time is read from /proc, because a throughput alone says also how fast the load was.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from relay.loopback.stage import free_port

ROOT = Path(__file__).resolve().parents[2]
CORES = sorted(os.sched_getaffinity(0))
GATEWAY_CORE, LOAD_CORE = CORES[0], CORES[-1]
TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """A child on one core. Ends when told, or when this process ends, since its standard input closes then."""

    def __init__(self, words: list[str], core: int, environment: dict[str, str] | None = None, log: Path | None = None) -> None:
        self._log = log.open("ab") if log is not None else None
        self.popen = subprocess.Popen(
            [sys.executable, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            text=True,
        )
        os.sched_setaffinity(self.popen.pid, {core})  # from here: between fork and exec nothing of ours is safe beside threads

    def line(self) -> str:
        """The next line that it prints; empty when it ended."""
        if self.popen.stdout is None:
            return ""
        return self.popen.stdout.readline().strip()

    def cpu_s(self) -> float:
        """User and system time of all its threads, seconds."""
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss_bytes(self) -> int:
        for line in Path(f"/proc/{self.popen.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def end(self) -> None:
        if self.popen.stdin is not None:
            self.popen.stdin.close()
        self.popen.terminate()
        try:
            self.popen.wait(20)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        if self.popen.stdout is not None:
            self.popen.stdout.close()
        if self._log is not None:
            self._log.close()


def start_core() -> tuple[Process, int]:
    port = free_port()
    core = Process(["-m", "tests.bench.rawcore", str(port)], LOAD_CORE)
    if core.line() != "ready":
        raise RuntimeError("the bench's core did not start")
    return core, port


def start_bare_pipe(core_port: int, style: str = "bare") -> tuple[Process, int]:
    port = free_port()
    pipe = Process(["-m", "tests.bench.barepipe", str(port), "127.0.0.1", str(core_port), "64", style], GATEWAY_CORE)
    if pipe.line() != "ready":
        raise RuntimeError("the bare pipe did not start")
    return pipe, port


CONFIG = """
[relay]
credentials_directory = "{directory}"
[journal]
path = "{directory}/journal-{name}.sqlite"
[core]
name = "127.0.0.1"
port = {core_port}
[reconnect]
accept_per_s = 20000
accept_burst_count = 20000
waiting_count_max = 20000
ramp_start_percent = 100
[telemetry]
metrics_port = 0
log_level = "warning"
[control]
path = "{directory}/{name}.sock"
"""
ATM = """
[[listener]]
name = "atm"
endpoint = "tcp:{port}:interface=127.0.0.1"
"""


RELAY = ("-m", "tests.bench.relayproc")


def start_relay(
    core_port: int, directory: Path, door: str = "own", links: str = ATM, module: Sequence[str] = RELAY
) -> tuple[Process, int]:
    """The relay itself; `door` "httpx" puts it on httpx's default pool instead of its own transport. `links` are what it serves
    or dials at the port that is returned. Another `module` gets the configuration and `door` as its words."""
    port = free_port()
    name = f"{door}-{port}"
    key = directory / "journal-key"
    if not key.exists():
        key.write_text(secrets.token_hex(32))
        key.chmod(0o600)
    config = directory / f"{name}.toml"
    common = CONFIG.format(directory=directory, name=name, core_port=core_port)
    config.write_text(common + links.format(port=port))
    log = directory / f"{name}.log"
    relay = Process([*module, str(config), door], GATEWAY_CORE, log=log)
    if relay.line() != "ready":
        raise RuntimeError(f"the relay did not start: {log.read_text()[-2000:]}")
    return relay, port


def machine() -> dict[str, str]:
    """What this was measured on."""
    model = next(
        (row.split(":")[1].strip() for row in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in row), "?"
    )
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return {
        "cpu": model,
        "cores": str(len(CORES)),
        "kernel": os.uname().release,
        "python": sys.version.split()[0],
        "commit": commit.stdout.strip() or "unknown",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "load before": ", ".join(f"{one:.2f}" for one in os.getloadavg()),  # of 1, 5 and 15 minutes
    }


def fsync_us(directory: Path, count: int = 200) -> float:
    """Median time of one fdatasync of 4 KiB on the journal's disk, microseconds."""
    path = directory / "fsync"
    times = []
    with path.open("wb", buffering=0) as file:
        for _ in range(count):
            file.write(b"x" * 4096)
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    path.unlink()
    return sorted(times)[count // 2] * 1e6
