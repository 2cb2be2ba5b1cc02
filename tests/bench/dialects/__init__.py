"""Cheap far ends of every dialect but ISO 8583 (tests/bench/terminals.py), and what the relay is told to serve them.

Owns the list `FAR_ENDS`. `links` is TOML of listeners or dialers, with {port} to fill in.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tests.bench.dialects import atm, center, station, till
from tests.bench.dialects.room import FarEnd


class Kind(msgspec.Struct, frozen=True):
    make: Callable[[], FarEnd]
    links: str


FAR_ENDS: dict[str, Kind] = {
    "ndc": Kind(atm.Atms, atm.LISTENER),
    "branch-p1": Kind(till.Terminals, till.LISTENER),
    "zrc": Kind(center.Center, center.LISTENER),
    "zengin-file": Kind(station.Station, station.LISTENER),
}
