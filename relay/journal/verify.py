"""Is this journal whole, and does it mean anything: the check behind `relay journal verify`.

Owns the list of what must hold in every journal. It must never write or repair. The trap: a daemon
may run meanwhile and move an exchange between two questions, so each question is one statement, true or false by itself, and
no read is longer than it must be: while one lasts, the daemon's write-ahead log grows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from relay.journal.keyring import KEY_ID_BYTES, KeyRing
from relay.journal.outbound import OutboundState
from relay.journal.records import LISTED_STATES, OPEN_STATES, StoredState, unpack_request
from relay.journal.rows import CLOSED, LISTED, OPEN
from relay.journal.source import PROBLEM_COUNT_MAX, Source, SourceDamaged, opened

_EXAMPLES: Final = 3
_PAGE_COUNT: Final = 500


class KeyUse(msgspec.Struct, frozen=True, kw_only=True):
    """A key of the journal and how many stored secrets name it; the last one may be those from before keys had names."""

    key_id: str  # "" for secrets that name no key of this journal
    is_current: bool
    is_needed: bool
    count: int


class Verification(msgspec.Struct, frozen=True):
    """`problems` is empty for a sound journal. `counts` holds exchanges by state."""

    problems: tuple[str, ...]
    counts: dict[str, int]
    exchange_count: int
    pan_count: int  # PANs decrypted; 0 without the key
    keys: tuple[KeyUse, ...] = ()
    notes: tuple[str, ...] = ()  # worth knowing, and nothing wrong

    @property
    def is_sound(self) -> bool:
        return not self.problems


def _in(states: frozenset[StoredState] | set[StoredState]) -> str:
    return "(" + ", ".join(f"'{state.value}'" for state in sorted(states)) + ")"


# What must hold, as a question for the exchanges that break it.
_INVARIANTS: Final = (
    ("in a state that does not exist", f"SELECT exchange_id FROM standing WHERE state NOT IN {_in(set(StoredState))}"),
    (
        "open, closed or listed by its state and something else by its mark",
        f"SELECT exchange_id FROM standing WHERE attention <> CASE WHEN state IN {_in(LISTED_STATES)} THEN {LISTED}"
        f" WHEN state IN {_in(OPEN_STATES)} THEN {OPEN} ELSE {CLOSED} END",
    ),
    (
        "with half a reply intent",
        "SELECT exchange_id FROM standing WHERE (verdict IS NULL) <> (code IS NULL) OR (code IS NULL) <> (data IS NULL)",
    ),
    (
        "answered without a reply intent",
        "SELECT exchange_id FROM standing WHERE state IN ('answered', 'awaiting-completion') AND verdict IS NULL",
    ),
    (
        "recorded and overlooked by recovery",
        "SELECT exchange_id FROM taken AS t WHERE exchange_id < (SELECT min(value) FROM meta"
        " WHERE name LIKE 'recorded_floor%')"
        " AND NOT EXISTS (SELECT 1 FROM standing AS s WHERE s.exchange_id = t.exchange_id)",
    ),
    (
        "taken by an incarnation that never was",
        "SELECT exchange_id FROM taken WHERE incarnation > (SELECT value FROM meta WHERE name = 'incarnation')",
    ),
    ("with a negative amount", "SELECT exchange_id FROM taken WHERE amount_minor < 0"),
    (
        "with history that belongs to nothing",
        "SELECT DISTINCT exchange_id FROM history WHERE exchange_id NOT IN (SELECT exchange_id FROM taken)",
    ),
    (
        "standing without having been taken",
        "SELECT exchange_id FROM standing WHERE exchange_id NOT IN (SELECT exchange_id FROM taken)",
    ),
)


def verify(where: str | Source, key: bytes | None = None, older_keys: Sequence[bytes] = ()) -> Verification:
    """Read everything once: pages and indexes, what must hold, every stored request, and with `key` every PAN.

    `where` is SQLite's path, or a source of another engine, which is closed at the end. Takes as long as reading the journal.
    Raises JournalUnusable when it cannot be opened at all.
    """
    source, keys = opened(where, key, older_keys)
    problems: list[str] = []
    counts: dict[str, int] = {}
    notes: list[str] = []
    exchange_count = pan_count = 0
    key_uses: tuple[KeyUse, ...] = ()
    try:
        notes = source.notes()
        problems += [f"file: {verdict}" for verdict in source.check()]
        for what, sql in _INVARIANTS:
            broken = [row[0] for row in source.all(sql)]
            if broken:
                examples = ", ".join(map(str, broken[:_EXAMPLES]))
                problems.append(f"{len(broken)} {'exchange' if len(broken) == 1 else 'exchanges'} {what}: {examples}")
        counts = dict(source.all("SELECT state, count(*) FROM exchange GROUP BY state ORDER BY state"))
        exchange_count = sum(counts.values())
        mine = source.key_id()
        known = {row[0]: not row[1] for row in source.all("SELECT key_id, cleared FROM journal_key ORDER BY key_id")}
        uses = dict.fromkeys(known, 0)
        pan_count = _read_bodies(source, keys, problems, uses)
        problems += _outbound_problems(source, keys, uses)
        key_uses = tuple(
            KeyUse(key_id=each, is_current=each == mine, is_needed=known.get(each, True), count=number)
            for each, number in uses.items()
        )
        problems += [
            f"{each.count} stored secrets name the key {each.key_id}, which was let go"
            for each in key_uses
            if each.count and not each.is_needed
        ]
    except SourceDamaged as error:
        problems.append(f"file: {error}")
    finally:
        source.close()
    return Verification(tuple(problems[:PROBLEM_COUNT_MAX]), counts, exchange_count, pan_count, key_uses, tuple(notes))


def _note(uses: dict[str, int], sealed: bytes) -> None:
    named = bytes(sealed[:KEY_ID_BYTES]).hex()
    name = named if named in uses else ""
    uses[name] = uses.get(name, 0) + 1


def _read_bodies(source: Source, keys: KeyRing | None, problems: list[str], uses: dict[str, int]) -> int:
    pan_count = 0
    for exchange_id, exchange_key, request, sealed in _bodies(source):
        if request:
            try:
                unpack_request(exchange_key, request, None)
            except (msgspec.MsgspecError, ValueError):
                problems.append(f"exchange {exchange_id}: its request does not unpack")
        if sealed is not None:
            _note(uses, sealed)
        if sealed is not None and keys is not None:
            try:
                keys.open(sealed, exchange_key)
                pan_count += 1
            except ValueError as error:
                problems.append(f"exchange {exchange_id}: {error}")
        if len(problems) > PROBLEM_COUNT_MAX:
            break
    return pan_count


def _outbound_problems(source: Source, keys: KeyRing | None, uses: dict[str, int]) -> Iterator[str]:
    """What is wrong with messages that the core started."""
    known = {state.value for state in OutboundState}
    last = -1
    while True:
        rows = source.all(
            "SELECT outbound_id, key, body, state, reported FROM outbound WHERE outbound_id > ? ORDER BY outbound_id LIMIT ?",
            (last, _PAGE_COUNT),
        )
        for outbound_id, key, sealed, state, reported in rows:
            if state not in known or reported not in known | {""}:
                yield f"outbound message {outbound_id}: in a state that does not exist"
            if sealed:
                _note(uses, sealed)
            if sealed and keys is not None:
                try:
                    keys.open_body(sealed, key)
                except ValueError as error:
                    yield f"outbound message {outbound_id}: {error}"
        if len(rows) < _PAGE_COUNT:
            return
        last = rows[-1][0]


def _bodies(source: Source) -> Iterator[tuple[int, str, bytes, bytes | None]]:
    last = -1
    while True:
        rows = source.all(
            "SELECT exchange_id, key, request, pan FROM taken WHERE exchange_id > ? ORDER BY exchange_id LIMIT ?",
            (last, _PAGE_COUNT),
        )
        yield from rows
        if len(rows) < _PAGE_COUNT:
            return
        last = rows[-1][0]
