"""A change of keys on PostgreSQL: sealed anew, the old key let go, and a slice that fails leaves every key needed."""

from __future__ import annotations

import pytest

from relay.journal.keyring import KeyRing
from relay.journal.port import JournalFailed
from relay.journal.postgres import rekey
from relay.journal.postgres.source import PostgresSource
from relay.journal.reader import JournalReader, Query
from tests.support.journal_suite import PAN, taken
from tests.support.postgresrig import PostgresRig
from tests.support.sqliterig import KEY

NEW = b"n" * 32


def written(rig: PostgresRig, count: int) -> None:
    for number in range(count):
        rig.journal.take(taken(rig.journal, f"k{number}", request=b""), lambda _: None)
    rig.settle()
    rig.journal.close()


def rekeyed(rig: PostgresRig) -> object:
    results: list[object] = []
    rig.journal.rekey(results.append)
    rig.settle()
    return results[0]


def found(rig: PostgresRig, *keys: bytes) -> tuple[int, list[str]]:
    reader = JournalReader(PostgresSource(rig.settings, None), keys[0], keys[1:])
    try:
        needed = [each.key_id for each in reader.key_views() if each.is_needed]
        return len(reader.search(Query(pan=PAN, limit=100))), needed
    finally:
        reader.close()


def test_rows_are_sealed_anew_and_the_old_key_is_let_go(rig: PostgresRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rekey, "SLICE_COUNT_MAX", 2)
    before = rig.journal.fingerprint("text")
    written(rig, 5)
    rig.journal = rig.open(key=NEW, older=[KEY])
    assert rig.journal.fingerprint("text") == before
    assert found(rig, NEW, KEY) == (5, sorted([KeyRing(NEW).key_id, KeyRing(KEY).key_id]))
    assert rekeyed(rig) == 5
    assert found(rig, NEW) == (5, [KeyRing(NEW).key_id])
    rig.journal.close()
    rig.journal = rig.open(key=NEW)
    assert rig.journal.fingerprint("text") == before
    assert rekeyed(rig) == 0


def test_a_row_that_no_key_opens_keeps_every_key_needed(rig: PostgresRig) -> None:
    written(rig, 2)
    rig.sql("UPDATE taken SET pan = '\\x0011223344556677889900112233445566778899' WHERE key = 'k1'")
    rig.journal = rig.open(key=NEW, older=[KEY])
    assert isinstance(rekeyed(rig), JournalFailed)
    assert len(rig.sql("SELECT key_id FROM journal_key WHERE NOT cleared").split()) >= 2
