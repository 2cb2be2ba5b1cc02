"""A call to a service that is not the core: one try, no redirect, and whether anything may have left is told apart."""

from __future__ import annotations

import asyncio

from relay.core.httpx_facade import outside_call
from relay.loopback.stage import free_port


async def answered(reply: bytes) -> tuple[tuple[int, bytes, bool], int, bytes]:
    """What came of one POST to a server that answers `reply`, how often it was asked, and what it read."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head + await reader.readexactly(4))
        writer.write(reply)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        result = await outside_call("POST", f"http://127.0.0.1:{port}/hook?x=1", {"Relay-Time": "1"}, b"body", 5_000)
    finally:
        server.close()
    return result, len(asked), asked[0]


async def test_an_answer_comes_back_whole_and_a_redirect_is_only_an_answer() -> None:
    result, count, read = await answered(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert (result, count) == ((200, b"ok", True), 1)
    assert read.startswith(b"POST /hook?x=1 HTTP/1.1\r\n")
    assert b"relay-time: 1" in read.lower()
    moved = b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n"
    assert (await answered(moved))[0][0] == 302


async def test_a_lost_answer_is_not_nothing_sent() -> None:
    assert (await answered(b""))[:2] == ((0, b"", True), 1)


async def test_nobody_there_is_nothing_sent() -> None:
    assert await outside_call("GET", f"http://127.0.0.1:{free_port()}/", {}, b"", 2_000) == (0, b"", False)
