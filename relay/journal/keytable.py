"""Which keys a journal needs, and whose journal it is: the statements about that, and what is refused.

Owns the table `journal_key`, the names of the current key and the center in `meta`, and the sentences of a refusal. It must
never encrypt. The traps: a new key is taken only together with the one before it, or a mistyped credential would begin a
journal that nobody can read whole; and a key may be dropped only when a walk over everything found nothing that names it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from relay.errors import JournalUnusable
from relay.journal.keyring import KeyRing
from relay.journal.port import NeededKey

RESTORE = 'Keep the file, never start on an older backup, and follow the runbook\'s "Restore after a journal failure".'
_KEYS = (  # with the archives that cannot be read without them
    "SELECT key_id, cleared, (SELECT count(*) FROM archive WHERE archive.key_id = journal_key.key_id)"
    " FROM journal_key ORDER BY key_id"
)


class Identity(msgspec.Struct, frozen=True):
    """Whose journal it is. Another center's has keys, serials and numbers that are not ours to go on with."""

    center: str
    realm: str

    def __str__(self) -> str:
        return f"center {self.center}, realm {self.realm}"


def current_id(connection: sqlite3.Connection) -> str | None:
    """The id of the key that the journal writes with; None for a journal without one yet."""
    found = connection.execute("SELECT value FROM meta WHERE name = 'key_id'").fetchone()
    return None if found is None else str(found[0])


def needed_ids(connection: sqlite3.Connection) -> list[str]:
    """The keys that a row may name: the current one, and older ones until a rekey is done."""
    return [row[0] for row in connection.execute("SELECT key_id FROM journal_key WHERE NOT cleared ORDER BY key_id")]


def needed_rows(connection: sqlite3.Connection) -> list[tuple[str, bytes]]:
    """Ids and check values of the keys that a row or an archive may name."""
    return connection.execute("SELECT key_id, check_value FROM journal_key WHERE NOT cleared").fetchall()


def key_rows(connection: sqlite3.Connection) -> list[NeededKey]:
    """Every key that the journal ever had, by id."""
    mine = current_id(connection)
    rows = connection.execute(_KEYS)
    return [NeededKey(key_id, key_id == mine, not cleared, archives) for key_id, cleared, archives in rows]


def settle_keys(connection: sqlite3.Connection, path: str, ring: KeyRing) -> None:
    """At the start of a relay: prove the keys, and take a new current key into use. Raises JournalUnusable."""
    if current_id(connection) is not None:
        prove_keys(connection, path, ring)
    if current_id(connection) != ring.key_id:
        connection.execute("BEGIN IMMEDIATE")
        switch_key(connection, ring)
        connection.execute("COMMIT")
    _adopt_fingerprints(connection, path, ring)


def switch_key(connection: sqlite3.Connection, ring: KeyRing) -> None:
    """Make the ring's current key the journal's; the caller began the transaction and commits it."""
    owner = current_id(connection)
    if owner is not None:
        ring.adopt_fingerprints(owner, _sealed_fingerprints(connection))
        _store(connection, "fingerprint_secret", ring.sealed_fingerprints())
    _store(connection, "key_check", ring.check)
    _store(connection, "key_id", ring.key_id)
    connection.execute(
        "INSERT INTO journal_key VALUES (?, ?, 0) ON CONFLICT (key_id) DO UPDATE SET cleared = 0", (ring.key_id, ring.check)
    )


def prove_keys(connection: sqlite3.Connection, path: str, ring: KeyRing) -> None:
    """Raises JournalUnusable unless the ring has every key that the journal needs, and when it is too damaged to tell."""
    found = dict(connection.execute("SELECT name, value FROM meta WHERE name IN ('key_check', 'key_id')").fetchall())
    if not found:
        raise JournalUnusable(f"The journal {path} is damaged: it names no key.", RESTORE)
    wanted = {found.get("key_id"): found.get("key_check")}
    wanted |= dict(connection.execute("SELECT key_id, check_value FROM journal_key WHERE NOT cleared").fetchall())
    refuse_missing(path, list(wanted.items()), ring)


def refuse_missing(place: str, wanted: Iterable[tuple[object, object]], ring: KeyRing) -> None:
    """`wanted` are the ids and check values of the keys that the journal needs. Raises JournalUnusable for one not there."""
    missing = {str(key_id) for key_id, check in wanted if not isinstance(key_id, str) or ring.check_of(key_id) != check}
    if missing:
        given = ", ".join(ring.key_ids)
        raise JournalUnusable(
            f"The journal {place} was written with key {', '.join(sorted(missing))}; the key given is {given}.",
            "Give the relay the journal's own key (journal.key_credential), and after a change of keys the older ones"
            " beside it (journal.older_key_credentials) until `relay journal keys` says that no row needs them.",
        )


def clear_keys(connection: sqlite3.Connection) -> list[str]:
    """After a walk that left nothing under an older key: those may be dropped from now on. Returns their ids."""
    mine = current_id(connection)
    cleared = [key_id for key_id in needed_ids(connection) if key_id != mine]
    connection.execute("UPDATE journal_key SET cleared = 1 WHERE key_id <> ?", (mine,))
    return cleared


def prove_identity(connection: sqlite3.Connection, path: str, mine: Identity) -> None:
    """Raises JournalUnusable for another center's journal. One that names nobody becomes ours."""
    found = identity_of(connection)
    if found is None:
        store_identity(connection, mine)
    elif found != mine:
        raise refuse_other(path, found, mine)


def refuse_other(place: str, found: Identity | None, mine: Identity) -> JournalUnusable:
    """What is said about another center's journal."""
    return JournalUnusable(
        f"The journal {place} belongs to another relay ({found}); this one is {mine}.",
        "Point journal.path (or journal.dsn and schema_name) at this relay's own journal. If this relay is to go on with that"
        " one, and the other will never run again: relay journal adopt --who NAME --why REASON.",
    )


def identity_of(connection: sqlite3.Connection) -> Identity | None:
    found = dict(connection.execute("SELECT name, value FROM meta WHERE name IN ('center', 'realm')").fetchall())
    return Identity(str(found["center"]), str(found["realm"])) if len(found) == 2 else None


def store_identity(connection: sqlite3.Connection, identity: Identity) -> None:
    """Both names or neither, durable when it returns."""
    connection.execute("BEGIN IMMEDIATE")
    _store(connection, "center", identity.center)
    _store(connection, "realm", identity.realm)
    connection.execute("COMMIT")


def _adopt_fingerprints(connection: sqlite3.Connection, path: str, ring: KeyRing) -> None:
    try:
        ring.adopt_fingerprints(ring.key_id, _sealed_fingerprints(connection))
    except ValueError:
        raise JournalUnusable(
            f"The journal {path} is damaged: the secret of its fingerprints does not decrypt.", RESTORE
        ) from None


def _sealed_fingerprints(connection: sqlite3.Connection) -> bytes | None:
    found = connection.execute("SELECT value FROM meta WHERE name = 'fingerprint_secret'").fetchone()
    return None if found is None else bytes(found[0])


def _store(connection: sqlite3.Connection, name: str, value: str | bytes) -> None:
    connection.execute(
        "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
    )
