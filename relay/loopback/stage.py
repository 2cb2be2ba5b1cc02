"""The stage of a demo or a load: a fake core with three zones, a fake name server, and the real daemon as a child process.

Owns a temporary folder with configuration, credentials and journal, and the daemon's life: start, kill -9, start again, drain.
It must never look into the daemon but through its control socket. The traps: the listening port must survive a restart, so it
is chosen once and held; and a daemon that cannot start must say why on our terminal, not in a file that is deleted a second
later.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import secrets
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from relay.errors import RelayError
from relay.loopback import inspector
from relay.loopback.core import FakeCore
from relay.loopback.coreserver import CoreServer
from relay.loopback.customers import Customers
from relay.loopback.faults import FaultInjector
from relay.loopback.ledger import Ledger
from relay.loopback.nameserver import FakeZone, NameServer
from relay.loopback.troupe import HOST, Site

_ROOT = str(Path(__file__).resolve().parents[2])  # where `relay` is imported from, installed or not

CORE_NAME = "core.bank.internal"
START_DEADLINE_S = 120.0
DRAIN_DEADLINE_S = 90.0
LOG_LINES_SHOWN = 15
PORT_LOWEST, PORT_COUNT = 20_000, 12_000  # Linux lends from 32768 on (ip_local_port_range)


class StageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What of the daemon's configuration a load varies; milliseconds."""

    reply_deadline_ms: int = 6_000
    call_timeout_ms: int = 1_500
    latency_ms: float = 2.0
    late_commit_ms_max: int = 8_000  # beyond the reply deadline: a commit may come when the relay has long begun to undo
    links_max: int = 20_000
    log_level: str = "warning"
    seed: int = 1
    day_offset_minutes: int = 0  # of the days that relay and core count
    console_accounts: str = ""  # the file of its accounts; without one there is no console


CONFIG = """\
# Written by `relay demo` or `relay load`: everything on this machine, nothing installed.
[relay]
center = "demo"
realm = "bank"
drain_deadline_ms = 10000
completion_deadline_ms = 5000
credentials_directory = "{directory}/credentials"

[journal]
path = "{directory}/journal.sqlite"

[core]
name = "{core_name}"
port = {core_port}
name_servers = ["{host}:{dns_port}"]
call_timeout_ms = {call_timeout_ms}
connect_timeout_ms = 500
inquiry_first_ms = 200
retry_first_ms = 200
retry_max_ms = 3000
eject_ms = 1000

[reconnect]
accept_per_s = 1000
accept_burst_count = 2000
ramp_start_percent = 100

[reconcile]
utc_offset_minutes = {day_offset_minutes}
margin_ms = 1

[telemetry]
metrics_port = {metrics_port}
log_level = "{log_level}"
log_format = "text"

[control]
path = "{directory}/control.sock"
two_signatures = "names"

{console}
[outbound]
endpoint = "tcp:{outbound_port}:interface={host}"
deferred_first_ms = 200
deferred_max_ms = 2000
delivery_deadline_ms = 20000
"""


CONSOLE = """\
[console]
endpoint = "tcp:{port}:interface={host}"
accounts_path = "{directory}/console-accounts.json"
session_idle_minutes = 60
"""


