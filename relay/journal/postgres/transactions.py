"""The transactions of one life of the journal: a group, a proof, a slice of pruning; and which of them is known to be done.

Owns their numbers: each gets a serial that is never used twice, stored by the transaction itself, so that after a commit
without an answer the stored one tells whether it happened. It must never know the queue, the loop or a callback. The trap: what
is remembered here (the floor, what was confirmed) follows the database, so it changes only after a commit was answered or read
back.
"""

from __future__ import annotations

from typing import Final

import msgspec

from relay.clock import Clock
from relay.journal.batch import Group
from relay.journal.floor import RecordedFloor
from relay.journal.items import (
    SLICE_COUNT,
    ArchivedItem,
    Item,
    PruneItem,
    RekeyItem,
    ReleaseItem,
    TurnItem,
    WalkItem,
    WriteItem,
)
from relay.journal.keyring import KeyRing
from relay.journal.pace import Pace
from relay.journal.port import JournalFailed
from relay.journal.postgres import group as g
from relay.journal.postgres import schema, sharing
from relay.journal.postgres.door import BadRecord, Connection, Refused
from relay.journal.postgres.keytable import current_id
from relay.journal.postgres.outbound import write_outbound
from relay.journal.postgres.rekey import Walked, rekey_slice
from relay.journal.postgres.release import note_archive, release_slice
from relay.journal.postgres.retention import prune_slice
from relay.journal.postgres.reveal import write_reveals
from relay.journal.postgres.servers import Beginning
from relay.journal.shared import FIRST, PlaceItem, ShareItem, TakeOverItem
from relay.telemetry.metrics import Metrics

FLOOR_RECORDS: Final = 4_096  # records after which the floor is raised
PROVE: Final = "SELECT hold($1, $2, $3)"


class Doubt(msgspec.Struct, eq=False):
    """A group whose commit was not answered."""

    serial: int
    items: list[Item]
    refused: dict[int, JournalFailed]  # by id() of the item: what was left out of it


