"""Where the bank is in its day, and what that means for a gate. Pure: the moment is an argument.

Owns the phases of the day, the boundaries ahead, the latest sensible start, and the extra rules per phase. It must never
know a holiday by itself: protocols/zengin/bankdays.py does, from the law (Act on National Holidays, with the equinoxes, the
Monday holidays and the substitutes), which is also what Zengin lines go by. The traps: a boundary is a moment of Japan's
wall clock, whatever the host's zone is; core hours exist on bank days only, while ATMs and the batch keep their hours every
day; and "the latest start" is advice for people, never a reason to go on without them.

Source of the hours: the daily cycle of the bank as the design has it (batch from midnight to 6:00, ATMs 7:00 to 21:00, core
hours 9:00 to 15:00).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Final

import msgspec

from protocols.zengin.bankdays import BankDays
from relay.failover.evidence import Evidence
from relay.failover.plan import Kind

JST: Final = timezone(timedelta(hours=9), "JST")
HOUR_MS: Final = 3_600_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NO_FAILBACK_FROM_HOUR, NO_FAILBACK_TO_HOUR = 8, 21


class DayPhase(StrEnum):
    BATCH = "batch"  # 0:00 to 6:00
    PRE_OPEN = "pre-open"  # 6:00 to 7:00
    ATM = "atm"  # 7:00 to 9:00, and after core hours to 21:00
    CORE = "core"  # 9:00 to 15:00 on bank days
    CLOSE = "close"  # 21:00 to midnight


# Boundaries: hour, what begins, on bank days only.
_BOUNDARIES: Final = (
    (0, "batch starts", False),
    (6, "batch ends", False),
    (7, "ATMs open", False),
    (9, "core hours begin", True),
    (15, "core hours end", True),
    (21, "ATMs close", False),
)


class Boundary(msgspec.Struct, frozen=True):
    """`at_ms` UTC epoch milliseconds; `in_ms` from now."""

    what: str
    at_ms: int
    in_ms: int


class DayView(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside each decision. `next_bank_day` is after today. `boundaries`: each kind once, nearest first."""

    now_ms: int
    today: str
    is_bank_day: bool
    next_bank_day: str
    phase: DayPhase
    boundaries: tuple[Boundary, ...]


class Rule(msgspec.Struct, frozen=True):
    """Something that the day asks for. `stops`: the gate does not pass before it is met; else it is a warning."""

    text: str
    stops: bool


class BankClock:
    """`days` knows bank days; the rest is arithmetic."""

    def __init__(self, days: BankDays | None = None) -> None:
        self._days = BankDays() if days is None else days

    def view(self, now_ms: int) -> DayView:
        moment = self.moment(now_ms)
        today = moment.date()
        return DayView(
            now_ms=now_ms,
            today=today.isoformat(),
            is_bank_day=self._days.is_bank_day(today),
            next_bank_day=self._days.next_bank_day(today).isoformat(),
            phase=self.phase(now_ms),
            boundaries=self.boundaries(now_ms),
        )

    def moment(self, now_ms: int) -> datetime:
        return (_EPOCH + timedelta(milliseconds=now_ms)).astimezone(JST)

    def phase(self, now_ms: int) -> DayPhase:
        moment = self.moment(now_ms)
        hour = moment.hour
        if hour < 6:
            return DayPhase.BATCH
        if hour < 7:
            return DayPhase.PRE_OPEN
        if hour >= 21:
            return DayPhase.CLOSE
        if 9 <= hour < 15 and self._days.is_bank_day(moment.date()):
            return DayPhase.CORE
        return DayPhase.ATM

    def boundaries(self, now_ms: int) -> tuple[Boundary, ...]:
        """The next moment of each kind, nearest first; one that is this very millisecond has passed."""
        today = self.moment(now_ms).date()
        found = [self._next(today, hour, what, is_core, now_ms) for hour, what, is_core in _BOUNDARIES]
        return tuple(sorted(found, key=lambda boundary: boundary.at_ms))

    def _next(self, today: date, hour: int, what: str, is_core: bool, now_ms: int) -> Boundary:
        at_ms = _at(today, hour)
        if at_ms <= now_ms or (is_core and not self._days.is_bank_day(today)):
            day = self._days.next_bank_day(today) if is_core else today + timedelta(days=1)
            at_ms = _at(day, hour)
        return Boundary(what, at_ms, at_ms - now_ms)


def _at(day: date, hour: int) -> int:
    return (datetime(day.year, day.month, day.day, hour, tzinfo=JST) - _EPOCH) // timedelta(milliseconds=1)


def latest_start(boundary: Boundary, remaining_ms: int) -> int:
    """When the rest of the run must begin to be over before `boundary`: UTC epoch milliseconds. `remaining_ms`: the sum of
    what the remaining steps take in 95 of 100 drills."""
    return boundary.at_ms - remaining_ms


def rules_at(
    clock: BankClock, kind: Kind, gate: int, now_ms: int, evidence: Evidence | None, remaining_ms: int
) -> tuple[Rule, ...]:
    """What the day asks for at a gate (0: at the declaration)."""
    rules: list[Rule] = []
    hour = clock.moment(now_ms).hour
    if kind == "failback" and gate in (0, 1, 2) and NO_FAILBACK_FROM_HOUR <= hour < NO_FAILBACK_TO_HOUR:
        rules.append(Rule("no fail-back between 08:00 and 21:00: it waits for the night", True))
    is_batch_known = evidence is not None and bool(evidence.batch_checkpoint)
    if gate == 1 and clock.phase(now_ms) is DayPhase.BATCH and not is_batch_known:
        rules.append(Rule("the batch runs: its last checkpoint must be known before gate 1", True))
    nearest = clock.boundaries(now_ms)[0]
    if gate and latest_start(nearest, remaining_ms) < now_ms:
        minutes = remaining_ms // 60_000
        rules.append(
            Rule(
                f"{nearest.what} in {nearest.in_ms // 60_000} min, and the rest takes {minutes} min: it will be crossed", False
            )
        )
    return tuple(rules)


def parts_at(clock: BankClock, now_ms: int, has_batch: bool) -> tuple[str, ...]:
    """In how many goes service is released: at night the batch first, and people decide again about the rest."""
    return ("batch", "online") if has_batch and clock.phase(now_ms) is DayPhase.BATCH else ("",)