class Stage:
    """`directory` must exist and be empty; the caller deletes it. `sites` are what the daemon is configured for."""

    def __init__(self, directory: Path, settings: StageSettings, customers: Customers, sites: Sequence[Site]) -> None:
        self.directory = directory
        self.settings = settings
        self.ledger = Ledger(utc_offset_minutes=settings.day_offset_minutes)  # its days are those of [reconcile] above
        for card in customers.cards:
            if card.refusal:
                self.ledger.block_account(card.pan.reveal(), card.refusal)
        self.faults = FaultInjector(settings.seed, late_commit_ms_max=settings.late_commit_ms_max)
        self.core = CoreServer(FakeCore(self.ledger), self.faults, latency_ms=settings.latency_ms)
        self.zone = FakeZone({(f"{CORE_NAME}.", "A"): list(self.core.zones)})
        self.names = NameServer(self.zone)
        self.sites = sites
        self.outbound_port = free_port()
        self.metrics_port = free_port()
        self.console_port = free_port() if settings.console_accounts else 0
        self.config_path = directory / "relay.toml"
        self.control_path = str(directory / "control.sock")
        self.log_path = directory / "relay.log"
        self.kills = 0
        self._daemon: asyncio.subprocess.Process | None = None

    # ---- life ------------------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Core, names, daemon; returns when the daemon serves. Raises RelayError with the daemon's last words."""
        await self.core.start()
        await self.names.start()
        credentials = self.directory / "credentials"
        credentials.mkdir(mode=0o700)
        self._write_secret("journal-key", secrets.token_hex(32))
        console = ""
        if self.console_port:
            self._write(self.directory / "console-accounts.json", self.settings.console_accounts)
            console = CONSOLE.format(port=self.console_port, host=HOST, directory=self.directory)
        config = "\n".join(site.config for site in self.sites)
        for site in self.sites:
            for name, value in site.credentials.items():
                self._write_secret(name, value)
            for name, text in site.files.items():
                path = self.directory / name
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
        for name, value in (
            ("{directory}", str(self.directory)),
            ("{reply_deadline_ms}", str(self.settings.reply_deadline_ms)),
            ("{links_max}", str(self.settings.links_max)),
        ):
            config = config.replace(name, value)
        self.config_path.write_text(
            CONFIG.format(
                directory=self.directory,
                host=HOST,
                core_name=CORE_NAME,
                core_port=self.core.port,
                dns_port=self.names.port,
                metrics_port=self.metrics_port,
                outbound_port=self.outbound_port,
                call_timeout_ms=self.settings.call_timeout_ms,
                log_level=self.settings.log_level,
                day_offset_minutes=self.settings.day_offset_minutes,
                console=console,
            )
            + config
        )
        await self.start_daemon()

    def _write_secret(self, name: str, value: str) -> None:
        self._write(self.directory / "credentials" / name, value)

    def _write(self, path: Path, value: str) -> None:
        path.touch(mode=0o600)
        path.write_text(value)

    async def start_daemon(self) -> None:
        environment = dict(os.environ)
        environment["CREDENTIALS_DIRECTORY"] = str(self.directory / "credentials")
        environment["PYTHONPATH"] = os.pathsep.join(part for part in (_ROOT, environment.get("PYTHONPATH", "")) if part)
        environment.pop("NOTIFY_SOCKET", None)  # ours, not the child's
        with self.log_path.open("ab") as log:
            self._daemon = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "relay",
                "run",
                str(self.config_path),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,  # Ctrl-C is ours: we drain it
            )
        await self._until_serving(self._daemon)

    async def _until_serving(self, daemon: asyncio.subprocess.Process) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + START_DEADLINE_S
        while loop.time() < deadline_s:
            if daemon.returncode is not None:
                raise RelayError(f"the relay ended with exit code {daemon.returncode} while starting.\n{self.last_words()}")
            try:
                if (await inspector.status(self.control_path, 1.0)).state == "serving":
                    return
            except inspector.NotThere:
                pass
            await asyncio.sleep(0.05)
        raise RelayError(f"the relay did not serve within {START_DEADLINE_S:.0f} s.\n{self.last_words()}")

    async def kill_daemon(self) -> None:
        """kill -9, at whatever point it is."""
        if self._daemon is not None and self._daemon.returncode is None:
            self._daemon.kill()
            await self._daemon.wait()
            self.kills += 1

    async def drain_daemon(self) -> int | None:
        """SIGTERM, and wait. Returns the exit code, None when it had to be killed."""
        daemon = self._daemon
        if daemon is None or daemon.returncode is not None:
            return None if daemon is None else daemon.returncode
        daemon.terminate()
        try:
            async with asyncio.timeout(DRAIN_DEADLINE_S):
                return await daemon.wait()
        except TimeoutError:
            daemon.kill()
            await daemon.wait()
            return None

    @property
    def daemon_pid(self) -> int:
        return 0 if self._daemon is None else self._daemon.pid

    def daemon_ended(self) -> int | None:
        """The exit code of a daemon that ended by itself, None while it runs."""
        return None if self._daemon is None else self._daemon.returncode

    async def stop(self) -> None:
        """Everything down, however far it came."""
        if self._daemon is not None and self._daemon.returncode is None:
            self._daemon.kill()
            await self._daemon.wait()
        await self.core.stop()
        await self.names.stop()

    def last_words(self) -> str:
        """The end of the daemon's log."""
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])


def free_port(draw: Callable[[int], int] = secrets.randbelow) -> int:
    """A TCP port of this process until it ends, below those that the system lends to whoever dials. It stays bound and does not
    listen: no other load or test draws it while the daemon that listens there is dead for a moment, and a server that asks for
    it by number with SO_REUSEADDR, as every one here does, gets it. `draw(n)` gives a number from 0 to n - 1."""
    while True:
        port = PORT_LOWEST + draw(PORT_COUNT)
        held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            held.bind((HOST, port))  # without SO_REUSEADDR yet: with it, another's held port would look free
        except OSError:
            held.close()
            continue
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        atexit.register(held.close)  # until then this is what keeps it
        return port
