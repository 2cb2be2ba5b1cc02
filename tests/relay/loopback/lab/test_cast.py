"""Who speaks in the lab: every dialect, at the service address, each with a place of its own."""

from __future__ import annotations

from relay.loopback.lab.cast import PARTS, sites, troupes
from relay.loopback.lab.topology import SERVICE, terminals_ip
from relay.loopback.troupes import DEFAULT_SHARES


async def test_every_dialect_is_there() -> None:
    assert [troupe.name for troupe in troupes()] == list(PARTS) == list(DEFAULT_SHARES)


def test_the_relay_listens_at_the_service_address_and_dials_into_the_terminals_network() -> None:
    text = "\n".join(text for _, text in sites())
    endpoints = [line.partition('"')[2].rstrip('"') for line in text.splitlines() if line.startswith("endpoint")]
    assert len(endpoints) == len(set(endpoints)) == 6
    for endpoint in endpoints:
        assert f"interface={SERVICE}" in endpoint or f"host={terminals_ip()}" in endpoint, endpoint
    assert text.count("exclusive = true") == 1
