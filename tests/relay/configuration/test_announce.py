"""What an `[announce]` table is told: what is missing, what contradicts itself, and listeners that cannot follow."""

from __future__ import annotations

import pytest

from relay.configuration.announce import check_announce, interface_of, service_listeners
from relay.settings import Settings

ADDRESS = "198.18.0.10"
LISTENER = {"name": "atm", "endpoint": f"tcp:8583:interface={ADDRESS}"}
BIRD: dict[str, object] = {"adapter": "bird", "addresses": (ADDRESS,)}
EXABGP: dict[str, object] = {"adapter": "exabgp", "addresses": (ADDRESS,), "control_socket": "/run/relay/exabgp.sock"}


def settings(announce: dict[str, object], *listeners: dict[str, object]) -> Settings:
    return Settings.model_validate({"announce": announce, "listener": listeners or (LISTENER,)})


def wrong(announce: dict[str, object], *listeners: dict[str, object]) -> list[tuple[str, bool]]:
    found = check_announce(settings(announce, *listeners))
    return [(".".join(map(str, each.path)), each.is_warning) for each in found]


def test_whole_tables_are_right_and_the_default_too() -> None:
    for good in ({}, BIRD, EXABGP, {"addresses": (ADDRESS,), "text_port": 9_584}):
        assert wrong(good) == []
    assert wrong({}, {"name": "atm"}) == []


@pytest.mark.parametrize(
    ("announce", "where", "is_warning"),
    [
        ({"adapter": "bird"}, "announce.addresses", False),
        ({**BIRD, "addresses": ("198.18.0.10/32",)}, "announce.addresses.0", False),
        ({**BIRD, "addresses": (ADDRESS, "198.18.0.11")}, "announce.addresses.1", False),
        ({**BIRD, "addresses": (ADDRESS, "fe80::1")}, "announce.addresses.1", False),
        ({**BIRD, "holding_med": 10}, "announce.holding_med", True),
        ({**BIRD, "standby_protocol": "svc"}, "announce.standby_protocol", False),
        ({**BIRD, "stay_ms": 400_000}, "announce.stay_ms", False),
        ({**BIRD, "region_silent_ms": 1_999}, "announce.region_silent_ms", False),
        ({**EXABGP, "ask_ms": 500}, "announce.ask_ms", True),
        ({**EXABGP, "standby_med": 10}, "announce.standby_med", False),
        ({"adapter": "exabgp", "addresses": (ADDRESS,)}, "announce.control_socket", False),
        ({"device": "svc0"}, "announce.device", True),
    ],
)
def test_each_mistake_is_found_alone(announce: dict[str, object], where: str, is_warning: bool) -> None:
    assert (where, is_warning) in wrong(announce)


@pytest.mark.parametrize(
    ("endpoint", "where", "is_warning"),
    [
        ("tcp:8583:interface=10.0.0.1", "announce.addresses", True),
        ("tcp:8583", "listener.0.endpoint", True),
        (f"ssl:8583:interface={ADDRESS}", "listener.0.endpoint", False),
        (f"tcp6:8583:interface={ADDRESS}", "listener.0.endpoint", False),
    ],
)
def test_listeners_that_cannot_follow_the_role_are_named(endpoint: str, where: str, is_warning: bool) -> None:
    assert (where, is_warning) in wrong(BIRD, {"name": "atm", "endpoint": endpoint})


def test_which_listeners_are_on_the_service_address() -> None:
    both = settings(
        {**BIRD, "addresses": (ADDRESS, "2001:db8::10")},
        LISTENER,
        {"name": "six", "endpoint": r"tcp6:8584:interface=2001\:db8\:\:10"},
        {"name": "other", "endpoint": "tcp:8585:interface=10.0.0.1"},
        {"name": "all", "endpoint": "tcp:8586"},
    )
    assert service_listeners(both) == ("atm", "six")
    assert interface_of(r"tcp6:1:interface=\:\:1:backlog=5") == "::1"
