"""TLS handshakes by number: one address has a share, a slow one gives way, and whoever is honest gets in while strangers say
nothing."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import msgspec
import pytest

from relay.outbound.handshakes import HandshakeLimits, Handshakes
from relay.outbound.server import REFUSED_LOG_MS
from relay.settings import TlsSettings
from relay.wire.tls import server_context
from tests.relay.outbound.test_server import LIMITS, PATIENCE_S, Serving, answer, is_gone, post
from tests.support.certificates import Certificates

HALF_OPEN = msgspec.structs.replace(
    LIMITS, tls_handshake_count_max=4, tls_handshake_share_count_max=2, tls_handshake_slow_ms=60_000, tls_handshake_ms=60_000
)
Tls = tuple[ssl.SSLContext, ssl.SSLContext]


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    """Of the server, and of a browser."""
    made = Certificates(tmp_path)
    return server_context(TlsSettings(certificate=made.relay[0], key=made.relay[1]), lambda name: name), made.client_context()


async def silent(serving: Serving, address: str = "127.0.0.1") -> asyncio.StreamReader:
    """A stranger who connects and says nothing."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.server.port, local_addr=(address, 0))
    serving.writers.append(writer)
    return reader


async def gets_in(serving: Serving, browser: ssl.SSLContext) -> bool:
    reader, writer = await serving.connect(browser)
    writer.write(post("/person"))
    return (await answer(reader))[2] == b"/person"


async def test_one_address_has_its_share_and_its_own_oldest_gives_way(tls: Tls) -> None:
    serving = Serving(HALF_OPEN)
    await serving.start(tls[0])
    try:
        first, second = await silent(serving), await silent(serving)
        await serving.until(lambda: serving.server.handshake_count == 2)
        third = await silent(serving)
        assert await is_gone(first), "the limit: two of one address"
        assert serving.server.handshake_count == 2
        assert await gets_in(serving, tls[1]), "and people behind the same address get in, too"
        assert await is_gone(second)
        assert not third.at_eof()
        assert serving.count("relay_outbound_connections_refused_total") == 0
    finally:
        await serving.end()
    assert serving.server.handshake_count == 0, "a stop gives every place back"


async def test_a_stranger_does_not_hold_the_places_of_others(tls: Tls) -> None:
    serving = Serving(HALF_OPEN)
    await serving.start(tls[0])
    try:
        for _ in range(20):
            await silent(serving, "127.0.0.2")
        await silent(serving, "127.0.0.3")
        await silent(serving, "127.0.0.3")
        await serving.until(lambda: serving.server.handshake_count == 4)
        assert await gets_in(serving, tls[1]), "all places are taken: whoever has most gives one up"
    finally:
        await serving.end()


@pytest.mark.parametrize(("slow_ms", "gets_a_place"), [(0, True), (60_000, False)])
async def test_where_many_strangers_hold_one_each_the_slow_one_gives_way(tls: Tls, slow_ms: int, gets_a_place: bool) -> None:
    serving = Serving(msgspec.structs.replace(HALF_OPEN, tls_handshake_slow_ms=slow_ms))
    await serving.start(tls[0])
    try:
        held = [await silent(serving, f"127.0.0.{number}") for number in range(2, 6)]
        await serving.until(lambda: serving.server.handshake_count == 4)
        if gets_a_place:
            assert await gets_in(serving, tls[1])
            assert await is_gone(held[0])
        else:
            assert await is_gone(await silent(serving)), "the limit: four of all"
            assert not held[0].at_eof()
        refused = serving.count("relay_outbound_connections_refused_total")
        assert refused == (0 if gets_a_place else 1)
    finally:
        await serving.end()


