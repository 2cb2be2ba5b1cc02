"""The room of ISO 8583 ATMs: fake ATMs on virtual time, the core's messages to them, and what each of them may hear.

Owns the checks of law 1 and of the reversal's last word, at the moment when an ATM hears an approval. It must never look at
the relay's memory; of its disk, only whether an intent was there.
"""

from __future__ import annotations

import msgspec

from protocols.iso8583.message import IsoMessage
from protocols.vocabulary import Verdict
from relay.journal.records import StoredExchange
from relay.loopback.books import Books
from relay.loopback.customers import Customers
from relay.loopback.report import compare, lines_of
from relay.loopback.tally import Tally
from tests.simulation.lines import ATM
from tests.simulation.outboundside import Poster
from tests.simulation.rooms import Stage, Violation, missing_in, newest
from tests.simulation.terminals import POLICY, SimulatedTerminal

TERMINALS = 8
THINK_MS = 700.0
KEY_PARTS, DIALECT = 7, "iso8583"  # realm, dialect, acquirer, terminal, type, trace, date


class IsoRoom:
    listeners = ("atm",)

    def __init__(self, stage: Stage, terminals: int = TERMINALS) -> None:
        self._stage = stage
        self.books = Books()
        self.tally = Tally()
        customers = Customers(stage.seed, card_count=200)
        bank = stage.bank
        policy = msgspec.structs.replace(
            POLICY, deposit_tries_max=bank.deposit_tries_max, reply_timeout_ms=bank.atm_patience_ms
        )
        self.terminals = [
            SimulatedTerminal(
                f"ATM{number:05d}",
                stage.time,
                stage.chance(str(number)),
                self.books,
                self.tally,
                customers,
                self._accept,
                self._watch,
                stage.bank.think_ms,
                policy,
            )
            for number in range(1, terminals + 1)
        ]
        names = [terminal.name for terminal in self.terminals]
        self.poster = Poster(stage.seed, stage.time, names, stage.outbound, stage.disk)
        self._is_first = True
        self._ids: dict[str, int] = {}  # the disk's own, as far as it has been read into `_ids_by_act`
        self._ids_seen = 0
        self._ids_by_act: dict[tuple[str, str], list[int]] = {}

    def _accept(self, on_data: object, on_lost: object) -> object:
        accept = self._stage.loop.listening.get(ATM)
        return None if accept is None else accept("10.0.0.1", on_data, on_lost)  # type: ignore[arg-type]

    def _watch(self, terminal: str, message: IsoMessage, is_reversed: bool) -> None:
        """What an ATM hears. Law 1: an approval was on disk, as the intent "approve", before its first byte left."""
        self._stage.note(f"{terminal} {message.mti} {message.fields.get(11)} {message.fields.get(39)}")
        self.poster.watch(terminal, message)
        if message.mti != "0210" or message.fields.get(39) not in ("00", "10"):
            return
        trace = str(message.fields[11])
        if is_reversed:
            raise Violation(f"section 5: {terminal} heard an approval of {trace} after its reversal was acknowledged")
        exchanges = self._stage.disk.exchanges
        intents = [exchanges[exchange_id].intent for exchange_id in self._ids_of(terminal, trace)]
        if not any(intent is not None and intent.verdict is Verdict.APPROVE for intent in intents):
            raise Violation(f"law 1: {terminal} heard an approval of {trace} that is not on disk")

    def _ids_of(self, terminal: str, trace: str) -> list[int]:
        """Exchanges on the disk that this number of this terminal is in the key of."""
        ids = self._stage.disk.ids
        if ids is not self._ids or len(ids) < self._ids_seen:  # another disk, or one that lost something
            self._ids, self._ids_seen, self._ids_by_act = ids, 0, {}
        for key, exchange_id in newest(ids, len(ids) - self._ids_seen):
            parts = key.split(":")
            if len(parts) >= KEY_PARTS and parts[1] == DIALECT:
                self._ids_by_act.setdefault((parts[3].strip(), parts[5]), []).append(exchange_id)
        self._ids_seen = len(ids)
        return self._ids_by_act.get((terminal, trace), [])

    # ---- Room ------------------------------------------------------------------------------------------------------------
    @property
    def is_settled(self) -> bool:
        return all(terminal.is_settled for terminal in self.terminals) and self.poster.is_settled

    def open(self) -> None:
        for terminal in self.terminals:
            terminal.is_serving = True
            if not self._is_first:  # at first, each begins when it has connected
                terminal.begin_again()
        self._is_first = False

    def shut(self) -> None:
        self.poster.is_posting = False
        for terminal in self.terminals:
            terminal.is_serving = False
            terminal.think_ms = THINK_MS  # the crowd has gone home

    def check_step(self) -> None:
        if self.tally.violations:
            raise Violation(f"a terminal was answered wrongly: {self.tally.violations[0]}")

    def check_end(self) -> None:
        self.poster.check_end(self._stage.core.reports)
        mine = {terminal.name for terminal in self.terminals}
        entries = [entry for entry in self._stage.ledger.entries() if entry.terminal.strip() in mine]
        lines = [line for line in self._stage.with_hand(lines_of(entries)) if line.terminal.strip() in mine]
        held = compare(self.books, lines, self._stage.excused(), ())
        if not held.holds:
            raise Violation(
                f"law 10: conservation does not hold: lost {held.lost}, doubled {held.doubled}: {held.differences[:3]}"
            )

    def missing_minor(self, stored: StoredExchange) -> int | None:
        return missing_in(self.books, self._stage, stored)

    def asked_and_answered(self) -> tuple[int, int]:
        return self.tally.requests, self.tally.approved + self.tally.declined
