"""The metrics port: a real client reads it, strangers cannot hurt it, and a scrape leaves the loop its turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry, Counter, Gauge, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from relay.errors import ListenFailed
from relay.telemetry.exposition import CONNECTIONS_COUNT_MAX, REQUEST_BYTES_MAX, Exposition, Rendering
from relay.telemetry.metrics import Metrics


class Host:
    """An exposition on a free port, whose verdicts the test sets."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.unhealthy = ""
        self.unready = "no journal"
        self.exposition = Exposition(self.metrics.registry, lambda: self.unhealthy, lambda: self.unready)
        self.port = 0

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def raw(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        try:
            return await read_or_reset(reader)
        finally:
            writer.close()


async def read_or_reset(reader: asyncio.StreamReader) -> bytes:
    """What came until the far end closed; nothing where it reset the connection."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@pytest_asyncio.fixture
async def host() -> AsyncIterator[Host]:
    host = Host()
    host.port = await host.exposition.start("127.0.0.1", 0)
    yield host
    await host.exposition.stop()


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False, timeout=20) as client:
        yield client


async def test_metrics_as_prometheus_reads_them(host: Host, client: httpx2.AsyncClient) -> None:
    host.metrics.links_open.labels("atm").set(17)
    answer = await client.get(host.url("/metrics"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert {family.name for family in host.metrics.registry.collect()} == set(families)
    (sample,) = families["relay_links_open"].samples
    assert (sample.labels, sample.value) == ({"listener": "atm"}, 17.0)


async def test_health_and_readiness_are_what_the_daemon_says(host: Host, client: httpx2.AsyncClient) -> None:
    assert (await client.get(host.url("/healthz"))).text == "ok\n"
    answer = await client.get(host.url("/readyz"))
    assert (answer.status_code, answer.text) == (503, "no journal\n")
    host.unready, host.unhealthy = "", "loop-late"
    assert (await client.get(host.url("/readyz?verbose=1"))).status_code == 200
    assert (await client.get(host.url("/healthz"))).status_code == 503


async def test_other_paths_and_methods(host: Host, client: httpx2.AsyncClient) -> None:
    assert (await client.get(host.url("/"))).status_code == 404
    answer = await client.post(host.url("/metrics"), content=b"x")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    head = await client.head(host.url("/metrics"))
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 1_000


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"garbage\r\n\r\n", b"400"),
        (b"GET /metrics SIP/2.0\r\n\r\n", b"400"),
        (b"\x00\xff\x00\r\n\r\n", b"400"),
        (b"GET /\xff\xfe HTTP/1.1\r\n\r\n", b"404"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * REQUEST_BYTES_MAX, b"431"),
        (b"GET /healthz HTTP/1.0\r\n\r\nGET /healthz HTTP/1.0\r\n\r\n", b"200"),
    ],
)
async def test_strangers(host: Host, request_bytes: bytes, status: bytes) -> None:
    answer = await host.raw(request_bytes)
    assert answer.split(b" ")[1] == status
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_a_request_that_comes_byte_by_byte(host: Host) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", host.port)
    for byte in b"GET /healthz HTTP/1.1\r\n\r\n":
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    assert (await reader.read()).endswith(b"ok\n")
    writer.close()


async def test_header_bytes_at_the_limit(host: Host) -> None:
    start, end = b"GET /healthz HTTP/1.1\r\nX: ", b"\r\n\r\n"
    fits = start + b"a" * (REQUEST_BYTES_MAX - len(start)) + end
    assert (await host.raw(fits)).split(b" ")[1] == b"200"
    assert (await host.raw(fits.replace(b"X: ", b"X: a"))).split(b" ")[1] == b"431"


async def test_connections_at_the_limit(host: Host, client: httpx2.AsyncClient) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", host.port) for _ in range(CONNECTIONS_COUNT_MAX)]
    for _, writer in idle:
        writer.write(b"GET ")
    # The server has accepted them all once it has refused the next one: accepts are in order.
    assert await host.raw(b"GET /healthz HTTP/1.1\r\n\r\n") == b""
    idle[0][1].write(b"/healthz HTTP/1.1\r\n\r\n")
    assert (await idle[0][0].read()).endswith(b"ok\n")
    assert (await client.get(host.url("/healthz"))).status_code == 200
    for _, writer in idle:
        writer.close()


async def test_a_taken_port_is_the_operators_error(host: Host) -> None:
    second = Exposition(host.metrics.registry, lambda: "", lambda: "")
    with pytest.raises(ListenFailed, match=r"127\.0\.0\.1"):
        await second.start("127.0.0.1", host.port)
    await second.stop()


async def test_stop_drops_the_readers_and_frees_the_port() -> None:
    host = Host()
    host.port = await host.exposition.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", host.port)
    writer.write(b"GET ")
    await host.raw(b"GET /healthz HTTP/1.1\r\n\r\n")
    await host.exposition.stop()
    await host.exposition.stop()
    assert await read_or_reset(reader) == b""
    writer.close()
    with pytest.raises(OSError, match="onnect"):
        await asyncio.open_connection("127.0.0.1", host.port)


class Turns:
    """A loop of which the test is the driver: one callback per turn."""

    def __init__(self) -> None:
        self.waiting: list[object] = []
        self.count = 0

    def call_soon(self, callback: object) -> None:
        self.waiting.append(callback)

    def run(self) -> None:
        while self.waiting:
            self.count += 1
            callback = self.waiting.pop(0)
            assert callable(callback)
            callback()


def test_a_scrape_gives_the_loop_a_turn_after_each_family() -> None:
    registry, turns, texts = CollectorRegistry(), Turns(), list[bytes | None]()
    for number in range(5):
        Counter(f"events_{number}", "Events", registry=registry)
    rendering = Rendering(registry, turns.call_soon)
    rendering.ask(texts.append)
    turns.run()
    assert turns.count == 6
    assert texts[0] is not None
    assert texts[0].count(b"# TYPE") == 5


def test_readers_that_come_meanwhile_share_the_rendering() -> None:
    registry, turns, texts = CollectorRegistry(), Turns(), list[bytes | None]()
    Gauge("level", "Level", registry=registry)
    rendering = Rendering(registry, turns.call_soon)
    for _ in range(20):
        rendering.ask(texts.append)
    turns.run()
    assert turns.count == 2
    assert len(texts) == 20
    assert len(set(texts)) == 1
    rendering.ask(texts.append)
    turns.run()
    assert len(texts) == 21


class Broken(Collector):
    """Describes itself, as registries ask for, and fails when it is read."""

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        raise ArithmeticError("a collector of ours is wrong")


def test_a_broken_collector_answers_its_readers_and_is_not_hidden() -> None:
    registry, turns, texts = CollectorRegistry(), Turns(), list[bytes | None]()
    registry.register(Broken())
    Rendering(registry, turns.call_soon).ask(texts.append)
    with pytest.raises(ArithmeticError):
        turns.run()
    assert texts == [None]
