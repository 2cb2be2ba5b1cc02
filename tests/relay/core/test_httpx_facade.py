"""The httpx API gives on our transport what it gives on httpx's own, with real servers; httpx's pool fulfils our port.

Longer than 400 lines because the four servers that both transports are held against stand beside the tests that use them.
"""

from __future__ import annotations

import asyncio
import gzip
import http.server
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio
import trustme
from aiohttp import web
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from relay.clock import SystemClock
from relay.core.door import Address, HttpAnswer, HttpCall, Lost, NotSent, Why
from relay.core.httpx_facade import ORIGINS_MAX, HttpxPoolDoor, RelayHttpxTransport
from relay.core.transport import Transport, TransportLimits
from tests.relay.core.conftest import HEAD, ask, real_timers
from tests.support.httpserver import Peer, RawServer, Script, always, answer, free_port

LARGE = b"0123456789" * 30_000


# ---- the servers -----------------------------------------------------------------------------------------------------------
# Each answers every path the same: a JSON-free description of what it saw, so that the two transports can be compared.


def seen(method: str, path: str, query: str, body: bytes, special: str) -> tuple[int, list[tuple[str, str]], bytes]:
    if path == "/large":
        return 200, [], LARGE
    if path == "/gzip":
        return 200, [("Content-Encoding", "gzip")], gzip.compress(b"packed", mtime=0)
    if path == "/empty":
        return 204, [], b""
    if path == "/missing":
        return 404, [], b"not here"
    if path == "/cookies":
        return 200, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], b""
    if path == "/redirect":
        return 302, [("Location", "/landed?x=1")], b""
    return 200, [("X-Special", special)], f"{method} {path}?{query} {len(body)} {sum(body)}".encode()


@asynccontextmanager
async def aiohttp_server() -> AsyncIterator[int]:
    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        status, headers, text = seen(
            request.method, request.path, request.query_string, body, request.headers.get("X-Special", "")
        )
        if request.path == "/chunked":
            stream = web.StreamResponse()
            stream.enable_chunked_encoding()
            await stream.prepare(request)
            for part in (b"one ", b"two ", b"three"):
                await stream.write(part)
            await stream.write_eof()
            return stream
        made = web.Response(status=status, body=text)
        for name, value in headers:
            made.headers.add(name, value)
        return made

    application = web.Application(client_max_size=10_000_000)
    application.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


class TwistedRoot(Resource):
    isLeaf = True

    def render(self, request: Any) -> Any:
        body = request.content.read()
        path, _, query = request.uri.decode().partition("?")
        special = (request.getHeader("X-Special") or "").encode().decode()
        status, headers, text = seen(request.method.decode(), path, query, body, special)
        request.setResponseCode(status)
        for name, value in headers:
            request.responseHeaders.addRawHeader(name, value)
        if path == "/chunked":
            for part in (b"one ", b"two ", b"three"):
                request.write(part)
            request.finish()
            return NOT_DONE_YET
        return text


@asynccontextmanager
async def twisted_server(reactor: Any) -> AsyncIterator[int]:
    port = reactor.listenTCP(0, Site(TwistedRoot()), interface="127.0.0.1")
    try:
        yield port.getHost().port
    finally:
        await port.stopListening().asFuture(asyncio.get_running_loop())


class StdlibHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def handle_any(self) -> None:
        body = b""
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        path, _, query = self.path.partition("?")
        status, headers, text = seen(self.command, path, query, body, self.headers.get("X-Special", ""))
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n")
            return
        if status != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = handle_any

    def log_message(self, format: str, *args: object) -> None:
        pass


@asynccontextmanager
async def threaded(server: Any) -> AsyncIterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        thread.join()


def stdlib_server() -> Any:
    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    return threaded(Server(("127.0.0.1", 0), StdlibHandler))


def werkzeug_server() -> Any:
    """A WSGI server that closes after each answer (HTTP/1.0)."""

    @Request.application
    def application(request: Request) -> Response:
        status, headers, text = seen(
            request.method,
            request.path,
            request.query_string.decode(),
            request.get_data(),
            request.headers.get("X-Special", ""),
        )
        if request.path == "/chunked":
            return Response(iter([b"one ", b"two ", b"three"]))
        made = Response(text, status)
        for name, value in headers:
            made.headers.add(name, value)
        return made

    class Quiet(__import__("werkzeug.serving").serving.WSGIRequestHandler):  # type: ignore[misc]  # its type is not needed
        def log(self, type: str, message: str, *args: object) -> None:
            pass

    return threaded(make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet))


SERVERS = ["aiohttp", "twisted", "http.server", "werkzeug"]


@pytest_asyncio.fixture(params=SERVERS)
async def server(request: pytest.FixtureRequest, reactor: Any) -> AsyncIterator[str]:
    makers: dict[str, Callable[[], Any]] = {
        "aiohttp": aiohttp_server,
        "twisted": lambda: twisted_server(reactor),
        "http.server": stdlib_server,
        "werkzeug": werkzeug_server,
    }
    async with makers[request.param]() as port:
        yield f"http://127.0.0.1:{port}"


