"""A load second by second: what happened since the last look, in all and on each troupe's line.

Owns `Moment` and the subtraction of counters. It must never print. The trap: latencies are of those who wait at a terminal;
a file that took four seconds says nothing about how long a customer stood there, so it is on its own line only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from relay.loopback.histogram import Histogram
from relay.loopback.tally import Tally
from relay.loopback.troupe import Troupe

COUNTED: tuple[Callable[[Tally], int], ...] = (
    lambda t: t.requests,
    lambda t: t.approved,
    lambda t: t.declined,
    lambda t: t.refused,
    lambda t: t.doubted,
    lambda t: t.timed_out,
    lambda t: t.reversals_sent,
    lambda t: t.duplicate_replies,
)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One troupe since the last look. `told`: messages of the core that ended well in all this run."""

    name: str
    peers: str
    present: int
    expected: int
    requests: int
    approved: int
    declined: int
    refused: int
    doubted: int
    timed_out: int
    in_flight: int
    p50_ms: float
    p99_ms: float
    told: int = 0


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """All troupes since the last look, usually a second; `elapsed_s` since customers came in."""

    elapsed_s: float
    requests: int
    approved: int
    declined: int
    refused: int
    doubted: int
    timed_out: int
    reversals: int
    duplicates: int
    in_flight: int
    signed_on: int
    p50_ms: float
    p99_ms: float
    answered_total: int
    zones_up: int = 0
    troubles: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()


class Watch:
    """`told` says how many messages of the core a troupe's peers have acknowledged."""

    def __init__(self, troupes: Sequence[Troupe], told: Callable[[str], int]) -> None:
        self._troupes = troupes
        self._told = told
        self._before = [(0,) * len(COUNTED) for _ in troupes]

    def look(self, elapsed_s: float, zones_up: int) -> Moment:
        recent = Histogram()
        lines, sums = [], [0] * len(COUNTED)
        for place, troupe in enumerate(self._troupes):
            tally = troupe.tally
            now = tuple(count(tally) for count in COUNTED)
            fresh = [after - before for after, before in zip(now, self._before[place], strict=True)]
            self._before[place] = now
            sums = [total + more for total, more in zip(sums, fresh, strict=True)]
            own = tally.recent.percentiles()
            if troupe.customer_waits:
                recent.add(tally.recent)
            tally.recent.clear()
            requests, approved, declined, refused, doubted, timed_out, _, _ = fresh
            lines.append(
                Line(
                    name=troupe.name,
                    peers=troupe.peers,
                    present=troupe.present_count(),
                    expected=troupe.peer_count(),
                    requests=requests,
                    approved=approved,
                    declined=declined,
                    refused=refused,
                    doubted=doubted,
                    timed_out=timed_out,
                    in_flight=troupe.unsettled_count(),
                    p50_ms=own.p50,
                    p99_ms=own.p99,
                    told=self._told(troupe.name),
                )
            )
        requests, approved, declined, refused, doubted, timed_out, reversals, duplicates = sums
        all_recent = recent.percentiles()
        return Moment(
            elapsed_s=elapsed_s,
            requests=requests,
            approved=approved,
            declined=declined,
            refused=refused,
            doubted=doubted,
            timed_out=timed_out,
            reversals=reversals,
            duplicates=duplicates,
            in_flight=sum(line.in_flight for line in lines),
            signed_on=sum(line.present for line in lines),
            p50_ms=all_recent.p50,
            p99_ms=all_recent.p99,
            answered_total=sum(troupe.tally.answered for troupe in self._troupes),
            zones_up=zones_up,
            troubles=tuple(w.what for w in self._troupes[0].tally.windows if w.end_ms == float("inf")),
            lines=tuple(lines),
        )
