"""The embedded engine: one SQLite file, one writing thread, group commit.

Owns the connections of the loop's thread: for reading, and for the end. face.py owns the records that wait, writer.py the other
thread. It must never block the loop but at open, at close, and in the three readers of recovery. The trap: closing SQLite's
last connection writes (it folds the log away), which a failed journal must not do; so the reader is kept open until the writer
is gone, and a reader never folds.
"""

from __future__ import annotations

import atexit
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence

from relay.clock import Clock
from relay.errors import JournalUnusable
from relay.journal.audit import StoredReveal
from relay.journal.batch import load_meta, store_meta, with_reversal
from relay.journal.crypt import Entropy
from relay.journal.face import JournalFace, Opened
from relay.journal.items import Item
from relay.journal.keyring import KeyRing
from relay.journal.keytable import Identity, key_rows
from relay.journal.outbound import OutboundState, StoredOutbound
from relay.journal.outbound_rows import newest_outbound, open_outbound
from relay.journal.port import JournalState, NeededKey
from relay.journal.records import HistoryLine, StoredExchange
from relay.journal.reveal_rows import count_reveals, read_reveals
from relay.journal.rows import SELECT_HISTORY, SELECT_LISTED, SELECT_OPEN, SELECT_REASON, read_exchange, read_history
from relay.journal.schema import FileLock, open_reader, open_writer
from relay.journal.writer import Writer, file_bytes
from relay.settings import JournalSettings
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

log = get_log("journal")


class SqliteJournal(JournalFace):
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
        opened = _read_opened(connection)
        super().__init__(
            opened,
            keys,
            settings,
            call_soon_threadsafe=call_soon_threadsafe,
            clock=clock,
            metrics=metrics,
            on_failed=on_failed,
        )
        self._connection = connection
        self._reader = reader
        self._lock = lock
        self._floor = opened.floor
        self._writer = Writer(
            connection,
            settings.path,
            keys,
            call_soon=call_soon_threadsafe,
            answer=self._answer,
            clock=clock,
            metrics=metrics,
            floor=opened.floor,
            recorded_ids=opened.recorded_ids,
            slice_ms=settings.writer_slice_ms,
        )

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

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return self._settings.path

    def size_bytes(self) -> int:
        """The file and its write-ahead log."""
        return file_bytes(self._settings.path)

    # ---- reading, at recovery and for people -----------------------------------------------------------------------

    def open_exchanges(self) -> Iterable[StoredExchange]:
        for row in self._reader.execute(SELECT_OPEN, (self._floor,)):
            yield with_reversal(self._reader, read_exchange(row, self._keys))

    def listed(self) -> Iterable[StoredExchange]:
        for row in self._reader.execute(SELECT_LISTED):
            yield read_exchange(row, self._keys)

    def history(self, exchange_id: int) -> Iterable[HistoryLine]:
        return read_history(self._reader.execute(SELECT_HISTORY, (exchange_id,)))

    def reasons(self, exchange_ids: Sequence[int]) -> Mapping[int, str]:
        said = ((number, self._reader.execute(SELECT_REASON, (number,)).fetchone()) for number in exchange_ids)
        return {number: row[0] for number, row in said if row is not None}

    def open_outbound(self) -> Iterable[StoredOutbound]:
        return open_outbound(self._reader, self._keys)

    def known_keys(self) -> Sequence[NeededKey]:
        return key_rows(self._reader)

    def reveals(self, above_id: int, count_max: int) -> Sequence[StoredReveal]:
        return read_reveals(self._reader, above_id, count_max)

    def reveal_count(self) -> int:
        return count_reveals(self._reader)

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

    def _hand(self, items: list[Item]) -> None:
        self._writer.put(items)

    def _why_failed(self) -> str:
        return self._writer.why


def _read_opened(connection: sqlite3.Connection) -> Opened:
    floor = load_meta(connection, "recorded_floor")
    recorded = connection.execute(
        "SELECT exchange_id FROM taken AS t WHERE exchange_id >= ?"
        " AND NOT EXISTS (SELECT 1 FROM standing AS s WHERE s.exchange_id = t.exchange_id)",
        (floor,),
    )
    variables: dict[str, dict[str, bytes]] = {}
    for link_name, name, value in connection.execute("SELECT link_name, name, value FROM link_variable"):
        variables.setdefault(link_name, {})[name] = value
    return Opened(
        incarnation=load_meta(connection, "incarnation"),
        epoch=load_meta(connection, "region_epoch"),
        floor=floor,
        recorded_ids={row[0] for row in recorded},
        variables=variables,
    )


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
