"""The fake name server as a real resolver (dnspython's) sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.resolver
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from relay.loopback.nameserver import FakeZone, Mood, NameServer

CORE = "core.bank.internal."
ADDRESSES = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]


def zone() -> FakeZone:
    return FakeZone(
        {
            (CORE, "A"): ADDRESSES,
            (CORE, "AAAA"): ["::1"],
            ("active.bank.internal.", "CNAME"): [CORE],
            ("active.bank.internal.", "TXT"): ['"epoch=7" "region=tokyo"'],
            ("many.bank.internal.", "A"): [f"10.0.{n // 250}.{n % 250}" for n in range(400)],
        },
        ttl_s=5,
    )


@pytest_asyncio.fixture
async def server() -> AsyncIterator[NameServer]:
    running = NameServer(zone())
    await running.start()
    yield running
    await running.stop()


def resolver(server: NameServer, lifetime_s: float = 10.0) -> dns.asyncresolver.Resolver:
    made = dns.asyncresolver.Resolver(configure=False)
    made.nameservers = [server.host]
    made.port = server.port
    made.lifetime = lifetime_s
    return made


@pytest.mark.parametrize("tcp", [False, True])
async def test_addresses_aliases_and_texts(server: NameServer, tcp: bool) -> None:
    ask = resolver(server)
    addresses = await ask.resolve(CORE, "A", tcp=tcp)
    assert sorted(r.to_text() for r in addresses) == ADDRESSES
    assert addresses.rrset is not None
    assert addresses.rrset.ttl == 5
    assert [r.to_text() for r in await ask.resolve(CORE, "AAAA", tcp=tcp)] == ["::1"]
    alias = await ask.resolve("Active.Bank.Internal.", "A", tcp=tcp)
    assert alias.canonical_name == dns.name.from_text(CORE)
    assert len(alias) == 3
    assert [r.to_text() for r in await ask.resolve("active.bank.internal.", "TXT", tcp=tcp)] == ['"epoch=7" "region=tokyo"']


async def test_unknown_names_and_unknown_types(server: NameServer) -> None:
    with pytest.raises(dns.resolver.NXDOMAIN):
        await resolver(server).resolve("nobody.bank.internal.", "A")
    with pytest.raises(dns.resolver.NoAnswer):
        await resolver(server).resolve(CORE, "MX")


async def test_what_does_not_fit_into_a_datagram_comes_over_tcp(server: NameServer) -> None:
    cut = await dns.asyncquery.udp(
        dns.message.make_query("many.bank.internal.", "A"), server.host, timeout=10, port=server.port
    )
    assert cut.flags & dns.flags.TC
    assert cut.answer == []
    assert len(await resolver(server).resolve("many.bank.internal.", "A")) == 400
    server.zone.mood = Mood.TRUNCATED
    assert len(await resolver(server).resolve(CORE, "A")) == 3


@pytest.mark.parametrize(
    ("mood", "rcode"),
    [(Mood.SERVFAIL, dns.rcode.SERVFAIL), (Mood.NXDOMAIN, dns.rcode.NXDOMAIN), (Mood.REFUSED, dns.rcode.REFUSED)],
)
async def test_refusing_moods(server: NameServer, mood: Mood, rcode: dns.rcode.Rcode) -> None:
    server.zone.mood = mood
    answer = await dns.asyncquery.udp(dns.message.make_query(CORE, "A"), server.host, timeout=10, port=server.port)
    assert answer.rcode() == rcode
    assert answer.answer == []


async def test_silence_and_recovery(server: NameServer) -> None:
    server.zone.mood = Mood.SILENT
    with pytest.raises(dns.exception.Timeout):
        await dns.asyncquery.udp(dns.message.make_query(CORE, "A"), server.host, timeout=0.05, port=server.port)
    server.zone.mood = Mood.HONEST
    server.zone.set(CORE, "A", ["127.0.0.9"])
    assert [r.to_text() for r in await resolver(server).resolve(CORE, "A")] == ["127.0.0.9"]


async def test_two_queries_in_pieces_on_one_tcp_link(server: NameServer) -> None:
    wires = [dns.message.make_query(CORE, kind).to_wire() for kind in ("A", "AAAA")]
    stream = b"".join(len(w).to_bytes(2, "big") + w for w in wires)
    reader, writer = await asyncio.open_connection(server.host, server.port)
    for byte in stream:
        writer.write(bytes([byte]))
        await writer.drain()
    sizes = []
    async with asyncio.timeout(20):
        for _ in wires:
            answer = dns.message.from_wire(await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big")))
            sizes.append(len(answer.answer[0]))
    assert sizes == [3, 1]
    writer.close()
    await writer.wait_closed()


@given(st.binary(max_size=80))
def test_no_datagram_raises(data: bytes) -> None:
    honest = zone()
    answer = honest.answer(data, over_tcp=False)
    assert answer is None or len(answer) >= 12
