"""Who is let through, and where to: certificates, names, addresses, sizes and waits, each at its limit and beyond."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest

from relay.configuration.pair import held_bytes_max
from relay.core.door import Address
from relay.pair.forwarder import ForwardLimits, names_of
from relay.pair.joining import Stream
from tests.support.httpserver import RawServer, always, answer
from tests.support.pairroom import OSAKA, STRANGER, TOKYO, Room, until

GET = b"GET / HTTP/1.1\r\nHost: core.test\r\n\r\n"


async def connect(room: Room, who: str = "tokyo", from_ip: str = TOKYO, is_tls: bool = True) -> Stream:
    tls = room.certificates.client(who) if is_tls else None
    async with asyncio.timeout(20):
        while True:
            try:
                reader, writer = await asyncio.open_connection(
                    OSAKA, room.port, local_addr=(from_ip, 0), ssl=tls, server_hostname="osaka.test" if is_tls else None
                )
                return Stream(reader, writer)
            except ConnectionRefusedError:
                await asyncio.sleep(0)  # it begins to listen in a task


def request(address: Address, center: str = "tokyo", version: str = "1") -> bytes:
    target = f"{address.ip}:{address.port}"
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nRelay-Center: {center}\r\nRelay-Pair: {version}\r\n\r\n".encode()


async def status_of(room: Room, said: bytes, who: str = "tokyo") -> int:
    stream = await connect(room, who)
    stream.writer.write(said)
    async with asyncio.timeout(20):
        head = await stream.reader.readuntil(b"\r\n\r\n")
    stream.writer.transport.abort()
    return int(head.split(b" ")[1])


async def ends(stream: Stream) -> bytes:
    """What came until the end."""
    async with asyncio.timeout(20):
        try:
            return await stream.reader.read()
        except (ConnectionError, ssl.SSLError):
            return b""
        finally:
            stream.writer.transport.abort()


async def test_a_core_is_reached_and_its_bytes_come_back(room: Room) -> None:
    room.open()
    async with RawServer(always(answer(b"here"))) as core:
        room.cores.add(core.address)
        stream = await connect(room)
        stream.writer.write(request(core.address) + GET)  # the call may follow at once
        async with asyncio.timeout(20):
            assert (await stream.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 Connected\r\n")
            assert (await stream.reader.readuntil(b"here")).endswith(b"here")
        stream.writer.transport.abort()


@pytest.mark.parametrize(
    ("said", "status", "result"),
    [
        (request(Address(STRANGER, 443)), 403, "not-a-core"),
        (request(Address("127.0.0.1", 22)), 403, "not-a-core"),
        (request(Address(STRANGER, 443), center="nagoya"), 403, "not-the-peer"),
        (request(Address(STRANGER, 443), version="2"), 426, "other-version"),
        (request(Address(STRANGER, 443), version=""), 426, "other-version"),
        (b"GET http://core.test/ HTTP/1.1\r\n\r\n", 400, "malformed"),
        (b"CONNECT core.test:443 HTTP/1.1\r\nRelay-Pair: 1\r\n\r\n", 400, "malformed"),
        (b"CONNECT 10.0.0.1:99999 HTTP/1.1\r\nRelay-Pair: 1\r\n\r\n", 400, "malformed"),
        (b"POST 10.0.0.1:443 HTTP/1.1\r\nRelay-Pair: 1\r\nRelay-Center: tokyo\r\n\r\n", 400, "malformed"),
        (b"\xff\xfe \xff\r\n\r\n", 400, "malformed"),
        (b"\r\n\r\n", 400, "malformed"),
        (b"CONNECT 10.0.0.1:443 HTTP/1.1\r\nX: " + b"x" * 2_048 + b"\r\n\r\n", 431, "malformed"),
        (b"x" * 70_000, 431, "malformed"),
    ],
    ids=range(13),  # the addresses are of this process: the two processes of a test run must name the same tests
)
async def test_everything_else_is_refused_with_a_word(room: Room, said: bytes, status: int, result: str) -> None:
    room.open()
    assert await status_of(room, said) == status
    assert room.count(result) == 1
    assert room.count("served") == 0


async def test_a_certificate_of_our_authority_with_another_name_is_not_the_peer(room: Room) -> None:
    room.open()
    assert await status_of(room, request(Address(STRANGER, 443)), who="core") == 403
    assert room.count("not-the-peer") == 1


@pytest.mark.parametrize("who", ["impostor", ""])
async def test_a_foreign_certificate_or_none_is_no_conversation(room: Room, who: str) -> None:
    room.open()
    context = room.certificates.client(who) if who else ssl.create_default_context(cafile=room.certificates.authorities)
    while True:
        try:
            reader, writer = await asyncio.open_connection(
                OSAKA, room.port, local_addr=(TOKYO, 0), ssl=context, server_hostname="osaka.test"
            )
        except ConnectionRefusedError:
            await asyncio.sleep(0)
            continue
        break
    writer.write(request(Address(STRANGER, 443)))
    assert await ends(Stream(reader, writer)) == b""
    assert room.count("tls") == 1


async def test_only_the_peers_address_is_heard_at_all(room: Room) -> None:
    room.open()
    stream = await connect(room, from_ip=STRANGER, is_tls=False)
    assert await ends(stream) == b""
    assert (room.count("stranger"), room.count("tls")) == (1, 0)


@pytest.mark.parametrize("is_tls", [True, False], ids=["after the handshake", "before it"])
async def test_a_slow_caller_has_a_limit(room: Room, is_tls: bool) -> None:
    forwarder = room.open(ForwardLimits(head_ms=2_000 if is_tls else 100))  # the handshake is to be over in time
    stream = await connect(room, is_tls=is_tls)
    stream.writer.write(b"C" if is_tls else b"\x16")
    assert await ends(stream) == b""
    assert room.count("late" if is_tls else "tls") == 1
    await until(lambda: not forwarder.open_count)


async def test_no_more_than_so_many_and_place_again_when_one_leaves(room: Room) -> None:
    forwarder = room.open(ForwardLimits(count_max=2))
    held = [await connect(room, is_tls=False), await connect(room, is_tls=False)]
    await until(lambda: forwarder.open_count == 2)
    third = await connect(room, is_tls=False)
    assert await ends(third) == b""
    assert room.count("full") == 1
    for stream in held:
        stream.writer.transport.abort()
    await until(lambda: not forwarder.open_count)
    assert await status_of(room, request(Address(STRANGER, 443))) == 403


async def test_no_more_bytes_under_way_than_allowed_however_many_connections_are(room: Room) -> None:
    """Each connection takes what it may ever keep: two fit, and the third does not by a byte."""
    forwarder = room.open(ForwardLimits(count_max=100, bytes_max=3 * held_bytes_max(65_536) - 1))
    held = [await connect(room, is_tls=False), await connect(room, is_tls=False)]
    await until(lambda: forwarder.open_count == 2)
    third = await connect(room, is_tls=False)
    assert await ends(third) == b""
    assert room.count("full") == 1
    for stream in held:
        stream.writer.transport.abort()
    await until(lambda: not forwarder.open_count)


async def test_a_forwarded_connection_that_carries_nothing_ends(room: Room) -> None:
    forwarder = room.open(ForwardLimits(idle_ms=200))
    async with RawServer(always(answer())) as core:
        room.cores.add(core.address)
        stream = await connect(room)
        stream.writer.write(request(core.address))
        assert (await ends(stream)).startswith(b"HTTP/1.1 200")
        await until(lambda: not forwarder.open_count)


async def test_an_address_that_is_not_here_does_not_keep_the_relay_from_serving(room: Room) -> None:
    with socket.socket() as taken:
        taken.bind((OSAKA, 0))
        taken.listen()
        room.held.port = taken.getsockname()[1]
        forwarder = room.open()
        await asyncio.sleep(0)
        assert forwarder.open_count == 0
        await forwarder.stop()


def test_names() -> None:
    assert names_of(None) == names_of({}) == frozenset()
    assert names_of({"subjectAltName": (("DNS", "a.test"), ("IP Address", "10.0.0.1"), ("DNS", "b.test"))}) == {
        "a.test",
        "b.test",
    }


async def test_a_caller_that_is_let_in_as_the_relay_stops_leaves_its_place_and_is_hung_up_on(room: Room) -> None:
    near, far = socket.socketpair()
    near.setblocking(False)
    room.open()
    forwarder = room.forwarder
    assert forwarder is not None
    forwarder._let_in(far)
    assert forwarder.open_count == 1
    await forwarder.stop()
    assert forwarder.open_count == 0
    with near:
        assert await asyncio.get_running_loop().sock_recv(near, 1) == b""
