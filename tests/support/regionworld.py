"""A daemon that finds its region in DNS: two regions with a ledger each, and name servers that a test makes say what it likes.

Owns the names, the key and the zones. The regions listen on one port of two addresses; the daemon's fake core of DaemonWorld is
Tokyo's. It must never reach into the daemon but by its sockets.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from relay.loopback.core import FakeCore
from relay.loopback.coreserver import CoreServer
from relay.loopback.faults import FaultInjector
from relay.loopback.ledger import Ledger
from relay.loopback.nameserver import FakeZone, Mood, NameServer
from relay.region.record import RegionRecord, format_record
from tests.support.daemonworld import DaemonWorld

RECORD, ALIAS = "_active.core.test", "active.core.test"
TARGETS = {"tokyo": "tyo.core.test", "osaka": "osa.core.test"}
ADDRESSES = {"tokyo": "127.0.0.1", "osaka": "127.0.0.3"}
FIRST_EPOCH = 8


class RegionWorld(DaemonWorld):
    """`zones` are what the name servers say. Where a test brings real ones, it names them in `servers`."""

    def __init__(self, directory: Path, server_count: int = 3) -> None:
        super().__init__(directory)
        self.reply_deadline_ms = 6_000  # it passes for what was asked in the middle of a switch
        self.key = secrets.token_bytes(32)
        mac = directory / "credentials" / "region-mac"
        mac.write_text(self.key.hex())
        mac.chmod(0o600)
        self.ledger.epoch = FIRST_EPOCH
        self.osaka = Ledger("osaka", FIRST_EPOCH - 1)
        self.osaka.state = "standby"
        self.osaka_core = CoreServer(FakeCore(self.osaka), FaultInjector(2), zones=(ADDRESSES["osaka"],))
        self.servers = [NameServer(self._zone()) for _ in range(server_count)]
        self.extra_region = ""
        self.extra_journal = ""
        self.says(FIRST_EPOCH, "tokyo")

    @property
    def zones(self) -> list[FakeZone]:
        return [server.zone for server in self.servers]

    def _zone(self) -> FakeZone:
        return FakeZone({(TARGETS[name], "A"): [address] for name, address in ADDRESSES.items()})

    def text(self, epoch: int, region: str) -> str:
        return format_record(RegionRecord(epoch, region, "run-1"), RECORD, self.key)

    def says(self, epoch: int, region: str, which: Sequence[int] | None = None) -> None:
        """The name servers (all, or those numbered) say so, whole."""
        for number, zone in enumerate(self.zones):
            if which is None or number in which:
                zone.set(RECORD, "TXT", [f'"{self.text(epoch, region)}"'])
                zone.set(ALIAS, "CNAME", [f"{TARGETS[region]}."])

    def silence(self, mood: Mood = Mood.SILENT) -> None:
        """No name server says anything of the record. The one of the addresses goes on."""
        for zone in self.zones[:-1] if len(self.zones) > 1 else self.zones:
            zone.mood = mood
        self.zones[-1].set(RECORD, "TXT", [])

    async def start_core(self) -> None:
        await super().start_core()
        self.osaka_core.port = self.core.port
        await self.osaka_core.start()
        for server in self.servers:
            await server.start()

    def configure_regions(self, name_servers: Sequence[str] = (), addresses_from: str = "") -> None:
        servers = list(name_servers) or [f"127.0.0.1:{server.port}" for server in self.servers]
        regions = [f"{name}={target}" for name, target in TARGETS.items()]
        self.configure(
            extra=f"""
[region]
source = "dns"
record_name = "{RECORD}"
alias_name = "{ALIAS}"
regions = {regions}
name_servers = {servers}
mac_credentials = ["region-mac"]
shadow_probe_ms = 1000
{self.extra_region}
""",
            journal_extra=self.extra_journal,
        )
        text = self.config_path.read_text().replace("[core]\n", f'[core]\nname_servers = ["{addresses_from or servers[-1]}"]\n')
        self.config_path.write_text(text)

    async def close(self) -> None:
        try:
            await super().close()
        finally:
            await self.osaka_core.stop()
            for server in self.servers:
                await server.stop()
