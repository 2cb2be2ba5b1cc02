"""The httpx facade's errors, names and bounds; and httpx's own pool as a door."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable

import httpx2 as httpx
import pytest
import pytest_asyncio
import trustme

from relay.core.door import Address, HttpAnswer, HttpCall, Lost, NotSent, Why
from relay.core.httpx_facade import ORIGINS_MAX, HttpxPoolDoor, RelayHttpxTransport
from relay.loopback.stage import free_port
from tests.relay.core.conftest import HEAD, ask, facade
from tests.support.httpserver import Peer, RawServer, Script, always, answer

# ---- errors ----------------------------------------------------------------------------------------------------------------

ERRORS: dict[str, tuple[Script, type[httpx.TransportError]]] = {}


def failing(kind: type[httpx.TransportError]) -> Callable[[Script], Script]:
    def keep(script: Script) -> Script:
        ERRORS[script.__name__] = (script, kind)  # type: ignore[attr-defined]  # each is a function
        return script

    return keep


@failing(httpx.RemoteProtocolError)
async def closes_without_an_answer(peer: Peer) -> None:
    await peer.request()


@failing(httpx.RemoteProtocolError)
async def closes_in_the_body(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")


@failing(httpx.RemoteProtocolError)
async def speaks_garbage(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"garbage\r\n\r\n")


@failing(httpx.ReadTimeout)
async def hangs(peer: Peer) -> None:
    await peer.request()
    await peer.closed_by_client()


@pytest.mark.parametrize("name", ERRORS)
async def test_errors_are_those_of_httpx(name: str, clients: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> None:
    script, kind = ERRORS[name]
    # Our own patience is the sum of the four; only what it is for is so short that a busy machine could need it.
    hasty = httpx.Timeout(connect=1.0, read=0.3, write=1.0, pool=1.0)
    timeout = hasty if kind is httpx.ReadTimeout else httpx.Timeout(20)
    async with RawServer(script) as raw:
        for client in clients:
            with pytest.raises(kind) as caught:
                await client.get(f"http://127.0.0.1:{raw.address.port}/", timeout=timeout)
            assert caught.value.request.url.port == raw.address.port


async def test_a_refused_connection(clients: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> None:
    for client in clients:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{free_port()}/")


async def test_a_name_that_does_not_resolve() -> None:
    async def nowhere(host: str, port: int) -> Address:
        raise OSError("no such name")

    transport = RelayHttpxTransport(facade()._make, nowhere)
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(httpx.ConnectError, match="no such name"):
            await client.get("http://nowhere.test/")


async def test_a_name_of_the_system_resolves() -> None:
    async with RawServer(always(answer(b"hi"))) as raw, httpx.AsyncClient(transport=facade()) as client:
        assert (await client.get(f"http://localhost:{raw.address.port}/")).content == b"hi"
        assert raw.requests[0].headers["host"] == f"localhost:{raw.address.port}"


async def test_another_scheme(clients: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> None:
    for client in clients:
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get("ftp://127.0.0.1/")


async def test_no_free_connection_in_time() -> None:
    asked: asyncio.Queue[None] = asyncio.Queue()

    async def script(peer: Peer) -> None:
        await peer.request()
        asked.put_nowait(None)
        await peer.closed_by_client()

    async with RawServer(script) as raw:
        url = f"http://127.0.0.1:{raw.address.port}/"
        async with httpx.AsyncClient(transport=facade()) as client:
            held = [asyncio.ensure_future(client.get(url, timeout=None)) for _ in range(8)]
            for _ in held:
                await asked.get()
            timeout = httpx.Timeout(20, connect=0.05, pool=0.05)
            with pytest.raises(httpx.ConnectTimeout):
                await client.get(url, timeout=timeout)
            for task in held:
                task.cancel()
            assert all(isinstance(e, asyncio.CancelledError) for e in await asyncio.gather(*held, return_exceptions=True))


async def test_too_large_an_answer_is_an_error_and_not_memory() -> None:
    async with (
        RawServer(always(answer(b"x" * 2_000))) as raw,
        httpx.AsyncClient(transport=facade(answer_bytes_max=1_000)) as client,
    ):
        with pytest.raises(httpx.RemoteProtocolError, match="limit"):
            await client.get(f"http://127.0.0.1:{raw.address.port}/")


async def test_the_errors_of_a_request_body_come_back(clients: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"one"
        raise RuntimeError("the source is gone")

    async with RawServer(always(answer())) as raw:
        for client in clients:
            with pytest.raises(RuntimeError, match="source is gone"):
                await client.post(f"http://127.0.0.1:{raw.address.port}/", content=broken())


async def test_an_answer_before_the_end_of_the_body_ends_the_body() -> None:
    stopped = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 65_536
                await asyncio.sleep(0)
        finally:
            stopped.set()

    async def script(peer: Peer) -> None:
        await peer._reader.readuntil(b"\r\n\r\n")
        await peer.send(answer(b"too much", "413 Content Too Large"))
        await peer.closed_by_client()

    async with RawServer(script) as raw, httpx.AsyncClient(transport=facade(), timeout=20) as client:
        response = await client.post(f"http://127.0.0.1:{raw.address.port}/", content=endless())
        assert response.status_code == 413
        await stopped.wait()


async def test_a_slow_reader_slows_the_body_down() -> None:
    """The whole body never sits in our memory: the source is asked for more only while the socket takes it."""
    given = 0
    proceed = asyncio.Event()

    async def source() -> AsyncIterator[bytes]:
        nonlocal given
        for _ in range(1_000):
            given += 1
            yield b"x" * 65_536
            await asyncio.sleep(0)

    async def script(peer: Peer) -> None:
        await peer._reader.readuntil(b"\r\n\r\n")
        await proceed.wait()
        await peer.closed_by_client()

    async with RawServer(script) as raw, httpx.AsyncClient(transport=facade(), timeout=20) as client:
        task = asyncio.ensure_future(client.post(f"http://127.0.0.1:{raw.address.port}/", content=source()))
        before = -1
        while not given or before != given:
            before = given
            await asyncio.sleep(0.1)
        assert 0 < given < 1_000
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        proceed.set()


# ---- names -----------------------------------------------------------------------------------------------------------------


async def test_each_name_has_its_own_connections_so_a_wrong_name_never_passes_unseen() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("core.test").configure_cert(context)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    async with RawServer(always(answer(b"hi")), tls=context) as raw, httpx.AsyncClient(transport=facade(trust)) as client:
        url = f"https://127.0.0.1:{raw.address.port}/"
        assert (await client.get(url, extensions={"sni_hostname": "core.test"})).content == b"hi"
        with pytest.raises(httpx.ConnectError, match="certificate"):
            await client.get(url, extensions={"sni_hostname": "other.test"})
        with pytest.raises(httpx.ConnectError, match="certificate"):
            await client.get(url)


async def test_names_are_bounded() -> None:
    async def nowhere(host: str, port: int) -> Address:
        return Address("127.0.0.1", free)

    free = free_port()
    async with httpx.AsyncClient(transport=RelayHttpxTransport(facade()._make, nowhere)) as client:
        for number in range(ORIGINS_MAX):
            with pytest.raises(httpx.ConnectError):
                await client.get(f"http://n{number}.test/")
        with pytest.raises(httpx.PoolTimeout, match="server names"):
            await client.get("http://one-more.test/")


# ---- httpx's own pool as a door --------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def pool_door() -> AsyncIterator[HttpxPoolDoor]:
    made = HttpxPoolDoor("core.test")
    yield made
    await made.aclose()


async def test_httpxs_pool_behind_our_port(pool_door: HttpxPoolDoor) -> None:
    async with RawServer(always(answer(b"hi", "201 Created", "Region-Epoch: 8"))) as raw:
        call = HttpCall(b"POST", b"/v1/x?y=z", HEAD + b"A: b\r\n", b'{"a":1}')
        for _ in range(2):
            result = await ask(pool_door, raw.address, call)
            assert isinstance(result, HttpAnswer)
            assert (result.status, result.headers[b"region-epoch"], result.body) == (201, b"8", b"hi")
        assert raw.connections == 1
        seen_request = raw.requests[0]
        assert (seen_request.line, seen_request.body) == ("POST /v1/x?y=z HTTP/1.1", b'{"a":1}')
        assert (seen_request.headers["host"], seen_request.headers["a"]) == ("core.test", "b")


async def test_httpxs_pool_says_what_was_not_sent_and_what_was_lost(pool_door: HttpxPoolDoor) -> None:
    assert await ask(pool_door, Address("127.0.0.1", free_port())) == NotSent(Why.REFUSED)
    async with RawServer(closes_in_the_body) as raw:
        assert await ask(pool_door, raw.address) == Lost(Why.CLOSED)
    async with RawServer(hangs) as raw:
        assert await ask(pool_door, raw.address, timeout_ms=1_000) == Lost(Why.DEADLINE)
        results: list[object] = []
        pool_door.call(raw.address, HttpCall(b"GET", b"/", HEAD), 20_000, results.append).cancel()
        assert results == [Lost(Why.CANCELLED)]
    pool_door.keep_only([])
    pool_door.renew()
