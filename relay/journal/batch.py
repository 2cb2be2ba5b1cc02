"""How a group of records is written inside one transaction.

Owns the order of statements. It must never begin or commit (writer.py does) and never touch the loop. The
order: what was taken, then where it stands, then history; within one group that keeps the order of each exchange, because a
step is given after its take. The trap: a duplicate writes nothing at all, not even its first standing, so who was new is
known before anything else is written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from protocols.vocabulary import MessageClass
from relay.journal.chain import SELECT_CHAIN, Chain, read_chain
from relay.journal.items import (
    EpochItem,
    FindItem,
    Item,
    OutboundStepItem,
    OutboundTakeItem,
    OutboundWrite,
    RevealItem,
    StepItem,
    TakeItem,
    VariableItem,
)
from relay.journal.keyring import KeyRing
from relay.journal.outbound_rows import write_outbound
from relay.journal.port import Existing, JournalFailed
from relay.journal.records import StoredExchange, StoredState, Taken, reverses_whole
from relay.journal.reveal_rows import write_reveals
from relay.journal.rows import (
    INSERT_HISTORY,
    INSERT_TAKEN,
    SELECT_EXCHANGE,
    SELECT_REVERSALS,
    UPSERT_VARIABLE,
    ManyRows,
    Row,
    first_standing_row,
    history_row,
    read_exchange,
    standing_row,
    standing_statements,
    taken_rows,
)

REVERSALS_ASKED_MAX = 128  # keys in one statement


class Group(msgspec.Struct, eq=False):
    """The items of one transaction, sorted by kind, each kind in the order given."""

    takes: list[TakeItem]
    steps: list[StepItem]
    variables: list[VariableItem]
    epochs: list[EpochItem]
    outbound: list[OutboundWrite] = []
    reveals: list[RevealItem] = []

    @classmethod
    def of(cls, items: Sequence[Item]) -> Group:
        group = cls([], [], [], [])
        for item in items:
            kind = type(item)
            if kind is StepItem:
                group.steps.append(item)  # type: ignore[arg-type]  # narrowed by type(), the cheapest test there is
            elif kind is TakeItem:
                group.takes.append(item)  # type: ignore[arg-type]  # as above
            elif isinstance(item, VariableItem):
                group.variables.append(item)
            elif isinstance(item, EpochItem):
                group.epochs.append(item)
            elif isinstance(item, OutboundTakeItem | OutboundStepItem):
                group.outbound.append(item)
            elif isinstance(item, RevealItem):
                group.reveals.append(item)
        return group


def write_group(connection: sqlite3.Connection, group: Group, keys: KeyRing, floor: int) -> tuple[dict[int, int], int]:
    """Write all of `group`; the caller began the transaction and commits it.

    `floor` is the stored floor: no exchange below it is recorded and nothing else. Returns the ids of the takes that were
    new, each with the reversal that overtook it or 0; and the floor, lowered (durably) where a take came in below it.
    Raises sqlite3.Error, OverflowError and UnicodeEncodeError; then nothing of the group may be committed.
    """
    takes = group.takes
    standing: list[Row] = []
    fresh_ids: dict[int, int] = {}
    if takes:
        written = _insert(connection, INSERT_TAKEN, taken_rows([item.record for item in takes], keys))
        fresh = takes if written == len(takes) else [item for item in takes if _is_holder(connection, item.record)]
        asked = [item.record.key for item in fresh if item.record.message_class is MessageClass.FINANCIAL]
        reversals = find_reversals(connection, asked) if asked else {}
        for item in fresh:
            record = item.record
            fresh_ids[record.exchange_id] = reversals.get(record.key, 0)
            if record.state is not StoredState.RECORDED or record.intent is not None:
                row = first_standing_row(record)
                if row is not None:
                    standing.append(row)
        if fresh_ids and min(fresh_ids) < floor:
            floor = min(fresh_ids)
            store_meta(connection, "recorded_floor", floor)
    if group.steps:
        standing += [standing_row(item.record) for item in group.steps]
        lines = [history_row(item.record) for item in group.steps if item.record.history]
    else:
        lines = []
    if standing:
        for sql, cells in standing_statements(standing):
            connection.execute(sql, cells)
    if lines:
        _insert(connection, INSERT_HISTORY, lines)
    if group.variables:
        _write_variables(connection, group.variables)
    if group.outbound:
        write_outbound(connection, group.outbound, keys)
    if group.reveals:
        write_reveals(connection, [item.record for item in group.reveals])
    if group.epochs:
        store_meta(connection, "region_epoch", max(item.epoch for item in group.epochs))
    return fresh_ids, floor


def find(connection: sqlite3.Connection, item: FindItem, keys: KeyRing) -> StoredExchange | Chain | None:
    """Raises sqlite3.Error, and ValueError when a PAN does not decrypt."""
    if item.is_chain:
        return read_chain(connection.execute(SELECT_CHAIN, (item.key, item.key)).fetchall())
    return find_exchange(connection, item.key, keys)


def find_exchange(connection: sqlite3.Connection, key: str, keys: KeyRing) -> StoredExchange | None:
    row = connection.execute(SELECT_EXCHANGE + " WHERE key = ?", (key,)).fetchone()
    return None if row is None else with_reversal(connection, read_exchange(row, keys))


def with_reversal(connection: sqlite3.Connection, stored: StoredExchange) -> StoredExchange:
    """The exchange, with the full reversal of its key where there is one."""
    key = stored.taken.key
    found = find_reversals(connection, [key]) if stored.taken.message_class is MessageClass.FINANCIAL else {}
    return msgspec.structs.replace(stored, reversed_by=found[key]) if found else stored


def find_reversals(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, int]:
    """Key -> exchange id of its full reversal, for those of `keys` that have one. One statement for up to 128 keys, of a few
    lengths only, so that the prepared ones stay few."""
    found: dict[str, int] = {}
    for start in range(0, len(keys), REVERSALS_ASKED_MAX):
        part = list(keys[start : start + REVERSALS_ASKED_MAX])
        part += part[-1:] * ((1 << (len(part) - 1).bit_length()) - len(part))
        sql = SELECT_REVERSALS.format(", ".join("?" * len(part)))
        for key, exchange_id, request in connection.execute(sql, part):
            if reverses_whole(MessageClass.REVERSAL, request):
                found[key] = exchange_id
    return found


def find_result(connection: sqlite3.Connection, key: str, keys: KeyRing) -> Existing | JournalFailed:
    """The answer to a take whose key was there before."""
    found = find_exchange(connection, key, keys)
    return JournalFailed(f"{key} is neither new nor there") if found is None else Existing(found)


def store_meta(connection: sqlite3.Connection, name: str, value: int) -> None:
    connection.execute(
        "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
    )


def load_meta(connection: sqlite3.Connection, name: str) -> int:
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return 0 if row is None else int(row[0])


def _write_variables(connection: sqlite3.Connection, items: list[VariableItem]) -> None:
    """The last word about each name."""
    last = {(item.link_name, item.name): item.value for item in items}
    kept: list[Row] = [(*where, value) for where, value in last.items() if value is not None]
    if kept:
        _insert(connection, UPSERT_VARIABLE, kept)
    for where, value in last.items():
        if value is None:
            connection.execute("DELETE FROM link_variable WHERE link_name = ? AND name = ?", where)


def _insert(connection: sqlite3.Connection, many: ManyRows, rows: list[Row]) -> int:
    written = 0
    for sql, parameters in many.statements(rows):
        written += connection.execute(sql, parameters).rowcount
    return written


def _is_holder(connection: sqlite3.Connection, record: Taken) -> bool:
    row = connection.execute("SELECT exchange_id FROM taken WHERE key = ?", (record.key,)).fetchone()
    return row is not None and bool(row[0] == record.exchange_id)
