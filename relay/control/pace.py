"""How fast it goes: counts since the start, of which two make a rate and a percentile.

Owns the form of the answer. It must never divide: who asks twice does (relay/console/ring.py). The trap: a mean of latencies
says nothing about the slowest, so histograms are told as counts.
"""

from __future__ import annotations

import msgspec


class PaceReport(msgspec.Struct, frozen=True, kw_only=True):
    """`at_ms` on the wall clock. `reply` (receipt to reply) and `core` are counts per bucket of `bounds_ms`, one more for what
    is above them all; of this process, where there are several workers."""

    at_ms: int = 0
    bounds_ms: tuple[float, ...] = ()
    endings: dict[str, int] = {}
    reply: tuple[int, ...] = ()
    core: tuple[int, ...] = ()
