"""The embedded engine: one SQLite file, one writing thread, group commit.

Owns the `Journal` port's face on the loop's thread; writer.py owns the other thread. It must never block the loop but at
open, at close, and in the three readers of recovery. Records wait here, on the loop's side, while a group is with the writer:
one hand-over per group costs a wake-up and a change of the interpreter lock, one per record cost as much as the rest of the
relay. The trap: closing SQLite's last connection writes (it folds the log away), which a failed journal must not do; so the
reader is kept open until the writer is gone, and a reader never folds.
"""

from __future__ import annotations

import atexit
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from relay.clock import Clock
from relay.errors import JournalUnusable
from relay.journal.answers import Outcomes, run_callbacks
from relay.journal.batch import load_meta, store_meta, with_reversal
from relay.journal.crypt import Entropy
from relay.journal.items import (
    DAY_MS,
    IDS_PER_INCARNATION,
    EpochItem,
    FindItem,
    Item,
    OutboundFindItem,
    OutboundStepItem,
    OutboundTakeItem,
    PruneItem,
    RekeyItem,
    StepItem,
    TakeItem,
    VariableItem,
)
from relay.journal.keyring import KeyRing
from relay.journal.keytable import Identity
from relay.journal.outbound import OutboundState, OutboundStep, OutboundTaken, StoredOutbound
from relay.journal.outbound_rows import newest_outbound, open_outbound
from relay.journal.port import JournalFailed, JournalState, OutboundTakeResult, StepResult, TakeResult
from relay.journal.records import HistoryLine, Step, StoredExchange, Taken
from relay.journal.rows import SELECT_HISTORY, SELECT_LISTED, SELECT_OPEN, read_exchange, read_history
from relay.journal.schema import FileLock, open_reader, open_writer
from relay.journal.writer import Writer
from relay.settings import JournalSettings
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

log = get_log("journal")


