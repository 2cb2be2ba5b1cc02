"""Where this center stands: health, damping and the table of roles, put together. Pure.

Owns the one decision per look, and the sentence that says why. It must never announce anything: it returns what changed and
the herald does it. The traps: at most one step per look, so that every step is seen and damped; and traffic counts only when
it came after the stay of the present role, for terminals that are leaving still send for a moment.
"""

from __future__ import annotations

from typing import Final

import msgspec

from protocols.machine import next_state
from relay.announce.damping import Damping, DampingLimits
from relay.announce.health import FALL_COUNT, RISE_COUNT, Cause, Health, Signs
from relay.announce.port import Level
from relay.announce.role import LEVELS, TABLE, Event, Role

IN_WORDS: Final[dict[Cause, str]] = {
    Cause.LOOP: "the event loop is late",
    Cause.JOURNAL: "the journal cannot be written",
    Cause.REGION: "the active region does not answer",
    Cause.DEVICE: "the service address cannot be put on this host",
    Cause.HEARD: "nobody hears the announcement",
    Cause.STANDING: "the other center has taken this one over",
    Cause.PEER: "only the other center reaches the active region",
    Cause.DRAIN: "whoever serves the address is drained",
}


class StandingLimits(msgspec.Struct, frozen=True, kw_only=True):
    rise_count: int = RISE_COUNT
    fall_count: int = FALL_COUNT
    region_is_hard: bool = False
    damping: DampingLimits = DampingLimits()


class Change(msgspec.Struct, frozen=True):
    """One step of the table."""

    before: Role
    after: Role
    event: Event
    why: str

    @property
    def level(self) -> Level:
        return LEVELS[self.after]

    @property
    def moves_route(self) -> bool:
        return LEVELS[self.before] is not LEVELS[self.after]


class Standing:
    """`paused` is why people withdrew it in a former life, "" where they did not. All times are monotonic milliseconds."""

    def __init__(self, limits: StandingLimits, paused: str = "") -> None:
        self.health = Health(limits.rise_count, limits.fall_count, limits.region_is_hard)
        self._damping = Damping(limits.damping)
        self.role = Role.PAUSED if paused else Role.WITHDRAWN
        self.why = paused or "starting"
        self.waits_ms = 0  # how long damping holds back the next step up
        self._has_kept = False  # it stepped back, and its sessions stayed

    @property
    def level(self) -> Level:
        return LEVELS[self.role]

    def look(self, now_ms: int, signs: Signs, traffic: bool) -> Change | None:
        """`traffic`: terminals sent something since the last look."""
        health = self.health
        health.see(signs)
        self.waits_ms = 0
        hard, soft = health.ill_hard, health.ill_soft
        if self.role is Role.STANDBY and not traffic:
            hard = tuple(cause for cause in hard if cause is not Cause.PEER)  # it has nobody to send away, and may be needed
        if self.role is Role.WITHDRAWN:
            if hard:
                self.why = _in_words(hard)
                return None
            return self._up(now_ms, Event.FIT, "fit to serve")
        if self.role in (Role.STANDBY, Role.HOLDING, Role.LEAVING) and hard:
            return self._go(now_ms, Event.UNFIT, _in_words(hard))
        if self.role is Role.HOLDING and soft:
            return self._go(now_ms, Event.UNHEARD if Cause.HEARD in soft else Event.WEAK, _in_words(soft))
        if self.role is Role.STANDBY and self._has_kept and Cause.HEARD in soft:
            self._has_kept = False  # once: whoever comes after that has found a way
            return Change(self.role, next_state(TABLE, self.role, Event.UNHEARD), Event.UNHEARD, IN_WORDS[Cause.HEARD])
        if self.role is Role.STANDBY and traffic and not soft:
            return self._up(now_ms, Event.TRAFFIC, "terminals come here")
        return None

    def people(self, now_ms: int, event: Event, why: str) -> Change:
        """What people decided. Raises protocols.machine.Unexpected where the role has no such way."""
        return self._go(now_ms, event, why)

    def _up(self, now_ms: int, event: Event, why: str) -> Change | None:
        self.waits_ms = self._damping.wait_ms(now_ms, LEVELS[next_state(TABLE, self.role, event)])
        if self.waits_ms:
            return None
        return self._go(now_ms, event, why)

    def _go(self, now_ms: int, event: Event, why: str) -> Change:
        change = Change(self.role, next_state(TABLE, self.role, event), event, why)
        self.role, self.why, self._has_kept = change.after, why, event is Event.WEAK
        if change.moves_route:
            self._damping.changed(now_ms, is_flap=event in (Event.UNFIT, Event.WEAK, Event.UNHEARD))
        return change


def _in_words(causes: tuple[Cause, ...]) -> str:
    return ", ".join(IN_WORDS[cause] for cause in causes)
