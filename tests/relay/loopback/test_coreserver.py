"""The fake core as a raw client sees it: keep-alive, pipelining, bad HTTP, every fault, and zones that die and heal."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import pytest
import trustme

from relay.core import contract as c
from relay.loopback.core import BODY_BYTES_MAX, CoreAnswer, FakeCore
from relay.loopback.coreserver import HEADER_BYTES_MAX, ZONES, CoreServer, _Connection
from relay.loopback.faults import Drawn, Fault, FaultInjector

TIMEOUT_S = 20


def request(key: str = "k1", terminal: str = "ATM00001") -> bytes:
    body = json.dumps(
        {
            "kind": "withdrawal",
            "channel": "atm",
            "realm": "bank",
            "terminal": terminal,
            "amount": {"minor": "3000", "currency": "JPY"},
            "card": {"pan": "4000001234567899"},
        }
    ).encode()
    head = (
        f"POST {c.TRANSACTIONS_PATH} HTTP/1.1\r\nHost: core\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"{c.H_KEY}: {key}\r\n{c.H_ATTEMPT}: tokyo/1/1\r\n{c.H_RELAY_CENTER}: tokyo\r\n{c.H_RELAY_EPOCH}: 1\r\n"
        f"{c.H_REGION_EPOCH}: 1\r\n\r\n"
    )
    return head.encode() + body


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, Mapping[str, str], bytes]:
    async with asyncio.timeout(TIMEOUT_S):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(head[0].split()[1]), headers, body


async def read_all(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(TIMEOUT_S):
        return await reader.read()


class WatchedCore(FakeCore):
    def __init__(self) -> None:
        super().__init__()
        self.handled = asyncio.Event()

    def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes, wall_ms: int) -> CoreAnswer:
        self.handled.set()
        return super().handle(method, target, headers, body, wall_ms)


class WatchedFaults(FaultInjector):
    def __init__(self, seed: int, late_commit_ms_max: int, slow_ms_max: int) -> None:
        super().__init__(seed, late_commit_ms_max, slow_ms_max)
        self.drawn = asyncio.Event()

    def draw(self) -> Drawn | None:
        self.drawn.set()
        return super().draw()


@asynccontextmanager
async def serving(core: FakeCore | None = None, **kwargs: object) -> AsyncIterator[CoreServer]:
    server = CoreServer(FakeCore() if core is None else core, **kwargs)  # type: ignore[arg-type]  # keyword arguments of the constructor
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def link(
    server: CoreServer, zone: str = ZONES[0], tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    name = "core.test" if tls else None
    reader, writer = await asyncio.open_connection(zone, server.port, ssl=tls, server_hostname=name)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


async def test_keep_alive_and_pipelined_requests_are_answered_in_order() -> None:
    async with serving(latency_ms=2) as server, link(server) as (reader, writer):
        writer.write(b"".join(request(f"k{n}") for n in range(20)))
        keys = [(await read_answer(reader))[1][c.H_KEY.lower()] for _ in range(20)]
    assert keys == [c.key_field(f"k{n}") for n in range(20)]


async def test_a_core_with_workers_keeps_the_order_and_refuses_nothing() -> None:
    async with serving(latency_ms=1, concurrency_count_max=1) as server, link(server) as (reader, writer):
        writer.write(b"".join(request(f"k{n}") for n in range(10)))
        keys = [(await read_answer(reader))[1][c.H_KEY.lower()] for _ in range(10)]
    assert keys == [c.key_field(f"k{n}") for n in range(10)]


async def test_one_byte_at_a_time_is_the_same_request() -> None:
    async with serving() as server, link(server) as (reader, writer):
        for byte in request():
            writer.write(bytes([byte]))
            await writer.drain()
        assert (await read_answer(reader))[0] == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET /" + b"a" * HEADER_BYTES_MAX + b" HTTP/1.1\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1) + b"x" * (BODY_BYTES_MAX + 1), 413),
    ],
)
async def test_what_is_no_request_ends_the_connection_with_a_problem(sent: bytes, status: int) -> None:
    async with serving() as server, link(server) as (reader, writer):
        writer.write(sent)
        got, headers, body = await read_answer(reader)
        assert (got, headers["content-type"]) == (status, "application/problem+json")
        assert json.loads(body)["status"] == status
        assert await read_all(reader) == b""


@pytest.mark.parametrize("fault", list(Fault))
async def test_each_fault_as_the_client_sees_it(fault: Fault) -> None:
    faults, core = WatchedFaults(seed=5, late_commit_ms_max=20, slow_ms_max=20), WatchedCore()
    async with serving(core, faults=faults) as server, link(server) as (reader, writer):
        faults.set_rates({fault: 1.0})
        writer.write(request())
        entries = server.core.ledger.entries
        match fault:
            case Fault.CORE_5XX:
                status, headers, _ = await read_answer(reader)
                assert status == 500
                assert c.H_KEY.lower() not in headers
            case Fault.PROXY_503:
                status, headers, _ = await read_answer(reader)
                assert (status, headers["content-type"]) == (503, "text/html")
                assert c.H_REGION_EPOCH.lower() not in headers
            case Fault.HANG:
                async with asyncio.timeout(TIMEOUT_S):
                    await faults.drawn.wait()
                faults.set_rates({})
                async with link(server, ZONES[1]) as (other_reader, other_writer):
                    other_writer.write(request("k2"))
                    assert (await read_answer(other_reader))[0] == 200  # only the guilty connection hangs
            case Fault.DROP_AFTER_COMMIT:
                assert await read_all(reader) == b""
                assert [e.key for e in entries()] == ["k1"]
            case Fault.LATE_COMMIT:
                assert await read_all(reader) == b""
                async with asyncio.timeout(TIMEOUT_S):
                    await core.handled.wait()
                assert [e.key for e in entries()] == ["k1"]
            case Fault.DUPLICATE_REPLY:
                assert await read_answer(reader) == await read_answer(reader)
                assert len(list(entries())) == 1
            case Fault.GARBAGE:
                status, _, body = await read_answer(reader)
                assert status == 200
                with pytest.raises(UnicodeDecodeError):
                    json.loads(body)
            case Fault.CLOSE_MID_ANSWER:
                partial = await read_all(reader)
                assert partial.startswith(b"HTTP/1.1 200")
                assert not partial.endswith(b"}")
            case Fault.SLOW:
                assert (await read_answer(reader))[0] == 200


async def test_a_killed_zone_resets_its_connections_refuses_new_ones_and_heals() -> None:
    async with serving() as server, link(server, ZONES[1]) as (reader, writer), link(server, ZONES[2]) as (reader2, writer2):
        writer.write(request())
        assert (await read_answer(reader))[0] == 200
        server.kill_zone(ZONES[1])
        with pytest.raises(ConnectionError):
            await read_all(reader)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(ZONES[1], server.port)
        writer2.write(request("k2"))
        assert (await read_answer(reader2))[0] == 200
        assert server.zones_up() == [ZONES[0], ZONES[2]]
        await server.heal_zone(ZONES[1])
        async with link(server, ZONES[1]) as (again, writer3):
            writer3.write(request("k3"))
            assert (await read_answer(again))[0] == 200


class NeverLost(_Connection):
    """A connection whose end the loop never tells."""

    def __init__(self) -> None:
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1


async def test_a_stop_waits_for_its_connections_and_says_when_one_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(zones=ZONES[:1]) as server, link(server) as (reader, writer):
        writer.write(request())
        await read_answer(reader)
        await server.stop()
        assert not any(server.connections.values())
        monkeypatch.setattr("relay.loopback.coreserver.STOP_S", 0.01)
        server.connections[ZONES[0]].add(stuck := NeverLost())
        with pytest.raises(TimeoutError, match="one connection"):
            await server.stop()
        assert stuck.resets
        server.connections[ZONES[0]].clear()


async def test_a_connection_that_arrives_as_its_zone_dies_is_reset() -> None:
    async with serving(zones=ZONES[:1]) as server:
        _, writer = await asyncio.open_connection(ZONES[0], server.port)
        server.kill_zone(ZONES[0])
        writer.write(request())
        with suppress(ConnectionError):
            async with asyncio.timeout(TIMEOUT_S):
                await writer.wait_closed()
        assert server.served == 0


async def test_over_tls() -> None:
    authority = trustme.CA()
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("core.test").configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)
    async with serving(tls=server_side) as server, link(server, tls=client_side) as (reader, writer):
        writer.write(request())
        assert (await read_answer(reader))[0] == 200
