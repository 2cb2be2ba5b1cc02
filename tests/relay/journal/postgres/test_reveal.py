"""The PostgreSQL engine keeps its secrets' promises, also where a commit's answer is lost; its records of reveals are final."""

from __future__ import annotations

import pytest

from relay.journal.keyring import KeyRing
from relay.journal.port import JournalFailed, JournalState
from tests.support.journal_suite import taken
from tests.support.postgresrig import PostgresRig
from tests.support.secrets_suite import NEW, SecretsSuite, change, needed, read, revealing, take, walk
from tests.support.sqliterig import KEY


class TestSecretsOfPostgres(SecretsSuite):
    pass


@pytest.mark.parametrize("change_sql", ["DELETE FROM reveal", "UPDATE reveal SET who = 'nobody'", "TRUNCATE reveal"])
def test_a_record_is_final(rig: PostgresRig, change_sql: str) -> None:
    rig.journal.record_reveal(revealing(1), lambda _: None)
    rig.settle()
    with pytest.raises(RuntimeError, match="never changed or removed"):
        rig.sql(change_sql)
    assert [each.reveal for each in rig.journal.reveals(0, 10)] == [revealing(1)]


@pytest.mark.parametrize("is_done", [True, False])
def test_a_change_whose_commit_nobody_heard_of_is_found_out_before_anything_is_written(rig: PostgresRig, is_done: bool) -> None:
    take(rig, "k1")
    rig.inject("COMMIT", after=is_done)
    failed = change(rig, NEW, KEY)
    assert isinstance(failed, JournalFailed)
    assert not failed.certain
    rig.turn_until(JournalState.WRITABLE)
    assert rig.journal.key_id == KeyRing(NEW if is_done else KEY).key_id
    take(rig, "k2")
    assert walk(rig) == (1 if is_done else 0)
    assert needed(rig) == {rig.journal.key_id}
    read(rig, "k1", "k2")
    rig.journal.close()
    rig.journal = rig.open(key=NEW if is_done else KEY)
    read(rig, "k1", "k2")


def test_a_refused_change_is_not_taken_up_by_the_next_connection(rig: PostgresRig) -> None:
    """It has the key that writes, but not the one that a row still names."""
    take(rig, "k1")
    assert change(rig, NEW, KEY) is None
    assert isinstance(change(rig, NEW), JournalFailed)
    rig.inject("SELECT * FROM write_group")
    rig.journal.take(taken(rig.journal, "k2", request=b""), lambda _: None)
    rig.settle()
    rig.turn_until(JournalState.WRITABLE)
    read(rig, "k1")
    assert walk(rig) == 1


def test_a_reveal_whose_commit_nobody_heard_of_is_read_back(rig: PostgresRig) -> None:
    results: list[object] = []
    rig.inject("COMMIT", after=True)
    rig.journal.record_reveal(revealing(1), results.append)
    rig.settle()
    assert results == [None]
    assert rig.journal.reveal_count() == 1
