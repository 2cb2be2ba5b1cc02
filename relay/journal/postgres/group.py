"""How a group of records is bound: arrays of rows for one call of `write_group`, and what that call says.

Owns the arguments of that function and the reading of exchanges. It must never begin or commit (writer.py does). The trap: one
statement may change a row once only, while a group may hold several steps of one exchange and several values of one link
variable; so they are folded here, in the order given, before they are bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, Final

from msgspec.structs import replace

from protocols.vocabulary import MessageClass
from relay.journal.batch import Group
from relay.journal.chain import SELECT_CHAIN, Chain, read_chain
from relay.journal.items import FindItem, StepItem, VariableItem
from relay.journal.keyring import KeyRing
from relay.journal.port import Existing, JournalFailed
from relay.journal.postgres.door import Connection
from relay.journal.records import StoredExchange, StoredState, Taken, reverses_whole
from relay.journal.rows import (
    LISTED,
    OPEN,
    SELECT_EXCHANGE,
    SELECT_HISTORY,
    Row,
    first_standing_row,
    history_row,
    read_exchange,
    standing_row,
    taken_rows,
)

WRITE_GROUP: Final = "SELECT * FROM write_group($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
STANDING_CELLS: Final = 11
_CHANGED: Final = 4  # cells of a standing row that each step replaces: number, state, attention, time
FIND_EXCHANGE: Final = SELECT_EXCHANGE + " WHERE key = $1"
FIND_BY_ID: Final = SELECT_EXCHANGE + " WHERE exchange_id = $1"
SELECT_HOLDERS: Final = "SELECT key, exchange_id FROM taken WHERE key = ANY ($1)"
SELECT_REVERSALS: Final = (
    "SELECT original_key, exchange_id, request FROM taken WHERE original_key = ANY ($1) AND original_key <> ''"
    f" AND message_class = '{MessageClass.REVERSAL.value}'"
)
SELECT_RECORDED: Final = (  # of the only worker; of several: sharing.py
    "SELECT exchange_id FROM taken AS t WHERE exchange_id >= $1 AND NOT EXISTS"
    " (SELECT 1 FROM standing AS s WHERE s.exchange_id = t.exchange_id AND s.exchange_id >= $1)"
)
# Numbers first, exchanges by their numbers then: of a view and a sub-select the planner makes a walk through everything.
SELECT_OPEN_IDS: Final = f"SELECT exchange_id FROM standing WHERE attention = {OPEN} UNION {SELECT_RECORDED}"
SELECT_LISTED_IDS: Final = f"SELECT exchange_id FROM standing WHERE attention = {LISTED}"
SELECT_BY_IDS: Final = SELECT_EXCHANGE + " WHERE exchange_id = ANY ($1) ORDER BY exchange_id"
IDS_COUNT_MAX: Final = 1_000  # in one statement
SELECT_VARIABLES: Final = "SELECT link_name, name, value FROM link_variable"


def numbered(sql: str) -> str:
    """A statement of the shared ones, its question marks as PostgreSQL wants them. None of them stands in a literal."""
    pieces = sql.split("?")
    numbers = count(1)
    return pieces[0] + "".join(f"${next(numbers)}{piece}" for piece in pieces[1:])


FIND_HISTORY: Final = numbered(SELECT_HISTORY)
FIND_CHAIN: Final = numbered(SELECT_CHAIN)
SELECT_REASONS: Final = (
    "SELECT DISTINCT ON (exchange_id) exchange_id, detail FROM history WHERE exchange_id = ANY ($1) AND detail <> ''"
    " ORDER BY exchange_id, line_id DESC"
)


def arguments(group: Group, keys: KeyRing, floor: int | None) -> list[Any]:
    """The last seven arguments of WRITE_GROUP; `floor` is stored where one is given. Raises UnicodeEncodeError for a record
    that cannot be bound."""
    takes = [item.record for item in group.takes]
    return [
        taken_rows(takes, keys) if takes else [],
        [row for row in map(_first, takes) if row is not None],
        folded_steps(group.steps) if group.steps else [],
        [history_row(item.record) for item in group.steps if item.record.history],
        folded_variables(group.variables) if group.variables else [],
        floor,
        max((item.epoch for item in group.epochs), default=None),
    ]


def _first(record: Taken) -> Row | None:
    if record.state is StoredState.RECORDED and record.intent is None:
        return None
    row = first_standing_row(record)
    return None if row is None else whole(row)


def whole(row: Row) -> Row:
    """A standing row of eight cells or eleven, as one of eleven."""
    return row + (None,) * (STANDING_CELLS - len(row))


def folded_steps(steps: Iterable[StepItem]) -> list[Row]:
    """One row per exchange: the last state and time, and of the rest the last that was given."""
    rows: dict[int, Row] = {}
    for item in steps:
        row = whole(standing_row(item.record))
        before = rows.get(item.record.exchange_id)
        if before is not None:
            kept = zip(row[_CHANGED:], before[_CHANGED:], strict=True)
            row = row[:_CHANGED] + tuple(old if new is None else new for new, old in kept)
        rows[item.record.exchange_id] = row
    return list(rows.values())


def folded_variables(items: Iterable[VariableItem]) -> list[Row]:
    """One row per variable: its last value, NULL where it is forgotten."""
    last = {(item.link_name, item.name): item.value for item in items}
    return [(link_name, name, value) for (link_name, name), value in last.items()]


def fresh_of(rows: Iterable[Any], takes: Sequence[Taken]) -> dict[int, int]:
    """What WRITE_GROUP answered: the numbers that were new, each with the full reversal of its key, 0 for none."""
    fresh: dict[int, int] = {}
    reversals: dict[str, int] = {}
    for new_id, reversed_key, reversal_id, request in rows:
        if new_id is not None:
            fresh[new_id] = 0
        elif reverses_whole(MessageClass.REVERSAL, request):
            reversals[reversed_key] = reversal_id
    if reversals:
        for record in takes:
            if record.exchange_id in fresh and record.message_class is MessageClass.FINANCIAL:
                fresh[record.exchange_id] = reversals.get(record.key, 0)
    return fresh


async def read_fresh(connection: Connection, takes: Sequence[Taken]) -> dict[int, int]:
    """The same, read back after a commit of which nobody heard: whoever holds the key was the one that took it."""
    if not takes:
        return {}
    holders = dict(await connection.rows(SELECT_HOLDERS, [each.key for each in takes]))
    fresh = [each for each in takes if holders.get(each.key) == each.exchange_id]
    reversals = await find_reversals(connection, [t.key for t in fresh if t.message_class is MessageClass.FINANCIAL])
    return {each.exchange_id: reversals.get(each.key, 0) for each in fresh}


async def read_by_ids(connection: Connection, ids_sql: str, keys: KeyRing, *parameters: object) -> list[StoredExchange]:
    """Exchanges whose numbers `ids_sql` finds, oldest first, without their reversals."""
    ids = sorted(row[0] for row in await connection.rows(ids_sql, *parameters))
    found: list[StoredExchange] = []
    for start in range(0, len(ids), IDS_COUNT_MAX):
        rows = await connection.rows(SELECT_BY_IDS, ids[start : start + IDS_COUNT_MAX])
        found += [read_exchange(row, keys) for row in rows]
    return found


async def find_reversals(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    """Key -> exchange id of its full reversal, for those of `keys` that have one."""
    if not keys:
        return {}
    rows = await connection.rows(SELECT_REVERSALS, list(keys))
    return {key: exchange_id for key, exchange_id, request in rows if reverses_whole(MessageClass.REVERSAL, request)}


async def find(connection: Connection, item: FindItem, keys: KeyRing) -> StoredExchange | Chain | None:
    """Raises ValueError when a PAN does not decrypt."""
    if item.is_chain:
        return read_chain(await connection.rows(FIND_CHAIN, item.key, item.key))
    return await find_exchange(connection, item.key, keys)


async def find_exchange(connection: Connection, key: str, keys: KeyRing) -> StoredExchange | None:
    """Raises ValueError when its PAN does not decrypt."""
    rows = await connection.rows(FIND_EXCHANGE, key)
    return (await with_reversals(connection, [read_exchange(rows[0], keys)]))[0] if rows else None


async def find_result(connection: Connection, key: str, keys: KeyRing) -> Existing | JournalFailed:
    """The answer to a take whose key was there before."""
    found = await find_exchange(connection, key, keys)
    return JournalFailed(f"{key} is neither new nor there") if found is None else Existing(found)


async def with_reversals(connection: Connection, found: Sequence[StoredExchange]) -> list[StoredExchange]:
    """Exchanges, each with the full reversal of its key where there is one."""
    asked = [stored.taken.key for stored in found if stored.taken.message_class is MessageClass.FINANCIAL]
    reversals = await find_reversals(connection, asked)
    return [
        replace(stored, reversed_by=reversals[stored.taken.key]) if stored.taken.key in reversals else stored
        for stored in found
    ]
