"""The other center's business at this one: its exchanges, what it owes to the core, and what the core had it send.

Owns a desk and an outbound desk over the adopted journal, both in the name of the center that it belongs to: keys, attempts
and Relay-Center are that center's, and only the life is new. It must never touch this center's own journal. The traps: no
body of a request is in the journal, so what was open is inquired and never posted again; the journal is a copy, and may lack
the last that its center wrote, an approval that left among it, so nothing is undone for want of an intent
(relay/exchange/recovery.py); and a message of the core that may have left is unknown, because no line here remembers what a
line there began with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Protocol

from relay.clock import Clock, Timers
from relay.core.client import CoreClient
from relay.exchange.desk import Desk
from relay.exchange.exchange import State
from relay.exchange.limits import DeskLimits
from relay.exchange.recovery import recover
from relay.exchange.register import Open
from relay.journal.port import Journal, OutboundJournal, StepResult
from relay.outbound.desk import Outbound, OutboundLimits
from relay.outbound.ports import OutboundLink
from relay.permit import Permit
from relay.takeover.asking import AdoptedCore
from relay.telemetry.metrics import Metrics


class AdoptedJournal(Journal, OutboundJournal, Protocol):
    """An engine."""


class TailsPort(Protocol):
    """The replay of what a region confirmed last, over the adopted journal; relay.reconcile.tails fulfils it."""

    @property
    def is_finished(self) -> bool: ...

    def start(self) -> None: ...

    def begin(self, epoch: int) -> None: ...

    def holds(self, entry: Open) -> bool: ...

    def stop(self) -> None: ...


class Adopted:
    """`center` is whose journal it is. `metrics` are its own: one page has one journal's figures. `permit` is there where the
    fence is known to stand."""

    def __init__(
        self,
        center: str,
        journal: AdoptedJournal,
        client: CoreClient,
        permit: Callable[[], Permit | None],
        find_line: Callable[[str, str], OutboundLink | None],
        why_never: Callable[[str, str], str],
        clock: Clock,
        timers: Timers,
        metrics: Metrics,
        chance: Random,
        desk_limits: DeskLimits,
        outbound_limits: OutboundLimits,
    ) -> None:
        self.center = center
        self.journal = journal
        self._clock = clock
        self._completion_deadline_ms = desk_limits.completion_deadline_ms
        self._heard_until_ms = 0
        self._permit = permit
        self.tails: TailsPort | None = None
        self._begun_epoch = 0  # of the region: what the one before confirmed last is being asked for in it
        self._raising_epoch = 0
        core = AdoptedCore(client, journal.incarnation)
        self.desk = Desk(journal, core, self.permit, clock, timers, metrics, chance, center, desk_limits)
        self.desk.saf.holds = self._holds
        self.desk.is_in_pair = True
        self.outbound = Outbound(
            journal, client, self.permit, find_line, why_never, clock, timers, metrics, chance, center, outbound_limits
        )

    # ---- the region --------------------------------------------------------------------------------------------------
    def use_tails(self, tails: TailsPort) -> None:
        """Before it is taken up. From then on there is no permit in an epoch before its tail is begun."""
        self.tails = tails
        self.desk.saf.holds = self._holds
        self.desk.is_in_pair = True

    def permit(self) -> Permit | None:
        permit = self._permit()
        if permit is None or (self.tails is not None and permit.epoch != self._begun_epoch):
            return None
        return permit

    def follow(self) -> None:
        """Asked again and again: where the region's epoch is another one, that becomes durable in this journal too, as its own
        center would have it, and then what the region before confirmed last is asked for anew. An epoch below the journal's is
        none: its center has heard of a later one, and this one will."""
        permit = self._permit()
        epoch = 0 if permit is None else permit.epoch
        if self.tails is None or not epoch or epoch in (self._begun_epoch, self._raising_epoch) or epoch < self.journal.epoch:
            return
        self._raising_epoch = epoch
        if epoch > self.journal.epoch:
            self.journal.raise_epoch(epoch, partial(self._raised, self.tails, epoch))
        else:
            self._raised(self.tails, epoch, None)

    def _raised(self, tails: TailsPort, epoch: int, result: StepResult) -> None:
        self._raising_epoch = 0
        if result is None:
            tails.begin(epoch)  # before the first permit, or the first calls would overtake it
            self._begun_epoch = epoch

    def take_up(self) -> dict[str, int]:
        """Everything that was open goes on. Returns how many exchanges there were, by stored state."""
        self._heard_until_ms = self._clock.monotonic_ms() + self._completion_deadline_ms
        counts = recover(self.desk, self._completion_deadline_ms, is_copy=True)
        self.outbound.recover()
        if self.tails is not None:
            self.tails.start()
        return counts

    def _holds(self, entry: Open) -> bool:
        return self._awaits_word(entry) or (self.tails is not None and self.tails.holds(entry))

    def _awaits_word(self, entry: Open) -> bool:
        """Whether its terminal may still come over and say what it heard, by a repeat or a reversal: until then it is not
        given to a person."""
        is_silent = entry.state is State.HELD and entry.intent is None and entry.link is None
        return is_silent and self._clock.monotonic_ms() < self._heard_until_ms

    @property
    def open_count(self) -> int:
        """What is not at its end: exchanges, what is owed, messages of the core, a lost tail. Not what its journal is asked:
        each new message at this center asks it, so in a busy hour that is never nothing, and it could never be given back."""
        desk = self.desk
        permit = self._permit()
        is_behind = permit is not None and permit.epoch > self._begun_epoch
        is_replaying = self.tails is not None and (is_behind or not self.tails.is_finished)
        open_exchanges = len(desk.register.by_key) + len(desk.register.resolving)
        return max(open_exchanges, desk.saf.owed_count) + len(self.outbound.register.open) + is_replaying

    @property
    def is_at_rest(self) -> bool:
        """Nothing is open, and nothing is on its way to its disk or from there: for when no message is led to it any more."""
        return not self.open_count and not self.journal.waiting_count()

    def stop(self) -> None:
        """No further call and no further report: what is open stays so on disk."""
        if self.tails is not None:
            self.tails.stop()
        self.desk.drain()
        self.desk.saf.stop()
        self.outbound.stop()

    def fence(self) -> None:
        """Its journal failed: no further word."""
        if self.tails is not None:
            self.tails.stop()
        self.desk.fence()
        self.outbound.fence()
