"""A core that is starved, and accepts all the same: what the relay holds open to it stays bounded, and no place stays taken."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import uvloop

from relay.clock import SystemClock
from relay.core.door import Address, HttpAnswer, HttpCall, HttpResult, Lost, NotSent, Why
from relay.core.transport import Transport, TransportLimits
from relay.loopback.stage import free_port
from relay.telemetry.metrics import Metrics
from tests.relay.core.conftest import HEAD, MakeTransport, ask, patient, real_timers
from tests.support.heldhandshake import NAME, HeldHandshake
from tests.support.httpserver import Peer, RawServer, always, answer
from tests.support.virtualtime import VirtualTime

GET = HttpCall(b"GET", b"/", HEAD)
CONNECTIONS_MAX = 8
FIN_WAIT = {"04", "05"}  # states of /proc/net/tcp: we have closed, and the peer has not


@contextmanager
def starved() -> Iterator[Address]:
    """A listening socket of whom nobody ever accepts: its kernel does, and takes whole requests."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=512)) as listening:
        yield Address("127.0.0.1", listening.getsockname()[1])


def half_open_count(address: Address) -> int:
    """Sockets of this machine that were closed towards `address`, and are still there."""
    there = f"0100007F:{address.port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2] == there and row[3] in FIN_WAIT for row in rows)


async def storm(transport: Transport, address: Address, count: int, timeout_ms: int) -> list[HttpResult]:
    """`count` calls: as many at once as there may be connections, then some each few milliseconds."""
    results: list[HttpResult] = []
    all_ended = asyncio.Event()

    def done(result: HttpResult) -> None:
        results.append(result)
        if len(results) == count:
            all_ended.set()

    for number in range(count):
        transport.call(address, GET, timeout_ms, done)
        if number >= CONNECTIONS_MAX and number % 4 == 0:
            await asyncio.sleep(0.005)
        assert transport.open_count <= CONNECTIONS_MAX
    await asyncio.wait_for(all_ended.wait(), 20)
    return results


@pytest.mark.parametrize("loop_name", ["asyncio", "uvloop"])
@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_to_a_starved_core_few_connections_are_opened_and_none_is_left_behind(loop_name: str, is_tls: bool) -> None:
    async def main() -> None:
        tls = ssl.create_default_context() if is_tls else None
        clock, limits = SystemClock(), TransportLimits(connections_per_address_max=CONNECTIONS_MAX, connect_timeout_ms=50)
        transport = Transport("core.test", timers=real_timers(), clock=clock, tls=tls, limits=limits)
        began_ms = clock.monotonic_ms()
        with starved() as address:
            results = await storm(transport, address, 600, 50)
            assert not any(isinstance(result, HttpAnswer) for result in results)
            tried = transport.counts.opened + transport.counts.connect_failures
            # Up to half of each pause is taken away; until they are the longest there are fewer than eight.
            seldom = 8 + (clock.monotonic_ms() - began_ms) // (limits.dial_max_ms // 2)
            assert CONNECTIONS_MAX <= tried <= CONNECTIONS_MAX + seldom, "the first eight, then seldom"
            assert half_open_count(address) == 0
            await transport.aclose()
            assert half_open_count(address) == 0

    (asyncio.run if loop_name == "asyncio" else uvloop.run)(main())


@pytest.mark.parametrize("loop_name", ["asyncio", "uvloop"])
def test_a_call_that_is_given_up_resets_its_connection(loop_name: str) -> None:
    async def main() -> None:
        how: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        asked = asyncio.Event()
        time = VirtualTime()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            asked.set()
            try:
                how.set_result("closed" if await reader.read(1) == b"" else "spoken on")
            except ConnectionResetError:
                how.set_result("reset")
            writer.close()

        transport = Transport("core.test", timers=time, clock=time)
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            address = Address("127.0.0.1", server.sockets[0].getsockname()[1])
            under_way = asyncio.ensure_future(ask(transport, address, timeout_ms=50))
            await asked.wait()
            time.run(50)
            assert await under_way == Lost(Why.DEADLINE)
            assert await how == "reset"
        await transport.aclose()

    (asyncio.run if loop_name == "asyncio" else uvloop.run)(main())


async def test_a_core_that_answers_again_is_asked_again_at_once(make_transport: MakeTransport) -> None:
    transport = make_transport(patient(connections_per_address_max=4))
    speaks = asyncio.Event()

    async def script(peer: Peer) -> None:
        while await peer.request() is not None:
            await speaks.wait()
            await peer.send(answer())

    async with RawServer(script) as server:
        silent = await asyncio.gather(*(ask(transport, server.address, timeout_ms=100) for _ in range(12)))
        assert not any(isinstance(result, HttpAnswer) for result in silent)
        speaks.set()
        results = await asyncio.gather(*(ask(transport, server.address) for _ in range(40)))
        assert all(isinstance(result, HttpAnswer) for result in results)
        assert transport.open_count == 4, "by as many connections as there may be, and not one after the other"


# ---- the limit of all addresses together -------------------------------------------------------------------------------


async def test_all_addresses_together_have_no_more_than_they_may_have() -> None:
    metrics = Metrics()
    limits = patient(connections_max=3, connections_per_address_max=2)
    transport = Transport("core.test", timers=real_timers(), clock=SystemClock(), limits=limits, metrics=metrics)
    release = asyncio.Event()

    async def script(peer: Peer) -> None:
        while await peer.request() is not None:
            await release.wait()
            await peer.send(answer())

    async with RawServer(script) as one, RawServer(script) as two:
        calls = [asyncio.ensure_future(ask(transport, server.address)) for server in (one, two) for _ in range(2)]
        await one.arrived.wait()
        await two.arrived.wait()
        assert transport.open_count == 3
        assert metrics.registry.get_sample_value("relay_core_connections_held_total", {"why": "all"}) == 1
        release.set()
        assert all(isinstance(result, HttpAnswer) for result in await asyncio.gather(*calls))
        assert one.connections + two.connections <= 4
    await transport.aclose()


