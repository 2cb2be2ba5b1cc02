"""The room of ISO 8583 ATMs: fake ATMs on virtual time, the core's messages to them, and what each of them may hear.

Owns the checks of law 1 and of the reversal's last word, at the moment when an ATM hears an approval. It must never look at
the relay's memory; of its disk, only whether an intent was there.
"""

from __future__ import annotations

from protocols.iso8583.message import IsoMessage
from protocols.vocabulary import Verdict
from relay.loopback.books import Books
from relay.loopback.customers import Customers
from relay.loopback.report import Listed, compare, lines_of
from relay.loopback.tally import Tally
from tests.simulation.lines import ATM
from tests.simulation.outboundside import Poster
from tests.simulation.rooms import Stage, Violation
from tests.simulation.terminals import SimulatedTerminal

TERMINALS = 8
THINK_MS = 700.0


class IsoRoom:
    def __init__(self, stage: Stage, terminals: int = TERMINALS) -> None:
        self._stage = stage
        self.books = Books()
        self.tally = Tally()
        customers = Customers(stage.seed, card_count=200)
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
                THINK_MS,
            )
            for number in range(1, terminals + 1)
        ]
        names = [terminal.name for terminal in self.terminals]
        self.poster = Poster(stage.seed, stage.time, names, stage.outbound, stage.disk)
        self._is_first = True

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
        disk = self._stage.disk
        intents = [
            disk.exchanges[exchange_id].intent for key, exchange_id in disk.ids.items() if terminal in key and trace in key
        ]
        if not any(intent is not None and intent.verdict is Verdict.APPROVE for intent in intents):
            raise Violation(f"law 1: {terminal} heard an approval of {trace} that is not on disk")

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

    def check_step(self) -> None:
        if self.tally.violations:
            raise Violation(f"a terminal was answered wrongly: {self.tally.violations[0]}")

    def check_end(self) -> None:
        self.poster.check_end(self._stage.core.reports)
        listed = [Listed(s.taken.key, s.taken.terminal, _trace_of(s.taken.key)) for s in self._stage.listed()]
        mine = {terminal.name for terminal in self.terminals}
        entries = [entry for entry in self._stage.ledger.entries() if entry.terminal.strip() in mine]
        held = compare(self.books, lines_of(entries), listed, ())
        if not held.holds:
            raise Violation(
                f"law 10: conservation does not hold: lost {held.lost}, doubled {held.doubled}: {held.differences[:3]}"
            )

    def asked_and_answered(self) -> tuple[int, int]:
        return self.tally.requests, self.tally.approved + self.tally.declined


def _trace_of(key: str) -> str:
    """The trace number in a key of the default recipe."""
    parts = key.split(":")
    return parts[-2] if len(parts) > 2 else ""
