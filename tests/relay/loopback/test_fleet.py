"""A small room of fake ATMs against a relay of ten lines: pace, books, reconnects, hostile bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from protocols.framing import FrameCutter, Framing, wrap
from protocols.iso8583.codec import compile_codec
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.spec import load_spec
from relay.loopback.books import Books, Fate
from relay.loopback.customers import Customers
from relay.loopback.deeds import AtmPolicy
from relay.loopback.fleet import Fleet, FleetSettings
from relay.loopback.tally import Tally

FRAMING = Framing.named("ascii4")
CODEC = compile_codec(load_spec("1987", "ascii"))
TIMEOUT_S = 30


class YesRelay(asyncio.Protocol):
    """Approves everything; `mute` financial requests, or answer with `garbage`."""

    def __init__(self, room: YesRoom) -> None:
        self.room = room
        self.cutter = FrameCutter(FRAMING)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.room.links.append(self)

    def data_received(self, data: bytes) -> None:
        for frame in self.cutter.feed(data):
            message = CODEC.decode(frame.body)
            self.room.seen.append(message)
            if self.room.garbage and message.mti == "0200":
                self.transport.write(b"0005hello")
            elif not (self.room.mute and message.mti == "0200"):
                kept = (3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49, 70, 90)
                fields = {n: message.fields[n] for n in kept if n in message.fields} | {39: "00"}
                answer = IsoMessage(message.response_mti(), dict(sorted(fields.items())))
                self.transport.write(wrap(FRAMING, CODEC.encode(answer)))


class YesRoom:
    def __init__(self) -> None:
        self.links: list[YesRelay] = []
        self.seen: list[IsoMessage] = []
        self.mute = False
        self.garbage = False


@asynccontextmanager
async def fleet_at(room: YesRoom, rate: float | None, terminals: int = 5, **policy: float) -> AsyncIterator[Fleet]:
    server = await asyncio.get_running_loop().create_server(lambda: YesRelay(room), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = FleetSettings(host="127.0.0.1", port=port, terminals=terminals, rate_per_s=rate)
    fleet = Fleet(settings, AtmPolicy(**policy), Customers(), Books(), Tally())  # type: ignore[arg-type]  # all are numbers
    fleet.start()
    try:
        assert await fleet.until(lambda: fleet.signed_on_count() == terminals, TIMEOUT_S)
        yield fleet
    finally:
        await fleet.stop()
        server.close()


async def test_open_loop_serves_at_its_rate_and_the_books_are_kept() -> None:
    room = YesRoom()
    async with fleet_at(room, rate=200.0) as fleet:
        fleet.serve_customers()
        assert await fleet.until(lambda: fleet.tally.approved >= 50, TIMEOUT_S)
        fleet.send_customers_home()
        assert await fleet.until(lambda: fleet.unsettled_count() == 0, TIMEOUT_S)
        tally, books = fleet.tally, fleet.books
        assert (tally.violations, tally.timed_out, tally.latency.count) == ([], 0, tally.answered)
        assert books.counts()[Fate.OPEN] == 0
        asked = [m for m in room.seen if m.mti == "0200"]
        assert len(asked) == tally.requests == len(books)
        paid = sum(act.paid - act.retracted - act.taken for act in books.acts())
        assert -sum(books.net_by_account().values()) == paid
    assert sum(m.mti == "0800" and m.fields[70] == "002" for m in room.seen) == 5


async def test_closed_loop_asks_again_as_soon_as_it_is_answered() -> None:
    room = YesRoom()
    async with fleet_at(room, rate=None, terminals=3) as fleet:
        fleet.serve_customers()
        assert await fleet.until(lambda: fleet.tally.approved >= 200, TIMEOUT_S)
        fleet.send_customers_home()
        assert await fleet.until(lambda: fleet.unsettled_count() == 0, TIMEOUT_S)
        assert fleet.tally.violations == []


async def test_cut_links_come_back_and_silence_becomes_reversals() -> None:
    room = YesRoom()
    policy = {"reply_timeout_ms": 50, "reconnect_first_ms": 5, "reversal_repeat_ms": 20, "repeat_share": 0.0}
    async with fleet_at(room, rate=None, **policy) as fleet:
        room.mute = True
        fleet.serve_customers()
        assert await fleet.until(lambda: fleet.tally.timed_out >= 5, TIMEOUT_S)
        for link in list(room.links):
            link.transport.abort()
        assert await fleet.until(lambda: fleet.tally.links_lost >= 5, TIMEOUT_S)
        fleet.send_customers_home()
        assert await fleet.until(lambda: fleet.unsettled_count() == 0, TIMEOUT_S)
        assert await fleet.until(lambda: fleet.signed_on_count() == 5, TIMEOUT_S)
        assert fleet.tally.reversals_acknowledged == fleet.books.counts()[Fate.REVERSED] >= 5
        assert sum(act.paid for act in fleet.books.acts()) == 0


async def test_bytes_that_are_no_message_are_a_violation_of_that_link_only() -> None:
    room = YesRoom()
    async with fleet_at(room, rate=50.0, reconnect_first_ms=5) as fleet:
        room.garbage = True
        fleet.serve_customers()
        assert await fleet.until(lambda: fleet.tally.violation_count >= 1, TIMEOUT_S)
        fleet.send_customers_home()
        assert await fleet.until(lambda: fleet.tally.links_lost >= 1, TIMEOUT_S)


async def test_with_nobody_listening_it_keeps_trying_and_stops_when_told() -> None:
    settings = FleetSettings(host="127.0.0.1", port=1, terminals=2)
    fleet = Fleet(settings, AtmPolicy(reconnect_first_ms=1), Customers(), Books(), Tally())
    fleet.start()
    assert await fleet.until(lambda: fleet.tally.links_failed >= 6, TIMEOUT_S)
    await fleet.stop()