class Transactions:
    """Every method raises Refused (nothing of it is durable) or Lost (nobody knows)."""

    def __init__(self, begun: Beginning, keys: KeyRing, clock: Clock, metrics: Metrics, slice_ms: int = 10) -> None:
        self.serial = begun.serial  # of the last one tried
        self.confirmed = begun.serial  # of the last one that was answered
        self.refused: dict[int, JournalFailed] = {}  # by id(): what was left out of the last group
        self._incarnation = begun.opened.incarnation
        self._session = begun.session
        self._floor = RecordedFloor(begun.opened.floor, begun.opened.recorded_ids)
        self._since_floor = 0
        share = begun.share
        self._sharing = None if share is None else sharing.Sharing(share, self._incarnation, keys)
        self._worker = FIRST if share is None else share.worker
        self._is_changing_key = False  # and nobody heard whether that committed
        self._pace = Pace(slice_ms, SLICE_COUNT)
        self._keys = keys
        self._clock = clock
        self._metrics = metrics

    # ---- what is done ------------------------------------------------------------------------------------------------
    async def commit(self, connection: Connection, items: list[WriteItem]) -> dict[int, int]:
        """One group. Returns the takes that were new, each with the reversal that overtook it or 0."""
        started_ms = self._clock.monotonic_ms()
        group = Group.of(items)
        floor = self._floor_with(group)
        self.refused = {}
        self.serial += 1
        try:
            fresh_ids = await self._write(connection, group, floor)
        except BadRecord:
            fresh_ids = await self._write_singly(connection, items, floor)
        self.confirmed = self.serial
        self._floor.note(group, fresh_ids)
        if floor is not None:
            self._floor.stored = floor
        self._since_floor = 0 if self._since_floor >= FLOOR_RECORDS else self._since_floor + len(items)
        self._metrics.journal_commit_seconds.observe((self._clock.monotonic_ms() - started_ms) / 1000)
        self._metrics.journal_records.inc(len(items) - len(self.refused))
        return fresh_ids

    async def prove(self, connection: Connection) -> None:
        """A commit after what was read: then that is as safe as what we write ourselves."""
        self.serial += 1
        await connection.rows(PROVE, self._incarnation, self._session, self.serial)
        self.confirmed = self.serial

    async def walk(self, connection: Connection, item: TurnItem) -> bool:
        """One slice, noted in `item` once it is durable. Whether there may be more. Raises ValueError for a row that no key
        opens, or where other workers are in the way; nothing of the slice is done then."""
        if isinstance(item, ShareItem):
            await self._share(connection, item)
            return False
        self.serial += 1
        await connection.run("BEGIN")
        try:
            await connection.rows(PROVE, self._incarnation, self._session, self.serial)
            began_ms = self._clock.monotonic_ms()
            walked = await self._slice(connection, item)
            took_ms = self._clock.monotonic_ms() - began_ms
            self._is_changing_key = isinstance(item, RekeyItem) and item.changes_key
            await connection.run("COMMIT")
        except (Refused, BadRecord, ValueError):
            self._is_changing_key = False
            await connection.run("ROLLBACK")
            raise
        self._is_changing_key = False
        self.confirmed = self.serial
        if isinstance(item, PruneItem | ReleaseItem):
            self._pace.took(self._pace.count if walked.more else 0, took_ms)
        if isinstance(item, ReleaseItem):
            item.position = walked.position
            item.released_count += walked.count
        elif isinstance(item, RekeyItem):
            if item.changes_key:
                self._keys.accept()
            item.above_id = walked.above_id
            item.above_outbound_id = walked.above_outbound_id
            item.rekeyed_count += walked.count
            self._metrics.journal_rekey_rows.inc(walked.count)
            self._metrics.journal_rekey_left.set(item.left_count if walked.more else 0)
        elif isinstance(item, PruneItem):
            item.above_id = walked.above_id
            item.pruned_count += walked.count
        return walked.more

    async def _share(self, connection: Connection, item: ShareItem) -> None:
        """What concerns other workers: a transaction of its own, that waits for theirs where it changes something of them."""
        mine = self._sharing
        if mine is None:
            raise ValueError("this journal has one worker")
        self.serial += 1
        needs_all = isinstance(item, PlaceItem | TakeOverItem)
        await connection.run(sharing.BEGIN_WITH_ALL if needs_all else "BEGIN")
        try:
            if needs_all:
                await connection.rows(sharing.LOCK_ALL)
            await connection.rows(PROVE, self._incarnation, self._session, self.serial)
            floor, came = await mine.serve(connection, item, self._floor.stored)
            self._floor.expect(came, self._floor.stored)  # before the commit, of which perhaps nobody hears
            await connection.run("COMMIT")
        except (Refused, BadRecord, ValueError) as error:
            await connection.run("ROLLBACK")
            if isinstance(error, Refused) and error.state in sharing.IN_THE_WAY:
                raise ValueError(f"another worker is in the way: {error}") from error  # no trouble of the journal's
            raise
        self.confirmed = self.serial
        self._floor.expect((), floor)
        mine.committed()

    async def _slice(self, connection: Connection, item: WalkItem) -> Walked:
        if isinstance(item, RekeyItem):
            return await rekey_slice(connection, item, self._keys)
        if isinstance(item, ArchivedItem):
            await note_archive(connection, item.record)
            return Walked(1, False)
        if isinstance(item, ReleaseItem):
            count, position = await release_slice(connection, item, self._pace.count)
            return Walked(count, position < len(item.rows), position=position)
        count, more, above_id = await prune_slice(connection, item, self._pace.count)
        return Walked(count, more, above_id)

    # ---- after trouble -----------------------------------------------------------------------------------------------
    async def begin_session(self, connection: Connection) -> int:
        """On a new connection, or on one that is to prove that the server writes again. Returns the serial stored there."""
        self._session, serial = await schema.begin_session(connection, self._incarnation)
        self.serial = max(self.serial, serial)
        rows = await connection.rows("SELECT value FROM meta WHERE name = $1", sharing.floor_name(self._worker))
        self._floor.stored = rows[0][0] if rows else 0
        if self._is_changing_key and self._keys.proposed is not None:
            if await current_id(connection) == self._keys.proposed.key_id:
                self._keys.accept()
            self._is_changing_key = False
        return serial

    async def read_back(self, connection: Connection, doubt: Doubt, serial: int) -> dict[int, int] | None:
        """What `commit` would have returned for the group in doubt; None when the server of that `serial` does not have it."""
        if doubt.serial != serial:
            return None
        group = Group.of([item for item in doubt.items if id(item) not in doubt.refused])
        fresh_ids = await g.read_fresh(connection, [item.record for item in group.takes])
        self.confirmed = serial
        self._floor.note(group, fresh_ids)
        return fresh_ids

    # ---- how a group is written --------------------------------------------------------------------------------------
    def _floor_with(self, group: Group) -> int | None:
        """The floor that has to be stored with `group`: lowered for a number that comes late, raised once in a while."""
        lowest = min((item.record.exchange_id for item in group.takes), default=None)
        if lowest is not None and lowest < self._floor.stored:
            return lowest
        if self._since_floor < FLOOR_RECORDS:
            return None
        floor = self._floor.may_rise_to()
        return floor if lowest is None else min(floor, lowest)

    async def _write(self, connection: Connection, group: Group, floor: int | None) -> dict[int, int]:
        claims = self._claims(group)
        if not group.outbound and not group.reveals and not claims and (floor is None or self._worker == FIRST):
            return await self._call(connection, group, floor)  # a statement is a transaction
        await connection.run("BEGIN")
        try:
            fresh_ids = await self._write_part(connection, group, claims, floor)
            await connection.run("COMMIT")
        except (BadRecord, Refused):
            await connection.run("ROLLBACK")
            raise
        return fresh_ids

    async def _write_part(
        self, connection: Connection, group: Group, claims: list[object], floor: int | None
    ) -> dict[int, int]:
        """Inside a transaction."""
        if claims:
            await connection.rows(PROVE, self._incarnation, self._session, self.serial)
            await connection.rows(sharing.CLAIM, *claims)
        fresh_ids = await self._call(connection, group, floor if self._worker == FIRST else None)
        if floor is not None and self._sharing is not None and self._worker != FIRST:
            await self._sharing.store_floor(connection, floor)
        await write_outbound(connection, group.outbound, self._keys)
        await write_reveals(connection, [item.record for item in group.reveals])
        return fresh_ids

    def _claims(self, group: Group) -> list[object]:
        """Where there are several workers: what has to be asked of steps on another life's exchanges."""
        if self._sharing is None:
            return []
        if len(group.takes) > 1:  # two workers that insert the same keys in another order would wait for each other
            group.takes.sort(key=lambda item: item.record.key)
        return self._sharing.claims(g.folded_steps(group.steps)) if group.steps else []

    async def _call(self, connection: Connection, group: Group, floor: int | None) -> dict[int, int]:
        try:
            arguments = g.arguments(group, self._keys, floor)
        except (UnicodeEncodeError, OverflowError) as error:
            raise BadRecord(type(error).__name__) from error
        loose = [item.record.exchange_id for item in group.takes if item.record.is_loose]
        sql, more = (sharing.WRITE_GROUP_LOOSE, [loose]) if loose else (g.WRITE_GROUP, [])
        rows = await connection.rows(sql, self._incarnation, self._session, self.serial, *arguments, *more)
        return g.fresh_of(rows, [item.record for item in group.takes])

    async def _write_singly(self, connection: Connection, items: list[WriteItem], floor: int | None) -> dict[int, int]:
        """After a record could not be written: each by itself, so that only the guilty are refused."""
        fresh_ids: dict[int, int] = {}
        await connection.run("BEGIN")
        try:
            await connection.rows(PROVE, self._incarnation, self._session, self.serial)
            for item in items:
                await connection.run("SAVEPOINT one")
                try:
                    group = Group.of([item])
                    fresh_ids |= await self._write_part(connection, group, self._claims(group), floor)
                except BadRecord as error:
                    await connection.run("ROLLBACK TO one")
                    self.refused[id(item)] = JournalFailed(f"the record cannot be stored: {error}")
                    self._metrics.journal_failures.labels("record").inc()
                await connection.run("RELEASE one")
            await connection.run("COMMIT")
        except Refused:
            await connection.run("ROLLBACK")
            raise
        return fresh_ids
