"""A closed exchange is opened once more: read from disk, decided by reopen.py or replay.py, written, and then owed to the core.

Owns that sequence. It must never decide by itself. The traps: the core was asked before the journal is read, so what is read
must be what was asked about (`seen`), and an exchange that somebody else holds right now (its terminal's repeat, a person) is
left alone and looked at again; the key, the attempt and the exchange stay the same, so whatever happens twice is once at the
core; and between the row and the duty there may be a crash: then the next life finds the row open, and owes it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from relay.clock import Timers
from relay.core.port import Looked
from relay.exchange.exchange import State
from relay.exchange.register import Open, Register, deliver_stored, rebuild
from relay.exchange.reopen import Around, Decision, ForPerson, Reopens, decide
from relay.exchange.replay import replayed
from relay.exchange.saf import Saf
from relay.journal.port import JournalFailed, StepResult
from relay.journal.records import StoredExchange
from relay.telemetry.log import get_log

log = get_log("reopening")

RETRY_MS: Final = 1_000  # while the journal cannot be written
_NOT_NOW: Final = "somebody else is busy with it"


class Busy(msgspec.Struct, frozen=True):
    """Nothing was decided: the next run looks again."""

    why: str


class Seen(msgspec.Struct, frozen=True):
    """The exchange as the run read it. `reversal_key`: its terminal's settled reversal, "" for none; `times` and `is_related`
    as in reopen.Around; `is_tail`: asked in a new region, and decided by replay.py."""

    key: str
    state: str
    updated_ms: int
    times: int = 0
    reversal_key: str = ""
    is_related: bool = False
    is_dry: bool = False  # only say what would follow
    is_tail: bool = False


Told = Callable[[Decision | Busy], None]


class Reopening:
    def __init__(self, register: Register, saf: Saf, timers: Timers) -> None:
        self._register = register
        self._saf = saf
        self._timers = timers

    def judge(self, seen: Seen, looked: Looked, done: Told) -> None:
        """Decide about the exchange `seen`, about which the core said `looked`. Where it is opened again, `done` comes when
        that is durable and the exchange is owed."""

        def found(stored: StoredExchange | JournalFailed | None) -> None:
            if not isinstance(stored, StoredExchange):
                done(Busy("the journal cannot be read"))
            elif (stored.state.value, stored.updated_ms) != (seen.state, seen.updated_ms):
                done(Busy("it moved since it was read"))
            elif not seen.reversal_key:
                self._decide(stored, None, seen, looked, done)
            else:
                self._register.journal.find(seen.reversal_key, lambda reversal: with_reversal(stored, reversal))

        def with_reversal(stored: StoredExchange, reversal: StoredExchange | JournalFailed | None) -> None:
            if isinstance(reversal, StoredExchange):
                self._decide(stored, reversal, seen, looked, done)
            else:
                done(Busy("the journal cannot be read"))

        self._register.journal.find(seen.key, found)

    def _decide(self, stored: StoredExchange, reversal: StoredExchange | None, seen: Seen, looked: Looked, done: Told) -> None:
        register = self._register
        keys = {seen.key} if reversal is None else {seen.key, reversal.taken.key}
        if any(key in register.by_key or key in register.resolving for key in keys):
            done(Busy(_NOT_NOW))
            return
        taken = stored.taken
        attempt = f"{register.center}/{taken.incarnation}/{taken.exchange_id}"
        if seen.is_tail:
            decision = replayed(stored, looked, attempt, seen.times)
        else:
            decision = decide(stored, looked, attempt, Around(reversal, seen.times, seen.is_related))
        if isinstance(decision, Reopens) and not seen.is_dry:
            target = reversal if decision.is_reversal and reversal is not None else stored
            self._open(target, decision, done)
        else:
            done(decision)

    def _open(self, stored: StoredExchange, decision: Reopens, done: Told) -> None:
        register = self._register
        entry = rebuild(stored, register.clock.monotonic_ms())
        if not register.move(entry, decision.event):
            done(ForPerson("the exchange table has no row for it"))
            return
        register.by_key[entry.key] = entry
        if entry.state is State.DELIVERING:
            deliver_stored(entry)
        if not decision.is_reversal:  # a reversal says in its message what stands
            entry.standing_minor = decision.standing_minor
        entry.tries = 0
        entry.owed_since_ms = register.clock.wall_ms()
        self._record(entry, decision, done)

    def _record(self, entry: Open, decision: Reopens, done: Told) -> None:
        """Until the journal takes it: somebody may have joined the exchange meanwhile, so it is not dropped again."""
        entry.retry = None

        def recorded(result: StepResult) -> None:
            if result is not None:
                entry.retry = self._timers.after(RETRY_MS, partial(self._record, entry, decision, _nobody))
                done(Busy(f"not recorded yet: {result.why}"))
                return
            event = decision.event.name
            log.warning("reopened by reconciliation", exchange_id=entry.exchange_id, duty=event, why=decision.why)
            self._saf.owe(entry)
            done(decision)

        self._register.write(
            entry,
            decision.event,
            recorded,
            # Whoever reads the row later (people.duty_of) sees in it what shall stand.
            standing_minor=None if decision.is_reversal else entry.standing_minor,
            tries=0,
            detail=decision.why,
        )


def _nobody(told: Decision | Busy) -> None:
    """The run that asked has gone on; the next one sees what became of it."""
