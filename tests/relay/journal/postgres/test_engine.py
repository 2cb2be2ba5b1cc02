"""The PostgreSQL engine keeps the suites of every engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.journal_suite import JournalSuite, Rig
from tests.support.pgserver import PostgresServer
from tests.support.postgresrig import PostgresRig


class TestPostgres(JournalSuite):
    @pytest.fixture
    def rig(self, server: PostgresServer) -> Iterator[Rig]:
        rig = PostgresRig(server)
        yield rig
        rig.end()
