"""Messages of the core through the running daemon: over mutual TLS, across kill -9, and as an operator sees them.

The terminals are a stranger's (tests/support/foreignatm.py) and keep their own book of what they heard. A cutover's date is
what a message is recognised by on the wire.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from relay.control.client import Refused
from relay.control.commands import (
    OutboundKeyArgs,
    OutboundListArgs,
    OutboundPostArgs,
    OutboundSettleArgs,
    OutboundSignedArgs,
)
from relay.loopback.outboundclient import OutboundClient
from tests.support.certificates import Certificates
from tests.support.daemonworld import LISTENER, LOOK_S, DaemonWorld
from tests.support.foreignatm import ForeignAtm

PATIENCE_S = 60.0


class OutboundDaemon(DaemonWorld):
    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.outbound_port = self.hold_port()
        self.client = OutboundClient("127.0.0.1", self.outbound_port)

    def configure_outbound(self, more: str = "") -> None:
        extra = f'[outbound]\nendpoint = "tcp:{self.outbound_port}:interface=127.0.0.1"\n{more}'
        self.configure(LISTENER + "[listener.profile.session]\ncommand_reply_ms = 20000\n", extra)

    def reported(self, key: str) -> list[str]:
        """The states of a message that the core has heard of, in order."""
        reports = self.core.core.reports.values()
        return [report.detail["state"] for report in reports if report.detail.get("key") == key]

    async def until_reported(self, key: str, state: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while state not in self.reported(key):  # noqa: ASYNC110  another process does it
                await asyncio.sleep(0.02)

    async def state(self, key: str) -> str:
        said = await self.client.find(key)
        assert said.message is not None, said
        return said.message.state


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[OutboundDaemon]:
    world = OutboundDaemon(tmp_path)
    await world.start_core()
    world.configure_outbound()
    yield world
    await world.close()


def signed_on(world: DaemonWorld, terminal: str = "ATM00001") -> ForeignAtm:
    atm = ForeignAtm(world.port, terminal=terminal)
    assert atm.sign_on()["39"] == "00"
    return atm


def acknowledge(atm: ForeignAtm, asked: dict[str, str], code: str = "00") -> None:
    atm.say({"t": "0810", "7": asked["7"], "11": asked["11"], "39": code, "70": asked["70"]})


async def test_from_the_core_to_the_terminal_and_back_over_mutual_tls(world: OutboundDaemon, tmp_path: Path) -> None:
    made = Certificates(tmp_path)
    world.configure_outbound(
        f'clients = ["atm1.test"]\n[outbound.tls]\ncertificate = "{made.relay[0]}"\nkey = "{made.relay[1]}"\n'
        f'authorities = "{made.authorities}"\nrequire_peer_certificate = true\n'
    )
    world.client = OutboundClient("127.0.0.1", world.outbound_port, made.client_context(made.terminal), "relay.test")
    await world.start()
    said = await world.client.post("k1", "atm", "cutover", "ATM00001", {"business_date": "2026-11-26"})
    assert said.http_status == 202
    assert await world.state("k1") == "queued", "the terminal is not there yet"
    atm = await asyncio.to_thread(signed_on, world)
    heard = await asyncio.to_thread(atm.hear)
    assert (heard["t"], heard["70"], heard["15"]) == ("0800", "201", "1126")
    assert await world.state("k1") == "sent"
    acknowledge(atm, heard)
    await world.until_reported("k1", "acknowledged")
    assert await world.state("k1") == "acknowledged"
    again = await world.client.post("k1", "atm", "cutover", "ATM00001", {"business_date": "2026-11-26"})
    assert again.http_status == 200
    stranger = OutboundClient("127.0.0.1", world.outbound_port, made.client_context(), "relay.test")
    with pytest.raises(OSError, match=r"."):
        await stranger.post("k2", "atm", "echo")
    atm.close()
    assert await world.stop() == 0


async def test_sent_and_unanswered_at_kill_9_is_unknown_and_never_heard_again(world: OutboundDaemon) -> None:
    await world.start()
    atm = await asyncio.to_thread(signed_on, world)
    for number in (1, 2, 3):
        await world.client.post(f"k{number}", "atm", "cutover", "ATM00001", {"business_date": f"2026-12-0{number}"})
    first = await asyncio.to_thread(atm.hear)
    assert first["15"] == "1201"
    await world.kill()
    atm.close()
    await world.start()
    await world.until_reported("k1", "unknown")
    assert [await world.state(f"k{number}") for number in (1, 2, 3)] == ["unknown", "queued", "queued"]
    atm = await asyncio.to_thread(signed_on, world)
    for number in (2, 3):
        heard = await asyncio.to_thread(atm.hear)
        assert heard["15"] == f"120{number}"
        acknowledge(atm, heard, "00" if number == 2 else "91")
    await world.until_reported("k2", "acknowledged")
    await world.until_reported("k3", "failed")
    assert world.reported("k1") == ["unknown"]
    atm.close()


class AnsweringTerminal:
    """Signs on, acknowledges every cutover, writes its date into its own book, and comes back when the relay dies."""

    def __init__(self, world: DaemonWorld, terminal: str) -> None:
        self.world = world
        self.terminal = terminal
        self.book: list[str] = []
        self.over = threading.Event()
        self.atm: ForeignAtm | None = None
        self.thread = threading.Thread(target=self._live, name=terminal)
        self.thread.start()

    def _live(self) -> None:
        while not self.over.wait(LOOK_S):  # a dead relay refuses at once: without a pause these would hold up its next life
            with contextlib.suppress(OSError, ValueError):
                self.atm = ForeignAtm(self.world.port, terminal=self.terminal)
                with contextlib.closing(self.atm.socket):
                    self._work(self.atm)

    def _work(self, atm: ForeignAtm) -> None:
        atm.sign_on()
        while True:
            heard = atm.hear()
            if heard["t"] == "0800" and heard["70"] == "201":
                self.book.append(heard["15"])
                acknowledge(atm, heard)

    def end(self) -> None:
        self.over.set()
        if self.atm is not None:
            with contextlib.suppress(OSError):
                self.atm.socket.shutdown(2)
        self.thread.join(PATIENCE_S)


@pytest.mark.timeout(240)
async def test_kill_9_again_and_again_nothing_is_lost_and_nothing_heard_twice(world: OutboundDaemon) -> None:
    """Conservation: what the terminals' own books say against what the core was told."""
    await world.start()
    names = ["ATM00001", "ATM00002", "ATM00003"]
    dates = [f"2026-{month:02}-{day:02}" for month in range(1, 6) for day in range(1, 11)]
    terminals = {name: AnsweringTerminal(world, name) for name in names}
    posts = [
        asyncio.ensure_future(
            world.client.post_until_answered(f"{name}-{date}", "atm", "cutover", name, {"business_date": date})
        )
        for date in dates
        for name in names
    ]
    try:
        for deadline in (20, 60, 100):
            async with asyncio.timeout(PATIENCE_S):
                while sum(len(each.book) for each in terminals.values()) < deadline:  # noqa: ASYNC110  other processes do it
                    await asyncio.sleep(0.002)
            await world.kill()
            await world.start()
        async with asyncio.timeout(PATIENCE_S):
            answers = await asyncio.gather(*posts)
        assert all(said.is_taken for said in answers)
        for date in dates:
            for name in names:
                async with asyncio.timeout(PATIENCE_S):
                    while not world.reported(f"{name}-{date}"):  # noqa: ASYNC110  as above
                        await asyncio.sleep(0.02)
    finally:
        for post in posts:
            post.cancel()
        for each in terminals.values():
            each.over.set()
        await world.kill()
        for each in terminals.values():
            await asyncio.to_thread(each.end)
    unknown = 0
    for name, each in terminals.items():
        assert len(set(each.book)) == len(each.book), "heard twice"
        for date in dates:
            (state,) = world.reported(f"{name}-{date}")
            was_heard = date[5:7] + date[8:10] in each.book
            unknown += state == "unknown"
            assert state in {"acknowledged", "unknown"}
            assert was_heard or state == "unknown", "acknowledged, and nobody heard it"
    assert unknown <= 3 * len(names), "at most one per line and crash"


