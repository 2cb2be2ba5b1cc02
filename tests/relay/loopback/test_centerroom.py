"""The whole center: lines with numbers of their own, and doubles that only all books together show."""

from __future__ import annotations

from relay.loopback.center import CenterState
from relay.loopback.centerdeeds import CenterSettings
from relay.loopback.centerroom import CenterRoom


async def test_each_line_has_a_port_and_numbers_of_its_own() -> None:
    room = CenterRoom(4, 8, CenterSettings(lcns=tuple(range(16))))
    await room.start()
    assert len({line.port for line in room.lines.values()}) == 32
    last = room.lines["04-08"].mind.settings
    assert (last.physical, last.logical, len(last.lcns)) == (4, 8, 16)
    await room.stop()


def test_orders_go_round_and_a_number_on_two_lines_is_a_double() -> None:
    room = CenterRoom(2, 1)
    for amount in (10, 20, 30):
        room.order("001-1-1234567", amount)
    assert [(given.serial, given.amount) for given in room.given()] == [(1, 10), (3, 30), (2, 20)]
    assert room.is_all(CenterState.SHUT)
    assert not room.is_settled
    first, second = room.minds
    first.books.take(5, "1000", "x", 1)
    assert room.doubles() == []
    second.books.take(5, "1000", "x", 1)
    assert room.doubles() == [5]
    assert sum(1 for _ in room.got()) == 2
