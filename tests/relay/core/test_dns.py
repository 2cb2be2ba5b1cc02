"""Real DNS messages over real sockets: both families, truncation, servers that are silent, wrong, hostile or gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import dns.flags
import dns.message
import dns.rrset
import pytest
import pytest_asyncio
import uvloop

from relay.core.discovery import DnsResult, Found, Unheard
from relay.core.dns import DnsDoor, NameServer, parse_name_server, system_name_servers
from relay.errors import ConfigurationError
from relay.loopback.nameserver import FakeZone, Mood
from relay.loopback.nameserver import NameServer as LoopbackServer
from relay.loopback.stage import free_port

NAME = "core.bank.internal"
FOUR = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


@pytest_asyncio.fixture
async def server() -> AsyncIterator[LoopbackServer]:
    zone = FakeZone({(NAME, "A"): FOUR, (NAME, "AAAA"): ["2001:db8::1"]}, ttl_s=7)
    made = LoopbackServer(zone)
    await made.start()
    yield made
    await made.stop()


def door(*servers: LoopbackServer | str, timeout_ms: int = 5_000) -> DnsDoor:
    return DnsDoor([s if isinstance(s, str) else f"{s.host}:{s.port}" for s in servers], timeout_ms)


async def test_all_addresses_of_both_families(server: LoopbackServer) -> None:
    assert await door(server).lookup(NAME) == Found((*FOUR, "2001:db8::1"), 7_000)


async def test_the_callback_comes_later_and_once(server: LoopbackServer) -> None:
    future: asyncio.Future[DnsResult] = asyncio.get_running_loop().create_future()
    door(server).resolve(NAME, future.set_result)
    assert not future.done()
    assert isinstance(await future, Found)


async def test_our_own_mistake_is_told_too(server: LoopbackServer) -> None:
    made, future = door(server), asyncio.get_running_loop().create_future()
    made._timeout_s = "soon"  # type: ignore[assignment]  # what no type checker would let through
    made.resolve(NAME, future.set_result)
    assert await future == Unheard("failed")


async def test_an_alias_is_followed_and_its_ttl_counts(server: LoopbackServer) -> None:
    server.zone.set("active.test", "CNAME", [NAME + "."])
    assert await door(server).lookup("active.test") == Found((*FOUR, "2001:db8::1"), 7_000)


async def test_a_truncated_answer_is_asked_again_over_tcp(server: LoopbackServer) -> None:
    server.zone.mood = Mood.TRUNCATED
    assert await door(server).lookup(NAME) == Found((*FOUR, "2001:db8::1"), 7_000)


async def test_an_answer_too_large_for_udp(server: LoopbackServer) -> None:
    many = [f"10.1.{n // 250}.{n % 250}" for n in range(200)]
    server.zone.set(NAME, "A", many)
    found = await door(server).lookup(NAME)
    assert isinstance(found, Found)
    assert set(many) <= set(found.addresses)


@pytest.mark.parametrize(
    ("mood", "why"), [(Mood.NXDOMAIN, "nxdomain"), (Mood.SERVFAIL, "servfail"), (Mood.REFUSED, "servfail")]
)
async def test_what_is_no_news(mood: Mood, why: str, server: LoopbackServer) -> None:
    server.zone.mood = mood
    assert await door(server).lookup(NAME) == Unheard(why)


@pytest.mark.parametrize("mood", [Mood.SILENT, Mood.GARBAGE])
async def test_silence_and_garbage(mood: Mood, server: LoopbackServer) -> None:
    server.zone.mood = mood
    assert await door(server, timeout_ms=100).lookup(NAME) == Unheard("silent")


async def test_a_name_without_addresses(server: LoopbackServer) -> None:
    server.zone.set("other.test", "TXT", ['"x"'])
    assert await door(server).lookup("other.test") == Unheard("empty")


async def test_a_name_that_is_none(server: LoopbackServer) -> None:
    assert await door(server).lookup("a..b") == Unheard("nxdomain")


@pytest.mark.parametrize("mood", [Mood.SERVFAIL, Mood.REFUSED, Mood.SILENT])
async def test_the_next_server_is_asked(mood: Mood, server: LoopbackServer) -> None:
    ill = LoopbackServer(FakeZone())
    ill.zone.mood = mood
    await ill.start()
    try:
        found = await door(f"127.0.0.1:{free_port()}", ill, server, timeout_ms=2_000).lookup(NAME)
    finally:
        await ill.stop()
    assert isinstance(found, Found)


async def test_nxdomain_is_an_answer_and_ends_the_search(server: LoopbackServer) -> None:
    other = LoopbackServer(FakeZone({(NAME, "A"): FOUR}))
    await other.start()
    server.zone.mood = Mood.NXDOMAIN
    try:
        assert await door(server, other).lookup(NAME) == Unheard("nxdomain")
        assert other.zone.queries == 0
    finally:
        await other.stop()


class HalfSilent(FakeZone):
    """Answers for IPv4 and says nothing of IPv6."""

    def answer(self, wire: bytes, over_tcp: bool) -> bytes | None:
        return None if dns.message.from_wire(wire).question[0].rdtype == 28 else super().answer(wire, over_tcp)


async def test_a_family_that_was_not_heard_is_named() -> None:
    half = LoopbackServer(HalfSilent({(NAME, "A"): FOUR}, ttl_s=5))
    await half.start()
    try:
        assert await door(half, timeout_ms=2_000).lookup(NAME) == Found(tuple(FOUR), 5_000, frozenset({6}))
    finally:
        await half.stop()


class Forger(asyncio.DatagramProtocol):
    """Before the true answer: another id, another question, and a query instead of an answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        forged = dns.message.make_response(query)
        question = query.question[0]
        if question.rdtype == 1:
            forged.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", "6.6.6.6"))
        forged.id ^= 1
        true = dns.message.make_response(query)
        if question.rdtype == 1:
            true.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", "10.0.0.1"))
        for wire in (b"", b"\x00" * 5, forged.to_wire(), data, true.to_wire()):
            self.transport.sendto(wire, peer)  # type: ignore[attr-defined]  # a datagram transport