async def test_what_an_operator_sees_and_does(world: OutboundDaemon) -> None:
    await world.start()
    control = world.control
    row = await asyncio.to_thread(
        control.outbound_post, OutboundPostArgs(key="op-1", listener="atm", line="ATM00001", kind="echo")
    )
    assert (row.state, row.body_bytes) == ("queued", 2)
    status = await asyncio.to_thread(control.status)
    assert (status.outbound.queued, status.outbound.unknown) == (1, 0)
    signed = OutboundSignedArgs(key="op-1", who="night shift", why="wrong terminal")
    row = await asyncio.to_thread(control.outbound_cancel, signed)
    assert (row.state, row.detail) == ("cancelled", "cancelled by night shift: wrong terminal")
    await world.until_reported("op-1", "cancelled")

    await asyncio.to_thread(control.outbound_post, OutboundPostArgs(key="op-2", listener="atm", line="ATM00001", kind="echo"))
    atm = await asyncio.to_thread(signed_on, world)
    await asyncio.to_thread(atm.hear)
    with pytest.raises(Refused, match="nothing was changed"):
        await asyncio.to_thread(control.outbound_cancel, OutboundSignedArgs(key="op-2", who="a", why="b"))
    atm.close()
    await world.until_reported("op-2", "unknown")
    status = await asyncio.to_thread(control.status)
    assert status.outbound.unknown == 1
    listed = await asyncio.to_thread(control.outbound_list, OutboundListArgs(state="unknown"))
    assert [each.key for each in listed.rows] == ["op-2"]
    settle = OutboundSettleArgs(key="op-2", state="failed", who="night shift", why="asked at 03:12")
    assert (await asyncio.to_thread(control.outbound_settle, settle)).state == "failed"
    await world.until_reported("op-2", "failed")
    shown = await asyncio.to_thread(control.outbound_show, OutboundKeyArgs(key="op-2"))
    assert "night shift" in shown.detail
    assert (await asyncio.to_thread(control.status)).outbound.unknown == 0
    for args, why in (
        (OutboundPostArgs(key="op-2", listener="atm", kind="cutover"), "another message"),
        (OutboundPostArgs(key="op-3", listener="nowhere", kind="echo"), "not taken"),
        (OutboundPostArgs(key="op-3", listener="atm", kind="Echo"), "does not fit"),
    ):
        with pytest.raises(Refused, match=why):
            await asyncio.to_thread(control.outbound_post, args)
    with pytest.raises(Refused, match="no outbound message"):
        await asyncio.to_thread(control.outbound_show, OutboundKeyArgs(key="never"))
    assert await world.stop() == 0


async def test_a_drain_lets_what_is_under_way_end(world: OutboundDaemon) -> None:
    await world.start()
    atm = await asyncio.to_thread(signed_on, world)
    for number in (1, 2):
        await world.client.post(f"k{number}", "atm", "echo", "ATM00001")
    heard = await asyncio.to_thread(atm.hear)
    world.signal(15)
    async with asyncio.timeout(PATIENCE_S):
        while "draining" not in world.log():  # noqa: ASYNC110  another process does it
            await asyncio.sleep(0.02)
    acknowledge(atm, heard)
    assert await world.exit_code() == 0
    atm.close()
    await world.start()
    assert [await world.state(key) for key in ("k1", "k2")] == ["acknowledged", "queued"]
