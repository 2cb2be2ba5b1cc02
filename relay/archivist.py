"""Archiving in the running daemon: when it is looked at, the thread it runs in, what the metrics say of it.

Owns the timer, the thread's way to the journal, and the log lines. It must never decide what is archived (relay/journal/archive
does). The traps: the thread hands its records to the loop and waits for them to be durable, so it gives up waiting when the
relay stops; and a look that is still running when the next is due is left alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from relay.bridge import spawn
from relay.clock import Cancellable
from relay.errors import JournalUnusable
from relay.journal.archive import rows
from relay.journal.archive.hand import Stopped
from relay.journal.archive.making import ArchiveFolder, Owner
from relay.journal.archive.record import ArchiveRecord, ArchiveTrouble, Released
from relay.journal.archive.run import ArchiveRun, Pacer, Ran, Rules
from relay.journal.engines import open_source
from relay.journal.keyring import KeyRing
from relay.journal.keytable import Identity
from relay.journal.port import JournalFailed
from relay.journal.source import Source, SourceDamaged
from relay.reconcile.dates import DAY_MS, Cutover
from relay.telemetry.log import get_log

if TYPE_CHECKING:
    from relay.daemon import Daemon

log = get_log("archive")

LOOK_MS: Final = 60_000
_HEARD_S: Final = 0.1  # between two looks at whether the relay stops
Asked = TypeVar("Asked")


class LoopHand:
    """The thread's way to the journal, which answers on the loop. See relay/journal/archive/hand.py."""

    def __init__(self, daemon: Daemon, loop: asyncio.AbstractEventLoop, stopping: threading.Event) -> None:
        self._journal = daemon.journal
        self._loop = loop
        self._stopping = stopping

    def note_archive(self, record: ArchiveRecord) -> None:
        self._ask(lambda done: self._journal.note_archive(record, done))

    def release(self, file_name: str, released: Sequence[Released], is_last: bool) -> int:
        given = tuple(released)
        return self._ask(lambda done: self._journal.release(file_name, given, is_last, done))

    def _ask(self, give: Callable[[Callable[[int | JournalFailed], None]], None]) -> int:
        answered = threading.Event()
        answers: list[int | JournalFailed] = []

        def done(result: int | JournalFailed) -> None:
            answers.append(result)
            answered.set()

        self._loop.call_soon_threadsafe(give, done)
        while not answered.wait(_HEARD_S):
            if self._stopping.is_set():
                raise Stopped
        result = answers[0]
        if isinstance(result, JournalFailed):
            raise ArchiveTrouble(f"The journal did not take it: {result.why}.", "It goes on when the journal writes again.")
        return result


class Archivist:
    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        settings = daemon.settings.journal
        self._settings = settings
        cutover = Cutover(daemon.settings.reconcile.cutover_minute, daemon.settings.reconcile.utc_offset_minutes)
        self._rules = Rules(
            archive_after_days=settings.archive_after_days,
            body_window_days=settings.body_window_days,
            date_at=cutover.date_at,
            ends_ms=lambda date: cutover.begins_ms(date) + DAY_MS,
        )
        self._keys: KeyRing | None = None if settings.archive_directory is None else self._keys_now()
        self._timer: Cancellable | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = threading.Event()
        self._said: object = None

    def start(self) -> None:
        self._look()

    def stop(self) -> None:
        """What is under way ends at its next step; the next start takes it up."""
        self._stopping.set()
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = self._daemon.timers.after(LOOK_MS, self._look)
        if self._task is None or self._task.done():
            self._task = spawn("archive", self._run())

    async def _run(self) -> None:
        metrics = self._daemon.metrics
        hand = LoopHand(self._daemon, asyncio.get_running_loop(), self._stopping)
        try:
            ran = await asyncio.to_thread(self._in_thread, hand)
        except Stopped:
            return
        except (ArchiveTrouble, JournalUnusable, SourceDamaged) as error:
            metrics.archive_runs.labels("failed").inc()
            log.error("archiving failed, the journal is as it was", why=str(error))
            return
        if ran is None:
            return
        metrics.archive_runs.labels("done").inc()
        wall_ms = self._daemon.clock.wall_ms()
        metrics.archive_last_run_seconds.set(wall_ms / 1000)
        due_ms = ran.oldest_due_ms
        metrics.archive_oldest_due_seconds.set(0 if due_ms is None else max(0, wall_ms - due_ms) / 1000)
        self._tell(ran)

    def _tell(self, ran: Ran) -> None:
        for record in ran.archived:
            log.info(
                "archived",
                business_date=record.business_date,
                file=record.file_name,
                exchanges=record.exchange_count,
                bytes=record.file_bytes,
            )
        if ran.released_count:
            log.info("archived bodies have left the journal", exchanges=ran.released_count)
        said = (ran.waiting, ran.are_keys_changing)
        if said != self._said:  # once, not every minute
            for each in ran.waiting:
                number = {"outbound_id" if each.kind.is_of_messages else "exchange_id": each.exchange_id}
                log.warning("a business date is not closed", business_date=each.business_date, **number)
            if ran.are_keys_changing:
                log.info("archiving waits until rows are sealed with the new key")
        self._said = said

    # ---- in the thread -----------------------------------------------------------------------------------------------
    def _in_thread(self, hand: LoopHand) -> Ran | None:
        source = open_source(self._settings, self._daemon.credentials.secret)
        try:
            self._measure(source)
            if self._keys is None or self._settings.archive_directory is None:
                return None
            if source.key_id() != self._keys.key_id:  # it was changed while the relay runs: as the configuration names them now
                self._keys = self._keys_now()
            keys = self._keys
            relay = self._daemon.settings.relay
            pacer = Pacer(self._daemon.clock, self._rest)
            folder = ArchiveFolder(
                self._settings.archive_directory,
                Owner(rows.journal_id(source), Identity(relay.center, relay.realm)),
                keys,
                free_mib_min=self._settings.archive_free_mib_min,
                step=pacer,
            )
            ran = ArchiveRun(source, folder, hand, self._daemon.clock, self._rules, pacer, keys.key_id).go()
            self._daemon.metrics.archive_bytes.set(sum(record.file_bytes for record in rows.records(source)))
            return ran
        finally:
            source.close()

    def _keys_now(self) -> KeyRing:
        journal, read = self._daemon.settings.journal, self._daemon.credentials.journal_key
        return KeyRing(read(journal.key_credential), [read(name) for name in journal.older_key_credentials])

    def _measure(self, source: Source) -> None:
        oldest_ms = rows.oldest_open_ms(source)
        age_ms = 0 if oldest_ms is None else max(0, self._daemon.clock.wall_ms() - oldest_ms)
        self._daemon.metrics.journal_oldest_open_seconds.set(age_ms / 1000)

    def _rest(self, milliseconds: int) -> None:
        if self._stopping.wait(milliseconds / 1000):
            raise Stopped