class SqliteJournal:
    """See relay/journal/port.py for what each method promises. Made by `open`."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        reader: sqlite3.Connection,
        lock: FileLock,
        keys: KeyRing,
        settings: JournalSettings,
        *,
        call_soon_threadsafe: Callable[[Callable[[], None]], object],
        clock: Clock,
        metrics: Metrics,
        on_failed: Callable[[str], None] | None,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._lock = lock
        self._keys = keys
        self._settings = settings
        self._call_soon = call_soon_threadsafe
        self._clock = clock
        self._metrics = metrics
        self._on_failed = on_failed
        self._waiting = 0
        self._given: list[Item] = []  # not yet with the writer
        self._is_handing = False  # a group is with the writer, or its hand-over stands in the loop's queue
        self.answered_count = 0  # records answered since the start, durable or failed: a sign of life
        self._closed = False
        self._state = JournalState.WRITABLE
        self._incarnation = load_meta(connection, "incarnation")
        self._next_id = self._incarnation * IDS_PER_INCARNATION
        self._epoch = self._epoch_given = load_meta(connection, "region_epoch")
        self._floor = load_meta(connection, "recorded_floor")
        self._variables: dict[str, dict[str, bytes]] = {}
        for link_name, name, value in connection.execute("SELECT link_name, name, value FROM link_variable"):
            self._variables.setdefault(link_name, {})[name] = value
        recorded = connection.execute(
            "SELECT exchange_id FROM taken AS t WHERE exchange_id >= ?"
            " AND NOT EXISTS (SELECT 1 FROM standing AS s WHERE s.exchange_id = t.exchange_id)",
            (self._floor,),
        )
        self._writer = Writer(
            connection,
            settings.path,
            keys,
            call_soon=call_soon_threadsafe,
            answer=self._answer,
            clock=clock,
            metrics=metrics,
            floor=self._floor,
            recorded_ids={row[0] for row in recorded},
        )
        self._put: Callable[[Item], object] = self._give
        metrics.journal_writable.set(1)

    @classmethod
    def open(
        cls,
        settings: JournalSettings,
        key: bytes,
        *,
        call_soon_threadsafe: Callable[[Callable[[], None]], object],
        clock: Clock,
        metrics: Metrics,
        on_failed: Callable[[str], None] | None = None,
        entropy: Entropy = os.urandom,
        synchronous: str = "FULL",
        older_keys: Sequence[bytes] = (),
        identity: Identity | None = None,
    ) -> SqliteJournal:
        """Lock, check, migrate and begin a new incarnation, all durable before it returns. Blocks: call it before serving.

        `key` is the 32-byte journal key, `older_keys` those that rows may still name, `identity` whose journal it has to be.
        `on_failed(why)` is called once, on the loop, when a commit or fsync failed: the relay fences itself.
        `synchronous` is for the power-cut test alone, which shows that anything but FULL loses records.
        Raises JournalUnusable.
        """
        keys = KeyRing(key, older_keys, entropy)
        lock = FileLock(settings.path)
        try:
            connection = open_writer(settings.path, keys, synchronous, identity)
            try:
                _begin_incarnation(connection, settings.path)
                reader = open_reader(settings.path)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            lock.release()
            raise
        journal = cls(
            connection,
            reader,
            lock,
            keys,
            settings,
            call_soon_threadsafe=call_soon_threadsafe,
            clock=clock,
            metrics=metrics,
            on_failed=on_failed,
        )
        journal._writer.start()
        log.info("journal opened", path=settings.path, incarnation=journal.incarnation, key=keys.key_id)
        return journal

    # ---- facts -----------------------------------------------------------------------------------------------------

    @property
    def state(self) -> JournalState:
        return self._state

    @property
    def incarnation(self) -> int:
        return self._incarnation

    @property
    def epoch(self) -> int:
        return self._epoch

    def next_exchange_id(self) -> int:
        """Incarnation and count in one number, so nothing has to be reserved: an id never recorded is never given again."""
        self._next_id += 1
        return self._next_id

    def waiting_count(self) -> int:
        return self._waiting

    def fingerprint(self, text: str) -> bytes:
        return self._keys.fingerprint(text)

    def variables(self, link_name: str) -> Mapping[str, bytes]:
        return MappingProxyType(self._variables.setdefault(link_name, {}))

    # ---- giving records --------------------------------------------------------------------------------------------

    def take(self, record: Taken, done: Callable[[TakeResult], None]) -> None:
        self._waiting += 1
        self._put(TakeItem(record, done))

    def step(self, record: Step, done: Callable[[StepResult], None]) -> None:
        self._waiting += 1
        self._put(StepItem(record, done))

    def find(self, key: str, done: Callable[[StoredExchange | JournalFailed | None], None]) -> None:
        self._waiting += 1
        self._put(FindItem(key, done))

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Callable[[StepResult], None]) -> None:
        def stored(result: StepResult) -> None:
            if result is None:
                known = self._variables.setdefault(link_name, {})
                if value is None:
                    known.pop(name, None)
                else:
                    known[name] = value
            done(result)

        self._waiting += 1
        self._put(VariableItem(link_name, name, value, stored))

    def raise_epoch(self, epoch: int, done: Callable[[StepResult], None]) -> None:
        if epoch < self._epoch_given:
            raise ValueError(f"the region epoch never goes back: {epoch} after {self._epoch_given}")

        def raised(result: StepResult) -> None:
            if result is None:
                self._epoch = max(self._epoch, epoch)
            elif self._epoch_given == epoch:
                self._epoch_given = self._epoch
            done(result)

        self._epoch_given = epoch
        self._waiting += 1
        self._put(EpochItem(epoch, raised))

    def prune(self, done: Callable[[int | JournalFailed], None]) -> None:
        """Forget what is old, in slices between the groups; `done` gets how many exchanges were deleted or blanked.

        Called about once an hour. Keys go after `duplicate_window_days`, bodies after `body_window_days`; what is open or
        on the person's list stays.
        """
        now_ms = self._clock.wall_ms()
        keys_before_ms = now_ms - self._settings.duplicate_window_days * DAY_MS
        bodies_before_ms = now_ms - self._settings.body_window_days * DAY_MS
        self._waiting += 1
        if self._closed:
            self._refuse_closed(PruneItem(keys_before_ms, bodies_before_ms, done))
        else:  # past the groups: it is served in slices between them, and no group may wait for all of them
            self._writer.put([PruneItem(keys_before_ms, bodies_before_ms, done)])

    def rekey(self, done: Callable[[int | JournalFailed], None]) -> None:
        """Seal anew with the current key what an older one sealed, in slices between the groups; `done` gets how many rows.

        Once it is through, the older keys are needed no more. Nothing to do where no older key is needed.
        """
        self._waiting += 1
        if self._closed:
            self._refuse_closed(RekeyItem(done))
        else:
            self._writer.put([RekeyItem(done)])

    # ---- reading, at recovery and for people -----------------------------------------------------------------------

    def open_exchanges(self) -> Iterable[StoredExchange]:
        for row in self._reader.execute(SELECT_OPEN, (self._floor,)):
            yield with_reversal(self._reader, read_exchange(row, self._keys))

    def listed(self) -> Iterable[StoredExchange]:
        for row in self._reader.execute(SELECT_LISTED):
            yield read_exchange(row, self._keys)

    def history(self, exchange_id: int) -> Iterable[HistoryLine]:
        return read_history(self._reader.execute(SELECT_HISTORY, (exchange_id,)))

    # ---- messages that the core started ----------------------------------------------------------------------------

    def take_outbound(self, record: OutboundTaken, done: Callable[[OutboundTakeResult], None]) -> None:
        self._waiting += 1
        self._put(OutboundTakeItem(record, done))

    def step_outbound(self, record: OutboundStep, done: Callable[[StepResult], None]) -> None:
        self._waiting += 1
        self._put(OutboundStepItem(record, done))

    def find_outbound(self, key: str, done: Callable[[StoredOutbound | JournalFailed | None], None]) -> None:
        self._waiting += 1
        self._put(OutboundFindItem(key, done))

    def open_outbound(self) -> Iterable[StoredOutbound]:
        return open_outbound(self._reader, self._keys)

    def newest_outbound(self, states: Sequence[OutboundState], count_max: int) -> Iterable[StoredOutbound]:
        return newest_outbound(self._reader, states, count_max, self._keys)

    # ---- the end ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        while self._given:
            self._hand_over()
        self._writer.stop()
        self._put = self._refuse_closed
        if self._writer.state is JournalState.WRITABLE:
            self._reader.close()
            self._connection.close()
        else:
            self._connection.close()
            self._reader.close()
        self._lock.release()
        atexit.unregister(self.close)

    def _give(self, item: Item) -> None:
        self._given.append(item)
        if not self._is_handing:
            self._is_handing = True
            self._call_soon(self._hand_over)  # once the loop has read everything that came with this one

    def _hand_over(self) -> None:
        given = self._given
        if len(given) > self._settings.group_count_max:
            self._given = given[self._settings.group_count_max :]
            del given[self._settings.group_count_max :]
        else:
            self._given = []
        self._is_handing = bool(given)
        if given:
            self._writer.put(given)

    def _refuse_closed(self, item: Item) -> None:
        self._call_soon(partial(self._answer, [(item.done, JournalFailed("the journal is closed"))], self._state))

    def _answer(self, outcomes: Outcomes, state: JournalState) -> None:
        """On the loop: everything that one group decided, in the order given."""
        self._waiting -= len(outcomes)
        self.answered_count += len(outcomes)
        self._metrics.journal_waiting.set(self._waiting)
        if not self._closed:
            self._hand_over()
        if state is not self._state:
            self._turn(state)
        run_callbacks(outcomes, self._answer_later)

    def _answer_later(self, outcomes: Outcomes) -> None:
        self._waiting += len(outcomes)
        self._call_soon(partial(self._answer, outcomes, self._state))

    def _turn(self, state: JournalState) -> None:
        if self._state is JournalState.FAILED:
            return
        self._state = state
        self._metrics.journal_writable.set(1 if state is JournalState.WRITABLE else 0)
        if state is JournalState.FAILED:
            atexit.register(self.close)  # in this order even where nobody closes: the interpreter's own would fold the log
            if self._on_failed is not None:
                self._on_failed(self._writer.why)


def _begin_incarnation(connection: sqlite3.Connection, path: str) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        store_meta(connection, "incarnation", load_meta(connection, "incarnation") + 1)
        store_meta(connection, "closed_clean", 0)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise JournalUnusable(
            f"The journal {path} cannot be written: {error}.", "Free space on its disk, or check it."
        ) from error
