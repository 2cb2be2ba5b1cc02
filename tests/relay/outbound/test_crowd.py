"""Whose connection gives way: one's own beyond the share, the greediest one's where all is full, never one being served."""

from __future__ import annotations

import pytest

from relay.outbound.crowd import Crowd, network_of


def filled(count_max: int, share_max: int, *addresses: str) -> Crowd[int]:
    crowd = Crowd[int](count_max, share_max)
    for number, address in enumerate(addresses):
        assert crowd.enter(number, address, lambda one: True) == (True, None)
    return crowd


def test_beyond_ones_share_ones_own_oldest_goes() -> None:
    crowd = filled(8, 2, "a", "b", "a")
    assert crowd.enter(10, "a", lambda one: True) == (True, 0)
    crowd.leave(0)
    assert crowd.enter(11, "a", lambda one: one != 2) == (True, 10)
    crowd.leave(10)
    assert crowd.enter(12, "a", lambda one: False) == (False, None), "all of them are being served"
    assert crowd.enter(13, "b", lambda one: True) == (True, None), "and nobody else notices"


def test_a_full_house_takes_from_whoever_has_most() -> None:
    crowd = filled(4, 3, "a", "a", "a", "b")
    assert crowd.enter(10, "c", lambda one: True) == (True, 0)
    crowd.leave(0)
    assert crowd.enter(11, "c", lambda one: True) == (False, None), "nobody has more than c would have"
    assert filled(2, 2, "a", "b").enter(10, "c", lambda one: True) == (False, None)


def test_without_shares_nobody_gives_way() -> None:
    crowd = filled(3, 0, "a", "a", "a")
    assert crowd.enter(10, "b", lambda one: True) == (False, None)
    crowd.leave(10)
    crowd.leave(0)
    crowd.leave(0)
    assert crowd.enter(11, "a", lambda one: True) == (True, None)
    assert (len(crowd), crowd.all()) == (3, (1, 2, 11))


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("", "/run/socket", False),
    ],
)
def test_who_is_one(one: str, other: str, is_same: bool) -> None:
    assert (network_of(one) == network_of(other)) is is_same