async def test_a_flood_of_refused_ones_is_a_line_now_and_then(tls: Tls, caplog: pytest.LogCaptureFixture) -> None:
    def told() -> list[object]:
        lines = [one for one in caplog.records if one.getMessage() == serving.server.refused_event]
        return [getattr(one, "fields")["refused"] for one in lines]  # noqa: B009  not of every record

    serving = Serving(HALF_OPEN)
    await serving.start(tls[0])
    try:
        for number in range(2, 6):
            await silent(serving, f"127.0.0.{number}")
        await serving.until(lambda: serving.server.handshake_count == 4)
        for _ in range(20):
            assert await is_gone(await silent(serving))
        assert told() == [1], "the first at once"
        serving.time.run(REFUSED_LOG_MS)
        assert told() == [1, 19]
        assert await is_gone(await silent(serving))
        assert told() == [1, 19], "the flood goes on"
    finally:
        await serving.end()
    assert told() == [1, 19, 1], "a stop keeps nothing back"
    assert serving.count("relay_outbound_connections_refused_total") == 21


async def test_one_that_does_not_end_is_cut_at_its_time(tls: Tls) -> None:
    serving = Serving(msgspec.structs.replace(HALF_OPEN, tls_handshake_ms=20))
    await serving.start(tls[0])
    try:
        assert await is_gone(await silent(serving))
        await serving.until(lambda: serving.server.handshake_count == 0)
    finally:
        await serving.end()


async def test_what_is_no_tls_costs_nobody_a_place(tls: Tls) -> None:
    serving = Serving(HALF_OPEN)
    await serving.start(tls[0])
    try:
        for _ in range(10):
            reader = await silent(serving)
            serving.writers[-1].write(b"GET / HTTP/1.1\r\n\r\n")
            assert await reader.read() is not None
        await serving.until(lambda: serving.server.handshake_count == 0)
        assert await gets_in(serving, tls[1])
    finally:
        await serving.end()


async def test_after_a_stop_nobody_is_accepted(tls: Tls) -> None:
    serving = Serving(HALF_OPEN)
    await serving.start(tls[0])
    reader = await silent(serving)
    await serving.until(lambda: serving.server.handshake_count == 1)
    port = serving.server.port
    await serving.end()
    assert await is_gone(reader)
    await asyncio.sleep(0)
    with socket.socket() as late, pytest.raises(ConnectionRefusedError):
        late.connect(("127.0.0.1", port))


class Told(asyncio.Protocol):
    """A protocol that says how its connection ended."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set()


async def test_one_that_is_done_in_the_turn_in_which_it_gives_way_leaves_nothing(tls: Tls) -> None:
    """The loop would watch the closed socket, and take the next one of its number for it."""
    made: list[Told] = []

    def make() -> Told:
        made.append(Told())
        return made[-1]

    handshakes = Handshakes(HandshakeLimits(count_max=1, share_max=0, slow_ms=0, longest_ms=60_000), tls[0], make, lambda: None)
    listening = socket.create_server(("127.0.0.1", 0))
    loop, place = asyncio.get_running_loop(), listening.getsockname()
    handshakes.start([listening])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    browser = tls[1].wrap_bio(incoming, outgoing, server_hostname="relay.test")
    with socket.socket() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, place)
        while True:
            try:
                browser.do_handshake()
                break
            except ssl.SSLWantReadError:
                await loop.sock_sendall(sock, outgoing.read())
                incoming.write(await loop.sock_recv(sock, 65_536))
        (one,) = handshakes._crowd.all()
        loop.call_later(0, one.give_up)
        sock.send(outgoing.read())  # the last of the handshake: the server reads it in the turn in which it gives it up
        async with asyncio.timeout(PATIENCE_S):
            while len(handshakes):  # noqa: ASYNC110  its end is told to nobody
                await asyncio.sleep(0)
            await made[0].lost.wait()
    with socket.socket() as another:
        another.setblocking(False)
        await loop.sock_connect(another, place)
        async with asyncio.timeout(PATIENCE_S):
            while len(made) < 2:  # noqa: ASYNC110  as above
                await asyncio.sleep(0)
    await handshakes.stop()
