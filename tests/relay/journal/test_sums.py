"""What is summed for totals, on SQLite: see tests/support/sums_suite.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.journal.source import Source, SqliteSource
from tests.support.sqliterig import SqliteRig
from tests.support.sums_suite import SumsSuite


class TestSqlite(SumsSuite):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[SqliteRig]:
        rig = SqliteRig(tmp_path)
        yield rig
        rig.end()

    def open_source(self, rig: SqliteRig) -> Source:
        return SqliteSource(str(rig.path))
