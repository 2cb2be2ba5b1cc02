"""A journal with a past and the archiving of it, on either engine, in one thread: what the daemon does in two.

Owns `ArchiveWorld`: days of exchanges, runs with a step that may end them, and the one question that counts: is every
exchange whole in the journal, or in an archive that was verified. It must never look at an archive but by the product's own
reader. The trap: the rig's clock stands at T0_MS; days lie before and after it as a test says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from msgspec.structs import replace

from protocols.vocabulary import MessageClass
from relay.journal.archive import rows
from relay.journal.archive.making import ArchiveFolder, Owner
from relay.journal.archive.record import (
    MESSAGE_COLUMNS,
    ArchivedExchange,
    ArchivedMessage,
    ArchiveRecord,
    ArchiveTrouble,
    Released,
)
from relay.journal.archive.run import ArchiveRun, Ran, Rules
from relay.journal.keyring import KeyRing
from relay.journal.keytable import Identity
from relay.journal.outbound import OutboundExisting, OutboundState
from relay.journal.port import JournalFailed
from relay.journal.records import StoredState
from relay.journal.source import Source
from relay.reconcile.dates import Cutover
from tests.support.journal_suite import APPROVE, DAY_MS, T0_MS, Rig, answered, step_to, taken
from tests.support.outbound_suite import moved, outbound
from tests.support.sqliterig import KEY

CUTOVER = Cutover()
FIRST_DATE = "2026-11-24"


class Died(BaseException):
    """The process is gone: nothing catches it."""


class WorldRig(Rig, Protocol):
    clock: Any
    loop: Any

    def later(self, by_ms: int) -> None: ...


class TurningHand:
    """The journal's own records, waited for by turning the rig's loop."""

    def __init__(self, rig: Any, step: Callable[[str], None]) -> None:
        self.rig = rig
        self.step = step

    def note_archive(self, record: ArchiveRecord) -> None:
        self._wait(lambda done: self.rig.journal.note_archive(record, done))

    def release(self, file_name: str, released: Sequence[Released], is_last: bool) -> int:
        return self._wait(lambda done: self.rig.journal.release(file_name, tuple(released), is_last, done))

    def _wait(self, give: Callable[[Callable[[Any], None]], None]) -> int:
        answers: list[Any] = []
        give(answers.append)
        self.step("given")  # the record may become durable although its asker is gone
        while not answers:
            self.rig.loop.turn()
        if isinstance(answers[0], JournalFailed):
            raise ArchiveTrouble(f"The journal did not take it: {answers[0].why}.")
        return int(answers[0])


class ArchiveWorld:
    def __init__(self, rig: Any, folder: Path, open_source: Callable[[Any], Source]) -> None:
        self.rig = rig
        self.folder = folder
        self.open_source = lambda: open_source(rig)
        self.whole: dict[str, ArchivedExchange] = {}  # each exchange as it stood when it was closed
        self.sent: dict[str, ArchivedMessage] = {}  # each message of the core, the same
        self.keys = KeyRing(KEY)
        self.free_mib_min = 0
        self.center = "tokyo"

    # ---- a past ------------------------------------------------------------------------------------------------------
    def day(self, number: int, count: int, state: StoredState = StoredState.DONE, prefix: str = "k") -> None:
        """`count` exchanges of the `number`-th day after FIRST_DATE, every third with a history, the last one in `state`."""
        journal = self.rig.journal
        for place in range(count):
            at_ms = CUTOVER.begins_ms(FIRST_DATE) + number * DAY_MS + 1_000 * place
            record = taken(journal, f"{prefix}{number}.{place}", recorded_ms=at_ms)
            journal.take(record, lambda _: None)
            last = state if place == count - 1 else StoredState.DONE
            if place % 3 == 0:
                journal.step(step_to(record.exchange_id, StoredState.HELD, "held", at_ms=at_ms + 1), lambda _: None)
            closing = replace(answered(record.exchange_id), state=last, at_ms=at_ms + 2, history=place % 3 == 0)
            journal.step(closing, lambda _: None)
        self.rig.settle()

    def remember(self) -> None:
        """Everything closed as it stands now is what has to be found again."""
        source = self.open_source()
        for row in source.all("SELECT exchange_id, key FROM taken"):
            which, cells = "exchange_id IN (?)", (row[0],)
            try:
                found = rows._put_together(source, source.all(f"{rows._TAKEN} {which}", cells), which, cells)
            except rows.NotClosed:
                continue
            self.whole[row[1]] = found[0]
        source.close()

    def messages(
        self,
        number: int,
        count: int,
        state: OutboundState = OutboundState.ACKNOWLEDGED,
        prefix: str = "m",
        *,
        told: bool = True,
    ) -> None:
        """`count` messages of the core of the `number`-th day, all ended and told to it but the last, which is in `state`."""
        journal = self.rig.journal
        for place in range(count):
            at_ms = CUTOVER.begins_ms(FIRST_DATE) + number * DAY_MS + 1_000 * place
            record = outbound(journal, f"{prefix}{number}.{place}", recorded_ms=at_ms, body=f"body {number} {place}".encode())
            journal.take_outbound(record, lambda _: None)
            is_last = place == count - 1
            last = state if is_last else OutboundState.FAILED
            for step in (OutboundState.SENT, last):
                journal.step_outbound(moved(record.outbound_id, step, at_ms=at_ms + 1), lambda _: None)
            if told or not is_last:
                journal.step_outbound(moved(record.outbound_id, None, reported=last), lambda _: None)
        self.rig.settle()

    def remember_messages(self) -> None:
        for row in self.ask(f"SELECT {', '.join(MESSAGE_COLUMNS)}, is_open FROM outbound"):
            if not row[-1]:
                self.sent[row[1]] = ArchivedMessage(tuple(row[:-1]))

    # ---- runs --------------------------------------------------------------------------------------------------------
    def archive_folder(
        self, step: Callable[[str], None], source: Source, *, journal_id: int = 0, center: str = "tokyo"
    ) -> ArchiveFolder:
        owner = Owner(journal_id or rows.journal_id(source), Identity(center, "bank"))
        return ArchiveFolder(str(self.folder), owner, self.keys, free_mib_min=self.free_mib_min, step=step)

    def run(self, step: Callable[[str], None] = lambda _: None, *, after_days: int = 3, body_days: int = 7) -> Ran:
        source = self.open_source()
        rules = Rules(
            archive_after_days=after_days,
            body_window_days=body_days,
            date_at=CUTOVER.date_at,
            ends_ms=lambda date: CUTOVER.begins_ms(date) + DAY_MS,
        )
        try:
            folder = self.archive_folder(step, source, center=self.center)
            hand = TurningHand(self.rig, step)
            return ArchiveRun(source, folder, hand, self.rig.clock, rules, step, self.keys.key_id).go()
        finally:
            source.close()

    def prune(self) -> Any:
        results: list[Any] = []
        self.rig.journal.prune(results.append)
        self.rig.settle()
        return results[0]

    # ---- what is where -----------------------------------------------------------------------------------------------
    def records(self) -> list[ArchiveRecord]:
        source = self.open_source()
        found = rows.records(source)
        source.close()
        return found

    def ask(self, sql: str, *cells: Any) -> list[Any]:
        source = self.open_source()
        found = [tuple(row) for row in source.all(sql, cells)]
        source.close()
        return found

    def archived(self) -> dict[str, ArchivedExchange]:
        """What is in the archives that the journal knows, each checked against what the journal knows of it."""
        source = self.open_source()
        folder = self.archive_folder(lambda _: None, source)
        found: dict[str, ArchivedExchange] = {}
        for record in rows.records(source):
            folder.check(record)
            for exchanges in folder.exchanges(record):
                for each in exchanges:
                    if not isinstance(each, ArchivedExchange):
                        continue
                    known = found.get(str(each.taken[1]))
                    if known is None or each.taken[10]:  # of several, the one that still had its body
                        found[str(each.taken[1])] = each
        source.close()
        return found

    def nothing_is_lost(self) -> None:
        """Each exchange that was ever closed: whole in the journal, or whole in an archive that is known and verified; and its
        key is in the journal, with what a duplicate is answered with."""
        archived = self.archived()
        source = self.open_source()
        requests = dict(source.all("SELECT exchange_id, request FROM taken"))
        lines = [row[0] for row in source.all("SELECT exchange_id FROM history")]
        for key, before in self.whole.items():
            number = before.exchange_id
            in_journal = bytes(requests[number]) == before.taken[10] and lines.count(number) >= len(before.history)
            assert in_journal or archived.get(key) == before, f"{key} is neither whole in the journal nor in an archive"
        source.close()
        results: list[Any] = []
        for key in self.whole:
            again = taken(self.rig.journal, key, message_class=MessageClass.FINANCIAL, recorded_ms=T0_MS)
            self.rig.journal.take(again, results.append)
        self.rig.settle()
        for (key, before), result in zip(self.whole.items(), results, strict=True):
            stored = result.exchange
            assert stored.taken.exchange_id == before.exchange_id, f"{key} was taken a second time"
            assert stored.state.value == before.standing[1]
            assert (stored.intent.verdict, stored.intent.code) == (APPROVE.verdict, APPROVE.code)
            assert stored.taken.fingerprint == before.taken[8]

    # ---- messages that the core started ------------------------------------------------------------------------------
    def archived_messages(self) -> dict[str, ArchivedMessage]:
        source = self.open_source()
        folder = self.archive_folder(lambda _: None, source)
        found: dict[str, ArchivedMessage] = {}
        for record in rows.records(source, "WHERE kind = 'outbound'"):
            folder.check(record)
            for messages in folder.exchanges(record):
                found |= {str(each.cells[1]): each for each in messages if isinstance(each, ArchivedMessage)}
        source.close()
        return found

    def no_message_is_lost(self) -> None:
        """Each that was ever closed: whole in the journal, or whole in an archive that is known and verified; and its key is in
        the journal, with what a repeat is answered with."""
        archived = self.archived_messages()
        in_journal = dict(self.ask("SELECT key, body FROM outbound"))
        results: dict[str, Any] = {}
        for key, before in self.sent.items():
            is_whole = bytes(in_journal[key]) == before.cells[5]
            assert is_whole or archived.get(key) == before, f"{key} is neither whole in the journal nor in an archive"
            again = outbound(self.rig.journal, key)
            self.rig.journal.take_outbound(again, lambda result, key=key: results.__setitem__(key, result))
        self.rig.settle()
        for key, before in self.sent.items():
            result = results[key]
            assert isinstance(result, OutboundExisting), f"{key} was taken a second time"
            assert (result.message.taken.outbound_id, result.message.state.value) == (before.number, before.cells[8])
            assert result.message.taken.fingerprint == before.cells[6]
