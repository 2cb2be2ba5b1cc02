"""A cable: its delay, its loss, its order, its bound."""

from __future__ import annotations

from random import Random

from relay.loopback.lab.shaping import HELD_COUNT_MAX, Cable


def test_a_frame_leaves_after_its_delay_and_in_its_order() -> None:
    cable = Cable(4.0, 0.0, Random(1).random)
    assert cable.next_ms() is None
    cable.take(b"1", 100.0)
    cable.take(b"2", 101.0)
    assert cable.next_ms() == 104.0
    assert cable.due(103.9) == []
    assert cable.due(104.0) == [b"1"]
    assert cable.due(200.0) == [b"2"]
    cable.take(b"3", 200.0)
    cable.delay_ms = 0.0
    cable.take(b"4", 200.0)
    assert cable.due(200.0) == [], "nothing overtakes"
    assert cable.due(204.0) == [b"3", b"4"]


def test_it_loses_its_share() -> None:
    cable = Cable(0.0, 0.1, Random(1).random)
    for _ in range(2_000):
        cable.take(b"x", 0.0)
    assert 150 < cable.lost_count < 250
    assert len(cable.due(0.0)) == 2_000 - cable.lost_count


def test_a_full_cable_loses_what_comes() -> None:
    cable = Cable(1.0, 0.0, Random(1).random)
    for _ in range(HELD_COUNT_MAX + 3):
        cable.take(b"x", 0.0)
    assert cable.lost_count == 3
