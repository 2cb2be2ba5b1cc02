"""With real ExaBGP: the route follows a relay that dies or hangs; a bridge that dies is followed by another."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from relay.loopback.coreserver import CoreServer
from tests.support.announceworld import PORT, SERVICE, Bird, Center, example, until
from tests.support.daemonworld import ROOT
from tests.support.netns import Namespace, cable
from tests.support.tools import need_exabgp

HOLD_MS = 1_000
pytestmark = pytest.mark.timeout(180)


class ExaWorld:
    """A router with BIRD, and a center whose relay is spoken for by ExaBGP."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._exabgp = need_exabgp()
        self._router, self._namespace = Namespace("router"), Namespace("tokyo")
        cable(self._router, "rt", "10.77.1.1/30", self._namespace, "t0", "10.77.1.2/30")
        self._router_bird = Bird(
            self._router,
            folder,
            re.sub(r"protocol bgp osaka \{.*?^\}\n", "", example("router"), flags=re.DOTALL | re.MULTILINE),
        )
        self.center = Center("tokyo", folder / "t", self._namespace, Bird(self._namespace, folder, ""))
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        core: CoreServer = self.center.core
        with self._namespace.entered():  # in the center's own network: nothing else is looked for there
            await core.start()
        await self._router_bird.start()
        socket_path = self._folder / "exabgp.sock"
        self._configure(socket_path)
        shown = example("exabgp.conf, with exabgp_api_ack=true in the environment")
        shown = shown.replace("/opt/relay/bin/python", sys.executable).replace("/run/relay/exabgp.sock", str(socket_path))
        (self._folder / "exabgp.conf").write_text(shown.replace("/32;", f"/32 --hold {HOLD_MS};"))
        settings = {"exabgp_api_ack": "true", "exabgp_api_cli": "false", "exabgp_daemon_user": "root", "PYTHONPATH": str(ROOT)}
        with (self._folder / "exabgp.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._namespace.words,
                *(self._exabgp, "server", str(self._folder / "exabgp.conf")),
                env={**os.environ, **settings},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        await self.center.start()

    def _configure(self, socket_path: Path) -> None:
        self.center.configure(
            listeners=f'[[listener]]\nname = "atm"\nendpoint = "tcp:{PORT}:interface={SERVICE}"\n',
            extra=f"""
[announce]
adapter = "exabgp"
addresses = ["{SERVICE}"]
device = "svc0"
control_socket = "{socket_path}"
look_ms = 100
rise_count = 2
stay_ms = 1000
speaker_look_ms = 250
""",
        )

    def med(self) -> int | None:
        """With which the router has the route; None where it has none."""
        found = re.search(r"BGP\.med: (\d+)", self._router_bird.show(f"route all for {SERVICE}"))
        return int(found[1]) if found else None

    async def routed(self, med: int | None) -> None:
        def what() -> object:
            return (
                self.med(),
                self.center.report(),
                (self._folder / "exabgp.log").read_text()[-2000:],
                self.center.log()[-2000:],
            )

        await until(lambda: self.med() == med, what)

    def bridge(self) -> int:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0]) if children else 0

    async def close(self) -> None:
        try:
            with contextlib.suppress(ProcessLookupError):
                self.center.signal(signal.SIGCONT)
            await self.center.close()
            if self._process is not None:
                self._process.kill()
                await self._process.wait()
            await self._router_bird.kill()
        finally:
            self._router.close()
            self._namespace.close()


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[ExaWorld]:
    world = ExaWorld(tmp_path)
    try:
        await world.start()
        yield world
    finally:
        await world.close()


async def test_the_route_lives_as_long_as_the_relay_speaks(world: ExaWorld) -> None:
    center = world.center
    await world.routed(1_010)
    await center.role("standby")

    await center.kill()
    await world.routed(None)
    await center.start()
    await world.routed(1_010)

    center.signal(signal.SIGSTOP)
    await world.routed(None)
    center.signal(signal.SIGCONT)
    await world.routed(1_010)

    first = world.bridge()
    os.kill(first, signal.SIGKILL)
    await until(lambda: world.bridge() not in (0, first), world.bridge)
    await center.logged("the bridge of ExaBGP is here", times=4)
    await world.routed(1_010)

    assert await center.stop() == 0
    await world.routed(None)
