"""The sockets of /v1/outbound: requests cut anywhere, every limit at its edge, deadlines, certificates, and a stop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from relay.outbound import server as module
from relay.outbound.api import HttpAnswer, HttpRequest
from relay.outbound.server import OutboundServer, ServerLimits, certificate_name, wire
from relay.settings import TlsSettings
from relay.telemetry.metrics import Metrics
from relay.wire.tls import server_context
from tests.support.certificates import Certificates
from tests.support.virtualtime import VirtualTime

PATIENCE_S = 20.0
LIMITS = ServerLimits(connection_count_max=3, header_bytes_max=400, body_bytes_max=50)


class Serving:
    """A server whose answers the test gives: at once, or by hand with `is_holding`."""

    def __init__(self, limits: ServerLimits = LIMITS) -> None:
        self.time = VirtualTime()
        self.metrics = Metrics()
        self.asked: list[HttpRequest] = []
        self.held: list[Callable[[HttpAnswer], None]] = []
        self.is_holding = False
        self.server = OutboundServer(self.handle, limits, self.time, self.metrics)
        self.writers: list[asyncio.StreamWriter] = []

    def handle(self, request: HttpRequest, done: Callable[[HttpAnswer], None]) -> None:
        self.asked.append(request)
        if self.is_holding:
            self.held.append(done)
        else:
            done(HttpAnswer(200, request.target.encode()))

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        sock = socket.create_server(("127.0.0.1", 0))
        sock.setblocking(False)
        await self.server.start([sock], tls)

    async def connect(self, tls: ssl.SSLContext | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port, ssl=tls)
        self.writers.append(writer)
        return reader, writer

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110  what sockets do has no event of ours
                await asyncio.sleep(0)

    async def end(self) -> None:
        for writer in self.writers:
            writer.close()
        await self.server.stop()

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@pytest_asyncio.fixture
async def serving() -> AsyncIterator[Serving]:
    serving = Serving()
    await serving.start()
    yield serving
    await serving.end()


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """The next answer: status, headers, body."""
    async with asyncio.timeout(PATIENCE_S):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def is_gone(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(PATIENCE_S):
        try:
            return await reader.read(1) == b""
        except ConnectionResetError:
            return True


def post(target: str = "/x", body: bytes = b"{}", *lines: str) -> bytes:
    head = "\r\n".join([f"POST {target} HTTP/1.1", "Host: relay", f"Content-Length: {len(body)}", *lines])
    return f"{head}\r\n\r\n".encode() + body


async def test_a_request_and_the_next_on_the_same_connection(serving: Serving) -> None:
    reader, writer = await serving.connect()
    for number in range(3):
        writer.write(post(f"/{number}", b"{}", "Idempotency-Key: k", "idempotency-key: l"))
        status, headers, body = await answer(reader)
        assert (status, body) == (200, f"/{number}".encode())
        assert "connection" not in headers
        assert headers["cache-control"] == "no-store"
    asked = serving.asked[0]
    assert (asked.method, asked.body, asked.client, asked.peer) == ("POST", b"{}", "", "127.0.0.1")
    assert asked.headers["idempotency-key"] == "k, l", "a header that came twice is never chosen from"
    assert serving.count("relay_outbound_requests_total", result="200") == 3
    assert serving.count("relay_outbound_connections") == 1


async def test_byte_by_byte_and_all_at_once(serving: Serving) -> None:
    reader, writer = await serving.connect()
    for byte in post("/slow"):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    assert (await answer(reader))[2] == b"/slow"
    writer.write(b"".join(post(f"/{number}") for number in range(10)))
    assert [(await answer(reader))[2] for _ in range(10)] == [f"/{number}".encode() for number in range(10)]


async def test_answers_keep_the_order_of_requests(serving: Serving) -> None:
    serving.is_holding = True
    reader, writer = await serving.connect()
    writer.write(post("/1") + post("/2"))
    await serving.until(lambda: len(serving.held) == 1)
    assert [request.target for request in serving.asked] == ["/1"], "the second is served when the first is answered"
    serving.held.pop()(HttpAnswer(202, b"one"))
    await serving.until(lambda: len(serving.held) == 1)
    serving.held.pop()(HttpAnswer(202, b"two"))
    assert [(await answer(reader))[2] for _ in range(2)] == [b"one", b"two"]


async def test_connection_close_is_obeyed(serving: Serving) -> None:
    reader, writer = await serving.connect()
    writer.write(post("/x", b"{}", "Connection: close"))
    status, headers, _ = await answer(reader)
    assert (status, headers["connection"]) == (200, "close")
    assert await is_gone(reader)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a client that speaks TLS to a plain port",
        b"GET / HTTP/9.9\r\n\r\n",
        b"0800822000000",
        b"POST /x HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /x HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"GET /x HTTP/1.1\r\nHost: r\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
)
async def test_what_is_no_request_ends_the_connection_and_nothing_else(serving: Serving, garbage: bytes) -> None:
    bystander = await serving.connect()
    reader, writer = await serving.connect()
    writer.write(garbage)
    async with asyncio.timeout(PATIENCE_S):
        assert b"HTTP/1.1 " in await reader.read(-1)
    bystander[1].write(post("/alive"))
    assert (await answer(bystander[0]))[2] == b"/alive"


async def test_the_limit_of_a_body(serving: Serving) -> None:
    reader, writer = await serving.connect()
    writer.write(post("/x", b"x" * 50))
    assert (await answer(reader))[0] == 200
    writer.write(post("/x", b"x" * 51))
    status, headers, _ = await answer(reader)
    assert (status, headers["connection"], headers["content-type"]) == (413, "close", "application/problem+json")
    assert await is_gone(reader)
    assert len(serving.asked) == 1


async def test_the_limit_of_a_head(serving: Serving) -> None:
    reader, writer = await serving.connect()
    writer.write(b"GET /x HTTP/1.1\r\nHost: r\r\n")
    for _ in range(40):
        writer.write(b"A: bbbbbbbbbb\r\n")
    writer.write(b"\r\n")
    assert (await answer(reader))[0] == 413
    assert await is_gone(reader)
    assert serving.asked == []


async def test_the_limit_of_requests_read_ahead(serving: Serving) -> None:
    serving.is_holding = True
    reader, writer = await serving.connect()
    writer.write(post() * (module.PIPELINED_COUNT_MAX + 2))
    assert (await answer(reader))[0] == 413
    assert await is_gone(reader)
    assert len(serving.asked) == 1


async def test_the_limit_of_connections(serving: Serving) -> None:
    kept = [await serving.connect() for _ in range(3)]
    await serving.until(lambda: serving.count("relay_outbound_connections") == 3)
    reader, _ = await serving.connect()
    assert (await answer(reader))[0] == 503
    assert await is_gone(reader)
    assert serving.count("relay_outbound_connections_refused_total") == 1
    kept[0][1].close()
    await serving.until(lambda: serving.count("relay_outbound_connections") == 2)
    reader, writer = await serving.connect()
    writer.write(post("/room"))
    assert (await answer(reader))[2] == b"/room"


async def test_a_request_that_does_not_end_is_cut_at_its_deadline(serving: Serving) -> None:
    reader, writer = await serving.connect()
    request = post("/x", b"xxxxx")
    writer.write(request[:-5])
    await serving.until(lambda: any(one._head_bytes for one in serving.server._connections.all()))
    for _ in range(3):
        serving.time.run(3_000)  # a byte now and then buys nothing
        writer.write(b"x")
        await asyncio.sleep(0)
    serving.time.run(1_100)
    assert await is_gone(reader)
    assert serving.asked == []


async def test_one_address_has_its_share_and_what_says_nothing_gives_way() -> None:
    serving = Serving(msgspec.structs.replace(LIMITS, connection_count_max=8, share_count_max=2, first_ms=5_000))
    await serving.start()
    try:
        silent = [await serving.connect() for _ in range(2)]
        await serving.until(lambda: serving.count("relay_outbound_connections") == 2)
        serving.is_holding = True
        _, busy = silent[1]
        busy.write(post("/busy"))
        await serving.until(lambda: len(serving.held) == 1)
        serving.is_holding = False
        reader, writer = await serving.connect()
        writer.write(post("/person"))
        assert (await answer(reader))[2] == b"/person", "in place of the silent one"
        assert await is_gone(silent[0][0])
        serving.held.pop()(HttpAnswer(200, b"at last"))
        assert (await answer(silent[1][0]))[2] == b"at last", "and not of the one that is served"
        late, _ = await serving.connect()
        await serving.until(lambda: serving.count("relay_outbound_connections") == 2)
        serving.time.run(5_100)
        assert await is_gone(late), "who says nothing is gone after five seconds"
    finally:
        await serving.end()


@pytest.mark.parametrize("keep_alive", [True, False])
async def test_a_large_answer_reaches_a_slow_reader_whole(serving: Serving, keep_alive: bool) -> None:
    serving.is_holding = True
    reader, writer = await serving.connect()
    reader._limit = 4_096  # type: ignore[attr-defined]  # it takes a little at a time
    writer.write(post("/large", b"", *(() if keep_alive else ("Connection: close",))))
    await serving.until(lambda: len(serving.held) == 1)
    body = bytes(range(256)) * 64 * 1_024  # 16 MiB: no kernel's buffer takes it at once
    serving.held.pop()(HttpAnswer(200, body))
    if keep_alive:
        writer.write(post("/next"))
    await asyncio.sleep(0)
    serving.time.run(serving.server.limits.write_ms - 1_000)
    serving.is_holding = False
    assert (await answer(reader))[2] == body
    if keep_alive:
        assert (await answer(reader))[2] == b"/next", "and the connection goes on"
    else:
        assert await is_gone(reader)


async def test_who_reads_nothing_of_a_large_answer_is_cut_at_its_deadline(serving: Serving) -> None:
    serving.is_holding = True
    _, writer = await serving.connect()
    writer.transport.pause_reading()
    writer.write(post("/large"))
    await serving.until(lambda: len(serving.held) == 1)
    serving.held.pop()(HttpAnswer(200, bytes(16 * 1_048_576)))
    serving.time.run(serving.server.limits.write_ms + 1_000)
    await serving.until(lambda: serving.count("relay_outbound_connections") == 0)


async def test_an_idle_connection_is_closed(serving: Serving) -> None:
    reader, writer = await serving.connect()
    writer.write(post())
    await answer(reader)
    serving.time.run(59_000)
    writer.write(post())
    await answer(reader)
    serving.time.run(61_000)
    assert await is_gone(reader)


async def test_an_answer_that_never_comes_closes_the_connection_and_comes_to_nobody(serving: Serving) -> None:
    serving.is_holding = True
    reader, writer = await serving.connect()
    writer.write(post())
    await serving.until(lambda: len(serving.held) == 1)
    serving.time.run(30_100)
    assert await is_gone(reader)
    serving.held.pop()(HttpAnswer(202, b"late"))
    await serving.until(lambda: serving.count("relay_outbound_connections") == 0)


async def test_a_stop_finishes_what_is_under_way(serving: Serving) -> None:
    serving.is_holding = True
    port = serving.server.port
    reader, writer = await serving.connect()
    idle, _ = await serving.connect()
    writer.write(post())
    await serving.until(lambda: len(serving.held) == 1)
    stopping = asyncio.ensure_future(serving.server.stop())
    assert await is_gone(idle)
    serving.held.pop()(HttpAnswer(202, b"done"))
    status, headers, _ = await answer(reader)
    assert (status, headers["connection"]) == (202, "close")
    await asyncio.wait_for(stopping, PATIENCE_S)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_only_a_certificate_of_the_authorities_gets_in_and_its_name_is_told(tmp_path: Path) -> None:
    made = Certificates(tmp_path)
    settings = TlsSettings(
        certificate=made.relay[0], key=made.relay[1], authorities=made.authorities, require_peer_certificate=True
    )
    serving = Serving()
    await serving.start(server_context(settings, lambda name: name))
    reader, writer = await serving.connect(made.client_context(made.terminal))
    writer.write(post("/tls"))
    assert (await answer(reader))[2] == b"/tls"
    assert serving.asked[0].client == "atm1.test"
    for own in (None, made.impostor):
        try:
            stranger, its_writer = await serving.connect(made.client_context(own))
            its_writer.write(post("/no"))
            assert await is_gone(stranger)
        except (ssl.SSLError, ConnectionError):
            continue
    assert [request.target for request in serving.asked] == ["/tls"]
    for each in serving.writers:
        each.close()
    await serving.server.stop()


def test_names_in_certificates() -> None:
    subject = ((("countryName", "JP"),), (("commonName", "Core One"),))
    assert certificate_name(None) == ""
    assert certificate_name({}) == ""
    assert certificate_name({"subject": subject}) == "Core One"
    assert (
        certificate_name({"subject": subject, "subjectAltName": (("IP Address", "::1"), ("DNS", "core.test"))}) == "core.test"
    )


def test_the_bytes_of_an_answer() -> None:
    data = wire(HttpAnswer(404, b"{}", "application/json", (("A", "b"),)), keep_alive=False)
    assert data.startswith(b"HTTP/1.1 404 Not Found\r\nA: b\r\n")
    assert data.endswith(b"Connection: close\r\n\r\n{}")


def test_an_answer_says_once_how_long_it_may_be_kept() -> None:
    assert wire(HttpAnswer(200, b""), keep_alive=True).count(b"Cache-Control: no-store") == 1
    kept = wire(HttpAnswer(304, b"", headers=(("Cache-Control", "public"),)), keep_alive=True)
    assert kept.startswith(b"HTTP/1.1 304 Not Modified\r\n")
    assert kept.count(b"Cache-Control") == 1
