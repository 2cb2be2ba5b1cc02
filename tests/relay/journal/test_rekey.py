"""A change of keys: older ones read, rows are sealed anew in slices, and a key is let go only when no row needs it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from relay.errors import JournalUnusable
from relay.journal.adopt import adopt
from relay.journal.items import RekeyItem
from relay.journal.keyring import KeyRing
from relay.journal.keytable import Identity
from relay.journal.reader import JournalReader, Query
from relay.journal.rekey import SLICE_COUNT_MAX, rekey_slice, take_proposed
from relay.journal.sqlite import SqliteJournal
from relay.journal.verify import verify
from relay.settings import JournalSettings
from tests.support.journal_suite import PAN, taken
from tests.support.sqliterig import KEY, SqliteRig

NEW = b"n" * 32
COUNT = 8 * SLICE_COUNT_MAX + 7


@pytest.fixture
def rig(tmp_path: Path) -> SqliteRig:
    """A closed journal under the old key."""
    rig = SqliteRig(tmp_path)
    for number in range(COUNT):
        rig.journal.take(taken(rig.journal, f"k{number}", request=b""), lambda _: None)
    rig.settle()
    rig.end()
    return rig


def opened(rig: SqliteRig, key: bytes, *older: bytes, identity: Identity | None = None) -> SqliteJournal:
    rig.journal = SqliteJournal.open(
        JournalSettings(path=str(rig.path)),
        key,
        call_soon_threadsafe=rig.loop.call_soon_threadsafe,
        clock=rig.clock,
        metrics=rig.metrics,
        older_keys=older,
        identity=identity,
    )
    return rig.journal


def needed(rig: SqliteRig) -> list[str]:
    reader = JournalReader(str(rig.path))
    try:
        return [each.key_id for each in reader.key_views() if each.is_needed]
    finally:
        reader.close()


def found(rig: SqliteRig, key: bytes, *older: bytes) -> int:
    reader = JournalReader(str(rig.path), key, older)
    try:
        return len(reader.search(Query(pan=PAN, limit=1_000)))
    finally:
        reader.close()


def test_rows_are_sealed_anew_and_the_old_key_is_let_go(rig: SqliteRig) -> None:
    before = KeyRing(KEY).fingerprint("text")
    journal = opened(rig, NEW, KEY)
    assert journal.fingerprint("text") == before, "or a repeat of before would be refused as another message"
    assert len(needed(rig)) == 2
    assert found(rig, NEW, KEY) == COUNT, "found while rows name the old key"
    results: list[object] = []
    journal.rekey(results.append)
    rig.settle()
    assert results == [COUNT]
    rig.end()
    assert needed(rig) == [KeyRing(NEW).key_id]
    assert verify(str(rig.path), NEW).pan_count == COUNT
    assert found(rig, NEW) == COUNT
    assert opened(rig, NEW).fingerprint("text") == before
    rig.end()


def test_a_walk_that_ends_in_the_middle_keeps_the_old_key_needed_and_goes_on(rig: SqliteRig) -> None:
    opened(rig, NEW, KEY)
    rig.end()
    connection = sqlite3.connect(rig.path, isolation_level=None)
    item = RekeyItem(lambda _: None)
    assert rekey_slice(connection, item, KeyRing(NEW, [KEY]))
    assert item.rekeyed_count == SLICE_COUNT_MAX
    connection.close()  # as a kill does: nothing but the rows remembers
    assert len(needed(rig)) == 2
    with pytest.raises(JournalUnusable, match=KeyRing(KEY).key_id):
        opened(rig, NEW)
    results: list[Any] = []
    opened(rig, NEW, KEY).rekey(results.append)
    rig.settle()
    rig.end()
    assert results == [COUNT - SLICE_COUNT_MAX]
    assert verify(str(rig.path), NEW).pan_count == COUNT


def test_a_key_changed_during_a_walk_makes_it_begin_anew(rig: SqliteRig) -> None:
    """Else the end of the walk would let a key go that the walk itself has sealed with."""
    newer = b"w" * 32
    opened(rig, NEW, KEY)
    rig.end()
    connection = sqlite3.connect(rig.path, isolation_level=None)
    ring, item = KeyRing(NEW, [KEY]), RekeyItem(lambda _: None)
    assert rekey_slice(connection, item, ring)
    with pytest.raises(ValueError, match="no key is proposed"):
        take_proposed(connection, ring)
    ring.propose(KeyRing(newer, [NEW, KEY]))
    take_proposed(connection, ring)
    with pytest.raises(ValueError, match="another key"):  # durable there, and not yet known here
        rekey_slice(connection, item, ring)
    ring.accept()
    assert item.left_count > 0
    while rekey_slice(connection, item, ring):
        pass
    connection.close()
    assert needed(rig) == [KeyRing(newer).key_id]
    assert verify(str(rig.path), newer).pan_count == COUNT


def test_what_is_left_is_never_less_than_there_is(rig: SqliteRig) -> None:
    connection = sqlite3.connect(rig.path, isolation_level=None)
    connection.execute(
        "UPDATE taken SET exchange_id = exchange_id + 2 * 1000000000000"
        " WHERE exchange_id >= (SELECT min(exchange_id) + 300 FROM taken)"
    )
    connection.close()
    opened(rig, NEW, KEY)
    rig.end()
    connection = sqlite3.connect(rig.path, isolation_level=None)
    item = RekeyItem(lambda _: None)
    left = []
    while rekey_slice(connection, item, KeyRing(NEW, [KEY])):
        left.append(item.left_count)
    connection.close()
    assert len(left) >= 2
    assert left == sorted(left, reverse=True)
    assert COUNT - SLICE_COUNT_MAX <= left[0] <= COUNT


def test_a_row_that_names_a_key_that_was_let_go_is_no_sound_journal(rig: SqliteRig) -> None:
    opened(rig, NEW, KEY)
    rig.end()
    connection = sqlite3.connect(rig.path)
    connection.execute("UPDATE journal_key SET cleared = 1 WHERE key_id = ?", (KeyRing(KEY).key_id,))
    connection.commit()
    connection.close()
    found = verify(str(rig.path), NEW, [KEY])
    assert f"{COUNT} stored secrets name the key {KeyRing(KEY).key_id}, which was let go" in found.problems
    assert {each.key_id: each.count for each in found.keys} == {KeyRing(KEY).key_id: COUNT, KeyRing(NEW).key_id: 0}


def test_a_row_that_no_key_opens_keeps_every_key_needed(rig: SqliteRig) -> None:
    connection = sqlite3.connect(rig.path)
    connection.execute("UPDATE taken SET pan = zeroblob(48) WHERE key = 'k300'")
    connection.commit()
    connection.close()
    results: list[object] = []
    opened(rig, NEW, KEY).rekey(results.append)
    rig.settle()
    rig.end()
    assert "does not decrypt" in str(results[0])
    assert len(needed(rig)) == 2


def test_a_new_key_without_the_one_before_it_is_refused_and_named(rig: SqliteRig) -> None:
    with pytest.raises(JournalUnusable, match=f"key {KeyRing(KEY).key_id}; the key given is {KeyRing(NEW).key_id}") as caught:
        opened(rig, NEW)
    assert "older_key_credentials" in caught.value.next_step


def test_a_journal_of_another_relay_is_refused_until_somebody_signs_for_it(rig: SqliteRig) -> None:
    tokyo, osaka = Identity("tokyo", "bank"), Identity("osaka", "bank")
    opened(rig, KEY, identity=tokyo)
    with pytest.raises(JournalUnusable, match="in use"):
        adopt(str(rig.path), osaka, "Sato", "host replaced", 1)
    rig.end()
    with pytest.raises(JournalUnusable, match="belongs to another relay") as caught:
        opened(rig, KEY, identity=osaka)
    assert "relay journal adopt" in caught.value.next_step
    assert adopt(str(rig.path), osaka, "Sato", "host replaced", 1) == tokyo
    opened(rig, KEY, identity=osaka)
    rig.end()
    connection = sqlite3.connect(rig.path)
    (signed,) = connection.execute("SELECT value FROM meta WHERE name = 'adopted_1'").fetchone()
    connection.close()
    assert "Sato" in signed
    assert "host replaced" in signed
