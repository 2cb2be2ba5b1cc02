"""A name server with real DNS messages over UDP and TCP, so that the core is found by name with nothing installed.

Owns one small authoritative zone and the ways it can misbehave. It must never resolve for others or decide anything about
regions. The trap: a truncated UDP answer must carry no half-true address set, so it is emptied, and the resolver has to
come again over TCP.
"""

from __future__ import annotations

import asyncio
import errno
import struct
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

UDP_BYTES_PLAIN = 512  # RFC 1035, 4.2.1: without EDNS
CNAME_CHAIN_MAX = 8
TCP_MESSAGE_BYTES_MAX = 65_535


class Mood(StrEnum):
    """How the server behaves."""

    HONEST = "honest"
    SILENT = "silent"  # answers nothing
    SERVFAIL = "servfail"
    NXDOMAIN = "nxdomain"  # denies every name
    REFUSED = "refused"
    TRUNCATED = "truncated"  # UDP answers are cut off; TCP is honest
    GARBAGE = "garbage"  # answers that are no DNS message


class FakeZone:
    """Records and moods, pure: `answer(query bytes) -> answer bytes or None`.

    `records` maps (name, type) to texts as in a zone file: ("core.bank.internal.", "A") -> ["127.0.0.1", ...].
    """

    def __init__(self, records: Mapping[tuple[str, str], list[str]] | None = None, ttl_s: int = 1) -> None:
        self.mood = Mood.HONEST
        self.ttl_s = ttl_s
        self.queries = 0
        self._records: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], list[str]] = {}
        for (name, kind), texts in (records or {}).items():
            self.set(name, kind, texts)

    def set(self, name: str, kind: str, texts: list[str]) -> None:
        """Replace one record set; an empty list removes it. Raises DNSException for text that is no such record."""
        where = (dns.name.from_text(name), dns.rdatatype.from_text(kind))
        if texts:
            dns.rrset.from_text_list(where[0], self.ttl_s, "IN", kind, texts)
            self._records[where] = list(texts)
        else:
            self._records.pop(where, None)

    def answer(self, wire: bytes, over_tcp: bool) -> bytes | None:
        """The answer to one query, or None for silence. Never raises for anything a peer can send."""
        self.queries += 1
        if self.mood is Mood.SILENT:
            return None
        if self.mood is Mood.GARBAGE:
            return wire[:2] + b"\xff" * 7
        try:
            query = dns.message.from_wire(wire)
        except (dns.exception.DNSException, ValueError, struct.error):
            return None
        if query.flags & dns.flags.QR or len(query.question) != 1 or query.opcode() != dns.opcode.QUERY:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        self._fill(response, query.question[0])
        limit = max(query.payload, UDP_BYTES_PLAIN) if query.edns >= 0 else UDP_BYTES_PLAIN
        data = response.to_wire(max_size=TCP_MESSAGE_BYTES_MAX)
        if not over_tcp and (self.mood is Mood.TRUNCATED or len(data) > limit):
            response.answer.clear()
            response.flags |= dns.flags.TC
            data = response.to_wire()
        return data

    def _fill(self, response: dns.message.Message, question: dns.rrset.RRset) -> None:
        if self.mood in (Mood.SERVFAIL, Mood.NXDOMAIN, Mood.REFUSED):
            response.set_rcode(dns.rcode.from_text(self.mood.value))
            return
        name, kind = question.name, question.rdtype
        for _ in range(CNAME_CHAIN_MAX):
            texts = self._records.get((name, kind))
            if texts is not None:
                response.answer.append(dns.rrset.from_text_list(name, self.ttl_s, "IN", dns.rdatatype.to_text(kind), texts))
                return
            aliases = self._records.get((name, dns.rdatatype.CNAME))
            if aliases is None:
                break
            response.answer.append(dns.rrset.from_text_list(name, self.ttl_s, "IN", "CNAME", aliases[:1]))
            name = dns.name.from_text(aliases[0])
        known = any(owner == name for owner, _ in self._records)
        if not known and not response.answer:
            response.set_rcode(dns.rcode.NXDOMAIN)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, zone: FakeZone) -> None:
        self._zone = zone
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast: neither asyncio's own datagram transport nor uvloop's is an instance of the abstract one.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, peer: tuple[str | object, int]) -> None:
        answer = self._zone.answer(data, over_tcp=False)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, peer)


class _Stream(asyncio.Protocol):
    def __init__(self, zone: FakeZone, gone: Callable[[_Stream], None]) -> None:
        self._zone = zone
        self._gone = gone
        self._buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._gone(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 2:
            end = 2 + int.from_bytes(self._buffer[:2], "big")
            if len(self._buffer) < end:
                return
            query, self._buffer = self._buffer[2:end], self._buffer[end:]
            answer = self._zone.answer(query, over_tcp=True)
            if answer is not None and self.transport is not None:
                self.transport.write(len(answer).to_bytes(2, "big") + answer)


class NameServer:
    """A `FakeZone` on one port of one address, UDP and TCP."""

    def __init__(self, zone: FakeZone, host: str = "127.0.0.1", port: int = 0) -> None:
        self.zone = zone
        self.host = host
        self.port = port
        self._datagrams: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._streams: set[_Stream] = set()

    async def start(self) -> None:
        """Bind both; with port 0, one free port that both have. Raises OSError when none is found."""
        loop = asyncio.get_running_loop()
        wanted = self.port
        for attempt in range(20):
            self._server = await loop.create_server(self._accept, self.host, wanted)
            self.port = self._server.sockets[0].getsockname()[1]
            try:
                self._datagrams, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self.zone), local_addr=(self.host, self.port)
                )
                return
            except OSError as error:
                self._server.close()
                if wanted or error.errno != errno.EADDRINUSE or attempt == 19:
                    raise

    def _accept(self) -> _Stream:
        stream = _Stream(self.zone, self._streams.discard)
        self._streams.add(stream)
        return stream

    async def stop(self) -> None:
        if self._datagrams is not None:
            self._datagrams.abort()
            self._datagrams = None
        if self._server is not None:
            self._server.close()
            self._server = None
        for stream in list(self._streams):
            if stream.transport is not None:
                stream.transport.abort()
        await asyncio.sleep(0)
