"""Whom a bank misses most, what one site is, and who may stand in front of a terminal."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.wire.ranks import BUSY_MS, BusyHosts, Rank, network_of, rank_of


def test_zengin_before_branches_before_busy_atms_before_the_others() -> None:
    assert [rank_of("partner"), rank_of("branch"), rank_of("atm", is_busy=True), rank_of("atm")] == sorted(Rank)
    assert rank_of("partner", is_busy=True) is Rank.PARTNER
    assert [rank.label for rank in Rank] == ["partner", "branch", "atm-busy", "atm"]


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("10.1.2.3", "10.1.2.0"),
        ("::ffff:10.1.2.3", "10.1.2.0"),
        ("2001:db8:1:2ff::7", "2001:db8:1:200::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
    ],
)
def test_one_site(host: str, network: str) -> None:
    assert network_of(host) == network


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_an_address_is_of_the_network_that_ipaddress_names(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    prefix = 24 if address.version == 4 or mapped else 56
    assert network_of(str(address)) == str(ipaddress.ip_network(f"{mapped or address}/{prefix}", strict=False).network_address)


def test_a_host_is_busy_once_and_for_a_minute() -> None:
    busy = BusyHosts()
    busy.add("10.0.0.1", 0)
    assert busy.take("10.0.0.1", BUSY_MS)
    assert not busy.take("10.0.0.1", BUSY_MS)
    busy.add("10.0.0.1", 0)
    assert not busy.take("10.0.0.1", BUSY_MS + 1)


def test_the_table_of_busy_hosts_is_bounded_and_the_oldest_go() -> None:
    busy = BusyHosts(count_max=2)
    busy.add("a", 0)
    busy.add("b", 1)
    busy.add("a", 2)
    busy.add("c", 3)
    assert len(busy) == 2
    assert [busy.take(host, 4) for host in ("a", "b", "c")] == [True, False, True]
