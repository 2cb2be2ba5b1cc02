"""Archiving on PostgreSQL: see tests/support/archive_suite.py for what is promised."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.journal.postgres.source import PostgresSource
from tests.support.archive_suite import ArchiveSuite
from tests.support.archived_messages_suite import ArchivedMessagesSuite
from tests.support.archiveworld import ArchiveWorld
from tests.support.pgserver import PostgresServer
from tests.support.postgresrig import PostgresRig


class PostgresWorld(ArchiveWorld):
    def two_keys(self) -> None:
        self.rig.sql("INSERT INTO journal_key VALUES ('00000000', '\\x00', false)")


def source_of(rig: Any) -> PostgresSource:
    return PostgresSource(rig.settings, None)


@pytest.fixture
def postgres_world(tmp_path: Path, server: PostgresServer) -> Iterator[PostgresWorld]:
    rig = PostgresRig(server, archive_directory=str(tmp_path / "archive"))
    yield PostgresWorld(rig, tmp_path / "archive", source_of)
    rig.end()


class TestPostgres(ArchiveSuite):
    @pytest.fixture
    def world(self, postgres_world: PostgresWorld) -> PostgresWorld:
        return postgres_world


class TestPostgresMessages(ArchivedMessagesSuite):
    @pytest.fixture
    def world(self, postgres_world: PostgresWorld) -> PostgresWorld:
        return postgres_world
