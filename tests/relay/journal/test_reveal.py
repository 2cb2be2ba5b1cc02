"""Card numbers in clear: of what the record names, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.journal.audit import StoredReveal
from relay.journal.reader import JournalReader, Query
from relay.journal.reveal import clear_views
from tests.support.journal_suite import PAN
from tests.support.secrets_suite import revealing, take
from tests.support.sqliterig import KEY, SqliteRig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SqliteRig]:
    rig = SqliteRig(tmp_path)
    take(rig, "k1", "k2")
    yield rig
    rig.end()


def test_only_what_the_record_names_is_shown(rig: SqliteRig) -> None:
    reader = JournalReader(str(rig.path), KEY)
    newest, oldest = reader.find(Query(limit=10))
    proof = StoredReveal(1, revealing(1, exchange_ids=[oldest.taken.exchange_id]))
    assert [each.pan for each in clear_views([newest, oldest], proof)] == ["453957******1486", PAN.reveal()]
    assert PAN.reveal() not in repr(newest), "found is not shown"
    reader.close()


def test_without_its_key_there_is_nothing_to_show(rig: SqliteRig) -> None:
    reader = JournalReader(str(rig.path))
    (newest, _) = reader.find(Query(limit=10))
    proof = StoredReveal(1, revealing(1, exchange_ids=[newest.taken.exchange_id]))
    assert [each.pan for each in clear_views([newest], proof)] == [None]
    reader.close()
