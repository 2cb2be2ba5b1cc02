"""Two relay centers as processes in network namespaces of their own, a core that both reach over a line each, and scissors.

Owns the namespaces, the lines and their cutting (in silence, by nftables inside a namespace, so nothing answers, nothing
is refused), the daemons, and ATMs with books at each center. It must never reach into a daemon but by its sockets. The trap:
all of it is on one machine that others use: names and networks carry this process's number, and everything is taken away again.

           10.N.9.1 the core (this process, root namespace)
       10.N.1.0/24 |                    | 10.N.2.0/24          cross-connects
                 tokyo ---- link ---- osaka      10.N.5.0/24
                   |  `--- second ---'           10.N.6.0/24
       10.N.3.0/24 |                    | 10.N.4.0/24          terminals (this process)
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from relay.control.pair import PairReport
from relay.control.report import StatusReport
from relay.loopback import inspector
from relay.loopback.core import FakeCore
from relay.loopback.coreserver import CoreServer
from relay.loopback.customers import Customers
from relay.loopback.deeds import AtmPolicy
from relay.loopback.isotroupe import IsoTroupe
from relay.loopback.lab.door import entered
from relay.loopback.ledger import Ledger
from relay.loopback.report import Conservation, lines_of
from relay.loopback.troupe import Part
from tests.support.daemonworld import DaemonWorld
from tests.support.pairroom import PairCertificates, until
from tests.support.tools import need_tool

CENTERS = ("tokyo", "osaka")
POLICY = AtmPolicy(reply_timeout_ms=8_000, repeat_after_ms=3_000)
PORT, LISTEN_PORT, SETTLE_S = 9_586, 8_583, 90.0


def run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")


class Center(DaemonWorld):
    """One daemon in its namespace. `lines` are the devices that can be cut, with the addresses behind them."""

    def __init__(self, world: PairWorld, name: str, place: int) -> None:
        directory = world.directory / name
        directory.mkdir()
        super().__init__(directory)
        self.world = world
        self.name = name
        self.namespace = f"rp{os.getpid()}{name[0]}"
        self.cross_ip = f"{world.net}.{1 + place}.2"
        self.listen_ip = f"{world.net}.{3 + place}.2"
        self.paths = (f"{world.net}.5.{1 + place}", f"{world.net}.6.{1 + place}")
        self.troupe: IsoTroupe | None = None
        mac = directory / "credentials" / "pair-mac"
        mac.write_text(world.key)
        mac.chmod(0o600)

    def write(self, peer: Center, extra: str = "") -> None:
        certificate, key = self.world.certificates.files[self.name]
        paths = [f"link={self.paths[0]}>{peer.paths[0]}", f"second={self.paths[1]}>{peer.paths[1]}"]
        self.configure(
            listeners=f"""
[[listener]]
name = "atm"
endpoint = "tcp:{LISTEN_PORT}:interface={self.listen_ip}"
reply_deadline_ms = 6000
""",
            extra=f"""
