"""The journal as people read it: search, one exchange with its history, export, sizes; beside a running daemon.

Owns `JournalReader` and its results. It must never write and never show a PAN unmasked, whatever key it was given. The traps:
evidence and reply texts come from outside, so every text is masked once more on its way out; and a search without a key or a
window walks the whole journal, newest first, so it is always limited.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from protocols.vocabulary import Pan, mask_pan
from relay.errors import JournalUnusable
from relay.journal.audit import FIND_REVEAL, SELECT_NEWEST_REVEALS, StoredReveal, read_reveal
from relay.journal.keyring import KeyRing
from relay.journal.port import NeededKey
from relay.journal.records import HistoryLine, StoredExchange, StoredState
from relay.journal.rows import ARE_LISTED, SELECT_EXCHANGE, SELECT_HISTORY, Cell, read_exchange, read_history
from relay.journal.source import Source, SourceDamaged, damaged, opened
from relay.telemetry.mask import mask_text

SEARCH_COUNT_MAX: Final = 1_000
_PAGE_COUNT: Final = 500
_ABOVE_ALL: Final = (1 << 63) - 1


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for; everything given must hold. Times are UTC epoch milliseconds, `until_ms` not included."""

    key: str | None = None
    terminal: str | None = None
    state: StoredState | None = None
    is_listed: bool | None = None  # waits for a person
    business_date: str | None = None  # YYYY-MM-DD
    kind: str | None = None
    pan: Pan | None = None  # needs the journal's key
    since_ms: int | None = None
    until_ms: int | None = None
    limit: int = 100


