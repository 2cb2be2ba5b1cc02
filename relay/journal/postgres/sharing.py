"""Several workers on one journal: whose an exchange is, as statements; relay/journal/shared.py says what each promises.

Owns the tables `life` and `handed`, and the rows of `owner` that are not this worker's. It must never begin or commit
(transactions.py does), nor decide when somebody is taken over. The traps: a worker that was taken over is shut out by the row
that its every transaction changes, so no clock of its own is believed; two groups of two workers do not see each other, so
whoever looks for the rest of a key first locks the rows of all workers, in their order, and waits for what is under way; and
the floor of recorded exchanges is each worker's own, so whoever takes over lowers its own to the other's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from relay.journal.items import IDS_PER_INCARNATION
from relay.journal.keyring import KeyRing
from relay.journal.postgres import group as g
from relay.journal.postgres.door import Connection, Refused
from relay.journal.postgres.keytable import current_id
from relay.journal.rows import OPEN, Row
from relay.journal.shared import FIRST, Beat, BeatItem, FetchItem, PlaceItem, Share, ShareItem, Sibling, TakeOverItem

_FLOOR: Final = "recorded_floor"
BEGIN_LIFE: Final = (
    "WITH n AS (INSERT INTO meta AS m VALUES ('incarnation', 1)"
    " ON CONFLICT (name) DO UPDATE SET value = m.value + 1 RETURNING value),"
    " o AS (INSERT INTO owner AS w (worker, incarnation, session, serial) SELECT $1, value, 1, 0 FROM n"
    " ON CONFLICT (worker) DO UPDATE SET incarnation = excluded.incarnation, session = w.session + 1,"
    " renewed = clock_timestamp() RETURNING incarnation, session, serial),"
    " l AS (INSERT INTO life SELECT incarnation, $1 FROM o)"
    " SELECT incarnation, session, serial FROM o"
)
# Recorded and nothing else, in the lives of a worker: no row in `standing`, so none of its indexes finds them.
RECORDED_IDS: Final = (
    "SELECT r.exchange_id FROM life AS l CROSS JOIN LATERAL (SELECT t.exchange_id FROM taken AS t"
    f" WHERE t.exchange_id >= greatest($1::bigint, l.incarnation * {IDS_PER_INCARNATION})"
    f" AND t.exchange_id < (l.incarnation + 1) * {IDS_PER_INCARNATION} AND NOT EXISTS"
    " (SELECT 1 FROM standing AS s WHERE s.exchange_id = t.exchange_id AND s.exchange_id >= $1)) AS r"
    f" WHERE l.worker = $2 AND (l.incarnation + 1) * {IDS_PER_INCARNATION} > $1::bigint"
)
OPEN_IDS: Final = (
    f"SELECT s.exchange_id FROM standing AS s WHERE s.attention = {OPEN} AND worker_of(s.exchange_id) = $2 UNION {RECORDED_IDS}"
)
_CAME_IDS: Final = (  # also what this life took, gave away, and has again
    f"SELECT c.exchange_id FROM ({OPEN_IDS}) AS c WHERE c.exchange_id / {IDS_PER_INCARNATION} <> $3"
    " OR EXISTS (SELECT FROM handed AS h WHERE h.exchange_id = c.exchange_id AND h.worker > 0)"
)
CLAIM: Final = "SELECT claim($1, $2, $3, $4)"
LOCK_ALL: Final = "SELECT worker FROM owner ORDER BY worker FOR UPDATE"
_WORKERS: Final = (
    "SELECT worker, incarnation, renewed < clock_timestamp() - $1::float8 * interval '1 millisecond', inbox FROM owner"
    " ORDER BY worker"
)
_EPOCH: Final = "SELECT value FROM meta WHERE name = 'region_epoch'"
_FOLLOWED: Final = (
    "SELECT link_name, name, value FROM link_variable WHERE (link_name, name) IN (SELECT * FROM unnest($1::text[], $2::text[]))"
    " AND value IS NOT NULL"
)
_CHAIN: Final = (
    "SELECT attention, worker FROM chain_of($1) WHERE exchange_id <> $2 AND NOT is_loose"
    " ORDER BY attention, is_original DESC, exchange_id LIMIT 1"
)
WRITE_GROUP_LOOSE: Final = (  # of those only that were new
    f"WITH w AS MATERIALIZED ({g.WRITE_GROUP}), l AS (INSERT INTO handed SELECT new_id, 0 FROM w"
    " WHERE new_id = ANY ($11::bigint[]) ON CONFLICT DO NOTHING) SELECT * FROM w"
)
_HAND: Final = (
    "WITH h AS (INSERT INTO handed VALUES ($1, $2) ON CONFLICT (exchange_id) DO UPDATE SET worker = excluded.worker)"
    " UPDATE owner SET inbox = inbox + 1 WHERE worker = $2"
)
_SWAP: Final = (
    "UPDATE owner SET incarnation = 0, session = session + 1 WHERE worker = $1 AND incarnation = $2"
    " AND renewed < clock_timestamp() - $3::float8 * interval '1 millisecond' RETURNING worker"
)
_LOWEST: Final = (
    f"SELECT coalesce((SELECT value FROM meta WHERE name = $2), {IDS_PER_INCARNATION}"
    " * (SELECT min(incarnation) FROM life WHERE worker = $1))"
)
FIRST_FLOOR: Final = (  # each worker has one from the start: `relay journal verify` looks below the lowest
    f"INSERT INTO meta SELECT $2, min(incarnation) * {IDS_PER_INCARNATION} FROM life WHERE worker = $1"
    " ON CONFLICT (name) DO NOTHING"
)
# With what all workers of one start of the relay speak to the core, which refuses whoever comes with a lower one.
BEGIN_RUN: Final = (
    "INSERT INTO meta VALUES ('relay_epoch', $1) ON CONFLICT (name) DO UPDATE SET value = greatest(meta.value, excluded.value)"
)
JOIN_RUN: Final = "INSERT INTO meta VALUES ('relay_epoch', $1) ON CONFLICT (name) DO NOTHING"
_STORE_FLOOR: Final = "INSERT INTO meta VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
# A process that stands still between two statements holds the rows of all: the server ends its session before anybody else
# has waited too long for them (schema.writing_session).
ALL_HELD_MS: Final = 1_000
BEGIN_WITH_ALL: Final = f"BEGIN; SET LOCAL idle_in_transaction_session_timeout = {ALL_HELD_MS}"
IN_THE_WAY: Final = ("55P03", "40P01")  # a lock was not to be had in time, or two waited for each other


def floor_name(worker: int) -> str:
    """Under which name in `meta` a worker's floor is."""
    return _FLOOR if worker == FIRST else f"{_FLOOR}:{worker}"


