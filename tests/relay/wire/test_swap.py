"""Listeners and dialers that come, change and go: nothing is seen before the commit, nothing is left of what was given up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from relay.errors import ConfigurationError, ListenFailed
from relay.settings import ListenerSettings
from relay.wire.dialer import Dialer
from relay.wire.listener import Listener
from relay.wire.swap import LOOK_MS, Leaving, Swap
from tests.support.wireworld import PATIENCE_S, Peer, WireWorld

ANY_PORT = "tcp:0:interface=127.0.0.1"
DEADLINE_MS = 5_000


class Room:
    """The tables of a daemon, with reloads by name."""

    def __init__(self, world: WireWorld, *listeners: Listener) -> None:
        self.world = world
        self.listeners = {listener.name: listener for listener in listeners}
        self.dialers: dict[str, Dialer] = {}
        self.leaving = Leaving(world.time)

    def swap(self, *barred: str) -> Swap:
        return Swap(self.listeners, self.dialers, self.leaving, barred.__contains__)


async def can_dial(port: int) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_S):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock.getsockname()[1]


@pytest.fixture
def free() -> Iterator[int]:
    """A port that nobody else gets meanwhile."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def on(port: int) -> str:
    return f"tcp:{port}:interface=127.0.0.1"


async def test_a_new_listener_is_bound_first_and_accepts_at_the_commit(world: WireWorld, free: int) -> None:
    room = Room(world)
    swap = room.swap()
    swap.add_listener(world.listener(world.facts("new"), endpoint=on(free)))
    swap.bind(())
    async with asyncio.timeout(PATIENCE_S):
        early = Peer(*await asyncio.open_connection("127.0.0.1", free))  # by the kernel; nobody looks yet
    early.say("PING")
    assert room.listeners == {}
    assert world.roster.link_count == 0
    swap.commit((), (), DEADLINE_MS)
    assert await early.hear() == "PONG"
    assert room.listeners["new"].is_accepting
    await room.listeners["new"].stop_accepting()
    await early.close()


async def test_what_is_barred_comes_with_its_door_shut(world: WireWorld, free: int) -> None:
    far = await world.listen(world.facts("far"))
    room = Room(world)
    swap = room.swap("new", "switch")
    new = world.listener(world.facts("new"), endpoint=on(free))
    there = f"tcp:host=127.0.0.1:port={far.address.port}"
    barred, other = world.dialer(Random(1), endpoint=there), world.dialer(Random(1), world.facts("other"), endpoint=there)
    swap.add_listener(new)
    swap.add_dialer(barred)
    swap.add_dialer(other)
    swap.bind(())
    swap.commit((), (), DEADLINE_MS)
    assert room.listeners == {"new": new}
    assert room.dialers == {"switch": barred, "other": other}
    assert not new.is_accepting
    assert not await can_dial(free)
    await world.until(lambda: other.link is not None and bool(far.links()))
    assert (barred.link, len(far.links())) == (None, 1), "it would have dialled first"
    await new.start()  # as whoever barred it will say
    assert await can_dial(free)
    await new.stop_accepting()
    await other.stop()


async def test_what_waits_for_an_address_that_is_not_on_this_host_fails_no_reload(world: WireWorld, free: int) -> None:
    room = Room(world)
    swap = room.swap("new")
    new = world.listener(world.facts("new"), endpoint=f"tcp:{free}:interface=192.0.2.1")
    swap.add_listener(new)
    swap.bind((), {"new"})
    swap.commit((), (), DEADLINE_MS)
    assert room.listeners == {"new": new}
    assert not new.is_accepting


