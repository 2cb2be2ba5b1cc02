"""The core through the other center: the transport's own calls, TLS end to end, and what fails is not sent."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl

import pytest

from relay.clock import SystemClock
from relay.configuration.pair import held_bytes_max
from relay.core.door import Address, HttpAnswer, HttpCall, HttpResult, Lost, NotSent, Why
from relay.core.transport import Transport, TransportLimits
from relay.pair.forwarder import ForwardLimits
from relay.pair.tunnel import TunnelLimits, TunnelRefused
from relay.wheel import TimingWheel
from tests.support.httpserver import Peer, RawServer, always, answer
from tests.support.pairroom import STRANGER, Room, until

CALL = HttpCall(b"POST", b"/v1/transactions", b"Host: core.test\r\n", b'{"amount":"1"}')


def transport_of(room: Room, tls: ssl.SSLContext | None = None, name: str = "core.test") -> Transport:
    loop = asyncio.get_running_loop()
    clock = SystemClock()
    limits = TransportLimits(connect_timeout_ms=10_000)
    transport = Transport(name, timers=TimingWheel(clock, loop.call_later, tick_ms=5), clock=clock, tls=tls, limits=limits)
    transport.dial_by(room.tunnel.dial)
    return transport


async def ask(transport: Transport, address: Address) -> HttpResult:
    future: asyncio.Future[HttpResult] = asyncio.get_running_loop().create_future()
    transport.call(address, CALL, 20_000, future.set_result)
    return await future


async def test_calls_go_through_with_the_cores_own_certificate_and_share_a_connection(room: Room) -> None:
    room.open()
    async with RawServer(always(answer(b'{"ok":1}')), tls=room.certificates.server("core", is_mutual=False)) as core:
        room.cores.add(core.address)
        transport = transport_of(room, room.certificates.client("tokyo"))
        for _ in range(3):
            result = await ask(transport, core.address)
            assert isinstance(result, HttpAnswer), result
            assert result.body == b'{"ok":1}'
        assert core.connections == 1
        assert core.requests[0].body == CALL.body
        assert (room.count("served"), room.dials("made"), room.tunnel.open_count) == (1, 1, 1)
        await transport.aclose()
    moved = room.metrics.registry.get_sample_value("relay_pair_forwarded_bytes_total") or 0
    assert moved > 3 * len(CALL.body)


async def test_what_the_peer_could_see_is_no_word_of_the_call(room: Room) -> None:
    """A peer that reads along reads TLS: the forwarder's own buffers are what it could read."""
    room.open()
    seen = bytearray()

    async def read_along(peer: Peer) -> None:
        seen.extend(await peer._reader.read(65_536))

    async with RawServer(read_along) as eavesdropper:
        room.cores.add(eavesdropper.address)
        transport = transport_of(room, room.certificates.client("tokyo"))
        result = await ask(transport, eavesdropper.address)
        assert isinstance(result, NotSent), result
        await transport.aclose()
    assert seen[:1] == b"\x16", "a TLS handshake"
    assert b"amount" not in seen
    assert b"transactions" not in seen


async def test_a_core_with_another_name_is_refused_here_and_nothing_is_sent(room: Room) -> None:
    room.open()
    async with RawServer(always(answer()), tls=room.certificates.server("osaka", is_mutual=False)) as core:
        room.cores.add(core.address)
        transport = transport_of(room, room.certificates.client("tokyo"))
        assert await ask(transport, core.address) == NotSent(Why.CERTIFICATE)
        assert core.requests == []
        await transport.aclose()


async def test_a_large_body_and_a_large_answer_go_through_small_buffers(room: Room) -> None:
    room.open(ForwardLimits(buffer_bytes_max=4_096))
    big = b"x" * 900_000
    async with RawServer(always(answer(big))) as core:
        room.cores.add(core.address)
        transport = transport_of(room)
        future: asyncio.Future[HttpResult] = asyncio.get_running_loop().create_future()
        transport.call(core.address, HttpCall(b"POST", b"/", b"Host: core.test\r\n", big), 20_000, future.set_result)
        result = await future
        assert isinstance(result, HttpAnswer)
        assert (result.body, core.requests[0].body) == (big, big)
        await transport.aclose()


async def test_no_path_no_listener_and_a_strange_address_are_not_sent(room: Room) -> None:
    transport = transport_of(room)
    room.is_up = False
    assert await ask(transport, Address(STRANGER, 1)) == NotSent(Why.REFUSED)
    assert room.dials("no-path") == 1
    room.is_up = True
    assert await ask(transport, Address(STRANGER, 1)) == NotSent(Why.REFUSED)  # nobody listens at Osaka
    assert room.dials("failed") == 1
    room.open()
    assert await ask(transport, Address(STRANGER, 1)) == NotSent(Why.REFUSED)
    assert (room.dials("not-a-core"), room.count("not-a-core")) == (1, 1)
    room.cores.add(Address(STRANGER, 1))
    assert await ask(transport, Address(STRANGER, 1)) == NotSent(Why.REFUSED)
    assert (room.dials("unreachable"), room.count("unreachable")) == (1, 1)
    await transport.aclose()


async def test_a_peer_that_dies_leaves_the_call_lost_and_is_not_asked_again(room: Room) -> None:
    forwarder = room.open()
    posted = asyncio.Event()

    async def post_and_hang(peer: Peer) -> None:
        await peer.request()
        posted.set()
        await peer.closed_by_client()

    async with RawServer(post_and_hang) as core:
        room.cores.add(core.address)
        transport = transport_of(room)
        asked = asyncio.ensure_future(ask(transport, core.address))
        await asyncio.wait_for(posted.wait(), 20)
        await forwarder.stop()
        assert isinstance(await asked, Lost)
        assert len(core.requests) == 1
        await transport.aclose()