async def test_forged_datagrams_do_not_end_the_wait_for_the_true_one() -> None:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Forger, local_addr=("127.0.0.1", 0))
    try:
        port = transport.get_extra_info("sockname")[1]
        assert await door(f"127.0.0.1:{port}").lookup(NAME) == Found(("10.0.0.1",), 60_000)
    finally:
        transport.close()


async def test_a_clock_that_is_set_back_does_not_put_off_the_end_of_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A datagram that is no answer, after the clock was set back by an hour: what is left of the time is counted anew."""
    true_time = time.time

    class SetsBack(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.DatagramTransport, transport)

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            monkeypatch.setattr(time, "time", lambda: true_time() - 3_600)
            self.transport.sendto(b"no answer", addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(SetsBack, local_addr=("127.0.0.1", 0))
    host, port = transport.get_extra_info("sockname")
    try:
        async with asyncio.timeout(20):
            assert await door(f"{host}:{port}", timeout_ms=50).lookup(NAME) == Unheard("silent")
    finally:
        transport.close()
        await asyncio.sleep(0)


def test_the_same_on_uvloop() -> None:
    async def main() -> DnsResult:
        made = LoopbackServer(FakeZone({(NAME, "A"): FOUR}, ttl_s=7))
        made.zone.mood = Mood.TRUNCATED
        await made.start()
        try:
            return await door(made).lookup(NAME)
        finally:
            await made.stop()

    assert uvloop.run(main()) == Found(tuple(FOUR), 7_000)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("10.0.0.53:5353", NameServer("10.0.0.53", 5353)),
        ("10.0.0.53", NameServer("10.0.0.53", 53)),
        ("[2001:db8::53]:5353", NameServer("2001:db8::53", 5353)),
        ("[2001:db8::53]", NameServer("2001:db8::53", 53)),
        ("2001:db8::53", NameServer("2001:db8::53", 53)),
    ],
)
def test_name_servers_as_people_write_them(text: str, server: NameServer) -> None:
    assert parse_name_server(text) == server


@pytest.mark.parametrize(
    "text", ["", "dns.test:53", "10.0.0.53:", "10.0.0.53:0", "10.0.0.53:65536", "10.0.0.53:x", "[::1", "1:2:3"]
)
def test_what_is_no_name_server(text: str) -> None:
    with pytest.raises(ConfigurationError, match="name server"):
        DnsDoor([text])


def test_the_systems_own_servers_or_an_error_that_says_what_to_do() -> None:
    if "nameserver" in Path("/etc/resolv.conf").read_text(encoding="utf-8"):
        assert system_name_servers()
    else:
        with pytest.raises(ConfigurationError, match=r"core\.name_servers"):
            system_name_servers()
