"""Records to rows and rows to records: the one place that knows the order of the columns.

Owns the statements of the hot path and their tuples. Pure but for the keys' entropy. The traps: sqlite3 gives the
interpreter lock back and takes it again around every step of a statement, and each taking may wait for the loop; so a
group is written by statements of many rows (a power of two, to keep the prepared ones few), not row by row. And to bind
`bytes` or None it first looks for an adapter in vain, at three times the cost of a `bytearray`; hence those, and hence a
shorter row for the happy path. And SQLite takes the index of what is open only where `attention > 0` stands literally in the
question: that `attention = 1` implies it, it does not see, and then it walks through every exchange there ever was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import Any, Final

from protocols.vocabulary import DoubtPolicy, MessageClass, Pan, Verdict
from relay.journal.keyring import KeyRing
from relay.journal.records import LISTED_STATES, OPEN_STATES, HistoryLine, Intent, Step, StoredExchange, StoredState, Taken

Cell = int | str | bytes | bytearray | None
Row = tuple[Cell, ...]

CLOSED, OPEN, LISTED = 0, 1, 2
_STATE: Final[dict[StoredState, tuple[str, int]]] = {
    state: (state.value, LISTED if state in LISTED_STATES else OPEN if state in OPEN_STATES else CLOSED)
    for state in StoredState
}
_VERDICT: Final = {verdict: verdict.value for verdict in Verdict}
_CLASS: Final = {each: each.value for each in MessageClass}
_POLICY: Final = {policy: policy.value for policy in DoubtPolicy}

_TAKEN_COLUMNS = (
    "exchange_id, key, listener, realm, terminal, message_class, kind, policy, fingerprint, recorded_ms, request, pan, "
    "pan_hash, amount_minor, currency, business_date, original_key, epoch, incarnation"
)
_ANSWER_COLUMNS = "exchange_id, state, attention, updated_ms, verdict, code, data, epoch"
_ANSWER_CELLS = 8
_STANDING_COLUMNS = _ANSWER_COLUMNS + ", outcome, standing_minor, tries"
_ANSWER_UPSERT = (
    " ON CONFLICT (exchange_id) DO UPDATE SET state = excluded.state, attention = excluded.attention,"
    " updated_ms = excluded.updated_ms, verdict = coalesce(excluded.verdict, verdict), code = coalesce(excluded.code, code),"
    " data = coalesce(excluded.data, data), epoch = coalesce(excluded.epoch, epoch)"
)
_STANDING_UPSERT = _ANSWER_UPSERT + (
    ", outcome = coalesce(excluded.outcome, outcome), standing_minor = coalesce(excluded.standing_minor, standing_minor),"
    " tries = coalesce(excluded.tries, tries)"
)
SELECT_EXCHANGE = (
    f"SELECT {_TAKEN_COLUMNS}, state, updated_ms, verdict, code, data, outcome, standing_minor, tries, epoch_now FROM exchange"
)
SELECT_OPEN = f"""{SELECT_EXCHANGE} WHERE exchange_id IN (
    SELECT exchange_id FROM standing WHERE attention > 0 AND attention = {OPEN}
    UNION
    SELECT exchange_id FROM taken AS t WHERE exchange_id >= ?
        AND NOT EXISTS (SELECT 1 FROM standing AS s WHERE s.exchange_id = t.exchange_id)
) ORDER BY exchange_id"""
ARE_LISTED = f"exchange_id IN (SELECT exchange_id FROM standing WHERE attention > 0 AND attention = {LISTED})"
SELECT_LISTED = f"{SELECT_EXCHANGE} WHERE {ARE_LISTED} ORDER BY exchange_id"
SELECT_REVERSALS = (
    "SELECT original_key, exchange_id, request FROM taken"
    f" WHERE original_key <> '' AND message_class = '{MessageClass.REVERSAL.value}' AND original_key IN ({{}})"
)
SELECT_REASON = "SELECT detail FROM history WHERE exchange_id = ? AND detail <> '' ORDER BY line_id DESC LIMIT 1"
SELECT_HISTORY = "SELECT exchange_id, at_ms, event, state, detail FROM history WHERE exchange_id = ? ORDER BY line_id"


class ManyRows:
    """An INSERT of up to 128 rows at a time. `statements()` yields (sql, flat parameters) for any number of rows."""

    __slots__ = ("_sql",)

    _LARGEST_POWER = 7

    def __init__(self, head: str, columns: str, tail: str = "") -> None:
        one = "(" + ", ".join("?" * (columns.count(",") + 1)) + ")"
        self._sql = [
            f"{head} ({columns}) VALUES {', '.join([one] * (1 << power))}{tail}" for power in range(self._LARGEST_POWER + 1)
        ]

    def statements(self, rows: Sequence[Row]) -> Iterator[tuple[str, list[Cell]]]:
        start, count = 0, len(rows)
        while start < count:
            power = min((count - start).bit_length() - 1, self._LARGEST_POWER)
            end = start + (1 << power)
            yield self._sql[power], list(chain.from_iterable(rows[start:end]))
            start = end


INSERT_TAKEN = ManyRows("INSERT INTO taken", _TAKEN_COLUMNS, " ON CONFLICT (key) DO NOTHING")
_UPSERT_STANDING = ManyRows("INSERT INTO standing", _STANDING_COLUMNS, _STANDING_UPSERT)
_UPSERT_ANSWER = ManyRows("INSERT INTO standing", _ANSWER_COLUMNS, _ANSWER_UPSERT)
INSERT_HISTORY = ManyRows("INSERT INTO history", "exchange_id, at_ms, event, state, detail")
UPSERT_VARIABLE = ManyRows(
    "INSERT INTO link_variable", "link_name, name, value", " ON CONFLICT (link_name, name) DO UPDATE SET value = excluded.value"
)


def taken_rows(records: Sequence[Taken], keys: KeyRing) -> list[Row]:
    """One row each, PANs sealed."""
    nonces = iter(keys.nonces(sum(1 for record in records if record.pan is not None)))
    return [_taken_row(record, keys, nonces) for record in records]


def _taken_row(t: Taken, keys: KeyRing, nonces: Iterator[bytes]) -> Row:
    pan = t.pan
    return (
        t.exchange_id,
        t.key,
        t.listener,
        t.realm,
        t.terminal,
        _CLASS[t.message_class],
        t.kind,
        _POLICY[t.policy],
        bytearray(t.fingerprint),
        t.recorded_ms,
        bytearray(t.request),
        None if pan is None else bytearray(keys.seal(pan, t.key, next(nonces))),
        None if pan is None else bytearray(keys.pan_hash(pan)),
        t.amount_minor,
        t.currency,
        t.business_date,
        t.original_key,
        t.epoch,
        t.incarnation,
    )


def first_standing_row(t: Taken) -> Row | None:
    """Where an exchange stands from the moment it is taken; None for the usual case, recorded and nothing else."""
    intent = t.intent
    if intent is None:
        if t.state is StoredState.RECORDED:
            return None
        return (t.exchange_id, *_STATE[t.state], t.recorded_ms, None, None, None, None, None, None, None)
    return (t.exchange_id, *_STATE[t.state], t.recorded_ms, _VERDICT[intent.verdict], intent.code, bytearray(intent.data), None)


def standing_row(s: Step) -> Row:
    """Eight cells where a step only answers, as on the happy path; else eleven."""
    text, attention = _STATE[s.state]
    intent = s.intent
    if intent is None:
        verdict = code = data = None
    else:
        verdict, code, data = _VERDICT[intent.verdict], intent.code, bytearray(intent.data)
        if s.outcome is None and s.standing_minor is None and s.tries is None:
            return (s.exchange_id, text, attention, s.at_ms, verdict, code, data, s.epoch)
    return (
        s.exchange_id,
        text,
        attention,
        s.at_ms,
        verdict,
        code,
        data,
        s.epoch,
        s.outcome,
        s.standing_minor,
        s.tries,
    )


def standing_statements(rows: Iterable[Row]) -> Iterator[tuple[str, list[Cell]]]:
    """Statements for standing rows of either shape, in the order given."""
    for cell_count, alike in groupby(rows, len):
        many = _UPSERT_ANSWER if cell_count == _ANSWER_CELLS else _UPSERT_STANDING
        yield from many.statements(list(alike))


def history_row(s: Step) -> Row:
    return (s.exchange_id, s.at_ms, s.event, _STATE[s.state][0], s.detail)


def read_exchange(row: tuple[Any, ...], keys: KeyRing | None) -> StoredExchange:
    """One row of SELECT_EXCHANGE. The state and intent inside `taken` are where it stands now, as those beside it.

    Without keys the PAN stays sealed and reads as None. Raises ValueError when the PAN does not decrypt.
    """
    key, sealed = row[1], row[11]
    pan: Pan | None = None
    if sealed is not None and keys is not None:
        pan = keys.open(sealed, key)
    state = StoredState(row[19])
    verdict = row[21]
    intent = None if verdict is None else Intent(Verdict(verdict), row[22], row[23])
    taken = Taken(
        exchange_id=row[0],
        key=key,
        listener=row[2],
        realm=row[3],
        terminal=row[4],
        message_class=MessageClass(row[5]),
        kind=row[6],
        policy=DoubtPolicy(row[7]),
        fingerprint=row[8],
        recorded_ms=row[9],
        request=row[10],
        pan=pan,
        amount_minor=row[13],
        currency=row[14],
        business_date=row[15],
        original_key=row[16],
        epoch=row[17],
        incarnation=row[18],
        state=state,
        intent=intent,
    )
    return StoredExchange(
        taken=taken,
        state=state,
        intent=intent,
        outcome=row[24],
        standing_minor=row[25],
        tries=row[26],
        epoch=row[27],
        updated_ms=row[20],
    )


def read_history(rows: Iterable[tuple[Any, ...]]) -> list[HistoryLine]:
    return [HistoryLine(row[0], row[1], row[2], StoredState(row[3]), row[4]) for row in rows]