class Sharing:
    """Of one life of one worker."""

    def __init__(self, share: Share, incarnation: int, keys: KeyRing) -> None:
        self.worker = share.worker
        self._followed = share.followed
        self._incarnation = incarnation
        self._keys = keys
        self._inbox_seen = -1
        self._inbox = 0

    def is_foreign(self, exchange_id: int) -> bool:
        """Whether another life took it: then it is asked whose it is."""
        return exchange_id // IDS_PER_INCARNATION != self._incarnation

    def claims(self, rows: Iterable[Row]) -> list[object]:
        """Arguments of CLAIM for those of a group's standing rows that are not of this life; none: []."""
        foreign = [row for row in rows if isinstance(row[0], int) and self.is_foreign(row[0])]
        if not foreign:
            return []
        return [self.worker, [row[0] for row in foreign], [row[1] for row in foreign], [row[2] for row in foreign]]

    async def store_floor(self, connection: Connection, floor: int) -> None:
        await connection.rows(_STORE_FLOOR, floor_name(self.worker), floor)

    def committed(self) -> None:
        """What was served is durable."""
        self._inbox_seen = self._inbox

    async def serve(self, connection: Connection, item: ShareItem, floor: int) -> tuple[int, list[int]]:
        """Inside the caller's transaction, which holds the rows of all workers where the item changes anything: answer the item
        in its `count`. Returns the floor and the recorded exchanges that came, for whoever keeps the floor."""
        if isinstance(item, BeatItem):
            item.count = await self._beat(connection, item.lease_ms, floor)
        elif isinstance(item, PlaceItem):
            item.count = await self._place(connection, item)
        elif isinstance(item, FetchItem):
            ids = "SELECT e FROM unnest($1::bigint[]) AS e WHERE worker_of(e) = $2"
            found = await g.read_by_ids(connection, ids, self._keys, list(item.ids), self.worker)
            item.count = await g.with_reversals(connection, found)
        else:
            lowest, came = await self._take_over(connection, item, floor)
            item.count = lowest is not None
            return floor if lowest is None else lowest, came
        return floor, []

    async def _beat(self, connection: Connection, lease_ms: int, floor: int) -> Beat:
        epochs = await connection.rows(_EPOCH)
        siblings: list[Sibling] = []
        for worker, incarnation, is_lapsed, inbox in await connection.rows(_WORKERS, lease_ms):
            if worker == self.worker:
                self._inbox = inbox
            else:
                siblings.append(Sibling(worker, incarnation, is_lapsed))
        came: list[int] = []
        if self._inbox != self._inbox_seen:
            rows = await connection.rows(_CAME_IDS, floor, self.worker, self._incarnation)
            came = sorted(row[0] for row in rows)
        followed: list[tuple[str, str, bytes]] = []
        if self._followed:
            links, names = zip(*self._followed, strict=True)
            rows = await connection.rows(_FOLLOWED, list(links), list(names))
            followed = [(link, name, value) for link, name, value in rows]
        return Beat(epochs[0][0] if epochs else 0, tuple(siblings), tuple(came), tuple(followed))

    async def _place(self, connection: Connection, item: PlaceItem) -> int:
        given = await connection.rows("SELECT worker FROM handed WHERE exchange_id = $1 AND worker > 0", item.exchange_id)
        if given:
            return int(given[0][0])  # an earlier try, of which nobody heard
        to = self.worker
        for attention, worker in await connection.rows(_CHAIN, item.chain, item.exchange_id):
            to = int(worker) if attention == OPEN else FIRST
        if to == self.worker:
            await connection.rows("DELETE FROM handed WHERE exchange_id = $1", item.exchange_id)
        else:
            await connection.rows(_HAND, item.exchange_id, to)
        return to

    async def _take_over(self, connection: Connection, item: TakeOverItem, floor: int) -> tuple[int | None, list[int]]:
        """No floor where nothing was taken over."""
        sibling = item.sibling.worker
        if not await connection.rows(_SWAP, sibling, item.sibling.incarnation, item.lease_ms):
            return None, []
        theirs = (await connection.rows(_LOWEST, sibling, floor_name(sibling)))[0][0]
        lowest = floor if theirs is None else min(floor, int(theirs))
        came = [row[0] for row in await connection.rows(RECORDED_IDS, lowest, sibling)]
        await connection.rows("UPDATE life SET worker = $2 WHERE worker = $1", sibling, self.worker)
        await connection.rows("UPDATE handed SET worker = $2 WHERE worker = $1", sibling, self.worker)
        await connection.rows("DELETE FROM meta WHERE name = $1", floor_name(sibling))
        await connection.rows("UPDATE meta SET value = least(value, $2) WHERE name = $1", floor_name(self.worker), lowest)
        await connection.rows("UPDATE owner SET inbox = inbox + 1 WHERE worker = $1", self.worker)
        return lowest, came