async def test_an_idle_connection_makes_room_for_another_address(make_transport: MakeTransport) -> None:
    transport = make_transport(patient(connections_max=1, connections_per_address_max=1))
    async with RawServer(always(answer())) as one, RawServer(always(answer())) as two:
        for server in (one, two, one):
            assert isinstance(await ask(transport, server.address), HttpAnswer)
            assert transport.open_count == 1


async def test_a_busy_address_does_not_keep_another_one_waiting(make_transport: MakeTransport) -> None:
    """Both places are taken by an address with a long queue; the other address gets one of them, and is answered."""
    transport = make_transport(patient(connections_max=2, connections_per_address_max=2))
    async with RawServer(always(answer())) as long, RawServer(always(answer())) as short:
        queue = [asyncio.ensure_future(ask(transport, long.address)) for _ in range(200)]
        await long.arrived.wait()
        assert isinstance(await ask(transport, short.address), HttpAnswer)
        assert not all(call.done() for call in queue)
        assert all(isinstance(result, HttpAnswer) for result in await asyncio.gather(*queue))


async def test_who_waits_for_room_and_gets_none_has_sent_nothing(make_transport: MakeTransport) -> None:
    transport = make_transport(patient(connections_max=1, connections_per_address_max=1))

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.closed_by_client()

    async with RawServer(script) as silent, RawServer(always(answer())) as other:
        results: list[HttpResult] = []
        under_way = transport.call(silent.address, GET, 20_000, results.append)
        await silent.arrived.wait()
        assert await ask(transport, other.address, timeout_ms=50) == NotSent(Why.DEADLINE)
        assert other.connections == 0
        under_way.cancel()
        assert results == [Lost(Why.CANCELLED)]


@pytest.mark.parametrize("is_troubled", [False, True])
async def test_a_connection_given_up_before_it_was_begun_leaves_its_place(
    is_troubled: bool, make_transport: MakeTransport
) -> None:
    """The way changes in the turn of the loop in which a connection was ordered: its task never takes a step. Where that place
    stays taken, an address in trouble, to which one connection is opened at a time, is never connected to again."""
    limits = patient(connections_per_address_max=2 if is_troubled else 1, dial_first_ms=1, dial_max_ms=1)
    transport, port = make_transport(limits), free_port()
    address = Address("127.0.0.1", port)
    if is_troubled:
        assert await ask(transport, address) == NotSent(Why.REFUSED)
        failed_ms = transport.clock.monotonic_ms()
        while transport.clock.monotonic_ms() < failed_ms + 2:  # noqa: ASYNC110  the pause is over by the pool's own clock
            await asyncio.sleep(0)
    async with RawServer(always(answer()), port=port):
        told: asyncio.Future[HttpResult] = asyncio.get_running_loop().create_future()
        transport.call(address, GET, 20_000, told.set_result)
        assert transport.open_count == 1
        transport.dial_by(None)
        assert await told == NotSent(Why.RENEWED)
        assert isinstance(await ask(transport, address), HttpAnswer)
        assert transport.open_count == 1


@pytest.mark.parametrize("loop_name", ["asyncio", "uvloop"])
def test_a_handshake_that_ends_in_the_turn_in_which_it_is_given_up_leaves_nothing(loop_name: str) -> None:
    """A process that stood still finds the core's last word and the end of its own patience in one turn. The loop watched the
    closed socket, and the next one got its number: it could not be connected, and its place was never given back."""

    async def main(server: HeldHandshake) -> None:
        loop = asyncio.get_running_loop()
        limits = patient(connections_per_address_max=1)
        transport = Transport(NAME, timers=real_timers(), clock=SystemClock(), tls=server.client_tls, limits=limits)
        dialled: list[socket.socket] = []

        async def dial(address: Address) -> socket.socket:
            dialled.append(socket.socket())
            dialled[-1].setblocking(False)
            await loop.sock_connect(dialled[-1], address)
            return dialled[-1]

        transport.dial_by(dial)
        address = Address(*server.place)
        under_way = asyncio.ensure_future(ask(transport, address))
        await server.hello()
        loop.call_later(0, transport.dial_by, dial)  # another way: what is being opened is given up
        server.speak(dialled[0])
        assert await under_way == NotSent(Why.RENEWED)
        assert isinstance(await ask(transport, address), HttpAnswer)
        assert transport.open_count == 1
        await transport.aclose()

    with HeldHandshake(2) as server:
        (asyncio.run if loop_name == "asyncio" else uvloop.run)(main(server))


async def test_a_mistake_while_connecting_leaves_its_place_too(make_transport: MakeTransport) -> None:
    transport = make_transport(patient(connections_per_address_max=1, dial_first_ms=1, dial_max_ms=1))

    async def dial(address: Address) -> socket.socket:
        raise LookupError("a mistake of ours")

    async with RawServer(always(answer())) as server:
        transport.dial_by(dial)
        assert await ask(transport, server.address) == NotSent(Why.REFUSED)
        transport.dial_by(None)
        assert isinstance(await ask(transport, server.address), HttpAnswer)
        assert transport.open_count == 1
