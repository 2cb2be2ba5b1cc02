"""The room of NDC machines: they walk their states, pay, fail to pay and lose power; the books count notes.

Owns the comparison of notes against the ledger. It must never look at the relay but for its list. The trap: a machine that
cannot say what came out leaves an exchange on the list, and the list excuses no more than that exchange's own amount.
"""

from __future__ import annotations

from collections import defaultdict

import msgspec

from relay.journal.records import StoredExchange
from relay.loopback.customers import Customers
from relay.loopback.entries import Entry
from relay.loopback.ndcatm import NdcPolicy
from relay.loopback.ndcbooks import NoteBooks
from relay.loopback.ndcroom import RoomSettings
from relay.loopback.ndctally import NdcTally
from relay.outbound.ports import Conflict, Known, Posted, Taken
from tests.simulation.lines import NDC
from tests.simulation.rooms import Stage, Violation, act_of
from tests.simulation.slowatm import SlowMind, SlowRoom

MACHINES = 4
POLICY = NdcPolicy(reply_timeout_ms=5_000, reconnect_ms=50, unknown_share=0.1, power_cut_share=0.05)
COMMAND_PAUSE_MS = (500, 2_500)
COMMANDS = ("go-in-service", "go-in-service", "send-configuration-id", "send-supply-counters")
REPEAT_MS = 1_500


class MachineRoom:
    listeners = ("ndc",)
    new_books: type[NoteBooks] = NoteBooks

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.books, self.tally = self.new_books(), NdcTally()
        customers = Customers(stage.seed + 1, 60, {"withdrawal": 80, "balance-inquiry": 20})
        for card in customers.cards:
            if card.refusal:
                stage.ledger.block_account(card.pan.reveal(), card.refusal)
        settings = RoomSettings(host="10.9.0.2", port=NDC, machines=MACHINES, think_ms=600.0, seed=stage.seed)
        policy = msgspec.structs.replace(POLICY, short_share=stage.bank.short_share, none_share=stage.bank.none_share)
        self.room = SlowRoom(
            settings, policy, customers, self.books, self.tally, monotonic_us=lambda: stage.time.monotonic_ms() * 1_000
        )
        for machine in self.room.machines:
            if isinstance(machine.mind, SlowMind):
                machine.mind.late_share = stage.bank.late_share
        self._is_started = False
        self._chance = stage.chance("commands")
        self._posted = 0
        self._accepted: set[str] = set()

    # ---- what the core wants of the machines ---------------------------------------------------------------------------------
    def _command_next(self) -> None:
        if not self.room.is_open:
            return
        self._posted += 1
        machine = self._chance.choice(self.room.machines).mind.terminal
        self._post(f"command-{self._posted}", machine, f'{{"command":"{self._chance.choice(COMMANDS)}"}}')
        self._stage.time.after(self._chance.randint(*COMMAND_PAUSE_MS), self._command_next)

    def _post(self, key: str, machine: str, body: str) -> None:
        """Until it is taken, with the same key."""
        if key in self._accepted:
            return
        relay = self._stage.outbound()
        if relay is not None:
            posted = Posted(key=key, listener="ndc", line=machine, kind="atm-command", body=body.encode(), canonical=body)
            relay.post(posted, lambda result: self._answered(key, result))
        self._stage.time.after(REPEAT_MS, lambda: self._post(key, machine, body))

    def _answered(self, key: str, result: object) -> None:
        if isinstance(result, Conflict):
            raise Violation(f"{key} was posted once and is called a conflict")
        if isinstance(result, Taken | Known):
            self._accepted.add(key)

    # ---- Room ------------------------------------------------------------------------------------------------------------
    @property
    def is_settled(self) -> bool:
        return self.room.unsettled_count() == 0 and len(self._accepted) == self._posted

    def open(self) -> None:
        if not self._is_started:
            self._is_started = True
            self.room.start()
        self.room.open_doors()
        self._command_next()

    def shut(self) -> None:
        self.room.close_doors()
        for machine in self.room.machines:
            if isinstance(machine.mind, SlowMind):
                machine.mind.is_slow = False  # in calm weather every request is answered in time

    def check_step(self) -> None:
        if self.tally.violations:
            raise Violation(f"an NDC machine was told wrongly: {self.tally.violations[0]}")

    def check_end(self) -> None:
        if self.books.imbalance():
            raise Violation(f"the machine's own notes do not add up: {self.books.imbalance()}")
        names = set(self.books.machines)
        stage = self._stage
        listed = {each.key for each in stage.excused()}
        entries = [entry for entry in stage.ledger.entries() if entry.terminal in names]
        taken = self.books.taken_by_act()
        lost = self._lost(listed, {entry.key for entry in entries if entry.standing_minor})
        standing: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        for entry in entries:
            if entry.kind == "withdrawal" and (entry.standing_minor or (entry.terminal, entry.trace) in taken):
                standing[entry.terminal, entry.trace].append(entry)
        for where in sorted({*standing, *taken}):
            debited = sum(entry.standing_minor for entry in standing[where] if entry.key not in listed)
            debited -= stage.hand.by_hand(where)
            excused = sum(entry.standing_minor for entry in standing[where] if entry.key in listed) + lost.get(where, 0)
            paid = taken.get(where, 0)
            if not debited <= paid <= debited + excused:
                raise Violation(f"law 10: {where}: paid {paid}, debited {debited}, on the list {excused}")
        blocks = {(entry.terminal, entry.trace) for entry in entries if entry.kind == "journal-upload"}
        blocks |= {
            (stored.taken.terminal, key.rpartition("-")[2]) for key, stored in stage.given_up().items() if ":journal:" in key
        }
        if not set(self.tally.blocks_acknowledged) <= blocks:
            raise Violation("law 1: a journal block was acknowledged and is nowhere")

    def _lost(self, listed: set[str], standing: set[str]) -> dict[tuple[str, str], int]:
        """What a person has to post, by act: on the list, and nothing of it stands at the core."""
        found: dict[tuple[str, str], int] = {}
        for key in listed - standing:
            stored = self._stage.stored(key)
            if stored is not None and stored.taken.kind == "withdrawal":
                found[act_of(stored)] = found.get(act_of(stored), 0) + (stored.taken.amount_minor or 0)
        return found

    def missing_minor(self, stored: StoredExchange) -> int | None:
        if stored.taken.kind != "withdrawal":
            return 0
        where = act_of(stored)
        entry = next((entry for entry in self._stage.ledger.entries() if entry.key == stored.taken.key), None)
        if entry is not None:
            where = (entry.terminal, entry.trace)
        if any(act.ended == "open" for act in self.books.acts() if (act.terminal, act.tsn) == where):
            return None
        return (0 if entry is None else entry.standing_minor) - self.books.taken_by_act().get(where, 0)

    def asked_and_answered(self) -> tuple[int, int]:
        return self.tally.requests, self.tally.requests - self.tally.timed_out
