"""The httpx API gives on our transport what it gives on httpx's own: compared with four real servers, act by act."""

from __future__ import annotations

import asyncio
import gzip
import http.server
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio
from aiohttp import web
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

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

    class Quiet(WSGIRequestHandler):
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


# ---- the acts ------------------------------------------------------------


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
