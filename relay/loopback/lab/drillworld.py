"""What a drill did to the lab, told by those to whom it was done: the database, the name servers, the relays' journals.

Owns the counting. It must never ask an orchestrator: what that believes is what is being checked. The trap: a name server
counts changes in its zone's serial, of which one message with two records is one; and it is asked from inside its own region,
so that a cut changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from relay.loopback.lab.door import LabError, entered
from relay.loopback.lab.drillhand import record_of
from relay.loopback.lab.lab import Lab
from relay.loopback.lab.laying import namespace
from relay.loopback.lab.topology import CENTERS, name_server_of
from relay.loopback.lab.zoneupdate import serial

RUN = "the failover run"  # the name under which an orchestrator signs at a relay


class Effects(msgspec.Struct, frozen=True, kw_only=True):
    """How often each was done, or asked for. Keys of `records` are regions, of the others centers."""

    promotions: int
    halts: int
    resumes: int
    scales: int
    rules: int
    records: dict[str, int]
    blocks: dict[str, int]
    seals: dict[str, int]
    unseals: dict[str, int]
    releases: dict[str, int]

    def since(self, before: Effects) -> Effects:
        """Both are totals of the lab's life."""
        made = {}
        for name in self.__struct_fields__:
            now, then = getattr(self, name), getattr(before, name)
            made[name] = {key: now[key] - then[key] for key in now} if isinstance(now, dict) else now - then
        return msgspec.convert(made, Effects)


def effects(lab: Lab) -> Effects:
    """Since the lab was laid. Raises LabError."""
    asked = lab.regions().asked
    told = [one.what for one in record_of(lab.folder)]
    records = {}
    for city in CENTERS:
        with entered(namespace(lab.name, f"{city}-region")):
            records[city] = serial(name_server_of(city))
        if records[city] < 0:
            raise LabError(f"the name server of {city} does not say its serial.")
    deeds = {city: [deed.what for deed in lab.relays[city].region(10.0).deeds if deed.who == RUN] for city in CENTERS}

    def by_center(begins: str) -> dict[str, int]:
        return {city: sum(what.startswith(begins) for what in some) for city, some in deeds.items()}

    return Effects(
        promotions=asked["promote"],
        halts=asked["halt"],
        resumes=asked["resume"],
        scales=sum(what.startswith("scale up ") for what in told),
        rules=sum(what.startswith("rules open") for what in told),
        records=records,
        blocks=by_center("block "),
        seals=by_center("seal "),
        unseals=by_center("unseal "),
        releases=by_center("release "),
    )


def too_early(gate: int, done: Effects) -> list[str]:
    """What was done before gate `gate` was passed, and belongs behind it."""
    behind = {3: ("releases", "rules"), 2: ("promotions", "records"), 1: ("blocks", "seals", "halts")}
    found = []
    for number in range(gate, 4):
        for name in behind[number]:
            value = getattr(done, name)
            if sum(value.values()) if isinstance(value, dict) else value:
                found.append(f"{name} before gate {number}: {value}")
    return found


def twice(done: Effects, moved: Collection[str], is_aborted: bool) -> list[str]:
    """What was not done exactly as often as one run does it. `moved`: the regions whose name servers could be told."""
    once = 0 if is_aborted else 1
    each = dict.fromkeys(CENTERS, 1)
    wanted: dict[str, object] = {
        "promotions": once,
        "halts": 1,
        "scales": 1,
        "rules": once,
        "records": {city: once if city in moved else 0 for city in CENTERS},
        "blocks": each,
        "seals": each,
        "releases": each if is_aborted else dict.fromkeys(CENTERS, 3),
        "unseals": each if is_aborted else dict.fromkeys(CENTERS, 0),
        "resumes": 1 if is_aborted else 0,
    }
    return [
        f"{name}: {getattr(done, name)}, and {value} was wanted"
        for name, value in wanted.items()
        if getattr(done, name) != value
    ]
