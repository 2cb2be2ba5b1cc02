"""The one thread that writes: takes a group, writes it in one transaction, syncs once, answers once.

Owns group commit and what a failure means. It must never run a callback itself: all callbacks of a group go to the loop in
one call. The traps: (1) after a failed commit or fsync the kernel may have dropped the very pages, so the same file is never
written again, not even by closing it (law 6); (2) a full disk is not that: SQLite rolled back, nothing is lost, and the
relay serves again when a probe write succeeds; (3) one record that SQLite cannot bind must not take its neighbours down.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from relay.clock import Clock
from relay.journal.answers import Outcomes
from relay.journal.batch import Group, find, find_result, store_meta, write_group
from relay.journal.compact import free_bytes
from relay.journal.floor import RecordedFloor
from relay.journal.items import (
    FRESH,
    PROBE_INTERVAL_MS,
    TURNS,
    WALKS,
    FindItem,
    Item,
    OutboundFindItem,
    OutboundTakeItem,
    RekeyItem,
    StepItem,
    TakeItem,
    WalkItem,
    WriteItem,
    left_over,
)
from relay.journal.keyring import KeyRing
from relay.journal.outbound_rows import find_outbound, outbound_result
from relay.journal.port import Fresh, JournalFailed, JournalState
from relay.journal.walks import Walks
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

log = get_log("journal")

CHECKPOINT_RECORDS: Final = 4_096  # records after which the write-ahead log is folded into the file
IDLE_S: Final = 1.0  # without records before the log is folded away unasked
# What a record itself can be guilty of: a broken reference, a number or text that SQLite cannot hold.
RECORD_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    OverflowError,
    UnicodeEncodeError,
)
READS = (FindItem, OutboundFindItem, *TURNS)  # a tuple: a union would be made anew for each record
Result = TypeVar("Result")
Asked = TypeVar("Asked")


class Uncommitted(Exception):
    """Inside the writer only: a transaction that did not commit, after the state was turned."""

    def __init__(self, *, certain: bool) -> None:
        super().__init__()
        self.certain = certain


class Stop:
    """The last item: everything before it is made durable first."""


class Writer:
    """Runs on its own thread from `start()` to `stop()`. `answer(outcomes, state)` is scheduled on the loop, once a group."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: str,
        keys: KeyRing,
        *,
        call_soon: Callable[[Callable[[], None]], object],
        answer: Callable[[Outcomes, JournalState], None],
        clock: Clock,
        metrics: Metrics,
        floor: int,
        recorded_ids: set[int],
        slice_ms: int = 10,
    ) -> None:
        self.state = JournalState.WRITABLE
        self.why = ""
        self._connection = connection
        self._path = path
        self._keys = keys
        self._call_soon = call_soon
        self._answer = answer
        self._clock = clock
        self._metrics = metrics
        self._floor = RecordedFloor(floor, recorded_ids)
        self._walks = Walks(keys, clock, slice_ms)
        self._queue: queue.SimpleQueue[list[Item] | Stop] = queue.SimpleQueue()
        self._since_checkpoint = 0
        self._probe_at_ms = 0
        self._told = self.state
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self.put = self._queue.put

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Blocks until everything given is durable or answered."""
        self._queue.put(Stop())
        self._thread.join()

    # ---- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        stopping = False
        while not stopping:
            items, stopping = self._gather()
            if not items and not stopping:
                self._idle()
            try:
                outcomes = self._serve(items)
            except Exception as error:  # whatever it was, a thread that died silently would be a journal that lies
                log.exception("journal writer stumbled")
                outcomes = self._fail_all(items, f"unexpected: {error}", certain=False)
            if stopping:
                outcomes += self._leftovers()
                self._finish()
            if outcomes or self.state is not self._told:
                self._hand_back(outcomes)

    def _gather(self) -> tuple[list[Item], bool]:
        """The next group, and whether it is the end. Empty: nothing came within the time that idle work allows."""
        patience_s: float | None = IDLE_S if self._since_checkpoint else None
        if self.state is JournalState.FULL:
            patience_s = PROBE_INTERVAL_MS / 1000
        try:
            group = self._queue.get(timeout=patience_s)
        except queue.Empty:
            return [], False
        return ([], True) if isinstance(group, Stop) else (group, False)

    def _hand_back(self, outcomes: Outcomes) -> None:
        self._told = self.state
        try:
            self._call_soon(partial(self._answer, outcomes, self.state))
        except RuntimeError:  # the loop is closed: nobody is left to be told
            log.warning("journal answers after the loop was closed", records=len(outcomes))

    def _serve(self, items: list[Item]) -> Outcomes:
        if self.state is JournalState.FULL and self._clock.monotonic_ms() >= self._probe_at_ms:
            self._probe()
        if self.state is JournalState.FAILED:
            return [(item.done, JournalFailed(self.why)) for item in items]
        writes = [item for item in items if not isinstance(item, READS)]
        refused: dict[int, JournalFailed] = {}  # by id() of the item
        fresh_ids: dict[int, int] = {}
        if writes:
            if self.state is JournalState.FULL:
                refused = dict.fromkeys(map(id, writes), JournalFailed(self.why))
            else:
                fresh_ids, refused = self._commit(writes)
        outcomes: Outcomes = []
        for item in items:
            failed = refused.get(id(item)) if refused else None
            if failed is not None:
                outcomes.append((item.done, failed))
            elif isinstance(item, StepItem):
                outcomes.append((item.done, None))
            elif isinstance(item, TakeItem):
                overtaken = fresh_ids.get(item.record.exchange_id)
                if overtaken == 0:
                    outcomes.append((item.done, FRESH))
                elif overtaken is not None:
                    outcomes.append((item.done, Fresh(overtaken)))
                else:
                    outcomes.append((item.done, self._read(find_result, item.record.key)))
            elif isinstance(item, FindItem):
                outcomes.append((item.done, self._read(find, item)))
            elif isinstance(item, WALKS):
                outcomes += self._walk(item)
            elif isinstance(item, OutboundTakeItem):
                outcomes.append((item.done, self._read(outbound_result, item.record)))
            elif isinstance(item, OutboundFindItem):
                outcomes.append((item.done, self._read(find_outbound, item.key)))
            else:
                outcomes.append((item.done, None))
        if self._since_checkpoint >= CHECKPOINT_RECORDS:
            self._checkpoint()
        return outcomes

    # ---- writing ---------------------------------------------------------------------------------------------------

    def _commit(self, items: list[WriteItem]) -> tuple[dict[int, int], dict[int, JournalFailed]]:
        """One transaction. Returns the ids that were new, and what was not made durable, by id() of the item."""
        refused: dict[int, JournalFailed] = {}
        started_ms = self._clock.monotonic_ms()
        group = Group.of(items)
        try:
            fresh_ids = self._transact(lambda: self._write(group))
        except RECORD_ERRORS:
            try:
                fresh_ids = self._transact(lambda: self._write_singly(items, refused))
            except Uncommitted as error:
                return {}, dict.fromkeys(map(id, items), JournalFailed(self.why, error.certain))
        except Uncommitted as error:
            return {}, dict.fromkeys(map(id, items), JournalFailed(self.why, error.certain))
        self._floor.note(group, fresh_ids)
        self._since_checkpoint += len(items)
        self._metrics.journal_commit_seconds.observe((self._clock.monotonic_ms() - started_ms) / 1000)
        self._metrics.journal_records.inc(len(items) - len(refused))
        return fresh_ids, refused

    def _transact(self, write: Callable[[], Result]) -> Result:
        """Raises Uncommitted after the state was changed to what the error means; RECORD_ERRORS pass, rolled back."""
        committing = False
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            result = write()
            committing = True
            self._connection.execute("COMMIT")
        except RECORD_ERRORS:
            self._roll_back()
            raise
        except sqlite3.Error as error:
            full = _is_passing(error) and self._roll_back()
            self._turn(JournalState.FULL if full else JournalState.FAILED, error)
            raise Uncommitted(certain=full or not committing) from error
        return result

    def _write(self, group: Group) -> dict[int, int]:
        fresh_ids, self._floor.stored = write_group(self._connection, group, self._keys, self._floor.stored)
        return fresh_ids

    def _write_singly(self, items: list[WriteItem], refused: dict[int, JournalFailed]) -> dict[int, int]:
        """After a record could not be written: each by itself, so that only the guilty are refused."""
        fresh_ids: dict[int, int] = {}
        for item in items:
            self._connection.execute("SAVEPOINT one")
            try:
                fresh_ids |= self._write(Group.of([item]))
            except RECORD_ERRORS as error:
                self._connection.execute("ROLLBACK TO one")
                refused[id(item)] = JournalFailed(f"the record cannot be stored: {type(error).__name__}")
                self._metrics.journal_failures.labels("record").inc()
            self._connection.execute("RELEASE one")
        return fresh_ids

    def _roll_back(self) -> bool:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self._turn(JournalState.FAILED, error)
            return False
        return True

    def _read(self, read: Callable[[sqlite3.Connection, Asked, KeyRing], Result], key: Asked) -> Result | JournalFailed:
        try:
            return read(self._connection, key, self._keys)
        except (sqlite3.Error, ValueError) as error:
            log.error("journal read failed", why=str(error))
            return JournalFailed(str(error))

    def _walk(self, item: WalkItem) -> Outcomes:
        """One slice; the rest goes to the end of the queue, behind whatever came meanwhile. A row that no key opens ends it."""
        if self.state is not JournalState.WRITABLE:
            return [(item.done, JournalFailed(self.why))]
        try:
            done = self._transact(lambda: self._walks.slice(self._connection, item))
        except Uncommitted as error:
            return [(item.done, JournalFailed(self.why, error.certain))]
        except (ValueError, *RECORD_ERRORS) as error:  # the walk is over, the journal is as it was and goes on
            self._roll_back()
            log.error("journal walk failed", why=str(error))
            return [(item.done, JournalFailed(str(error)))]
        done.durable()
        self._since_checkpoint += max(1, done.count)
        if isinstance(item, RekeyItem):
            self._metrics.journal_rekey_rows.inc(done.count)
            self._metrics.journal_rekey_left.set(item.left_count if done.more else 0)
        if done.more:
            self._queue.put([item])
            return []
        return [(item.done, item.count)]

    # ---- trouble, and idle work ------------------------------------------------------------------------------------

    def _turn(self, state: JournalState, error: Exception) -> None:
        if self.state is JournalState.FAILED:
            return
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        self.why = f"{error} ({name})"
        self._probe_at_ms = self._clock.monotonic_ms() + PROBE_INTERVAL_MS
        self._metrics.journal_failures.labels(state.value).inc()
        if state is not self.state:
            log.error("journal cannot write", state=state.value, why=self.why)
        self.state = state

    def _fail_all(self, items: list[Item], why: str, *, certain: bool) -> Outcomes:
        self._turn(JournalState.FAILED, RuntimeError(why))
        return [(item.done, JournalFailed(self.why, certain)) for item in items]

    def _probe(self) -> None:
        """A full disk may have room again: fold the log away, then write something for good."""
        self._checkpoint()
        try:
            self._transact(lambda: store_meta(self._connection, "probe", self._clock.wall_ms()))
        except Uncommitted:
            return
        if self.state is JournalState.FULL:
            self.state = JournalState.WRITABLE
            log.info("journal writes again")

    def _idle(self) -> None:
        if self.state is JournalState.FULL:
            self._probe()
        elif self.state is JournalState.WRITABLE:
            self._checkpoint()

    def _checkpoint(self) -> None:
        """Fold the write-ahead log into the file. Explicit, because the automatic one keeps a failed fsync to itself."""
        if self.state is JournalState.FAILED:
            return
        floor = self._floor.may_rise_to()
        try:
            if floor > self._floor.stored and self.state is JournalState.WRITABLE:
                self._transact(lambda: store_meta(self._connection, "recorded_floor", floor))
                self._floor.stored = floor
            _, logged, folded = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except Uncommitted:
            return
        except sqlite3.Error as error:
            if _is_passing(error):
                self._metrics.journal_failures.labels("checkpoint").inc()
            else:
                self._turn(JournalState.FAILED, error)
            return
        self._since_checkpoint = 0 if logged == folded else CHECKPOINT_RECORDS // 2  # a reader held it up: soon again
        self._metrics.journal_size_bytes.set(file_bytes(self._path))
        self._metrics.journal_free_bytes.set(free_bytes(self._connection))

    def _finish(self) -> None:
        """Say in the file that this end was orderly, and fold the log away where a failed sync is still noticed."""
        if self.state is JournalState.WRITABLE:
            with suppress(Uncommitted):
                self._transact(lambda: store_meta(self._connection, "closed_clean", 1))
                self._checkpoint()

    def _leftovers(self) -> Outcomes:
        """What was put behind Stop: the rest of a walk."""
        outcomes: Outcomes = []
        while not self._queue.empty():
            group = self._queue.get_nowait()
            for item in [] if isinstance(group, Stop) else group:
                outcomes.append((item.done, left_over(item)))
        return outcomes


def file_bytes(path: str) -> int:
    """The journal and its write-ahead log, bytes."""
    return sum(os.path.getsize(name) for name in (path, path + "-wal") if os.path.exists(name))


def _is_passing(error: sqlite3.Error) -> bool:
    """Full, or held by somebody else's lock: refused now, perhaps not in a second. SQLite has written nothing."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY)
