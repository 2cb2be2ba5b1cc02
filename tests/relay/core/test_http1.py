"""One connection against servers that misbehave: every answer is whole and well-formed, or it is Lost with a reason."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.core.door import HttpAnswer, HttpCall, Lost, NotSent, Why
from relay.core.transport import Transport, TransportLimits
from tests.relay.core.conftest import HEAD, MakeTransport, ask
from tests.support.httpserver import Peer, RawServer, always, answer

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SMALL = TransportLimits(answer_bytes_max=1_000, head_bytes_max=500, header_count_max=10)


def once(*parts: bytes) -> RawServer:
    """Answer one request with these bytes, then close."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*parts)

    return RawServer(script)


GOOD = {
    "content-length": (answer(b"hello"), 200, b"hello"),
    "empty": (answer(b""), 200, b""),
    "204 has no body": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "304 has no body, whatever it says": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b""),
    "chunked": (CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 200, b"hello"),
    "chunk extensions and upper-case hex": (CHUNKED + b"A;name=value\r\n0123456789\r\n0\r\n\r\n", 200, b"0123456789"),
    "trailers are dropped": (CHUNKED + b"2\r\nhi\r\n0\r\nRegion-Epoch: 99\r\n\r\n", 200, b"hi"),
    "until close": (OK + b"\r\nuntil the end", 200, b"until the end"),
    "until close, empty": (OK + b"\r\n", 200, b""),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi"),
    "no reason phrase": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi"),
    "interim answers are skipped": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(b"hi"),
        200,
        b"hi",
    ),
    "an unusual status": (answer(b"hi", "599 Odd"), 599, b"hi"),
    "blank lines before": (b"\r\n\r\n" + answer(b"hi"), 200, b"hi"),
}


@pytest.mark.parametrize(("wire", "status", "body"), GOOD.values(), ids=GOOD)
async def test_whole_answers(wire: bytes, status: int, body: bytes, transport: Transport) -> None:
    async with once(wire) as server:
        result = await ask(transport, server.address)
    assert isinstance(result, HttpAnswer), result
    assert (result.status, result.body) == (status, body)
    assert b"region-epoch" not in result.headers
    assert b"link" not in result.headers


@pytest.mark.parametrize(("wire", "status", "body"), GOOD.values(), ids=GOOD)
async def test_whole_answers_byte_by_byte(wire: bytes, status: int, body: bytes, transport: Transport) -> None:
    async with once(*(wire[i : i + 1] for i in range(len(wire)))) as server:
        result = await ask(transport, server.address)
    assert isinstance(result, HttpAnswer), result
    assert (result.status, result.body) == (status, body)


