"""The PostgreSQL engine: a database with its standby, one writing thread with a loop of its own, group commit.

Owns the port's reading half; relay/journal/face.py owns the records that wait, writer.py the other thread. It must never block
the loop but at open, at close, and in a read for recovery or people, which ends within seconds. The traps: only one relay
writes to a journal, whatever number of servers hold it (decision 008); and the standby protects nothing unless the server is
told to wait for it (`synchronous_standby_names`), which is the server's own setting.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence

from protocols.vocabulary import Secret
from relay.clock import Clock
from relay.journal.answers import Outcomes
from relay.journal.audit import StoredReveal
from relay.journal.crypt import Entropy
from relay.journal.face import JournalFace
from relay.journal.items import Item
from relay.journal.keyring import KeyRing
from relay.journal.keytable import Identity
from relay.journal.outbound import OutboundState, StoredOutbound
from relay.journal.port import JournalFailed, JournalState, NeededKey
from relay.journal.postgres import group as g
from relay.journal.postgres.door import Connection
from relay.journal.postgres.keytable import key_rows
from relay.journal.postgres.outbound import newest_outbound, open_outbound
from relay.journal.postgres.reveal import count_reveals, read_reveals
from relay.journal.postgres.servers import Servers
from relay.journal.postgres.sharing import OPEN_IDS
from relay.journal.postgres.standby import StandbyLook
from relay.journal.postgres.writer import PostgresWriter
from relay.journal.records import HistoryLine, StoredExchange
from relay.journal.rows import read_history
from relay.journal.shared import (
    Beat,
    BeatItem,
    FetchItem,
    PlaceItem,
    Share,
    ShareItem,
    Sibling,
    TakeOverItem,
    open_in_order,
)
from relay.settings import JournalSettings
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

log = get_log("journal")

RECOVERY_TIMEOUT_MS = 120_000


class PostgresJournal(JournalFace):
    """See relay/journal/port.py for what each method promises. Making it opens it."""

    def __init__(
        self,
        settings: JournalSettings,
        key: bytes,
        password: Secret | None,
        *,
        call_soon_threadsafe: Callable[[Callable[[], None]], object],
        clock: Clock,
        metrics: Metrics,
        on_failed: Callable[[str], None] | None = None,
        entropy: Entropy = os.urandom,
        older_keys: Sequence[bytes] = (),
        identity: Identity | None = None,
        share: Share | None = None,
    ) -> None:
        """Find a server that writes, check, migrate and begin a new incarnation, all durable before it returns. Blocks: call it
        before serving. Raises JournalUnusable."""
        keys = KeyRing(key, older_keys, entropy)
        self._servers = Servers(settings, password, clock, identity, share)
        self._writer = PostgresWriter(
            self._servers,
            keys,
            call_soon=call_soon_threadsafe,
            answer=self._answer,
            clock=clock,
            metrics=metrics,
        )
        opened = self._writer.start()
        super().__init__(
            opened,
            keys,
            settings,
            call_soon_threadsafe=call_soon_threadsafe,
            clock=clock,
            metrics=metrics,
            on_failed=on_failed,
        )
        self._floor = opened.floor
        self.share = share
        log.info("journal opened", schema=settings.schema_name, incarnation=self.incarnation, key=keys.key_id)

    @property
    def place(self) -> str:
        """Where it is, for people: without the user."""
        return f"{self._settings.dsn.rpartition('@')[2]} {self._settings.schema_name}"

    def size_bytes(self) -> int:
        """Tables and indexes, as of a minute ago."""
        return self._writer.size_bytes

    # ---- reading, at recovery and for people -----------------------------------------------------------------------

    def open_exchanges(self) -> Iterable[StoredExchange]:
        async def read(connection: Connection) -> list[StoredExchange]:
            if self.share is None:
                found = await g.read_by_ids(connection, g.SELECT_OPEN_IDS, self._keys, self._floor)
            else:
                found = await g.read_by_ids(connection, OPEN_IDS, self._keys, self._floor, self.share.worker)
            return await g.with_reversals(connection, found)

        return self._writer.read(read, RECOVERY_TIMEOUT_MS)

    def listed(self) -> Iterable[StoredExchange]:
        return self._writer.read(lambda connection: g.read_by_ids(connection, g.SELECT_LISTED_IDS, self._keys))

    def history(self, exchange_id: int) -> Iterable[HistoryLine]:
        async def read(connection: Connection) -> list[HistoryLine]:
            return read_history(await connection.rows(g.FIND_HISTORY, exchange_id))

        return self._writer.read(read)

    def reasons(self, exchange_ids: Sequence[int]) -> Mapping[int, str]:
        async def read(connection: Connection) -> dict[int, str]:
            return {row[0]: row[1] for row in await connection.rows(g.SELECT_REASONS, list(exchange_ids))}

        return self._writer.read(read) if exchange_ids else {}

    def open_outbound(self) -> Iterable[StoredOutbound]:
        return self._writer.read(lambda connection: open_outbound(connection, self._keys), RECOVERY_TIMEOUT_MS)

    def newest_outbound(self, states: Sequence[OutboundState], count_max: int) -> Iterable[StoredOutbound]:
        return self._writer.read(lambda connection: newest_outbound(connection, states, count_max, self._keys))

    def known_keys(self) -> Sequence[NeededKey]:
        return self._writer.read(key_rows)

    def reveals(self, above_id: int, count_max: int) -> Sequence[StoredReveal]:
        return self._writer.read(lambda connection: read_reveals(connection, above_id, count_max))

    def reveal_count(self) -> int:
        return self._writer.read(count_reveals)

    def standby_look(self, name: str, timeout_ms: int) -> StandbyLook:
        """How the standby that calls itself `name` is; each question to the server has `timeout_ms`."""
        return StandbyLook(self._servers, name, timeout_ms, lambda: self.state)

    # ---- several workers (see relay/journal/shared.py) ---------------------------------------------------------------

    def beat(self, done: Callable[[Beat | JournalFailed], None]) -> None:
        def heard(result: Beat | JournalFailed) -> None:
            if isinstance(result, Beat):
                # Not what was given: this worker may still hear of a lower one, which raises nothing and is no mistake.
                self._epoch = max(self._epoch, result.epoch)
                self._follow(result)
            done(result)

        self._turn_given(BeatItem(self._lease_ms, heard))

    def _follow(self, beat: Beat) -> None:
        for link_name, name in () if self.share is None else self.share.followed:
            self._variables.setdefault(link_name, {}).pop(name, None)
        for link_name, name, value in beat.followed:
            self._variables[link_name][name] = value

    def hand_over(self, exchange_id: int, chain: str, done: Callable[[int | JournalFailed], None]) -> None:
        self._turn_given(PlaceItem(exchange_id, chain, done))

    def take_over(self, sibling: Sibling, done: Callable[[bool | JournalFailed], None]) -> None:
        self._turn_given(TakeOverItem(sibling, self._lease_ms, done))

    def fetch(self, ids: Sequence[int], done: Callable[[Sequence[StoredExchange] | JournalFailed], None]) -> None:
        def read(result: Sequence[StoredExchange] | JournalFailed) -> None:
            done(result if isinstance(result, JournalFailed) else open_in_order(result))

        self._turn_given(FetchItem(ids, read))

    @property
    def _lease_ms(self) -> int:
        return 0 if self.share is None else self.share.lease_ms

    def _turn_given(self, item: ShareItem) -> None:
        """Behind every record that was given before it."""
        self._waiting += 1
        self._put(item)

    # ---- the end, and the writer -----------------------------------------------------------------------------------

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        while self._given:
            self._hand_over()
        self._writer.stop()
        self._put = self._refuse_closed

    def _hand(self, items: list[Item]) -> None:
        self._writer.put(items)

    def _why_failed(self) -> str:
        return self._writer.why

    def _answer(self, outcomes: Outcomes, state: JournalState) -> None:
        if not outcomes:
            self.answered_count += 1  # the writer is at work, though it has nothing to tell
        super()._answer(outcomes, state)
