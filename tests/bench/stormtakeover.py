"""The same storm at the other center: `python -m tests.bench.storm --take-over`.

Owns the second center and the moment in which the first one is lost. Tokyo has the fleet, and its journal on a PostgreSQL that
osaka's server copies; osaka's relay has listened for a while, with default settings, and nobody came. Then tokyo's relay and
its database are killed with -9, the terminals' network leads to osaka from that moment on (its port stands for the service
address that moved), and two people say `relay takeover begin` there. So osaka lets the fleet in, ramps, fences, promotes and
adopts at the same time. The trap: a terminal that dials before it is led elsewhere is refused, and comes back after its pause.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from pathlib import Path
from typing import Any

from relay.control.client import ControlClient
from relay.control.takeover import TakeoverBeginArgs
from relay.errors import RelayError
from relay.loopback.stage import free_port
from tests.bench.storm import CONFIG, PATIENCE_S, ROOMS, Storm
from tests.bench.stormrelay import Alone
from tests.support.pgserver import PostgresPair

SIGNED = {"who": "Sato", "second": "Suzuki", "why": "no power there"}
CLEAR_S = 60.0
PAIR = """
two_signatures = "names"
[pair]
peer = "tokyo"
paths = ["link=127.0.0.2>127.0.0.3"]
port = {pair_port}
mac_credentials = ["pair-mac"]
[takeover]
dsn = "{copy}"
schema_name = "storm"
"""


class TakeOverStorm(Storm):
    """As `Storm`; the first life is tokyo's, the second osaka's."""

    def __init__(self, directory: Path, terminals: int, more: str = "", rooms: int = ROOMS, core: str = "") -> None:
        super().__init__(directory, terminals, more, rooms, core)
        self._servers = PostgresPair()
        self.relay.journal = f'engine = "postgresql"\ndsn = "{self._servers.primary.dsn}"\nschema_name = "storm"'
        self._folder = directory / "osaka"
        self._heir = Alone(self._folder)
        self._heir_port = free_port()
        self._is_lost = False
        self._heir_before_s = 0.0
        self.begun_s = self.adopted_s = 0.0
        self._is_adopted = asyncio.Event()

    async def run(self) -> dict[str, Any]:
        try:
            found = await super().run()
            found["relay_cpu_s"] -= self._heir_before_s
            return {**found, "adopted_s": self.adopted_s - self.begun_s if self.adopted_s else -1.0}
        finally:
            await asyncio.to_thread(self._heir.remove)
            await asyncio.to_thread(self._servers.remove)

    @property
    def _control(self) -> ControlClient:
        return ControlClient(str(self._folder / "control.sock"))

    async def _start_relay(self, more: str) -> None:
        if self._is_lost:
            raise RuntimeError("there is no third center")
        if self.relay is not self._heir and not self.killed_s:
            primary = self._servers.primary
            await asyncio.to_thread(primary.sql, "GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer) TO relay")
            await super()._start_relay(more)
            config = self.directory / "relay.toml"
            config.write_text(config.read_text().replace("[relay]\n", '[relay]\ncenter = "tokyo"\n', 1))
            await asyncio.to_thread(self.relay.kill)
            await self.relay.start()  # under its name
            await self._start_heir()
            return
        self._is_lost = True
        self._say(f"move {self._heir_port}")
        await asyncio.to_thread(self._servers.primary.kill)
        self._heir_before_s = self._heir.cpu_s()
        self.relay = self._heir
        self.begun_s = time.monotonic()
        await asyncio.to_thread(self._control.takeover_begin, TakeoverBeginArgs(center="tokyo", **SIGNED))

    async def _start_heir(self) -> None:
        self._folder.mkdir()
        for name, text in (
            ("journal-key", secrets.token_hex(32)),
            ("pair-mac", secrets.token_hex(32)),
            ("peer-journal-key", (self.directory / "journal-key").read_text()),
        ):
            (self._folder / name).write_text(text)
            (self._folder / name).chmod(0o600)
        text = CONFIG.format(
            directory=self._folder,
            core_port=self.core.port,
            port=self._heir_port,
            terminals=self.terminals,
            more=PAIR.format(pair_port=free_port(), copy=self._servers.standby.dsn) + self.more,
            core=self.core_settings,
            tls=self.tls,
            workers=1,
            journal=self._heir.journal,
        )
        (self._folder / "relay.toml").write_text(text.replace("[relay]\n", '[relay]\ncenter = "osaka"\n', 1))
        await self._heir.start()
        async with asyncio.timeout(CLEAR_S):
            while (await asyncio.to_thread(self._control.takeover_status)).own != "clear":  # noqa: ASYNC110  nobody tells
                await asyncio.sleep(0.1)

    async def _over(self) -> None:
        """The lost center's journal is at work here; a small fleet is back, and has traded, before that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await self._is_adopted.wait()

    async def _watch(self) -> None:
        adopting = asyncio.ensure_future(self._adopt())
        try:
            await super()._watch()
        finally:
            adopting.cancel()

    async def _adopt(self) -> None:
        while not self.adopted_s:
            with contextlib.suppress(RelayError):
                if (await asyncio.to_thread(self._control.takeover_status)).is_at_work:
                    self.adopted_s = time.monotonic()
                    self._is_adopted.set()
            await asyncio.sleep(0.2)
