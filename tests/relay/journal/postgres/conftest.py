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


@pytest.fixture
def own() -> Iterator[PostgresRig]:
    """A rig on a server of its own, that may be killed and set otherwise."""
    yield from _own()


@pytest.fixture
def hasty() -> Iterator[PostgresRig]:
    """The same, and it waits two seconds for a commit: for a test in which one never ends."""
    yield from _own(commit_timeout_ms=2_000)


def _own(**settings: int) -> Iterator[PostgresRig]:
    server = PostgresServer()
    rig = PostgresRig(server, **settings)
    try:
        yield rig
    finally:
        rig.journal.close()
        server.remove()
