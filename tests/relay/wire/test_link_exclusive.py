"""A link of an exclusive line asks before each word: what came before its time was over is said, what comes after it is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from random import Random

import pytest_asyncio

from protocols.dialect import LineRight
from tests.support.wireworld import WireWorld

QUICK = {"backoff_first_ms": 1, "backoff_max_ms": 5}


class Guard:
    """Fulfils relay.wire.ports.LineGuard."""

    def __init__(self) -> None:
        self.right: LineRight | None = LineRight(3)
        self.is_held = True

    def may_speak(self) -> bool:
        return self.is_held


@pytest_asyncio.fixture(loop_scope="session")
async def guard(world: WireWorld) -> AsyncIterator[Guard]:
    made = Guard()
    world.parts = replace(world.parts, guard_of=lambda name: made if name in ("line", "switch") else None)
    yield made


async def test_a_byte_that_comes_when_the_time_is_over_is_answered_by_a_reset(world: WireWorld, guard: Guard) -> None:
    listener = await world.listen(world.facts("line"))
    peer = await world.terminal(listener, "LINE")
    assert await peer.ask("PING") == "PONG"
    guard.is_held = False
    assert await peer.ask("PING") in {"", "reset"}
    await world.until(lambda: world.roster.link_count == 0)
    assert world.count("relay_links_closed_total", listener="line", reason="lease-lost") == 1


async def test_what_was_asked_before_is_not_answered_after(world: WireWorld, guard: Guard) -> None:
    listener = await world.listen(world.facts("line"))
    peer = await world.terminal(listener, "LINE")
    peer.say("ASK cash")
    await world.until(lambda: len(world.desk.asked) == 1)
    guard.is_held = False
    assert not world.desk.answer()
    assert await peer.is_gone()


async def test_its_own_timers_say_nothing_either(world: WireWorld, guard: Guard) -> None:
    listener = await world.listen(world.facts("line"))
    peer = await world.terminal(listener, "LINE")
    peer.say("TIMER tick 1000")
    assert await peer.ask("PING") == "PONG"
    guard.is_held = False
    world.time.run(2_000)
    assert await peer.is_gone()


async def test_a_guard_that_falls_within_a_step_stops_the_rest_of_it(world: WireWorld, guard: Guard) -> None:
    listener = await world.listen(world.facts("line"))
    peer = await world.terminal(listener, "LINE")
    answers = iter([True, False])
    guard.may_speak = lambda: next(answers, False)  # type: ignore[method-assign]  # the step may begin, its word may not leave
    assert await peer.ask("PING") in {"", "reset"}


async def test_other_lines_are_not_asked(world: WireWorld, guard: Guard) -> None:
    guard.is_held = False
    listener = await world.listen(world.facts("atm"))
    peer = await world.terminal(listener, "ATM1")
    assert await peer.ask("PING") == "PONG"


async def test_a_dialer_without_its_lease_is_left_alone_and_begins_with_it(world: WireWorld, guard: Guard) -> None:
    dialled: asyncio.Queue[None] = asyncio.Queue()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dialled.put_nowait(None)
        writers.append(writer)

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    dialer = world.dialer(Random(1), endpoint=f"tcp:host=127.0.0.1:port={port}", **QUICK)
    guard.is_held = False
    dialer.start()
    assert dialer._service is None
    guard.is_held = True
    dialer.start()
    await asyncio.wait_for(dialled.get(), 20)
    await world.until(lambda: dialer.link is not None)
    dialer.dial_no_more()
    dialer.start()
    writers[0].close()
    await asyncio.wait_for(dialled.get(), 20)  # taken back: it dials again
    await dialer.stop()
    for writer in writers:
        writer.close()
    server.close()


async def test_a_listener_without_its_lease_lets_its_port_go(world: WireWorld, guard: Guard) -> None:
    guard.is_held = False
    listener = world.listener(world.facts("line"))
    await listener.start()
    assert not listener.is_accepting
    guard.is_held = True
    await listener.start()
    assert listener.is_accepting
    await listener.stop_accepting()
