"""May this center be announced? Causes that are looked at again and again, each with its rise and fall. Pure.

Owns the counters. It must never look at anything itself: signs are handed in. The trap: a cause that is not known yet is not
good, or a relay that has just been started would be announced before it has seen its journal; and one lost look is no
illness, or a slow answer would move a fleet of terminals.
"""

from __future__ import annotations

from enum import Enum

import msgspec

RISE_COUNT = 3
FALL_COUNT = 2


class Cause(Enum):
    """What must be well."""

    LOOP = "loop"  # the event loop is on time
    JOURNAL = "journal"  # it can be written
    REGION = "region"  # the active region answers
    DEVICE = "device"  # the service address can be put on this host
    HEARD = "heard"  # somebody hears the announcement
    DRAIN = "drain"  # people have not drained whoever serves on the address
    STANDING = "standing"  # the core listens to this center: it was not taken over
    PEER = "peer"  # the other center would not serve better: it does not reach a region that we do not reach


HARD = frozenset({Cause.LOOP, Cause.JOURNAL, Cause.DEVICE, Cause.STANDING, Cause.DRAIN, Cause.PEER})


class Signs(msgspec.Struct, frozen=True, kw_only=True):
    """One look: True is well. `peer` is True where there is none."""

    loop: bool = True
    journal: bool = True
    region: bool = True
    device: bool = True
    heard: bool = True
    drain: bool = True
    standing: bool = True
    peer: bool = True


class _Counter:
    __slots__ = ("is_good", "streak")

    def __init__(self) -> None:
        self.is_good = False
        self.streak = 0

    def see(self, is_good: bool, rise: int, fall: int) -> None:
        if is_good == self.is_good:
            self.streak = 0
            return
        self.streak += 1
        if self.streak >= (rise if is_good else fall):
            self.is_good, self.streak = is_good, 0


class Health:
    """`rise_count` good looks in a row make a cause well, `fall_count` bad ones ill; in the beginning each is ill. With
    `region_is_hard` a silent region is a reason to withdraw; else only one to step back."""

    def __init__(self, rise_count: int = RISE_COUNT, fall_count: int = FALL_COUNT, region_is_hard: bool = False) -> None:
        if rise_count < 1 or fall_count < 1:
            raise ValueError("rise_count and fall_count are at least 1")
        self._rise_count, self._fall_count = rise_count, fall_count
        self._hard = HARD | ({Cause.REGION} if region_is_hard else frozenset())
        self._counters = {cause: _Counter() for cause in Cause}

    def see(self, signs: Signs) -> None:
        for cause, counter in self._counters.items():
            counter.see(getattr(signs, cause.value), self._rise_count, self._fall_count)

    def fail(self, cause: Cause) -> None:
        """Ill at once, whatever was seen before."""
        self._counters[cause] = _Counter()

    def is_good(self, cause: Cause) -> bool:
        return self._counters[cause].is_good

    @property
    def ill_hard(self) -> tuple[Cause, ...]:
        """Causes for which this center must not be announced at all."""
        return tuple(cause for cause, counter in self._counters.items() if cause in self._hard and not counter.is_good)

    @property
    def ill_soft(self) -> tuple[Cause, ...]:
        """Causes for which another center is better."""
        return tuple(cause for cause, counter in self._counters.items() if cause not in self._hard and not counter.is_good)