@pytest.mark.parametrize("wrong", ["port", "twisted", "settings"])
async def test_what_fails_leaves_nothing_behind(world: WireWorld, free: int, taken: int, wrong: str) -> None:
    old = await world.listen(connection_count_max=1)
    room = Room(world, old)
    peer = await world.terminal(old, "ATM1")
    swap = room.swap()
    swap.change(ListenerSettings(name="atm", endpoint=ANY_PORT, connection_count_max=9), world.facts())
    swap.add_listener(world.listener(world.facts("first"), endpoint=on(free)))
    if wrong == "settings":
        with pytest.raises(ConfigurationError):
            swap.change(ListenerSettings(name="atm", endpoint=ANY_PORT, allow_networks=("no",)), world.facts())
    else:
        endpoint = "unix:/tmp/never-made.sock" if wrong == "twisted" else on(taken)
        swap.add_listener(world.listener(world.facts("second"), endpoint=endpoint))
        with pytest.raises(ListenFailed if wrong == "port" else ConfigurationError):
            swap.bind(("atm",))
    assert room.listeners == {"atm": old}
    assert old.is_accepting
    assert not await can_dial(free)
    assert await world.is_refused(old), "the limit is the old one"
    assert await peer.ask("PING") == "PONG"


async def test_an_heir_shares_the_sockets_and_nobody_who_dials_is_refused(world: WireWorld) -> None:
    old = await world.listen()
    room = Room(world, old)
    peer = await world.terminal(old, "ATM1")
    address = old.address
    swap = room.swap()
    heir = world.listener(world.facts("cash"), endpoint=ANY_PORT)
    swap.add_listener(heir)
    swap.bind(("atm",))
    assert await peer.ask("PING") == "PONG"
    swap.commit(("atm",), (), DEADLINE_MS)
    assert (heir.address, old.is_accepting) == (address, False)
    assert await peer.hear() == "DRAINING"
    assert await peer.is_gone()
    new = await world.terminal(heir, "ATM1")
    assert [link.listener.name for link in world.roster.links()] == ["cash"]
    assert await new.ask("PING") == "PONG"
    await heir.stop_accepting()
    assert not await can_dial(address.port)


async def test_a_link_that_owes_something_is_waited_for_and_then_closed(world: WireWorld) -> None:
    old = await world.listen()
    room = Room(world, old)
    peer = await world.terminal(old, "ATM1")
    peer.say("ASK 1")
    await world.until(lambda: bool(world.desk.asked))
    swap = room.swap()
    swap.bind(("atm",))
    swap.commit(("atm",), (), DEADLINE_MS)
    assert room.listeners == {}
    world.time.run(DEADLINE_MS - 1)
    await asyncio.sleep(0)
    assert world.roster.link_count == 1
    world.time.run(1)
    assert await peer.hear() == "DRAINING"
    assert await peer.is_gone()
    await world.until(lambda: world.roster.link_count == 0)
    assert world.count("relay_links_closed_total", listener="atm", reason="drained") == 1


async def test_a_dialer_of_the_same_name_dials_when_the_old_one_is_gone(world: WireWorld) -> None:
    far = await world.listen(world.facts("far"))
    room = Room(world)
    there: dict[str, Any] = {"endpoint": f"tcp:host=127.0.0.1:port={far.address.port}"}
    old = world.dialer(Random(1), **there)
    old.start()
    room.dialers["switch"] = old
    await world.until(lambda: old.link is not None and len(far.links()) == 1)
    swap = room.swap()
    new = world.dialer(Random(1), **there)
    swap.add_dialer(new)
    swap.bind(())
    swap.commit((), ("switch",), DEADLINE_MS)
    assert room.dialers == {"switch": new}
    assert new.link is None
    await world.until(lambda: old.link is None)
    world.time.run(LOOK_MS)
    await world.until(lambda: new.link is not None)
    await world.until(lambda: len(far.links()) == 1)


async def test_the_end_of_the_daemon_ends_what_is_leaving(world: WireWorld) -> None:
    far = await world.listen(world.facts("far"))
    room = Room(world)
    dialer = world.dialer(Random(1), endpoint=f"tcp:host=127.0.0.1:port={far.address.port}")
    dialer.start()
    room.dialers["switch"] = dialer
    await world.until(lambda: dialer.link is not None and len(far.links()) == 1)
    room.leaving.dialer(dialer, 3_600_000, lambda: None)
    await room.leaving.end("drained")
    assert dialer.link is None
    await world.until(lambda: not far.links())
