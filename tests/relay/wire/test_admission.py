"""Limits at their limits, and the compiled allow-list against Python's own."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import ConfigurationError
from relay.wire.admission import Admission, AdmissionLimits, Networks, Refused, TokenBucket, parse_host

addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
networks = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)), st.tuples(st.ip_addresses(v=6), st.integers(0, 128))
).map(lambda pair: ipaddress.ip_network(f"{pair[0]}/{pair[1]}", strict=False))


@given(st.lists(networks, min_size=1, max_size=8), st.lists(addresses, max_size=8))
def test_the_compiled_list_says_what_ipaddress_says(
    listed: list[ipaddress.IPv4Network], asked: list[ipaddress.IPv4Address]
) -> None:
    compiled = Networks(str(network) for network in listed)
    inside = [network.network_address for network in listed] + [network.broadcast_address for network in listed]
    for address in [*asked, *inside]:
        assert compiled.allows(address) == any(address in network for network in listed)


def test_an_empty_list_allows_all_and_a_list_allows_no_unix_socket() -> None:
    assert Networks(()).allows(None)
    assert not Networks(["10.0.0.0/8"]).allows(None)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "ten", "10.0.0.0/33", ""])
def test_what_is_not_a_network_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a network"):
        Networks([text])


def test_a_mapped_address_is_folded_to_its_own_family() -> None:
    assert parse_host("::ffff:10.1.2.3") == ipaddress.ip_address("10.1.2.3")
    assert parse_host("fe80::1%eth0") == ipaddress.ip_address("fe80::1")
    assert parse_host("") is None


def admission(**limits: object) -> Admission:
    return Admission(AdmissionLimits(**({"accept_per_second_max": 1_000_000} | limits)), 0)  # type: ignore[arg-type]  # by name


def test_source_networks() -> None:
    door = admission(allow_networks=("10.1.0.0/16", "2001:db8::/32"))
    assert door.admit("10.1.255.255", 0) is None
    assert door.admit("::ffff:10.1.0.1", 0) is None
    assert door.admit("2001:db8::7", 0) is None
    assert door.admit("10.2.0.0", 0) is Refused.NOT_ALLOWED
    assert door.admit("2001:db9::", 0) is Refused.NOT_ALLOWED
    assert door.open_count == 3


def test_links_per_listener() -> None:
    door = admission(connection_count_max=2)
    assert door.admit("10.0.0.1", 0) is None
    assert door.admit("10.0.0.2", 0) is None
    assert door.admit("10.0.0.3", 0) is Refused.LISTENER_FULL
    door.release("10.0.0.1")
    assert door.admit("10.0.0.3", 0) is None


def test_links_per_host_whatever_family_it_is_written_in() -> None:
    door = admission(connection_count_per_host_max=2)
    assert door.admit("10.0.0.1", 0) is None
    assert door.admit("::ffff:10.0.0.1", 0) is None
    assert door.admit("10.0.0.1", 0) is Refused.HOST_FULL
    assert door.admit("10.0.0.2", 0) is None
    door.release("10.0.0.1")
    assert door.admit("10.0.0.1", 0) is None


def test_the_table_of_hosts_holds_open_links_only() -> None:
    door = admission()
    for number in range(100):
        assert door.admit(f"10.0.0.{number}", 0) is None
    assert door.host_count() == 100
    for number in range(100):
        door.release(f"10.0.0.{number}")
    assert (door.host_count(), door.open_count) == (0, 0)
    with pytest.raises(ValueError, match="release without admit"):
        door.release("10.0.0.1")


def test_accept_rate_in_bursts_and_in_the_long_run() -> None:
    door = admission(accept_per_second_max=100)
    at_once = [door.admit("10.0.0.1", 0) for _ in range(11)]
    assert at_once == [None] * 10 + [Refused.RATE]  # a tenth of a second's worth
    assert door.wait_ms(0) == 10
    assert door.wait_ms(9) == 1
    assert door.wait_ms(10) == 0
    admitted = sum(door.admit("10.0.0.1", now_ms) is None for now_ms in range(10, 10_010))
    assert admitted == 1_000


def test_new_limits_hold_from_then_on_and_wrong_ones_change_nothing() -> None:
    door = admission(connection_count_max=1)
    assert door.admit("10.0.0.1", 0) is None
    with pytest.raises(ConfigurationError):
        door.replace_limits(AdmissionLimits(allow_networks=("no",), connection_count_max=5), 0)
    assert door.admit("10.0.0.1", 0) is Refused.LISTENER_FULL
    door.replace_limits(AdmissionLimits(connection_count_max=2), 0)
    assert door.admit("10.0.0.1", 0) is None
    assert door.admit("10.0.0.1", 0) is Refused.LISTENER_FULL


@given(st.integers(1, 5_000), st.integers(1, 500), st.lists(st.tuples(st.integers(0, 300), st.integers(1, 20)), max_size=40))
def test_a_bucket_never_gives_more_than_rate_and_burst(per_second: int, burst_count: int, steps: list[tuple[int, int]]) -> None:
    bucket = TokenBucket(per_second, burst_count, 0)
    now_ms = taken = 0
    for pause_ms, tries in steps:
        now_ms += pause_ms
        taken += sum(bucket.take(now_ms) for _ in range(tries))
        assert taken <= burst_count + now_ms * per_second / 1000
        wait_ms = bucket.wait_ms(now_ms)
        if wait_ms:
            assert not TokenBucket.take(bucket, now_ms)
            assert bucket.wait_ms(now_ms + wait_ms) == 0
            now_ms += wait_ms


def test_a_clock_that_stands_still_or_steps_back_gives_nothing() -> None:
    bucket = TokenBucket(10, 1, 1_000)
    assert bucket.take(1_000)
    assert not bucket.take(900)
    assert bucket.wait_ms(900) == 100
