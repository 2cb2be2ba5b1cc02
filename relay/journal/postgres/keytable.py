"""Which keys a journal on PostgreSQL needs, and whose it is: the statements; relay/journal/keytable.py says what is refused.

Owns the tables `journal_key`, `key_check` and `identity`. It must never encrypt. The trap: what another relay may still be
writing with is not changed before the journal's lock is ours; and a new key is named in the journal before the first row that
names it, so that no promoted server can have such a row without its key.
"""

from __future__ import annotations

from relay.errors import JournalUnusable
from relay.journal.keyring import KeyRing
from relay.journal.keytable import RESTORE, Identity, refuse_missing, refuse_other
from relay.journal.port import NeededKey
from relay.journal.postgres.door import BadRecord, Connection, Refused
from relay.journal.rekey import prove_proposed

_FIRST = (
    "WITH k AS (INSERT INTO key_check (only_one, key_check, key_id) VALUES (true, $1, $2)"
    " ON CONFLICT (only_one) DO NOTHING RETURNING key_id, key_check)"
    " INSERT INTO journal_key SELECT key_id, key_check, false FROM k ON CONFLICT (key_id) DO NOTHING"
)
_SWITCH = "UPDATE key_check SET key_check = $1, key_id = $2, fingerprint_secret = $3"
_NAME = (
    "INSERT INTO journal_key VALUES ($1, $2, false)"
    " ON CONFLICT (key_id) DO UPDATE SET cleared = false, check_value = excluded.check_value"
)
_KEYS = (  # with the archives that cannot be read without them
    "SELECT key_id, cleared, (SELECT count(*) FROM archive WHERE archive.key_id = journal_key.key_id)"
    " FROM journal_key ORDER BY key_id"
)


async def begin_keys(connection: Connection, schema: str, ring: KeyRing, identity: Identity | None) -> None:
    """Before the lock: a new journal gets its first key; keys and owner of an older one are proven. Raises JournalUnusable."""
    await connection.rows(_FIRST, ring.check, ring.key_id)
    await prove_keys(connection, schema, ring)
    found = await identity_of(connection)
    if identity is not None and found is not None and found != identity:
        raise refuse_other(schema, found, identity)


async def settle_keys(connection: Connection, schema: str, ring: KeyRing, identity: Identity | None) -> None:
    """Under the lock: name the owner of a journal that has none, take a new key into use, and fingerprint as it always did.

    Raises JournalUnusable.
    """
    await connection.run("BEGIN")
    try:
        if identity is not None:
            await connection.rows(
                "INSERT INTO identity VALUES (true, $1, $2) ON CONFLICT (only_one) DO NOTHING", identity.center, identity.realm
            )
        (owner_id, sealed), *_ = await connection.rows("SELECT key_id, fingerprint_secret FROM key_check")
        ring.adopt_fingerprints(owner_id, sealed)
        if owner_id != ring.key_id:
            await _switch(connection, ring)
        await connection.run("COMMIT")
    except (Refused, BadRecord):
        await connection.run("ROLLBACK")
        raise
    except (ValueError, KeyError):
        await connection.run("ROLLBACK")
        raise JournalUnusable(
            f"The journal {schema} is damaged: the secret of its fingerprints does not decrypt.", RESTORE
        ) from None
    if identity is not None and await identity_of(connection) != identity:  # somebody was faster between proof and lock
        raise refuse_other(schema, await identity_of(connection), identity)


async def take_proposed(connection: Connection, keys: KeyRing) -> None:
    """As relay/journal/rekey.py's: the proposed key becomes the journal's once the caller's transaction commits."""
    ring = keys.proposed
    if ring is None:
        raise ValueError("no key is proposed")
    rows = await connection.rows("SELECT key_id, check_value FROM journal_key WHERE NOT cleared")
    prove_proposed([(row[0], row[1]) for row in rows], ring)
    (owner_id, sealed), *_ = await connection.rows("SELECT key_id, fingerprint_secret FROM key_check")
    if owner_id != ring.key_id:
        ring.adopt_fingerprints(owner_id, sealed)
        await _switch(connection, ring)


async def _switch(connection: Connection, ring: KeyRing) -> None:
    await connection.rows(_SWITCH, ring.check, ring.key_id, ring.sealed_fingerprints())
    await connection.rows(_NAME, ring.key_id, ring.check)


async def key_rows(connection: Connection) -> list[NeededKey]:
    """Every key that the journal ever had, by id."""
    mine = await current_id(connection)
    rows = await connection.rows(_KEYS)
    return [NeededKey(key_id, key_id == mine, not cleared, archives) for key_id, cleared, archives in rows]


async def current_id(connection: Connection) -> str:
    """Of the key that the journal writes with."""
    return str((await connection.rows("SELECT key_id FROM key_check"))[0][0])


async def prove_keys(connection: Connection, schema: str, ring: KeyRing) -> None:
    """Raises JournalUnusable unless the ring has every key that the journal needs, and when it names none."""
    rows = await connection.rows("SELECT key_id, key_check FROM key_check")
    if not rows:
        raise JournalUnusable(f"The journal {schema} is damaged: it names no key.", RESTORE)
    rows += await connection.rows("SELECT key_id, check_value FROM journal_key WHERE NOT cleared")
    refuse_missing(schema, [(row[0], row[1]) for row in rows], ring)


async def identity_of(connection: Connection) -> Identity | None:
    rows = await connection.rows("SELECT center, realm FROM identity")
    return Identity(rows[0][0], rows[0][1]) if rows else None


async def needed_count(connection: Connection) -> int:
    """How many keys a row may name: more than one until a rekey is done."""
    return int((await connection.rows("SELECT count(*) FROM journal_key WHERE NOT cleared"))[0][0])


async def clear_keys(connection: Connection) -> None:
    """After a walk that left nothing under an older key: those may be dropped from now on."""
    await connection.rows("UPDATE journal_key SET cleared = true WHERE key_id <> (SELECT key_id FROM key_check)")
