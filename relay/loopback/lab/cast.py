"""Who speaks in the lab: a troupe per dialect, pointed at the service address from the terminals' network.

Owns ports, shares and the texts of their listeners and dialers. It must never drive a troupe (crowd.py does). The traps: what
the relay dials stands in the terminals' network, where both centers reach it; and a Zengin line is exclusive, with a range of
発信通番 per center, or two relays would open it.
"""

from __future__ import annotations

import asyncio

from relay.loopback.branchtroupe import BranchTroupe
from relay.loopback.customers import Customers
from relay.loopback.deeds import AtmPolicy
from relay.loopback.filetroupe import FileTroupe
from relay.loopback.isotroupe import IsoTroupe
from relay.loopback.lab.topology import SERVICE, TERMINALS_NET, terminals_ip
from relay.loopback.ndctroupe import NdcTroupe
from relay.loopback.troupe import Part, Site, Troupe
from relay.loopback.zrctroupe import ZrcTroupe

SEED = 7
CARDS = 200
ISO_PORT, NDC_PORT, BRANCH_PORT, FILES_PORT = 8583, 4000, 6000, 8600
ZENGIN_PORT, STATION_PORT = 7000, 7001
POLICY = AtmPolicy(reply_timeout_ms=8_000, repeat_after_ms=3_000, reconnect_first_ms=100, reconnect_max_ms=400)
# Peers and requests a second of each dialect: calm, for two cores carry the whole lab.
PARTS = {
    "iso8583": Part(terminals=12, rate_per_s=20.0, reply_timeout_ms=8_000, seed=SEED),
    "ndc": Part(terminals=4, rate_per_s=3.0, reply_timeout_ms=8_000, seed=SEED),
    "branch-p1": Part(terminals=6, rate_per_s=4.0, reply_timeout_ms=8_000, seed=SEED),
    "zrc": Part(terminals=1, rate_per_s=2.0, seed=SEED),
    "zengin-file": Part(terminals=1, rate_per_s=2.0, seed=SEED),
}
EXCLUSIVE = """exclusive = true
"""
TSN_RANGE = """config_id = "0001"
tsn_range = [{tsn_first}, {tsn_last}]
"""
RANGE = """[dialer.profile.telegram]
serial_first = {serial_first}
serial_last = {serial_last}
"""


def customers() -> Customers:
    return Customers(SEED, CARDS)


def troupes() -> list[Troupe]:
    """One of each dialect. Inside the running loop."""
    return [
        IsoTroupe(PARTS["iso8583"], customers(), POLICY, (SERVICE, ISO_PORT)),
        NdcTroupe(PARTS["ndc"], customers(), NDC_PORT, SERVICE, (f"{TERMINALS_NET}.", 101)),
        BranchTroupe(PARTS["branch-p1"], BRANCH_PORT, SERVICE),
        ZrcTroupe(PARTS["zrc"], False, terminals_ip(), ZENGIN_PORT),
        FileTroupe(PARTS["zengin-file"], FILES_PORT, STATION_PORT, SERVICE, terminals_ip()),
    ]


def sites() -> list[tuple[Site, str]]:
    """What each needs of a relay, and its text for the lab."""

    async def made() -> list[Site]:
        return [troupe.site() for troupe in troupes()]

    return [(site, _for_two(site.config)) for site in asyncio.run(made())]


def _for_two(config: str) -> str:
    """As two centers have it: a Zengin line is exclusive, and numbers that a center gives are its own."""
    config = config.replace('config_id = "0001"\n', TSN_RANGE)
    if 'dialect = "zrc"' not in config:
        return config
    return config.replace('channel = "partner"\n', 'channel = "partner"\n' + EXCLUSIVE) + RANGE
