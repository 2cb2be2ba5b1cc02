"""systemd holds the listening port and hands it over: the daemon as a process under systemd-socket-activate.

Owns what a unit test cannot see, namely what is left of LISTEN_PID and LISTEN_FDS by the time a listener asks for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest_asyncio

from tests.support.daemonworld import DaemonWorld
from tests.support.foreignatm import ForeignAtm
from tests.support.tools import need_tool

LISTENER = """
[[listener]]
name = "atm"
endpoint = "systemd:domain=INET:name=atm"
reply_deadline_ms = 30000

[[listener]]
name = "branch"
endpoint = "systemd:domain=INET:index=1"
channel = "branch"
"""


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    try:
        await world.start_core()
        world.configure(LISTENER)
        yield world
    finally:
        await world.close()


async def test_terminals_are_served_on_the_sockets_that_systemd_holds(world: DaemonWorld) -> None:
    branch_port = world.hold_port()
    holder = need_tool("systemd-socket-activate")
    sockets = (f"--listen=127.0.0.1:{world.port}", f"--listen=127.0.0.1:{branch_port}", "--fdname=atm:branch")
    await world.spawn(holder, *sockets)
    await world.logged("Listening on", times=2)

    def day() -> list[str]:
        """The first link is what makes systemd start the daemon; it waits in the backlog until the daemon serves."""
        with closing(ForeignAtm(world.port)) as atm, closing(ForeignAtm(branch_port, terminal="BRANCH01")) as branch:
            return [atm.sign_on()["39"], branch.sign_on()["39"], atm.ask(atm.withdrawal("000002"))["39"]]

    assert await asyncio.to_thread(day) == ["00", "00", "00"], world.log()
    assert await world.stop() == 0