BAD = {
    "nothing": (b"", Why.CLOSED),
    "garbage": (b"\x16\x03\x01 what is this\r\n\r\n", Why.MALFORMED),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n", Why.MALFORMED),
    "half a status line": (b"HTTP/1.1 20", Why.CLOSED),
    "half a head": (OK + b"Content-Length: 2\r\n", Why.CLOSED),
    "half a body": (OK + b"Content-Length: 5\r\n\r\nhel", Why.CLOSED),
    "half a chunk": (CHUNKED + b"5\r\nhel", Why.CLOSED),
    "chunks without an end": (CHUNKED + b"2\r\nhi\r\n", Why.CLOSED),
    "both framings": (OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", Why.MALFORMED),
    "both framings, the other way": (OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nhi", Why.MALFORMED),
    "two lengths": (OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", Why.MALFORMED),
    "a signed length": (OK + b"Content-Length: +2\r\n\r\nhi", Why.MALFORMED),
    "an unknown coding": (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", Why.MALFORMED),
    "chunked not last": (OK + b"Transfer-Encoding: chunked, gzip\r\n\r\nhi", Why.MALFORMED),
    "a chunk longer than it says": (CHUNKED + b"2\r\nhiXX\r\n0\r\n\r\n", Why.MALFORMED),
    "a chunk size that overflows": (CHUNKED + b"ffffffffffffffffff\r\nhi\r\n0\r\n\r\n", Why.MALFORMED),
    "a chunk size that is no number": (CHUNKED + b"zz\r\nhi\r\n0\r\n\r\n", Why.MALFORMED),
    "bare line feeds": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", Why.MALFORMED),
    "a folded header": (OK + b"A: b\r\n c\r\nContent-Length: 2\r\n\r\nhi", Why.MALFORMED),
    "a space before the colon": (OK + b"Content-Length : 2\r\n\r\nhi", Why.MALFORMED),
    "a zero byte in a header": (OK + b"A: b\x00c\r\nContent-Length: 2\r\n\r\nhi", Why.MALFORMED),
    "another version": (b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", Why.MALFORMED),
    "a status below 100": (b"HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nhi", Why.MALFORMED),
    "an upgrade nobody asked for": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", Why.MALFORMED),
    "interim answers for ever": (b"HTTP/1.1 102 Processing\r\n\r\n" * 9, Why.MALFORMED),
}


@pytest.mark.parametrize(("wire", "why"), BAD.values(), ids=BAD)
async def test_anything_else_is_lost(wire: bytes, why: Why, transport: Transport) -> None:
    async with once(wire) as server:
        assert await ask(transport, server.address) == Lost(why)
    assert transport.counts.open == 0


LARGE = {
    "a body over the limit": OK + b"Content-Length: 1001\r\n\r\n" + b"x" * 1_001,
    "ten megabytes announced, nothing sent": OK + b"Content-Length: 10485760\r\n\r\n",
    "chunks over the limit": CHUNKED + b"3e9\r\n" + b"x" * 1_001 + b"\r\n0\r\n\r\n",
    "a body until close, over the limit": OK + b"\r\n" + b"x" * 1_001,
    "a head over the limit": OK + b"A: " + b"x" * 600,
    "too many headers": OK + b"A: b\r\n" * 11 + b"Content-Length: 2\r\n\r\nhi",
    "chunk framing without end": CHUNKED + b"1;" + b"x" * 3_000,
    "trailers without end": CHUNKED + b"0\r\n" + b"A: bcdefgh\r\n" * 300,
}


@pytest.mark.parametrize("wire", LARGE.values(), ids=LARGE)
async def test_over_a_limit_is_lost_before_the_server_is_done(wire: bytes, make_transport: MakeTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(wire)
        await peer.closed_by_client()

    async with RawServer(script) as server:
        assert await ask(make_transport(SMALL), server.address) == Lost(Why.TOO_LARGE)


async def test_ten_megabytes_are_lost_and_not_kept(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK + b"\r\n", *[b"x" * 65_536] * 160)

    async with RawServer(script) as server:
        assert await ask(transport, server.address) == Lost(Why.TOO_LARGE)


async def test_answers_at_the_limits_are_taken(make_transport: MakeTransport) -> None:
    lines = b"".join(b"X-%d: y\r\n" % i for i in range(9))
    async with once(OK + lines + b"Content-Length: 1000\r\n\r\n" + b"x" * 1_000) as server:
        result = await ask(make_transport(SMALL), server.address)
    assert isinstance(result, HttpAnswer)
    assert len(result.body) == 1_000


async def test_a_reset_is_lost(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK + b"\r\nhalf")
        peer.reset()

    async with RawServer(script) as server:
        assert await ask(transport, server.address) == Lost(Why.CLOSED)


async def test_a_server_that_hangs_is_lost_at_the_deadline(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)  # slow headers: begun, never finished
        await peer.closed_by_client()

    async with RawServer(script) as server:
        assert await ask(transport, server.address, timeout_ms=1_000) == Lost(Why.DEADLINE)


async def test_header_names_are_lower_case_and_repeats_are_joined_and_kept(transport: Transport) -> None:
    async with once(
        answer(b"", "200 OK", "Set-Cookie: a=1", "REGION-Epoch: 7", "set-cookie: b=2", "Set-Cookie: c=3")
    ) as server:
        result = await ask(transport, server.address)
    assert isinstance(result, HttpAnswer)
    assert result.headers[b"region-epoch"] == b"7"
    assert result.headers[b"set-cookie"] == b"a=1, b=2, c=3"
    assert result.repeated == ((b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"set-cookie", b"c=3"))


async def test_a_head_request_expects_no_body_and_the_connection_is_not_used_again(transport: Transport) -> None:
    async with RawServer(always(OK + b"Content-Length: 5\r\n\r\n")) as server:
        for _ in range(2):
            result = await ask(transport, server.address, HttpCall(b"HEAD", b"/", HEAD))
            assert isinstance(result, HttpAnswer)
            assert result.headers[b"content-length"] == b"5"
        assert server.connections == 2


SURPLUS = {
    "a second answer": answer(b"hi") + answer(b"evil"),
    "the beginning of a second answer": answer(b"hi") + b"H",
    "garbage": answer(b"hi") + b"garbage",
    "after close": answer(b"hi", "200 OK", "Connection: close") + b"garbage",
}


@pytest.mark.parametrize("wire", SURPLUS.values(), ids=SURPLUS)
async def test_bytes_after_an_answer_are_counted_and_close_the_connection(wire: bytes, transport: Transport) -> None:
    async with RawServer(always(wire)) as server:
        for number in (1, 2):
            result = await ask(transport, server.address)
            assert isinstance(result, HttpAnswer)
            assert result.body == b"hi"  # never "evil"
            assert server.connections == number
    assert transport.counts.unrequested == 2


async def test_an_answer_that_nobody_asked_for_is_counted_and_closes_the_connection(transport: Transport) -> None:
    gone = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(b"hi"))
        if peer.number == 1:
            await proceed.wait()
            await peer.send(answer(b"evil"))
            await peer.closed_by_client()
            gone.set()
        else:
            await peer.closed_by_client()

    proceed = asyncio.Event()
    async with RawServer(script) as server:
        await ask(transport, server.address)
        proceed.set()
        await gone.wait()
        assert transport.counts.unrequested == 1
        result = await ask(transport, server.address)
        assert isinstance(result, HttpAnswer)
        assert result.body == b"hi"


async def test_the_request_on_the_wire(transport: Transport) -> None:
    async with RawServer(always(answer())) as server:
        await ask(transport, server.address, HttpCall(b"POST", b"/v1/x?y=z", HEAD + b"A: b\r\n", b'{"a":1}'))
        await ask(transport, server.address, HttpCall(b"POST", b"/v1/x", HEAD))
        await ask(transport, server.address, HttpCall(b"GET", b"/v1/x", HEAD))
    first, second, third = server.requests
    assert first.line == "POST /v1/x?y=z HTTP/1.1"
    assert first.headers == {"host": "core.test", "a": "b", "content-length": "7"}
    assert first.body == b'{"a":1}'
    assert second.headers["content-length"] == "0"
    assert "content-length" not in third.headers


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    noise=st.binary(max_size=300), start=st.sampled_from([b"", OK, CHUNKED, answer(b"hi"), OK + b"Content-Length: 3\r\n\r\n"])
)
async def test_noise_never_breaks_anything(noise: bytes, start: bytes, transport: Transport) -> None:
    async with once(start + noise) as server:
        result = await ask(transport, server.address)
    assert isinstance(result, (HttpAnswer, Lost, NotSent))
