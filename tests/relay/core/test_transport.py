"""The door itself: keep-alive, bounds, deadlines, addresses that refuse, names that do not match."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import threading
from collections.abc import Callable

import pytest
import trustme
import uvloop

from relay.clock import SystemClock
from relay.core.door import Address, HttpAnswer, HttpCall, HttpResult, Lost, NotSent, Why
from relay.core.transport import Transport, TransportLimits
from relay.loopback.stage import free_port
from relay.telemetry.metrics import Metrics
from tests.relay.core.conftest import HEAD, MakeTransport, ask, patient, real_timers
from tests.support.httpserver import Peer, RawServer, always, answer

GET = HttpCall(b"GET", b"/", HEAD)


async def many(transport: Transport, address: Address, count: int) -> list[HttpResult]:
    return list(await asyncio.gather(*(ask(transport, address) for _ in range(count))))


async def closed_down_to(transport: Transport, count: int) -> None:
    """Sockets are closed a turn of the loop after their use has ended."""
    async with asyncio.timeout(20):
        while transport.counts.open != count:  # noqa: ASYNC110 — nobody tells when the kernel has closed a socket
            await asyncio.sleep(0)


def held(release: asyncio.Event) -> Callable[[Peer], object]:
    """Answers only after `release`."""

    async def script(peer: Peer) -> None:
        while await peer.request() is not None:
            await release.wait()
            await peer.send(answer())

    return script


# ---- keep-alive --------------------------------------------------------------------------------------------------------


async def test_one_connection_serves_calls_one_after_another(transport: Transport) -> None:
    async with RawServer(always(answer())) as server:
        for _ in range(20):
            assert isinstance(await ask(transport, server.address), HttpAnswer)
        assert server.connections == 1
    assert (transport.counts.opened, transport.counts.unrequested) == (1, 0)


async def test_as_many_connections_as_calls_at_once_and_no_more_than_allowed(make_transport: MakeTransport) -> None:
    transport = make_transport(patient(connections_per_address_max=4))
    async with RawServer(always(answer())) as server:
        results = await many(transport, server.address, 50)
        assert all(isinstance(r, HttpAnswer) for r in results)
        assert server.connections <= 4
        assert len(server.requests) == 50
        assert transport.counts.open == server.connections


@pytest.mark.parametrize("line", ["Connection: close"])
async def test_a_server_that_says_close_is_connected_to_again(line: str, transport: Transport) -> None:
    async with RawServer(always(answer(b"", "200 OK", line))) as server:
        for _ in range(3):
            assert isinstance(await ask(transport, server.address), HttpAnswer)
        assert server.connections == 3


async def test_a_call_made_by_the_callback_of_another_finds_its_connection(transport: Transport) -> None:
    finished: asyncio.Future[HttpResult] = asyncio.get_running_loop().create_future()
    async with RawServer(always(answer())) as server:
        transport.call(server.address, GET, 20_000, lambda _: transport.call(server.address, GET, 20_000, finished.set_result))
        assert isinstance(await finished, HttpAnswer)
        assert server.connections == 1


def wait_readable(transport: Transport, address: Address) -> None:
    """Until the kernel has the peer's close, without a turn of the loop."""
    poll = select.poll()
    poll.register(transport._pools[address]._idle[0]._sock, select.POLLIN)
    assert poll.poll(20_000)


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("loop_name", ["asyncio", "uvloop"])
def test_a_connection_that_the_peer_closed_unseen_is_not_written_to(loop_name: str, is_tls: bool) -> None:
    """The close is in the kernel, the loop has not looked yet: found out before the write, so nothing is lost."""
    listening = socket.create_server(("127.0.0.1", 0))
    closed = threading.Event()
    context = server_tls("core.test")

    def serve() -> None:
        for number in range(2):
            sock, _ = listening.accept()
            with context.wrap_socket(sock, server_side=True) if is_tls else sock as sock:
                while b"\r\n\r\n" not in sock.recv(65_536):
                    pass
                sock.sendall(answer(b"%d" % number))
                if number == 1:
                    sock.recv(1)  # until the client closes
            closed.set()

    async def main() -> None:
        tls = client_tls() if is_tls else None
        transport = Transport("core.test", timers=real_timers(), clock=SystemClock(), tls=tls, limits=patient(fresh_ms=0))
        address = Address("127.0.0.1", listening.getsockname()[1])
        for number in range(2):
            result = await ask(transport, address)
            assert isinstance(result, HttpAnswer), result
            assert result.body == b"%d" % number
            if number == 0:
                assert closed.wait(20)
                wait_readable(transport, address)  # blocks the loop on purpose
        assert transport.counts.stale == 1
        await transport.aclose()

    server = threading.Thread(target=serve)
    server.start()
    (asyncio.run if loop_name == "asyncio" else uvloop.run)(main())
    server.join(20)
    listening.close()


