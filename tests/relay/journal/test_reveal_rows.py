"""The SQLite engine keeps its secrets' promises; its records of reveals are final, and a command may write one alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.errors import JournalUnusable
from relay.journal.reveal_rows import record_alone
from tests.support.secrets_suite import SecretsSuite, revealing
from tests.support.sqliterig import SqliteRig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SqliteRig]:
    rig = SqliteRig(tmp_path)
    yield rig
    rig.end()


class TestSecretsOfSqlite(SecretsSuite):
    pass


@pytest.mark.parametrize("change", ["DELETE FROM reveal", "UPDATE reveal SET who = 'nobody'"])
def test_a_record_is_final(rig: SqliteRig, change: str) -> None:
    rig.journal.record_reveal(revealing(1), lambda _: None)
    rig.settle()
    connection = sqlite3.connect(rig.path)
    with pytest.raises(sqlite3.IntegrityError, match="never"):
        connection.execute(change)
    connection.close()
    assert [each.reveal for each in rig.journal.reveals(0, 10)] == [revealing(1)]


def test_alone_it_is_written_only_where_no_relay_runs(rig: SqliteRig) -> None:
    with pytest.raises(JournalUnusable, match="in use"):
        record_alone(str(rig.path), revealing(1))
    rig.end()
    record_alone(str(rig.path), revealing(2))
    with pytest.raises(JournalUnusable, match="cannot be written"):
        record_alone(str(rig.path), revealing(3, who="\ud800"))
    rig.journal = rig.open()
    assert [each.reveal for each in rig.journal.reveals(0, 10)] == [revealing(2)]


def test_of_what_is_no_journal_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable):
        record_alone(str(tmp_path / "none.sqlite"), revealing(1))
    assert not (tmp_path / "none.sqlite").exists()
