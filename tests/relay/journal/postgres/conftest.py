"""One PostgreSQL server for all tests here, and a journal of its own for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.pgserver import PostgresServer
from tests.support.postgresrig import PostgresRig


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    made = PostgresServer()
    yield made
    made.remove()


@pytest.fixture
def rig(server: PostgresServer) -> Iterator[PostgresRig]:
    made = PostgresRig(server)
    yield made
    made.end()