[core.tls]
authorities = "{self.world.certificates.authorities}"
[pair]
peer = "{peer.name}"
paths = {paths}
mac_credentials = ["pair-mac"]
certificate = "{certificate}"
key = "{key}"
authorities = "{self.world.certificates.authorities}"
peer_certificate_name = "{peer.name}.test"
use_peer = true
serve_peer = true
return_after_ms = 4000
{extra}
""",
        )
        text = self.config_path.read_text()
        text = text.replace('name = "127.0.0.1"', f'name = "{self.world.core_ip}"').replace(
            f"port = {self.core.port}", f"port = {self.world.core.port}", 1
        )
        self.config_path.write_text(text.replace("[relay]\n", f'[relay]\ncenter = "{self.name}"\n'))

    async def spawn(self, *holder: str, **environment: str) -> None:
        await super().spawn(need_tool("ip"), "netns", "exec", self.namespace, *holder, **environment)

    # ---- scissors ------------------------------------------------------------------------------------------------------
    def cut(self, *ips: str) -> None:
        """Nothing comes from these addresses any more, and nothing gets to them."""
        nft = need_tool("nft")
        inside = ("ip", "netns", "exec", self.namespace, nft)
        for ip in ips:
            table = _table(ip)
            run(*inside, "add", "table", "ip", table)
            for hook, side in (("input", "saddr"), ("output", "daddr")):
                run(*inside, f"add chain ip {table} {hook} {{ type filter hook {hook} priority 0; policy accept; }}")
                run(*inside, f"add rule ip {table} {hook} ip {side} {ip} drop")

    def heal(self, *ips: str) -> None:
        for ip in ips:
            run("ip", "netns", "exec", self.namespace, need_tool("nft"), "delete", "table", "ip", _table(ip))

    # ---- what is asked -------------------------------------------------------------------------------------------------
    async def status(self) -> StatusReport:
        return await asyncio.to_thread(self.control.status)

    async def pair(self) -> PairReport:
        return (await self.status()).pair

    async def questions(self, result: str) -> float:
        """How many of its questions to the other center ended so."""
        shown = await asyncio.to_thread(self.metrics)
        return shown[f'relay_pair_questions_total{{result="{result}"}}']

    def metrics(self) -> dict[str, float]:
        """From inside: the port is on the namespace's own loopback."""
        with entered(self.namespace):
            return super().metrics()

    async def until(
        self, finding: str = "", way: str = "", also: Callable[[PairReport], bool] = lambda report: True
    ) -> PairReport:
        """Wait for a finding, a way, and what else is to be so, all at once."""
        report = await self.pair()
        try:
            async with asyncio.timeout(SETTLE_S):
                while (finding and report.finding != finding) or (way and report.way != way) or not also(report):
                    await asyncio.sleep(0.02)
                    report = await self.pair()
        except TimeoutError:
            raise AssertionError(f"{self.name} never came to {finding} {way}: {report}\n{self.log()[-6_000:]}") from None
        return report

    # ---- load ----------------------------------------------------------------------------------------------------------
    def load(self, rate_per_s: float, terminals: int = 12) -> IsoTroupe:
        """ATMs of this center that ask all the time, once they have signed on."""
        part = Part(terminals=terminals, rate_per_s=rate_per_s, seed=len(self.name) + ord(self.name[0]))
        self.troupe = IsoTroupe(part, Customers(part.seed), POLICY, (self.listen_ip, LISTEN_PORT))
        for number, terminal in enumerate(self.troupe.fleet.terminals, 1):
            terminal.mind.terminal = f"{self.name[:3].upper()}{number:05d}"
        return self.troupe

    async def begin(self, rate_per_s: float = 20.0) -> IsoTroupe:
        troupe = self.load(rate_per_s)
        troupe.start()
        await until(lambda: troupe.present_count() == troupe.peer_count(), SETTLE_S, 0.02)
        troupe.open_doors()
        return troupe

    async def approvals(self, more: int) -> None:
        """Wait until so many more were approved."""
        assert self.troupe is not None
        tally = self.troupe.tally
        wanted = tally.approved + more
        try:
            await until(lambda: tally.approved >= wanted, SETTLE_S, 0.005)
        except TimeoutError:
            seen = f"{tally.approved} of {wanted} approved, {tally.codes}, {tally.timed_out} without a word"
            raise AssertionError(f"{self.name}: {seen}\n{await self.status()}\n{self.log()[-4_000:]}") from None

    async def evening(self) -> Conservation:
        """No more customers; when nobody waits for anything, the books against the ledger."""
        troupe = self.troupe
        assert troupe is not None
        troupe.close_doors()
        path = str(self.directory / "control.sock")
        try:
            async with asyncio.timeout(SETTLE_S):
                while True:
                    if not troupe.unsettled_count() and not (await inspector.status(path)).unended:
                        break
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{self.name} does not come to rest: {await self.status()}") from None
        _, listed = await inspector.listed(path)
        await troupe.stop()
        ledger, prefix = self.world.ledger, self.name[:3].upper()
        lines = [line for line in lines_of(ledger.entries()) if line.terminal.startswith(prefix)]
        twice = [key for key in ledger.posted_twice() if f"/{prefix}" in key]
        assert not troupe.tally.violations
        return troupe.conserve(lines, listed, twice)


