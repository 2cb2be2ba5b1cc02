"""The one door to httpx: our transport under the whole httpx API, and httpx's own pool behind our port.

`RelayHttpxTransport` lets any httpx client speak through relay/core/transport.py: `httpx.AsyncClient(transport=...)`.
`HttpxPoolDoor` is the opposite, an HttpDoor on httpx's default pool, kept so that the bench can run the same relay on both.
`httpx2` is the maintained continuation of httpx with the same API. The traps: httpx keys its pool by address and not by the
name that was verified, so here each name has a transport of its own; httpx has four timeouts and our door has one, so
connecting is watched apart and the other three add up; answers are read whole, up to `answer_bytes_max`, before httpx
sees them.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterable, Awaitable, Callable, Collection
from typing import Final

import httpx2 as httpx

from relay.bridge import spawn
from relay.clock import Cancellable
from relay.core.door import Address, HttpAnswer, HttpCall, HttpResult, Lost, NotSent, Why
from relay.core.http1 import Connection
from relay.core.transport import Transport

ORIGINS_MAX: Final = 64
_NO_TIMEOUT_MS: Final = 86_400_000
_OURS: Final = frozenset({b"content-length", b"transfer-encoding"})

_NOT_SENT: Final[dict[Why, tuple[type[httpx.TransportError], str]]] = {
    Why.CONNECT_TIMEOUT: (httpx.ConnectTimeout, "no connection in time"),
    Why.DEADLINE: (httpx.PoolTimeout, "no free connection in time"),
    Why.FULL: (httpx.PoolTimeout, "every connection and every waiting place is taken"),
    Why.CERTIFICATE: (httpx.ConnectError, "the certificate is not that of the name, or not trusted"),
    Why.TLS: (httpx.ConnectError, "TLS handshake failed"),
}
_LOST: Final[dict[Why, tuple[type[httpx.TransportError], str]]] = {
    Why.DEADLINE: (httpx.ReadTimeout, "no whole answer in time"),
    Why.MALFORMED: (httpx.RemoteProtocolError, "the answer is not HTTP/1.1 as we accept it"),
    Why.TOO_LARGE: (httpx.RemoteProtocolError, "the answer is over its limit"),
    Why.SHUTDOWN: (httpx.ReadError, "the transport was closed"),
    # With TLS 1.3 a server that wanted a client certificate says so only now.
    Why.CLOSED: (httpx.RemoteProtocolError, "the server closed before a whole answer (does it want a client certificate?)"),
}


async def system_resolve(host: str, port: int) -> Address:
    """First address of the system's resolver. Raises OSError."""
    try:
        return Address(str(ipaddress.ip_address(host.strip("[]"))), port)
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, proto=6)
        return Address(str(found[0][4][0]), port)


