"""What goes wrong when, in a load: a plan of storms, lost zones and killed daemons over its duration. Pure.

Owns the plans by name, and the words on the command line. It must never do anything: the runner does. The trap: between two
troubles there must be calm long enough to tell whether the relay is itself again, so a plan leaves half its time calm.
"""

from __future__ import annotations

from enum import Enum

import msgspec


class Trouble(Enum):
    STORM_ON = "the core misbehaves: 5xx, bare 503, hangs, drops after commit, late commits, garbage"
    STORM_OFF = "the core behaves again"
    ZONE_DOWN = "one zone of the core is lost: its address resets and refuses"
    ZONE_UP = "the zone is back"
    DAEMON_KILL = "kill -9 of the relay, and a new start"


class Step(msgspec.Struct, frozen=True, order=True):
    at_s: float
    what: Trouble


def plan(duration_s: float, *, storms: int = 0, zone_losses: int = 0, daemon_kills: int = 0) -> list[Step]:
    """The steps in order of time. Each trouble has a slot of its own; it begins a quarter into it and ends by its middle."""
    troubles = _interleave([Trouble.STORM_ON] * storms, [Trouble.DAEMON_KILL] * daemon_kills, [Trouble.ZONE_DOWN] * zone_losses)
    if not troubles:
        return []
    slot_s = duration_s / len(troubles)
    steps = []
    for place, trouble in enumerate(troubles):
        begin_s = (place + 0.25) * slot_s
        steps.append(Step(begin_s, trouble))
        if trouble is Trouble.STORM_ON:
            steps.append(Step(begin_s + slot_s / 4, Trouble.STORM_OFF))
        elif trouble is Trouble.ZONE_DOWN:
            steps.append(Step(begin_s + slot_s / 4, Trouble.ZONE_UP))
    return sorted(steps, key=lambda step: step.at_s)


def _interleave(*kinds: list[Trouble]) -> list[Trouble]:
    """One of each kind in turn, until all are used."""
    longest = max((len(kind) for kind in kinds), default=0)
    return [kind[place] for place in range(longest) for kind in kinds if place < len(kind)]
