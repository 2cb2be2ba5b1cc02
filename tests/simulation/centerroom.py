"""The Zengin center: telegrams in both directions over one RC line that the relay dials, with the center's own faults.

Owns the orders of other banks' customers, the outward telegrams that the core posts, and the comparison of the center's books
with the ledger and with what the core was told. It must never look at the relay but for its disk at the end. The trap: amounts
of outward telegrams are their names, because the center hears no keys.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from relay.journal.outbound import OutboundState
from relay.journal.records import StoredExchange
from relay.loopback.center import CenterMind, CenterState
from relay.loopback.centerbooks import CenterBooks
from relay.loopback.centerdeeds import CenterFault, CenterSettings
from relay.loopback.centerserver import CenterServer
from relay.outbound.ports import Conflict, Known, Posted, Taken
from tests.simulation.lines import CENTER
from tests.simulation.rooms import Stage, Violation

PAUSE_MS = (300, 2_500)
REPEAT_MS = 1_500
FAULT_SHARE = 0.15
FIRST_OUT = 100_000
PREFIX = "bank:zrc:"
KIND = "interbank-transfer"
FAULTS = tuple(CenterFault)


class CenterRoom:
    listeners = ("zengin",)

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._chance = stage.chance("center")
        self.books = CenterBooks()
        self.mind = CenterMind(self.books, CenterSettings(ack_wait_ms=3_000, watch_ms=2_000))
        self.center = CenterServer(self.mind, CENTER, self._changed)
        self._is_changed = True
        self.is_open = False
        self._is_first = True
        self._is_calm = False
        self._serial = 0
        self._posted = 0
        self._accepted: set[str] = set()

    def _changed(self) -> None:
        self._is_changed = True

    def _order_next(self) -> None:
        if not self.is_open:
            return
        if not self._is_calm and self._chance.random() < FAULT_SHARE:
            self.center.inject(self._chance.choice(FAULTS))
        self._serial += 1
        self.center.order(self._serial, "001-1-1234567", 1_000 + self._serial)
        self._stage.time.after(self._chance.randint(*PAUSE_MS), self._order_next)

    def _post_next(self) -> None:
        if self.is_open:
            self._posted += 1
            self._post(FIRST_OUT + self._posted)
            self._stage.time.after(self._chance.randint(*PAUSE_MS), self._post_next)

    def _post(self, amount: int) -> None:
        """Until it is taken, with the same key."""
        key = f"out-{amount}"
        if key in self._accepted:
            return
        relay = self._stage.outbound()
        if relay is not None:
            body = {"to_bank": "0005", "to_branch": "002", "account_type": "1", "account": "7654321", "amount": str(amount)}
            text = msgspec.json.encode(body)
            posted = Posted(key=key, listener="zengin", line="", kind="interbank-transfer", body=text, canonical=text.decode())
            relay.post(posted, lambda result: self._answered(key, result))
        self._stage.time.after(REPEAT_MS, lambda: self._post(amount))

    def _answered(self, key: str, result: object) -> None:
        if isinstance(result, Conflict):
            raise Violation(f"{key} was posted once and is called a conflict")
        if isinstance(result, Taken | Known):
            self._accepted.add(key)

    # ---- Room ------------------------------------------------------------------------------------------------------------
    @property
    def is_settled(self) -> bool:
        """The center need not know it: a lost ACK is made good by the next telegram or the next 開局."""
        is_given = self.books.next_waiting() is None and self._ledger_count() == self._serial
        return self.mind.state is CenterState.OPEN and is_given and len(self._accepted) == self._posted

    def _ledger_count(self) -> int:
        ledger = self._stage.ledger
        by_people = [stored.taken for key, stored in self._stage.given_up().items() if not ledger.knows(key)]
        return sum(entry.kind == KIND for entry in ledger.entries()) + sum(taken.kind == KIND for taken in by_people)

    def open(self) -> None:
        self.is_open = True
        if self._is_first:
            self._is_first = False
            self._stage.loop.create_task(self.center.start())
        self._order_next()
        self._post_next()

    def shut(self) -> None:
        self.is_open = False
        self._is_calm = True
        self.mind.faults.clear()

    def check_step(self) -> None:
        if not self._is_changed:
            return
        self._is_changed = False
        doubles = self.books.doubles()
        if doubles:
            raise Violation(f"発信通番 used twice: the center took {doubles[:3]} more than once")

    def check_end(self) -> None:
        posted = {entry.key: entry for entry in self._stage.ledger.entries() if entry.kind == KIND}
        for given in self.books.given():
            key = f"{PREFIX}{given.bank}:{self.mind.day}:{given.serial}"
            entry = posted.pop(key, None)
            decision = self._stage.hand.signed(key)
            if entry is not None and decision is not None and decision.by_hand_minor:
                raise Violation(f"law 10: telegram {given.serial} was booked by hand, and is in the ledger")
            if entry is None and key in self._stage.given_up():
                continue
            if entry is None:
                raise Violation(f"law 10: the center gave telegram {given.serial}, and it is not in the ledger")
            found = (entry.state.value, entry.standing_minor, entry.account)
            if found != ("posted", given.amount, given.account):
                raise Violation(f"law 10: telegram {given.serial} of {given.amount} is {found} in the ledger")
        if posted:
            raise Violation(f"law 10: the ledger has telegrams that the center never gave: {list(posted)[:3]}")
        arrived = Counter(f"out-{got.amount}" for got in self.books.got() if got.subject == "1000")
        for key in self._accepted:
            state = self._stage.disk.outbound.of(key).state
            if arrived[key] > 1:
                raise Violation(f"law 2: {key} reached the center {arrived[key]} times")
            if state is OutboundState.ACKNOWLEDGED and not arrived[key]:
                raise Violation(f"{key} is called acknowledged, and the center never had it")
            if state not in (OutboundState.ACKNOWLEDGED, OutboundState.UNKNOWN) and arrived[key]:
                raise Violation(f"{key} is called {state.value}, and the center has it")

    def missing_minor(self, stored: StoredExchange) -> int | None:
        return 0 if self._stage.ledger.knows(stored.taken.key) else stored.taken.amount_minor

    def asked_and_answered(self) -> tuple[int, int]:
        return self._serial, self._ledger_count()
