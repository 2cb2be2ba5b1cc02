"""SQLite's source of answers for people cannot write, and says what is damaged. test_reader.py and test_verify.py ask it."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.errors import JournalUnusable
from relay.journal.source import SourceDamaged, SqliteSource, opened
from tests.support.journal_suite import taken
from tests.support.sqliterig import KEY, SqliteRig


def test_it_reads_beside_a_running_relay_and_cannot_write(tmp_path: Path) -> None:
    rig = SqliteRig(tmp_path)
    rig.journal.take(taken(rig.journal, "k"), lambda _: None)
    rig.settle()
    source = SqliteSource(str(rig.path))
    assert source.all("SELECT key FROM taken WHERE key = ?", ("k",)) == [("k",)]
    assert source.check() == []
    assert source.sizes()[0] > 0
    with pytest.raises(SourceDamaged, match="readonly"):
        source.all("DELETE FROM taken")
    source.close()
    rig.end()


def test_another_key_is_told_and_nothing_stays_open(tmp_path: Path) -> None:
    SqliteRig(tmp_path).end()
    path = str(tmp_path / "journal.sqlite")
    source, keys = opened(path, KEY)
    assert keys is not None
    source.close()
    with pytest.raises(JournalUnusable, match="was written with key"):
        opened(path, bytes(reversed(KEY)))
    with pytest.raises(JournalUnusable, match="no journal at"):
        SqliteSource(str(tmp_path / "other"))