# ---- the two transports ----------------------------------------------------------------------------------------------------


def facade(tls: ssl.SSLContext | None = None, **more: Any) -> RelayHttpxTransport:
    def make(name: str, is_tls: bool) -> Transport:
        limits = TransportLimits(connections_per_address_max=8, connect_timeout_ms=10_000, **more)
        return Transport(name, timers=real_timers(), clock=SystemClock(), tls=tls if is_tls else None, limits=limits)

    return RelayHttpxTransport(make)


@pytest_asyncio.fixture
async def clients() -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    async with (
        httpx.AsyncClient(transport=facade(), timeout=20) as ours,
        httpx.AsyncClient(trust_env=False, timeout=20) as theirs,
    ):
        yield ours, theirs


async def parts(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


Act = Callable[[httpx.AsyncClient, str], Awaitable[httpx.Response]]
BOUNDARY = {"Content-Type": "multipart/form-data; boundary=x"}
FIVE = {"Content-Length": "5"}
ACTS: dict[str, Act] = {
    "get": lambda c, u: c.get(u + "/a?b=c%20d&e"),
    "get with headers": lambda c, u: c.get(u + "/a", headers={"X-Special": "value"}),
    "head": lambda c, u: c.head(u + "/a"),
    "post": lambda c, u: c.post(u + "/a", content=b"hello"),
    "post nothing": lambda c, u: c.post(u + "/a"),
    "post json": lambda c, u: c.post(u + "/a", json={"a": [1, 2]}),
    "post a form": lambda c, u: c.post(u + "/a", data={"a": "1"}),
    "post files": lambda c, u: c.post(
        u + "/a", files={"f": b"data"}, headers={"content-type": "multipart/form-data; boundary=x"}
    ),
    "post large": lambda c, u: c.post(u + "/a", content=LARGE),
    "put": lambda c, u: c.put(u + "/a", content=b"x"),
    "patch": lambda c, u: c.patch(u + "/a", content=b"x"),
    "delete": lambda c, u: c.delete(u + "/a"),
    "options": lambda c, u: c.options(u + "/a"),
    "stream a body": lambda c, u: c.post(u + "/a", content=parts(b"one", b"", b"two", LARGE, b"three")),
    "stream a body of known length": lambda c, u: c.post(
        u + "/a", content=parts(b"12", b"345"), headers={"Content-Length": "5"}
    ),
    "stream an empty body": lambda c, u: c.post(u + "/a", content=parts()),
    "large": lambda c, u: c.get(u + "/large"),
    "chunked": lambda c, u: c.get(u + "/chunked"),
    "gzip": lambda c, u: c.get(u + "/gzip"),
    "no content": lambda c, u: c.get(u + "/empty"),
    "missing": lambda c, u: c.get(u + "/missing"),
    "cookies": lambda c, u: c.get(u + "/cookies"),
    "redirect": lambda c, u: c.get(u + "/redirect", follow_redirects=True),
    "accept-encoding": lambda c, u: c.get(u + "/a", headers={"Accept-Encoding": "identity"}),
}


def comparable(response: httpx.Response) -> Any:
    varying = {"date", "server", "keep-alive", "connection", "transfer-encoding", "content-type"}
    headers = sorted((name.lower(), value) for name, value in response.headers.multi_items() if name.lower() not in varying)
    return response.status_code, response.content, headers, str(response.url), sorted(response.cookies.items())


@pytest.mark.parametrize("name", ACTS)
async def test_the_same_as_on_httpxs_own_transport(
    name: str, server: str, clients: tuple[httpx.AsyncClient, httpx.AsyncClient]
) -> None:
    ours, theirs = [comparable(await ACTS[name](client, server)) for client in clients]
    assert ours == theirs


async def test_many_at_once(server: str, clients: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> None:
    answers = await asyncio.gather(*(clients[0].post(f"{server}/n{n}", content=b"x" * n) for n in range(50)))
    assert [a.content for a in answers] == [f"POST /n{n}? {n} {n * ord('x')}".encode() for n in range(50)]


async def test_the_answer_as_a_stream(server: str, clients: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> None:
    for client in clients:
        async with client.stream("GET", server + "/large") as response:
            assert b"".join([part async for part in response.aiter_bytes()]) == LARGE


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
    async with RawServer(script) as raw:
        for client in clients:
            with pytest.raises(kind) as caught:
                await client.get(f"http://127.0.0.1:{raw.address.port}/", timeout=0.3 if kind is httpx.ReadTimeout else 20)
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
        while before != given:
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
        assert await ask(pool_door, raw.address, timeout_ms=200) == Lost(Why.DEADLINE)
        results: list[object] = []
        pool_door.call(raw.address, HttpCall(b"GET", b"/", HEAD), 20_000, results.append).cancel()
        assert results == [Lost(Why.CANCELLED)]
    pool_door.keep_only([])
    pool_door.renew()