class PairWorld:
    """Both centers, the core, and the lines between them. Skips the test where the machine cannot."""

    def __init__(self, directory: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("network namespaces are made by root only")
        self.directory = directory
        self.net = f"10.{1 + os.getpid() % 250}"
        self.key = secrets.token_hex(32)
        self.core_ip = f"{self.net}.9.1"
        self.certificates = PairCertificates(directory)
        self.certificates.add_core(self.core_ip)
        self.ledger = Ledger()
        self.core = CoreServer(
            FakeCore(self.ledger), zones=(self.core_ip,), tls=self.certificates.server("core", is_mutual=False)
        )
        self._devices: list[str] = []
        self.tokyo, self.osaka = (Center(self, name, place) for place, name in enumerate(CENTERS))

    @property
    def centers(self) -> tuple[Center, Center]:
        return self.tokyo, self.osaka

    async def start(self, extra: str = "") -> None:
        """Lines, core and both daemons, until each hears the other on both paths."""
        self._lay_lines()
        await self.core.start()
        self.tokyo.write(self.osaka, extra)
        self.osaka.write(self.tokyo, extra)
        await asyncio.gather(*(center.start() for center in self.centers))
        await asyncio.gather(*(center.until("normal", "direct") for center in self.centers))

    async def close(self) -> None:
        for center in self.centers:
            if center.troupe is not None:
                await center.troupe.fleet.stop()
            await center.close()
        with contextlib.suppress(TimeoutError):
            await self.core.stop()
        self._take_away()

    def _take_away(self) -> None:
        for center in self.centers:
            subprocess.run(["ip", "netns", "del", center.namespace], capture_output=True, check=False)
        for device in self._devices:
            subprocess.run(["ip", "link", "del", device], capture_output=True, check=False)

    def _lay_lines(self) -> None:
        ip, number = need_tool("ip"), os.getpid()
        try:
            for center in self.centers:
                run(ip, "netns", "add", center.namespace)
                run(ip, "-n", center.namespace, "link", "set", "lo", "up")
        except OSError as error:
            pytest.skip(f"no network namespaces here: {error}")
        run(ip, "link", "add", f"rp{number}c", "type", "veth", "peer", "name", f"rp{number}d")
        self._devices.append(f"rp{number}c")
        run(ip, "addr", "add", f"{self.core_ip}/32", "dev", f"rp{number}c")
        run(ip, "link", "set", f"rp{number}c", "up")
        run(ip, "link", "set", f"rp{number}d", "up")
        for place, center in enumerate(self.centers):
            for kind, third in (("x", 1 + place), ("t", 3 + place)):
                outside, inside = f"rp{number}{kind}{place}", f"{kind}{number}"
                run(ip, "link", "add", outside, "type", "veth", "peer", "name", inside, "netns", center.namespace)
                self._devices.append(outside)
                run(ip, "addr", "add", f"{self.net}.{third}.1/24", "dev", outside)
                run(ip, "link", "set", outside, "up")
                run(ip, "-n", center.namespace, "addr", "add", f"{self.net}.{third}.2/24", "dev", inside)
                run(ip, "-n", center.namespace, "link", "set", inside, "up")
            run(ip, "-n", center.namespace, "route", "add", f"{self.core_ip}/32", "via", f"{self.net}.{1 + place}.1")
        for place, kind in enumerate(("l", "m")):
            ends = [f"{kind}{number}" for _ in CENTERS]
            run(
                *(ip, "-n", self.tokyo.namespace, "link", "add", ends[0], "type", "veth"),
                *("peer", "name", ends[1], "netns", self.osaka.namespace),
            )
            for center, end in zip(self.centers, ends, strict=True):
                run(ip, "-n", center.namespace, "addr", "add", f"{center.paths[place]}/24", "dev", end)
                run(ip, "-n", center.namespace, "link", "set", end, "up")


def _table(ip: str) -> str:
    return "cut_" + ip.replace(".", "_")
