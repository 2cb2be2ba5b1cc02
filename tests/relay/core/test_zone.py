"""One authoritative server asked over real sockets: honest, silent, denying, cut short, looping, lying, signed and forged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import dns.flags
import dns.message
import dns.rrset
import dns.tsigkeyring
import pytest

from relay.core.dns import NameServer
from relay.core.zone import TsigKey, ZoneAnswer, ZoneDoor
from relay.errors import ConfigurationError
from relay.loopback.nameserver import FakeZone, Mood
from relay.loopback.nameserver import NameServer as LoopbackServer
from relay.loopback.stage import free_port

RECORD, ALIAS = "_active.core.test", "active.core.test"
TEXT = "v=1;epoch=8;region=osaka;run=1;mac=x"
GOOD = ZoneAnswer("", ((TEXT.encode(),),), "osa.core.test.")
KEY = TsigKey("poll.", "c2VjcmV0c2VjcmV0c2VjcmV0", "hmac-sha256")


def zone(kind: type[FakeZone] = FakeZone) -> FakeZone:
    return kind(
        {
            (RECORD, "TXT"): [f'"{TEXT}"'],
            (ALIAS, "CNAME"): ["osa.core.test."],
            ("osa.core.test", "A"): ["10.0.0.1"],
        }
    )


@asynccontextmanager
async def serving(made: FakeZone) -> AsyncIterator[LoopbackServer]:
    server = LoopbackServer(made)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def look(server: LoopbackServer, timeout_ms: int = 5_000, alias: str = ALIAS, tsig: TsigKey | None = None) -> ZoneAnswer:
    return await ZoneDoor((NameServer(server.host, server.port),), RECORD, alias, timeout_ms, tsig).look(0)


async def test_text_and_alias_of_one_moment() -> None:
    async with serving(zone()) as server:
        assert await look(server) == GOOD
        assert server.zone.queries == 2


async def test_the_callback_comes_later_and_once() -> None:
    async with serving(zone()) as server:
        future: asyncio.Future[ZoneAnswer] = asyncio.get_running_loop().create_future()
        ZoneDoor((NameServer(server.host, server.port),), RECORD, ALIAS, 5_000).ask(0, future.set_result)
        assert not future.done()
        assert await future == GOOD


async def test_without_an_alias_only_the_text_is_asked_for() -> None:
    async with serving(zone()) as server:
        assert await look(server, alias="") == ZoneAnswer("", GOOD.texts, "")
        assert server.zone.queries == 1


@pytest.mark.parametrize(
    ("mood", "trouble"), [(Mood.NXDOMAIN, "nxdomain"), (Mood.SERVFAIL, "servfail"), (Mood.REFUSED, "refused")]
)
async def test_what_is_nothing_said(mood: Mood, trouble: str) -> None:
    async with serving(zone()) as server:
        server.zone.mood = mood
        assert await look(server) == ZoneAnswer(trouble)


@pytest.mark.parametrize("mood", [Mood.SILENT, Mood.GARBAGE])
async def test_silence_and_garbage_end_with_the_timeout(mood: Mood) -> None:
    async with serving(zone()) as server:
        server.zone.mood = mood
        assert await look(server, timeout_ms=100) == ZoneAnswer("silent")


async def test_a_server_that_is_not_there() -> None:
    door = ZoneDoor((NameServer("127.0.0.1", free_port()),), RECORD, ALIAS, 200)
    assert await door.look(0) == ZoneAnswer("silent")


async def test_what_is_cut_short_is_asked_again_over_tcp() -> None:
    async with serving(zone()) as server:
        server.zone.mood = Mood.TRUNCATED
        assert await look(server) == GOOD
        assert server.zone.queries == 4


async def test_a_text_of_four_kilobytes_is_passed_on_as_it_is() -> None:
    async with serving(zone()) as server:
        server.zone.set(RECORD, "TXT", [" ".join(f'"{"x" * 255}"' for _ in range(16))])
        answer = await look(server)
        assert [len(each) for each in answer.texts[0]] == [255] * 16


async def test_two_truths_at_once_are_two_texts() -> None:
    async with serving(zone()) as server:
        server.zone.set(RECORD, "TXT", ['"one"', '"two"', '"three"', '"four"', '"five"', '"six"'])
        assert len((await look(server)).texts) == 4


async def test_nothing_there_is_no_text() -> None:
    async with serving(zone()) as server:
        server.zone.set(RECORD, "TXT", [])
        server.zone.set(RECORD, "A", ["10.0.0.1"])
        assert await look(server) == ZoneAnswer("", (), GOOD.target)


async def test_a_loop_of_aliases_is_followed_one_step_only() -> None:
    async with serving(zone()) as server:
        server.zone.set("osa.core.test", "CNAME", [ALIAS + "."])
        server.zone.set("loop.core.test", "CNAME", [RECORD + "."])
        server.zone.set(RECORD, "TXT", [])
        server.zone.set(RECORD, "CNAME", ["loop.core.test."])
        assert await look(server) == ZoneAnswer("", (), GOOD.target)


class Edited(FakeZone):
    """Answers with the flags, address or content that `edit` leaves."""

    edit: Callable[[dns.message.Message], None] = staticmethod(lambda _: None)

    def answer(self, wire: bytes, over_tcp: bool) -> bytes | None:
        data = super().answer(wire, over_tcp)
        if data is None:
            return None
        message = dns.message.from_wire(data)
        self.edit(message)
        return message.to_wire()


def not_authoritative(message: dns.message.Message) -> None:
    message.flags &= ~dns.flags.AA


def other_owner(message: dns.message.Message) -> None:
    message.answer = [dns.rrset.from_text("evil.test.", 60, "IN", "TXT", f'"{TEXT}"')]


async def test_an_answer_out_of_a_cache_is_nothing_said() -> None:
    made = zone(Edited)
    made.edit = not_authoritative  # type: ignore[attr-defined]  # of the subclass
    async with serving(made) as server:
        assert await look(server) == ZoneAnswer("not-authoritative")


async def test_a_record_of_another_name_is_none_of_ours() -> None:
    made = zone(Edited)
    made.edit = other_owner  # type: ignore[attr-defined]  # of the subclass
    async with serving(made) as server:
        assert await look(server) == ZoneAnswer("", (), "")


# ---- forged datagrams -------------------------------------------------------------------------------------------------------
class Forger(asyncio.DatagramProtocol):
    """A lie from another port, one from another address, one with another id, one to another question; then the truth."""

    def __init__(self, others: list[asyncio.DatagramTransport], truth: FakeZone) -> None:
        self._others = others
        self._truth = truth

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, peer: tuple[str | object, int]) -> None:
        query = dns.message.from_wire(data)
        lie = dns.message.make_response(query)
        lie.flags |= dns.flags.AA
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        said = '"v=1;epoch=9;region=evil"' if kind == "TXT" else "evil.test."
        lie.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", kind, said))
        for other in self._others:
            other.sendto(lie.to_wire(), peer)
        lie.id ^= 1
        self.transport.sendto(lie.to_wire(), peer)  # type: ignore[attr-defined]  # a datagram transport
        lie.id ^= 1
        lie.question[0].name = dns.name.from_text("evil.test.")
        self.transport.sendto(lie.to_wire(), peer)  # type: ignore[attr-defined]
        truth = self._truth.answer(data, over_tcp=False)
        asyncio.get_running_loop().call_later(0.05, self.transport.sendto, truth, peer)  # type: ignore[attr-defined]


async def test_answers_from_elsewhere_are_ignored() -> None:
    loop = asyncio.get_running_loop()
    others = [
        (await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=(host, 0)))[0]
        for host in ("127.0.0.1", "127.0.0.9")
    ]
    transport, _ = await loop.create_datagram_endpoint(lambda: Forger(others, zone()), local_addr=("127.0.0.1", 0))
    try:
        door = ZoneDoor((NameServer("127.0.0.1", transport.get_extra_info("sockname")[1]),), RECORD, ALIAS, 5_000)
        assert await door.look(0) == GOOD
    finally:
        for each in (transport, *others):
            each.close()


# ---- signed questions -------------------------------------------------------------------------------------------------------
class Signing(FakeZone):
    """Knows the key and signs, unless it is told not to."""

    keyring = dns.tsigkeyring.from_text({KEY.name: (KEY.algorithm, KEY.secret)})
    is_signing = True

    def answer(self, wire: bytes, over_tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire, keyring=self.keyring)
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        self._fill(response, query.question[0])
        if not self.is_signing:
            response.tsig, response.want_tsig_sign = None, False
        return response.to_wire()


async def test_a_signed_answer_is_taken() -> None:
    async with serving(zone(Signing)) as server:
        assert await look(server, tsig=KEY) == GOOD


async def test_an_unsigned_answer_to_a_signed_question_is_not() -> None:
    made = zone(Signing)
    made.is_signing = False  # type: ignore[attr-defined]  # of the subclass
    async with serving(made) as server:
        assert await look(server, timeout_ms=200, tsig=KEY) == ZoneAnswer("silent")


class Mistaken(Signing):
    """Signs with another key of the same name."""

    def answer(self, wire: bytes, over_tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire, keyring=self.keyring)
        other = dns.tsigkeyring.from_text({KEY.name: (KEY.algorithm, "b3RoZXJvdGhlcm90aGVyb3RoZXI=")})
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        self._fill(response, query.question[0])
        response.use_tsig(other)
        return response.to_wire()


async def test_a_foreign_signature_is_silence() -> None:
    async with serving(zone(Mistaken)) as server:
        assert await look(server, timeout_ms=200, tsig=KEY) == ZoneAnswer("silent")


@pytest.mark.parametrize(("record", "key"), [("a..b", None), (RECORD, TsigKey("poll.", "no base64!", "hmac-sha256"))])
def test_names_and_keys_that_are_none(record: str, key: TsigKey | None) -> None:
    with pytest.raises(ConfigurationError, match="region"):
        ZoneDoor((), record, "", 100, key)


class Listening(FakeZone):
    """Keeps the flags of what it is asked."""

    def answer(self, wire: bytes, over_tcp: bool) -> bytes | None:
        self.asked = [*getattr(self, "asked", []), dns.message.from_wire(wire).flags]
        return super().answer(wire, over_tcp)


async def test_nobody_is_asked_to_ask_others() -> None:
    made = zone(Listening)
    async with serving(made) as server:
        assert await look(server) == GOOD
    assert [flags & dns.flags.RD for flags in made.asked] == [0, 0]  # type: ignore[attr-defined]  # of the subclass
