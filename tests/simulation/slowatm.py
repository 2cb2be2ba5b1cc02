"""NDC machines that take their time: a command or a dispense keeps one busy for seconds, and what is said meanwhile waits.

Owns the slowness only; what a machine does is ndcatm.py's. The trap that it is for: a relay that sends a command again because
no answer came gets two, seconds apart, and the second looks like the word that a dispense went well.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from protocols.ndc.message import HostMessage, TerminalCommand, TransactionReply
from relay.loopback.deeds import NdcPolicy, Wake
from relay.loopback.ndcatm import Deed, NdcMind
from relay.loopback.ndcroom import NdcRoom, _Machine

SLOW_SHARE = 0.3  # of commands
SLOW_MS = (500, 2_500)  # around the relay's step of 1,500 ms


class SlowMind(NdcMind):
    is_slow = True  # False in calm weather
    late_share = 0.0  # of replies: notes that come out, and are told, only after seconds

    def __init__(self, *parts: object) -> None:
        super().__init__(*parts)  # type: ignore[arg-type]
        self._draws = Random(f"slow {self.terminal}")
        self._is_busy = False
        self._kept: list[HostMessage] = []

    def link_closed(self, now_ms: float) -> Sequence[Deed]:
        self._is_busy, self._kept = False, []
        return [Wake("busy", None), *super().link_closed(now_ms)]

    def received(self, message: HostMessage, now_ms: float) -> Sequence[Deed]:
        if self._is_busy:
            self._kept.append(message)
            return []
        share = self.late_share if isinstance(message, TransactionReply) else SLOW_SHARE
        may_be_late = isinstance(message, TerminalCommand) or (isinstance(message, TransactionReply) and share > 0)
        if may_be_late and self.is_slow and self._draws.random() < share:
            self._is_busy, self._kept = True, [message]
            return [Wake("busy", self._draws.randint(*SLOW_MS))]
        return super().received(message, now_ms)

    def timer_fired(self, name: str, now_ms: float) -> Sequence[Deed]:
        if name != "busy":
            return super().timer_fired(name, now_ms)
        if not self._is_busy:
            return []
        (first, *rest), self._kept, self._is_busy = self._kept, [], False
        deeds = [*super().received(first, now_ms)]
        for message in rest:
            deeds += self.received(message, now_ms)
        return deeds


class SlowRoom(NdcRoom):
    def _machine(self, number: int, policy: NdcPolicy) -> _Machine:
        machine = super()._machine(number, policy)
        mind = machine.mind
        chance = Random(f"{self.settings.seed}/{number}")
        machine.mind = SlowMind(mind.terminal, mind.luno, self.books, self.tally, policy, chance)
        return machine
