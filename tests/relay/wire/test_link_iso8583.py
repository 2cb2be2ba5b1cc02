"""The link with the real dialect: sign-on, echo, a withdrawal, and what a broken terminal does to the others."""

from __future__ import annotations

import asyncio

import pytest

from protocols.framing import FrameCutter
from protocols.iso8583.dialect import Iso8583Dialect
from protocols.iso8583.message import IsoMessage
from protocols.vocabulary import Approved, Refusal
from relay.wire.listener import Listener
from tests.support.isolink import TERMINAL, framed, make_dialect, network, withdrawal
from tests.support.wireworld import PATIENCE_S, WireWorld


@pytest.fixture(scope="module")
def dialect() -> Iso8583Dialect:
    return make_dialect()


class IsoPeer:
    """A terminal that writes and reads frames."""

    def __init__(self, dialect: Iso8583Dialect, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.dialect = dialect
        self.reader = reader
        self.writer = writer
        self.cutter = FrameCutter(dialect.speaker.framing)
        self.heard: list[IsoMessage] = []

    def say(self, *messages: IsoMessage) -> None:
        self.writer.write(framed(self.dialect, *messages))

    async def hear(self) -> IsoMessage | None:
        """The next message; None when the relay closed or reset."""
        while not self.heard:
            try:
                data = await asyncio.wait_for(self.reader.read(65_536), PATIENCE_S)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self.heard += [self.dialect.speaker.read(frame) for frame in self.cutter.feed(data)]
        return self.heard.pop(0)


async def connect(world: WireWorld, listener: Listener, dialect: Iso8583Dialect) -> IsoPeer:
    plain = await world.dial(listener)
    return IsoPeer(dialect, plain.reader, plain.writer)


async def signed_on(world: WireWorld, listener: Listener, dialect: Iso8583Dialect, terminal: str = TERMINAL) -> IsoPeer:
    peer = await connect(world, listener, dialect)
    peer.say(network("001", changes={41: terminal}))
    answer = await peer.hear()
    assert answer is not None
    assert (answer.mti, answer.fields[39]) == ("0810", "00")
    return peer


async def test_a_withdrawal(world: WireWorld, dialect: Iso8583Dialect) -> None:
    listener = await world.listen(world.facts(dialect=dialect))
    peer = await signed_on(world, listener, dialect)
    assert world.roster.find("bank", TERMINAL) is not None
    assert world.count("relay_sessions_signed_on", listener="atm") == 1
    peer.say(withdrawal())
    await world.until(lambda: len(world.desk.asked) == 1)
    message, link = world.desk.asked.pop()
    reply = dialect.to_reply(message, Approved(authorisation_id="123456"), world.time.wall_ms())
    assert link.reply(message, reply)
    answer = await peer.hear()
    assert answer is not None
    assert (answer.mti, answer.fields[39], answer.fields[11]) == ("0210", "00", "000002")
    assert {event for event, *_ in world.told} == {"session-up"}


async def test_a_withdrawal_before_sign_on_never_reaches_the_desk(world: WireWorld, dialect: Iso8583Dialect) -> None:
    listener = await world.listen(world.facts(dialect=dialect))
    peer = await connect(world, listener, dialect)
    peer.say(withdrawal())
    answer = await peer.hear()
    assert answer is not None
    assert answer.mti == "0210"
    assert world.desk.asked == []
    assert world.count("relay_refusals_total", listener="atm", reason=Refusal.NOT_SIGNED_ON) == 1


async def test_a_terminal_that_comes_again_replaces_itself_and_gets_its_answer(
    world: WireWorld, dialect: Iso8583Dialect
) -> None:
    listener = await world.listen(world.facts(dialect=dialect))
    bystander = await signed_on(world, listener, dialect, "ATM00009")
    old = await signed_on(world, listener, dialect)
    old.say(withdrawal())
    await world.until(lambda: len(world.desk.asked) == 1)
    new = await signed_on(world, listener, dialect)
    assert await old.hear() is None
    message, link = world.desk.asked.pop()
    was_sent = link.reply(message, dialect.to_reply(message, Approved(), world.time.wall_ms()))
    assert was_sent is dialect.answers_on_new_link
    if was_sent:
        answer = await new.hear()
        assert answer is not None
        assert answer.fields[11] == "000002"
    bystander.say(network("301", changes={41: "ATM00009"}))
    echo = await bystander.hear()
    assert echo is not None
    assert echo.mti == "0810"


@pytest.mark.parametrize("broken", ["garbage", "half", "byte-by-byte"])
async def test_a_broken_terminal_ends_alone(world: WireWorld, dialect: Iso8583Dialect, broken: str) -> None:
    listener = await world.listen(world.facts(dialect=dialect))
    bystander = await signed_on(world, listener, dialect, "ATM00009")
    peer = await signed_on(world, listener, dialect)
    frame = framed(dialect, withdrawal())
    if broken == "garbage":
        peer.writer.write(b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n" * 100)
    else:
        link = world.roster.find("bank", TERMINAL)
        assert link is not None
        for byte in frame[: 1 if broken == "half" else 40]:
            received = link._services.counters._received_bytes
            peer.writer.write(bytes([byte]))
            await world.until(
                lambda received=received: link._services.counters._received_bytes > received or not link.is_open  # type: ignore[misc]
            )
            if broken == "byte-by-byte":
                link._services.counters.flush()
                world.time.run(1_000)
        world.time.run(60_000)
    # The bystander's own session may be probed meanwhile; the broken one is gone, and only that one.
    assert await peer.hear() is None
    assert world.roster.find("bank", TERMINAL) is None
    assert world.desk.asked == []
    bystander.say(network("301", changes={41: "ATM00009"}))
    answer = await bystander.hear()
    while answer is not None and answer.mti == "0800":
        answer = await bystander.hear()
    assert answer is not None
    assert answer.mti == "0810"


async def test_one_byte_at_a_time_is_a_message_all_the_same(world: WireWorld, dialect: Iso8583Dialect) -> None:
    listener = await world.listen(world.facts(dialect=dialect))
    peer = await signed_on(world, listener, dialect)
    for byte in framed(dialect, withdrawal()):
        peer.writer.write(bytes([byte]))
        await peer.writer.drain()
        await asyncio.sleep(0)
    await world.until(lambda: len(world.desk.asked) == 1)
