"""NOTIFY over a real socket: what is heard, who is answered, and what a forger gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import dns.flags
import dns.message
import dns.opcode
import dns.rdatatype
import dns.rrset
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from relay.core.dns import NameServer
from relay.core.notify import READ_PER_SECOND_MAX, NotifyEar, read_notify
from relay.errors import ListenFailed
from relay.telemetry.metrics import Metrics
from tests.support.virtualtime import VirtualTime


def notify(opcode: dns.opcode.Opcode = dns.opcode.NOTIFY) -> dns.message.Message:
    message = dns.message.make_query("core.example", dns.rdatatype.SOA)
    message.set_opcode(opcode)
    message.flags |= dns.flags.AA
    return message


class Room:
    def __init__(self, servers: tuple[str, ...] = ("127.0.0.1",)) -> None:
        self.hints = 0
        self.metrics = Metrics()
        self.time = VirtualTime()
        self.ear = NotifyEar(NameServer("127.0.0.1", 0), servers, self.hint, self.time, self.metrics)
        self.came = asyncio.Event()
        self.senders: list[asyncio.DatagramTransport] = []

    def hint(self) -> None:
        self.hints += 1
        self.came.set()

    def count(self, result: str) -> float:
        return self.metrics.registry.get_sample_value("relay_region_notifies_total", {"result": result}) or 0


class Sender(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, peer: tuple[str | object, int]) -> None:
        self.heard.put_nowait(data)


@pytest_asyncio.fixture
async def room() -> AsyncIterator[Room]:
    made = Room()
    await made.ear.start()
    yield made
    made.ear.stop()
    for each in made.senders:
        each.close()


async def send(room: Room, *wires: bytes) -> Sender:
    loop = asyncio.get_running_loop()
    transport, sender = await loop.create_datagram_endpoint(Sender, remote_addr=("127.0.0.1", room.ear.port))
    room.senders.append(transport)
    for wire in wires:
        transport.sendto(wire)
    await asyncio.wait_for(room.came.wait(), 20)
    return sender


async def test_a_notify_is_answered_and_is_a_hint(room: Room) -> None:
    question = notify()
    sender = await send(room, question.to_wire())
    answer = dns.message.from_wire(await asyncio.wait_for(sender.heard.get(), 20))
    assert question.is_response(answer)
    assert answer.opcode() == dns.opcode.NOTIFY
    assert (room.hints, room.count("heard")) == (1, 1)


async def test_what_is_no_notify_is_counted_and_not_answered(room: Room) -> None:
    response = notify()
    response.flags |= dns.flags.QR
    wrong = [b"\xff" * 40, b"x" * 2_000, notify(dns.opcode.QUERY).to_wire(), response.to_wire()]
    sender = await send(room, *wrong, notify().to_wire())
    await asyncio.wait_for(sender.heard.get(), 20)
    assert (room.hints, room.count("malformed")) == (1, len(wrong))
    assert sender.heard.empty()


def test_a_stranger_is_not_answered_and_is_no_hint() -> None:
    room = Room(servers=("10.0.0.53",))
    room.ear.datagram_received(notify().to_wire(), ("127.0.0.1", 53))
    assert (room.hints, room.count("stranger")) == (0, 1)


def test_the_answer_is_never_longer_than_the_question_and_holds_none_of_its_data() -> None:
    question = notify()
    question.answer.append(dns.rrset.from_text("core.example.", 5, "IN", "SOA", "a. b. 2 1 1 1 1"))
    wire = question.to_wire()
    answer = read_notify(wire)
    assert answer is not None
    assert len(answer) < len(wire)
    assert dns.message.from_wire(answer).answer == []


@given(st.binary(max_size=300))
def test_garbage_is_never_an_error(wire: bytes) -> None:
    answer = read_notify(wire)
    assert answer is None or len(answer) <= len(wire)


async def test_an_address_that_cannot_be_bound_is_told_to_the_operator(room: Room) -> None:
    other = NotifyEar(NameServer("127.0.0.1", room.ear.port), (), lambda: None, VirtualTime(), Metrics())
    with pytest.raises(ListenFailed, match="NOTIFY cannot be heard"):
        await other.start()


async def test_a_flood_in_a_name_servers_name_is_dropped_unread(room: Room) -> None:
    wire = notify().to_wire()
    for _ in range(READ_PER_SECOND_MAX + 7):
        room.ear.datagram_received(wire, ("127.0.0.1", 5_300))
    assert (room.hints, room.count("heard"), room.count("flood")) == (READ_PER_SECOND_MAX, READ_PER_SECOND_MAX, 7)
    room.time.run(1_000)
    room.ear.datagram_received(wire, ("127.0.0.1", 5_300))
    assert room.count("heard") == READ_PER_SECOND_MAX + 1, "the next second is another one"