async def test_idle_connections_are_closed_after_a_while(make_transport: MakeTransport) -> None:
    transport = make_transport(patient(idle_ms_max=1))
    gone = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer())
        await peer.closed_by_client()
        gone.set()

    async with RawServer(script) as server:
        await ask(transport, server.address)
        assert transport.counts.open == 1
        await gone.wait()
    assert transport.counts.open == 0


async def test_an_address_that_dns_forgot_keeps_no_connection(transport: Transport) -> None:
    release = asyncio.Event()
    async with RawServer(always(answer())) as idle, RawServer(held(release)) as busy:
        await ask(transport, idle.address)
        under_way = asyncio.ensure_future(ask(transport, busy.address))
        await busy.arrived.wait()
        transport.keep_only([])
        await closed_down_to(transport, 1)  # the busy one finishes what it began
        release.set()
        assert isinstance(await under_way, HttpAnswer)
        await closed_down_to(transport, 0)


async def test_a_new_epoch_uses_no_connection_made_before(transport: Transport) -> None:
    release = asyncio.Event()
    async with RawServer(held(release)) as server:
        under_way = asyncio.ensure_future(ask(transport, server.address))
        await server.arrived.wait()
        transport.renew()
        release.set()
        assert isinstance(await under_way, HttpAnswer)
        assert isinstance(await ask(transport, server.address), HttpAnswer)
        assert server.connections == 2
        transport.renew()
        assert isinstance(await ask(transport, server.address), HttpAnswer)
        assert server.connections == 3


async def test_a_call_that_waits_for_a_connection_when_the_epoch_begins_comes_back_unsent(
    make_transport: MakeTransport,
) -> None:
    transport = make_transport(patient(connections_per_address_max=1))
    release = asyncio.Event()
    async with RawServer(held(release)) as server:
        busy = asyncio.ensure_future(ask(transport, server.address))
        await server.arrived.wait()
        waiting = asyncio.ensure_future(ask(transport, server.address))
        await asyncio.sleep(0)
        transport.renew()
        assert await waiting == NotSent(Why.RENEWED)
        release.set()
        assert isinstance(await busy, HttpAnswer)


# ---- bounds and deadlines ------------------------------------------------------------------------------------------------


async def test_waiting_places_are_bounded_and_the_next_call_is_refused_at_once(make_transport: MakeTransport) -> None:
    transport = make_transport(patient(connections_per_address_max=1, waiting_per_address_max=2))
    release = asyncio.Event()
    async with RawServer(held(release)) as server:
        busy = asyncio.ensure_future(ask(transport, server.address))
        await server.arrived.wait()
        waiting = [asyncio.ensure_future(ask(transport, server.address)) for _ in range(2)]
        await asyncio.sleep(0)
        results: list[HttpResult] = []
        transport.call(server.address, GET, 20_000, results.append)
        assert results == [NotSent(Why.FULL)]
        release.set()
        assert all(isinstance(r, HttpAnswer) for r in await asyncio.gather(busy, *waiting))
        assert server.connections == 1


async def test_the_deadline_of_a_waiting_call_is_not_sent(make_transport: MakeTransport) -> None:
    transport = make_transport(patient(connections_per_address_max=1))
    release = asyncio.Event()
    async with RawServer(held(release)) as server:
        busy = asyncio.ensure_future(ask(transport, server.address))
        await server.arrived.wait()
        assert await ask(transport, server.address, timeout_ms=30) == NotSent(Why.DEADLINE)
        release.set()
        assert isinstance(await busy, HttpAnswer)
        assert len(server.requests) == 1


async def test_no_time_at_all_is_not_sent(transport: Transport) -> None:
    assert await ask(transport, Address("127.0.0.1", free_port()), timeout_ms=0) == NotSent(Why.DEADLINE)


async def test_cancelling_tells_the_caller_once_and_frees_the_connection(make_transport: MakeTransport) -> None:
    transport = make_transport(patient(connections_per_address_max=1))
    results: list[HttpResult] = []
    release = asyncio.Event()
    async with RawServer(held(release)) as server:
        sent = transport.call(server.address, GET, 20_000, results.append)
        waiting = transport.call(server.address, GET, 20_000, results.append)
        await server.arrived.wait()
        waiting.cancel()
        assert results == [NotSent(Why.CANCELLED)]
        sent.cancel()
        sent.cancel()
        assert results == [NotSent(Why.CANCELLED), Lost(Why.CANCELLED)]
        release.set()
        assert isinstance(await ask(transport, server.address), HttpAnswer)
        assert server.connections == 2  # the cancelled call's connection may still carry its answer: never used again
    assert len(results) == 2


async def test_closing_the_door_ends_every_call(make_transport: MakeTransport) -> None:
    transport = make_transport(patient(connections_per_address_max=1))
    results: list[HttpResult] = []
    async with RawServer(held(asyncio.Event())) as server:
        transport.call(server.address, GET, 20_000, results.append)
        transport.call(server.address, GET, 20_000, results.append)
        await server.arrived.wait()
        await transport.aclose()
        assert sorted(results, key=repr) == [Lost(Why.SHUTDOWN), NotSent(Why.SHUTDOWN)]
        assert await ask(transport, server.address) == NotSent(Why.SHUTDOWN)
    assert transport.counts.open == 0


