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
from random import Random
from typing import Protocol

from relay.clock import Clock, Timers
from relay.core.client import CoreClient
from relay.exchange.desk import Desk
from relay.exchange.exchange import State
from relay.exchange.limits import DeskLimits
from relay.exchange.recovery import recover
from relay.exchange.register import Open
from relay.journal.port import Journal, OutboundJournal
from relay.outbound.desk import Outbound, OutboundLimits
from relay.outbound.ports import OutboundLink
from relay.permit import Permit
from relay.takeover.asking import AdoptedCore
from relay.telemetry.metrics import Metrics


class AdoptedJournal(Journal, OutboundJournal, Protocol):
    """An engine."""


class Adopted:
    """`center` is whose journal it is. `metrics` are its own: one page has one journal's figures."""

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
        core = AdoptedCore(client, journal.incarnation)
        self.desk = Desk(journal, core, permit, clock, timers, metrics, chance, center, desk_limits)
        self.desk.saf.holds = self._awaits_word
        self.outbound = Outbound(
            journal, client, permit, find_line, why_never, clock, timers, metrics, chance, center, outbound_limits
        )

    def take_up(self) -> dict[str, int]:
        """Everything that was open goes on. Returns how many exchanges there were, by stored state."""
        self._heard_until_ms = self._clock.monotonic_ms() + self._completion_deadline_ms
        counts = recover(self.desk, self._completion_deadline_ms, is_copy=True)
        self.outbound.recover()
        return counts

    def _awaits_word(self, entry: Open) -> bool:
        """Whether its terminal may still come over and say what it heard, by a repeat or a reversal: until then it is not
        given to a person."""
        is_silent = entry.state is State.HELD and entry.intent is None and entry.link is None
        return is_silent and self._clock.monotonic_ms() < self._heard_until_ms

    @property
    def open_count(self) -> int:
        """What is not at its end: exchanges, what is owed, messages of the core, records on their way to disk."""
        desk = self.desk
        open_exchanges = len(desk.register.by_key) + len(desk.register.resolving)
        return max(open_exchanges, desk.saf.owed_count) + len(self.outbound.register.open) + self.journal.waiting_count()

    def stop(self) -> None:
        """No further call and no further report: what is open stays so on disk."""
        self.desk.drain()
        self.desk.saf.stop()
        self.outbound.stop()

    def fence(self) -> None:
        """Its journal failed: no further word."""
        self.desk.fence()
        self.outbound.fence()
