"""What a journal says about its keys and its owner, and what is refused; the rest is in test_rekey.py."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from relay.errors import JournalUnusable
from relay.journal import schema
from relay.journal.keyring import KeyRing
from relay.journal.keytable import (
    Identity,
    clear_keys,
    current_id,
    identity_of,
    needed_ids,
    prove_identity,
    prove_keys,
    settle_keys,
)

OLD, NEW = b"o" * 32, b"n" * 32


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for script in schema.migrations():
        connection.executescript(script)
    settle_keys(connection, "j", KeyRing(OLD))
    yield connection
    connection.close()


def test_a_key_is_needed_until_it_is_cleared_and_again_when_it_comes_back(connection: sqlite3.Connection) -> None:
    old, new = KeyRing(OLD), KeyRing(NEW, [OLD])
    settle_keys(connection, "j", new)
    assert current_id(connection) == new.key_id
    assert needed_ids(connection) == sorted([old.key_id, new.key_id])
    assert clear_keys(connection) == [old.key_id]
    prove_keys(connection, "j", KeyRing(NEW))
    settle_keys(connection, "j", KeyRing(OLD, [NEW]))
    assert needed_ids(connection) == sorted([old.key_id, new.key_id])


def test_another_key_under_the_same_id_is_no_key_of_the_journal(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE journal_key SET check_value = zeroblob(32)")
    with pytest.raises(JournalUnusable, match=KeyRing(OLD).key_id):
        prove_keys(connection, "j", KeyRing(OLD))


def test_a_fingerprint_secret_that_was_changed_is_damage(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO meta VALUES ('fingerprint_secret', zeroblob(64))")
    with pytest.raises(JournalUnusable, match="fingerprints does not decrypt"):
        settle_keys(connection, "j", KeyRing(OLD))


def test_a_journal_of_nobody_becomes_ours_and_stays_so(connection: sqlite3.Connection) -> None:
    mine = Identity("tokyo", "bank")
    assert identity_of(connection) is None
    prove_identity(connection, "j", mine)
    prove_identity(connection, "j", mine)
    with pytest.raises(JournalUnusable, match="belongs to another relay"):
        prove_identity(connection, "j", Identity("tokyo", "other"))
    assert identity_of(connection) == mine