async def gather(connection: Connection) -> None:
    """There is one worker only: whatever was another's is its own, and no other life writes any more."""
    lowest: list[int] = []
    for (worker,) in await connection.rows("SELECT DISTINCT worker FROM life WHERE worker <> $1", FIRST):
        lowest.append(int((await connection.rows(_LOWEST, worker, floor_name(worker)))[0][0]))
    if lowest:
        await connection.rows("UPDATE meta SET value = least(value, $2) WHERE name = $1", floor_name(FIRST), min(lowest))
    await connection.rows("UPDATE owner SET incarnation = 0, session = session + 1 WHERE worker <> $1", FIRST)
    await connection.rows("UPDATE life SET worker = $1 WHERE worker <> $1", FIRST)
    await connection.rows("DELETE FROM handed")
    await connection.rows(f"DELETE FROM meta WHERE name LIKE '{_FLOOR}:%'")


async def refuse_another_key(connection: Connection, keys: KeyRing, share: Share) -> None:
    """While another worker lives, the journal's key is not changed: it would read and write with the older one. Raises Refused,
    which a start waits for."""
    others = [row for row in await connection.rows(_WORKERS, share.lease_ms) if row[0] != share.worker]
    alive = [row[0] for row in others if row[1] and not row[2]]
    if alive and await current_id(connection) != keys.key_id:
        raise Refused("55006", f"worker {alive[0]} writes with another key: a new key needs a stop of all workers")