class RelayHttpxTransport(httpx.AsyncBaseTransport):
    """Args: `make(server_name, is_tls)` makes the transport of one name; `resolve(host, port)` finds its address."""

    def __init__(
        self,
        make: Callable[[str, bool], Transport],
        resolve: Callable[[str, int], Awaitable[Address]] = system_resolve,
    ) -> None:
        self._make = make
        self._resolve = resolve
        self._transports: dict[tuple[bool, str], Transport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme not in ("http", "https"):
            raise httpx.UnsupportedProtocol(f"no such scheme here: {request.url.scheme!r}", request=request)
        is_tls = request.url.scheme == "https"
        port = request.url.port or (443 if is_tls else 80)
        transport = self._transport_of(str(request.extensions.get("sni_hostname") or request.url.host), is_tls)
        try:
            address = await self._resolve(request.url.host, port)
        except OSError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        result = await _Exchange(transport, address, request).run()
        if not isinstance(result, HttpAnswer):
            raise _error(result, request)
        repeated = {name for name, _ in result.repeated}
        headers = [(n, v) for n, v in result.headers.items() if n not in repeated] + list(result.repeated)
        return httpx.Response(
            result.status,
            headers=headers,
            stream=httpx.ByteStream(result.body),
            extensions={"http_version": b"HTTP/1.1"},
            request=request,
        )

    async def aclose(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()
        self._transports.clear()

    def _transport_of(self, name: str, is_tls: bool) -> Transport:
        transport = self._transports.get((is_tls, name))
        if transport is None:
            if len(self._transports) >= ORIGINS_MAX:
                raise httpx.PoolTimeout(f"more than {ORIGINS_MAX} server names")
            transport = self._transports[is_tls, name] = self._make(name, is_tls)
        return transport


class _Exchange:
    """One httpx request on our transport."""

    def __init__(self, transport: Transport, address: Address, request: httpx.Request) -> None:
        self._transport = transport
        self._address = address
        self._request = request
        self._future: asyncio.Future[HttpResult] = asyncio.get_running_loop().create_future()
        self._body_error: BaseException | None = None

    async def run(self) -> HttpResult:
        request = self._request
        lines = [(name, value) for name, value in request.headers.raw if name.lower() not in _OURS]
        if isinstance(request.stream, httpx.ByteStream):
            body = b"".join([part async for part in request.stream])
            handle = self._start(lines, body, None)
        else:
            lines += [(name, value) for name, value in request.headers.raw if name.lower() in _OURS]
            handle = self._start(lines, b"", self._begin_body)
        connect_s = _connect_s(request)
        watch = None
        if connect_s is not None:
            watch = asyncio.get_running_loop().call_later(connect_s, self._not_connected, handle)
        try:
            result = await self._future
        except asyncio.CancelledError:
            handle.cancel()
            raise
        finally:
            if watch is not None:
                watch.cancel()
        if self._body_error is not None:
            raise self._body_error
        return result

    def _start(self, lines: list[tuple[bytes, bytes]], body: bytes, source: Callable[[Connection], None] | None) -> Cancellable:
        call = HttpCall(
            self._request.method.encode("ascii"),
            self._request.url.raw_path,
            b"".join(b"%b: %b\r\n" % line for line in lines),
            body,
        )
        timeout_ms = _whole_ms(self._request)
        if source is None:
            return self._transport.call(self._address, call, timeout_ms, self._done)
        return self._transport.stream(self._address, call, timeout_ms, self._done, source)

    def _done(self, result: HttpResult) -> None:
        if not self._future.done():
            self._future.set_result(result)

    def _not_connected(self, handle: Cancellable) -> None:
        if not self._transport.is_sent(handle):
            self._done(NotSent(Why.CONNECT_TIMEOUT))
            handle.cancel()

    def _begin_body(self, connection: Connection) -> None:
        spawn("request body", self._send_body(connection))

    async def _send_body(self, connection: Connection) -> None:
        """Write the body as fast as the socket takes it; stop when the answer or the end came first."""
        chunked = b"chunked" in self._request.headers.get("transfer-encoding", "").encode().lower()
        writable = asyncio.Event()
        connection.when_writable(writable.set)
        stream = self._request.stream
        try:
            if not isinstance(stream, AsyncIterable):
                raise RuntimeError("a synchronous request body cannot be sent by an asynchronous client")
            async for part in stream:
                if self._future.done():
                    return
                if part:
                    connection.write_body(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
                while connection.write_paused and not self._future.done():
                    writable.clear()
                    await writable.wait()
            if chunked:
                connection.write_body(b"0\r\n\r\n")
            connection.end_body()
        except Exception as error:  # noqa: BLE001 - the stream is the caller's: whatever it raises goes back to the caller
            self._body_error = error
            connection.abandon(Why.BODY)


def _connect_s(request: httpx.Request) -> float | None:
    timeout = request.extensions.get("timeout", {})
    connect, pool = timeout.get("connect"), timeout.get("pool")
    return None if connect is None or pool is None else float(connect) + float(pool)


def _whole_ms(request: httpx.Request) -> int:
    timeout = request.extensions.get("timeout", {})
    parts = [timeout.get(name) for name in ("connect", "pool", "write", "read")]
    known = [float(part) for part in parts if part is not None]
    return _NO_TIMEOUT_MS if len(known) < len(parts) else max(1, int(sum(known) * 1_000))


def _error(result: NotSent | Lost, request: httpx.Request) -> httpx.TransportError:
    if isinstance(result, NotSent):
        kind, text = _NOT_SENT.get(result.why, (httpx.ConnectError, "no connection"))
    else:
        kind, text = _LOST.get(result.why, (httpx.ReadError, "the answer was lost"))
    return kind(f"{text} [{result.why.value}]", request=request)


async def outside_call(method: str, url: str, headers: dict[str, str], body: bytes, timeout_ms: int) -> tuple[int, bytes, bool]:
    """One call to a service that is not the core: status, body, and whether a byte of it may have left this host. Status 0: no
    whole answer. No proxy, no redirect, no second try; certificates by the system's authorities. For a call now and then."""
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=timeout_ms / 1_000, follow_redirects=False) as client:
            answer = await client.request(method, url, headers=headers, content=body or None)
            return answer.status_code, answer.content, True
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol):
        return 0, b"", False
    except httpx.TransportError:
        return 0, b"", True


# ---- the other way round: httpx's own pool as a door ---------------------------------------------------------------------


class HttpxPoolDoor:
    """Fulfils `HttpDoor` on httpx's default pool: a task per call, and many times the cost. For the bench only."""

    def __init__(self, server_name: str, tls: ssl.SSLContext | None = None, connections_max: int = 64) -> None:
        self._name = server_name
        self._scheme = "http" if tls is None else "https"
        self._client = httpx.AsyncClient(
            verify=False if tls is None else tls,
            trust_env=False,
            limits=httpx.Limits(max_connections=connections_max, max_keepalive_connections=connections_max),
        )

    def call(self, address: Address, call: HttpCall, timeout_ms: int, done: Callable[[HttpResult], None]) -> Cancellable:
        return _PoolCall(self._client, self._request(address, call, timeout_ms), done)

    def keep_only(self, addresses: Collection[Address]) -> None:
        """httpx has no way to let go of one address: its idle connections expire after five seconds."""

    def renew(self) -> None:
        """As above."""

    async def aclose(self) -> None:
        await self._client.aclose()

    def _request(self, address: Address, call: HttpCall, timeout_ms: int) -> httpx.Request:
        host = f"[{address.ip}]" if ":" in address.ip else address.ip
        lines = [line.partition(b": ") for line in call.head.split(b"\r\n") if line]
        return self._client.build_request(
            call.method.decode("ascii"),
            f"{self._scheme}://{host}:{address.port}{call.target.decode('ascii')}",
            headers=[(name, value) for name, _, value in lines],
            content=call.body or None,
            timeout=timeout_ms / 1_000,
            extensions={"sni_hostname": self._name},
        )


class _PoolCall:
    def __init__(self, client: httpx.AsyncClient, request: httpx.Request, done: Callable[[HttpResult], None]) -> None:
        self._done: Callable[[HttpResult], None] | None = done
        self._task = spawn("httpx call", self._run(client, request))

    def cancel(self) -> None:
        self._finish(Lost(Why.CANCELLED))
        self._task.cancel()

    async def _run(self, client: httpx.AsyncClient, request: httpx.Request) -> None:
        try:
            answer = await client.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            self._finish(NotSent(Why.REFUSED))
        except httpx.PoolTimeout:
            self._finish(NotSent(Why.FULL))
        except httpx.TimeoutException:
            self._finish(Lost(Why.DEADLINE))
        except httpx.TransportError:
            self._finish(Lost(Why.CLOSED))
        else:
            headers = {name.lower(): value for name, value in answer.headers.raw}
            self._finish(HttpAnswer(answer.status_code, headers, answer.content))

    def _finish(self, result: HttpResult) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(result)
