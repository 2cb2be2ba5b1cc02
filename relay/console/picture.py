"""What the one picture shows: terminals, both centers, both regions, and the paths between them. Pure.

Owns the reading of the status report as places and lines. It must never draw (pages/drawing.py does). The traps: half of what
is told of a pair is the other center's own sight, and a stale one, so a silent peer is drawn as unknown and never as down; and
a path that is well and carries nothing must not look like the one that carries the bank.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from relay.control.announce import ANNOUNCED
from relay.control.pair import PairReport
from relay.control.regions import RegionsReport
from relay.control.report import StatusReport

FRESH_MS = 10_000  # a heartbeat younger than this speaks for the present
GOOD, FAILING, UNKNOWN = "good", "failing", "unknown"


class CenterPlace(msgspec.Struct, frozen=True, kw_only=True):
    """`announces` is None where nobody can know. `age_ms`: since when the other center was not heard; None for our own."""

    name: str
    is_own: bool
    role: str
    state: str  # good, failing, unknown
    epoch: int
    announces: bool | None
    age_ms: int | None = None
    sessions: int | None = None


class RegionPlace(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    is_active: bool
    epoch: int
    state: str  # as we see it


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """From center to region by number. `is_used`: calls to the core go there now."""

    center: int
    region: int
    state: str
    is_used: bool


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """The way between the centers. `paths_up` of `paths`; `is_used`: core calls go through it."""

    state: str
    paths_up: int
    paths: int
    is_used: bool


class Terminals(msgspec.Struct, frozen=True, kw_only=True):
    channel: str
    signed_on: int


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    centers: tuple[CenterPlace, ...]
    regions: tuple[RegionPlace, ...]
    lines: tuple[Line, ...]
    crossing: Crossing | None
    terminals: tuple[Terminals, ...]


def picture_of(status: StatusReport, regions: RegionsReport) -> Picture:
    pair = status.pair
    places = _regions(status, regions)
    centers = [_own(status)]
    if pair.peer:
        centers.append(_peer(pair))
    lines = []
    for number, place in enumerate(places):
        is_direct = pair.way != "through-peer"
        used = place.is_active and status.region.has_permit and is_direct
        lines.append(Line(center=0, region=number, state=place.state, is_used=used))
        if pair.peer:
            seen = _sight(pair, place.name, is_peers=True) if _is_fresh(pair) else UNKNOWN
            is_peer_used = place.is_active and seen == GOOD and (not is_direct or pair.other.role == "holding")
            lines.append(Line(center=1, region=number, state=seen, is_used=is_peer_used))
    return Picture(
        centers=tuple(centers),
        regions=places,
        lines=tuple(lines),
        crossing=_crossing(pair) if pair.peer else None,
        terminals=_terminals(status),
    )


def _own(status: StatusReport) -> CenterPlace:
    announce = status.announce
    is_well = status.state == "serving" and status.journal.state == "writable"
    return CenterPlace(
        name=status.center,
        is_own=True,
        role=announce.role if announce.is_used else status.state,
        state=GOOD if is_well else FAILING,
        epoch=status.region.epoch,
        announces=announce.role in ANNOUNCED if announce.is_used else None,
        sessions=sum(each.signed_on for each in status.listeners),
    )


def _peer(pair: PairReport) -> CenterPlace:
    other = pair.other
    is_fresh = _is_fresh(pair)
    return CenterPlace(
        name=pair.peer,
        is_own=False,
        role=other.role if is_fresh else "",
        state=GOOD if is_fresh else UNKNOWN,
        epoch=other.epoch if is_fresh else 0,
        announces=_announces(other.role) if is_fresh else None,
        age_ms=other.age_ms,
    )


def _is_fresh(pair: PairReport) -> bool:
    return pair.other.age_ms is not None and pair.other.age_ms < FRESH_MS


def _announces(role: str) -> bool | None:
    return role in ANNOUNCED if role else None


def _regions(status: StatusReport, regions: RegionsReport) -> tuple[RegionPlace, ...]:
    pair, active = status.pair, status.region.region
    names = [site.name for site in regions.sites]
    names += [sight.name for sight in pair.sights if sight.kind == "region" and sight.name not in names]
    if active and active not in names:
        names.insert(0, active)
    places = []
    for name in names:
        site = next((each for each in regions.sites if each.name == name), None)
        state = _sight(pair, name, is_peers=False)
        if name == active:
            state = GOOD if status.region.has_permit else FAILING
        elif state == UNKNOWN and site is not None and site.result:
            state = GOOD if site.result == "good" else FAILING
        epoch = status.region.epoch if name == active else (0 if site is None else site.said_epoch)
        places.append(RegionPlace(name=name, is_active=name == active, epoch=epoch, state=state))
    return tuple(places)


def _sight(pair: PairReport, name: str, *, is_peers: bool) -> str:
    found = next((each for each in pair.sights if each.kind == "region" and each.name == name), None)
    said = UNKNOWN if found is None else (found.peers if is_peers else found.ours)
    return {"ok": GOOD, "failing": FAILING}.get(said, UNKNOWN)


def _crossing(pair: PairReport) -> Crossing:
    up = sum(path.state == "up" for path in pair.paths)
    state = GOOD if up == len(pair.paths) and up else FAILING if up == 0 else "part"
    return Crossing(state=state, paths_up=up, paths=len(pair.paths), is_used=pair.way == "through-peer" or pair.serves_peer)


def _terminals(status: StatusReport) -> tuple[Terminals, ...]:
    counted: dict[str, int] = {}
    for listener in status.listeners:
        counted[listener.channel] = counted.get(listener.channel, 0) + listener.signed_on
    return tuple(Terminals(channel=name, signed_on=count) for name, count in _in_order(counted))


def _in_order(counted: dict[str, int]) -> Sequence[tuple[str, int]]:
    order = ("atm", "branch", "zengin")
    return sorted(counted.items(), key=lambda each: order.index(each[0]) if each[0] in order else len(order))