class ExchangeView(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange for people: no secret, no raw bytes, the PAN masked (None without the key or after the body window)."""

    exchange_id: int
    key: str
    state: str
    listener: str
    realm: str
    terminal: str
    message_class: str
    kind: str
    policy: str
    amount_minor: int | None
    currency: str
    business_date: str
    pan: str | None
    original_key: str
    verdict: str | None
    code: str | None
    evidence: str | None
    standing_minor: int | None
    tries: int
    epoch: int
    incarnation: int
    recorded_ms: int
    updated_ms: int


class ExchangeDetail(msgspec.Struct, frozen=True):
    exchange: ExchangeView
    history: tuple[HistoryLine, ...]


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    file_bytes: int
    log_bytes: int  # the write-ahead log beside it
    exchange_count: int
    history_count: int
    oldest_ms: int | None
    newest_ms: int | None
    incarnation: int
    epoch: int


class JournalReader:
    """Read-only. Every method raises JournalUnusable when the file turns out to be damaged."""

    def __init__(self, where: str | Source, key: bytes | None = None, older_keys: Sequence[bytes] = ()) -> None:
        """`where` is SQLite's path, or a source of another engine, which is closed with the reader. `key` is the 32-byte
        journal key: without it PANs are not shown even masked, and cannot be searched."""
        self._source, self._keys = opened(where, key, older_keys)

    def close(self) -> None:
        self._source.close()

    def search(self, query: Query) -> list[ExchangeView]:
        """Newest first, at most `query.limit` (and never more than SEARCH_COUNT_MAX)."""
        return [view(stored) for stored in self._walk(query, min(query.limit, SEARCH_COUNT_MAX))]

    def find(self, query: Query) -> list[StoredExchange]:
        """As `search`, for relay/journal/reveal.py: what prints itself masked all the same."""
        return list(self._walk(query, min(query.limit, SEARCH_COUNT_MAX)))

    def show(self, key_or_id: str) -> ExchangeDetail | None:
        """One exchange by its key, or by its number."""
        stored = self.find_one(key_or_id)
        if stored is None:
            return None
        lines = read_history(self._all(SELECT_HISTORY, (stored.taken.exchange_id,)))
        masked = tuple(msgspec.structs.replace(line, detail=mask_text(line.detail)) for line in lines)
        return ExchangeDetail(view(stored), masked)

    def find_one(self, key_or_id: str) -> StoredExchange | None:
        rows = self._all(SELECT_EXCHANGE + " WHERE key = ?", (key_or_id,))
        if not rows and key_or_id.isdecimal() and len(key_or_id) < 19:
            rows = self._all(SELECT_EXCHANGE + " WHERE exchange_id = ?", (int(key_or_id),))
        return self._read(rows[0]) if rows else None

    def reveal(self, token: str) -> StoredReveal | None:
        """The record of a reveal, read back."""
        rows = self._all(FIND_REVEAL, (token,))
        return read_reveal(rows[0]) if rows else None

    def reveals(self, count_max: int) -> list[StoredReveal]:
        """Who was shown card numbers, newest first."""
        return [read_reveal(row) for row in self._all(SELECT_NEWEST_REVEALS, (count_max,))]

    def export(self, query: Query) -> Iterator[bytes]:
        """JSON lines, newest first, without a limit: each an ExchangeView."""
        encoder = msgspec.json.Encoder()
        for stored in self._walk(query, -1):
            yield encoder.encode(view(stored)) + b"\n"

    def sizes(self) -> Sizes:
        count, oldest_ms, newest_ms = self._one("SELECT count(*), min(recorded_ms), max(recorded_ms) FROM taken")
        (history_count,) = self._one("SELECT count(*) FROM history")
        file_bytes, log_bytes = self._source.sizes()
        return Sizes(
            path=self._source.place,
            file_bytes=file_bytes,
            log_bytes=log_bytes,
            exchange_count=count,
            history_count=history_count,
            oldest_ms=oldest_ms,
            newest_ms=newest_ms,
            incarnation=self._meta("incarnation"),
            epoch=self._meta("region_epoch"),
        )

    def key_views(self) -> list[NeededKey]:
        """The keys that were ever used, by id."""
        try:
            mine = self._source.key_id()
        except SourceDamaged as error:
            raise damaged(self._source.place, error) from error
        rows = self._all("SELECT key_id, cleared FROM journal_key ORDER BY key_id")
        archives = dict(self._all("SELECT key_id, count(*) FROM archive GROUP BY key_id"))
        return [NeededKey(key_id, key_id == mine, not cleared, archives.get(key_id, 0)) for key_id, cleared in rows]

    def counts(self) -> dict[str, int]:
        """Exchanges by state."""
        return dict(self._all("SELECT state, count(*) FROM exchange GROUP BY state ORDER BY state"))

    def _walk(self, query: Query, limit: int) -> Iterator[StoredExchange]:
        """Page by page, each a read of its own: a long one would keep the daemon's log from being folded away."""
        where, parameters = _conditions(query, self._keys)
        sql = f"{SELECT_EXCHANGE} WHERE {where} AND exchange_id < ? ORDER BY exchange_id DESC LIMIT ?"
        below = _ABOVE_ALL
        while limit:
            page_count = _PAGE_COUNT if limit < 0 else min(limit, _PAGE_COUNT)
            rows = self._all(sql, (*parameters, below, page_count))
            for row in rows:
                yield self._read(row)
            if len(rows) < page_count:
                return
            below = rows[-1][0]
            if limit > 0:
                limit -= len(rows)

    def _read(self, row: tuple[Any, ...]) -> StoredExchange:
        try:
            return read_exchange(row, self._keys)
        except ValueError as error:
            raise damaged(self._source.place, error) from error

    def _meta(self, name: str) -> int:
        rows = self._all("SELECT value FROM meta WHERE name = ?", (name,))
        return int(rows[0][0]) if rows else 0

    def _all(self, sql: str, parameters: tuple[Cell, ...] = ()) -> list[Any]:
        try:
            return self._source.all(sql, parameters)
        except SourceDamaged as error:
            raise damaged(self._source.place, error) from error

    def _one(self, sql: str) -> Any:
        return self._all(sql)[0]


def view(stored: StoredExchange) -> ExchangeView:
    """What people see of a stored exchange."""
    taken = stored.taken
    return ExchangeView(
        exchange_id=taken.exchange_id,
        key=mask_text(taken.key),
        state=stored.state.value,
        listener=taken.listener,
        realm=taken.realm,
        terminal=taken.terminal,
        message_class=taken.message_class.value,
        kind=taken.kind,
        policy=taken.policy.value,
        amount_minor=taken.amount_minor,
        currency=taken.currency,
        business_date=taken.business_date,
        pan=None if taken.pan is None else mask_pan(taken.pan.reveal()),
        original_key=mask_text(taken.original_key),
        verdict=None if stored.intent is None else stored.intent.verdict.value,
        code=None if stored.intent is None else stored.intent.code,
        evidence=None if stored.outcome is None else _evidence(stored.outcome),
        standing_minor=stored.standing_minor,
        tries=stored.tries,
        epoch=stored.epoch,
        incarnation=taken.incarnation,
        recorded_ms=taken.recorded_ms,
        updated_ms=stored.updated_ms,
    )


def _evidence(packed: bytes) -> str:
    """The packed outcome as JSON text. What packs it sits above the journal, so it is read without knowing its shape."""
    try:
        text = msgspec.json.encode(msgspec.msgpack.decode(packed)).decode()
    except (msgspec.MsgspecError, TypeError):
        return f"{len(packed)} bytes that do not decode"
    return mask_text(text)


def _conditions(query: Query, keys: KeyRing | None) -> tuple[str, tuple[Cell, ...]]:
    tests: list[tuple[str, Cell]] = [
        ("key = ?", query.key),
        ("terminal = ?", query.terminal),
        ("state = ?", None if query.state is None else query.state.value),
        ("business_date = ?", query.business_date),
        ("kind = ?", query.kind),
        ("recorded_ms >= ?", query.since_ms),
        ("recorded_ms < ?", query.until_ms),
    ]
    hashes: list[bytes] = []
    if query.pan is not None:
        if keys is None:
            raise JournalUnusable("A search by PAN needs the journal's key.", "Give the credential of journal.key_credential.")
        hashes = keys.pan_hashes(query.pan)
    given = [(sql, value) for sql, value in tests if value is not None]
    clauses = [sql for sql, _ in given]
    if query.is_listed is not None:  # as it stands, so that it is answered from the index of what is open
        clauses.append(ARE_LISTED if query.is_listed else f"NOT {ARE_LISTED}")
    if hashes:
        clauses.append(f"pan_hash IN ({', '.join('?' * len(hashes))})")
    return " AND ".join(clauses) or "true", (*(value for _, value in given), *hashes)