# ---- connecting ----------------------------------------------------------------------------------------------------------


async def test_a_refused_connection_is_not_sent_for_every_waiting_call(make_transport: MakeTransport) -> None:
    metrics = Metrics()
    transport = make_transport(patient(connections_per_address_max=2), metrics=metrics)
    results = await many(transport, Address("127.0.0.1", free_port()), 10)
    assert results == [NotSent(Why.REFUSED)] * 10
    async with asyncio.timeout(20):
        while transport.open_count:  # noqa: ASYNC110  the first refusal tells them all, and the other is still to come
            await asyncio.sleep(0)
    assert metrics.registry.get_sample_value("relay_core_connect_failures_total", {"why": "refused"}) == 2


async def test_a_server_that_accepts_and_closes_is_never_asked_for_ever(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        peer.reset()

    async with RawServer(script) as server:
        results = await many(transport, server.address, 5)
    assert all(r in (NotSent(Why.REFUSED), Lost(Why.CLOSED)) for r in results)


async def test_a_handshake_that_hangs_is_not_sent(make_transport: MakeTransport) -> None:
    transport = make_transport(TransportLimits(connect_timeout_ms=100), tls=ssl.create_default_context())

    async def script(peer: Peer) -> None:
        await peer.closed_by_client()

    async with RawServer(script) as server:
        assert await ask(transport, server.address) == NotSent(Why.CONNECT_TIMEOUT)


async def test_a_lost_connection_does_not_hold_up_the_waiting_calls(make_transport: MakeTransport) -> None:
    transport = make_transport(patient(connections_per_address_max=1))

    async def script(peer: Peer) -> None:
        while await peer.request() is not None and peer.number > 1:
            await peer.send(answer())

    async with RawServer(script) as server:
        first, *rest = await many(transport, server.address, 4)
    assert first == Lost(Why.CLOSED)
    assert all(isinstance(r, HttpAnswer) for r in rest)


async def test_ipv6(transport: Transport) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        server = await RawServer(always(answer()), host="::1").__aenter__()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    try:
        assert isinstance(await ask(transport, server.address), HttpAnswer)
    finally:
        await server.stop()


# ---- TLS -----------------------------------------------------------------------------------------------------------------

AUTHORITY = trustme.CA()


def server_tls(name: str, authority: trustme.CA = AUTHORITY, client_authority: trustme.CA | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    if client_authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        client_authority.configure_trust(context)
    return context


def client_tls(certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    if certificate is not None:
        certificate.configure_cert(context)
    return context


async def test_the_name_is_verified_while_connecting_to_an_address(make_transport: MakeTransport) -> None:
    async with RawServer(always(answer(b"hi")), tls=server_tls("core.test")) as server:
        transport = make_transport(tls=client_tls())
        for _ in range(3):
            result = await ask(transport, server.address)
            assert isinstance(result, HttpAnswer), result
        assert server.connections == 1


@pytest.mark.parametrize(
    "context",
    [server_tls("other.test"), server_tls("core.test", trustme.CA()), server_tls("127.0.0.1")],
    ids=["another name", "another authority", "the address instead of the name"],
)
async def test_the_certificate_of_another_is_not_sent(context: ssl.SSLContext, make_transport: MakeTransport) -> None:
    async with RawServer(always(answer()), tls=context) as server:
        assert await ask(make_transport(tls=client_tls()), server.address) == NotSent(Why.CERTIFICATE)
        assert server.requests == []


async def test_plain_text_where_tls_is_expected_is_not_sent(make_transport: MakeTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with RawServer(script) as server:
        assert await ask(make_transport(tls=client_tls()), server.address) == NotSent(Why.TLS)


async def test_mutual_tls(make_transport: MakeTransport) -> None:
    ours = trustme.CA()
    async with RawServer(always(answer()), tls=server_tls("core.test", client_authority=ours)) as server:
        shown = make_transport(tls=client_tls(ours.issue_cert("relay.test")))
        assert isinstance(await ask(shown, server.address), HttpAnswer)
        # With TLS 1.3 the refusal comes after our handshake, and perhaps after our request.
        silent = await ask(make_transport(tls=client_tls()), server.address)
        assert silent in (Lost(Why.CLOSED), NotSent(Why.REFUSED), NotSent(Why.TLS))
        assert len(server.requests) == 1


async def test_garbage_inside_tls_is_lost(make_transport: MakeTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"garbage\r\n\r\n")

    async with RawServer(script, tls=server_tls("core.test")) as server:
        assert await ask(make_transport(tls=client_tls()), server.address) == Lost(Why.MALFORMED)