async def test_a_peer_that_is_an_impostor_is_not_spoken_to(room: Room) -> None:
    room.open()
    room.tunnel = room.make_tunnel(server_name="nagoya.test")
    with pytest.raises(OSError, match="through the other center"):
        await room.tunnel.dial(Address(STRANGER, 1))
    assert room.dials("failed") == 1


async def test_a_refusal_says_why(room: Room) -> None:
    room.open()
    with pytest.raises(TunnelRefused) as refused:
        await room.tunnel.dial(Address(STRANGER, 443))
    assert refused.value.word == "not-a-core"


@pytest.mark.parametrize(
    "said", [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n", b"HTTP/1.1 200 " + b"x" * 3_000 + b"\r\n\r\n"]
)
async def test_a_peer_that_answers_nonsense_is_a_failed_dial(room: Room, said: bytes) -> None:
    async def nonsense(peer: Peer) -> None:
        await peer.request()
        await peer.send(said)

    server = RawServer(nonsense, tls=room.certificates.server("osaka"), host=room.tunnel._paths[0].peer, port=room.port)
    async with server:
        with pytest.raises(OSError, match="through the other center"):
            await room.tunnel.dial(Address("10.0.0.1", 443))


async def test_calls_that_wait_go_the_new_way_and_what_was_sent_does_not(room: Room) -> None:
    """Back to the direct way while one call hangs on the tunnel: it is lost or answered there, and never sent twice."""
    room.open()
    release = asyncio.Event()

    async def slow(peer: Peer) -> None:
        while await peer.request() is not None:
            await release.wait()
            await peer.send(answer())

    async with RawServer(slow) as core:
        room.cores.add(core.address)
        transport = transport_of(room)
        asked = asyncio.ensure_future(ask(transport, core.address))
        await asyncio.wait_for(core.arrived.wait(), 20)
        transport.dial_by(None)
        again = asyncio.ensure_future(ask(transport, core.address))
        while len(core.requests) < 2:
            core.arrived.clear()
            await asyncio.wait_for(core.arrived.wait(), 20)
        release.set()
        assert isinstance(await asked, HttpAnswer)
        assert isinstance(await again, HttpAnswer)
        assert (core.connections, len(core.requests)) == (2, 2)
        await transport.aclose()


async def test_no_more_bytes_under_way_than_allowed_at_this_end(room: Room) -> None:
    """One connection fits, and the second does not by a byte: it is refused here, nothing is sent, and the place comes back."""
    room.open()
    limits = TunnelLimits(bytes_max=2 * held_bytes_max(65_536) - 1)
    room.tunnel = room.make_tunnel(limits=limits)
    async with RawServer(always(answer())) as one, RawServer(always(answer())) as two:
        room.cores.update((one.address, two.address))
        transport = transport_of(room)
        assert isinstance(await ask(transport, one.address), HttpAnswer)
        assert await ask(transport, two.address) == NotSent(Why.REFUSED)
        assert (room.dials("full"), two.connections) == (1, 0)
        await transport.aclose()
        await until(lambda: not room.tunnel.open_count)
        transport = transport_of(room)
        assert isinstance(await ask(transport, two.address), HttpAnswer)
        await transport.aclose()


async def test_what_is_given_up_here_is_reset_at_the_core(room: Room) -> None:
    room.open()
    how: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    asked = asyncio.Event()

    async def core(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(65_536):
                asked.set()
            how.set_result("closed")
        except ConnectionResetError:
            how.set_result("reset")
        writer.close()

    async with await asyncio.start_server(core, "127.0.0.1", 0) as server:
        address = Address("127.0.0.1", server.sockets[0].getsockname()[1])
        room.cores.add(address)
        transport = transport_of(room)
        future: asyncio.Future[HttpResult] = asyncio.get_running_loop().create_future()
        call = transport.call(address, CALL, 20_000, future.set_result)
        await asyncio.wait_for(asked.wait(), 20)
        call.cancel()
        assert await future == Lost(Why.CANCELLED)
        assert await asyncio.wait_for(how, 20) == "reset"
        await until(lambda: not room.tunnel.open_count)
        await transport.aclose()


async def test_one_that_is_given_up_before_it_carried_a_byte_leaves_nothing_open(room: Room) -> None:
    """The relay stops, or the way changes, in the very turn of the loop in which it was made: its task never takes a step."""
    room.open()
    async with RawServer(always(answer(b"{}"))) as core:
        room.cores.add(core.address)
        ours = await room.tunnel.dial(core.address)
        await until(lambda: room.forwarder.open_count == 1)
        await room.tunnel.aclose()
        assert room.tunnel.open_count == 0
        await until(lambda: room.forwarder.open_count == 0)
        with ours:
            assert await asyncio.get_running_loop().sock_recv(ours, 1) == b""


async def test_without_a_descriptor_for_the_caller_the_other_center_is_let_go(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    room.open()
    async with RawServer(always(answer())) as core:
        room.cores.add(core.address)
        monkeypatch.setattr(socket, "socketpair", full)
        with pytest.raises(OSError, match="Too many open files"):
            await room.tunnel.dial(core.address)
        monkeypatch.undo()
        await until(lambda: room.forwarder is not None and room.count("served") == 1 and room.forwarder.open_count == 0)
