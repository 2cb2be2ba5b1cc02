"""Two servers, one that the other follows: the primary dies under load, the standby is promoted, and the journal goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from relay.journal.port import Fresh, JournalState
from tests.support.journal_suite import taken
from tests.support.pgserver import PostgresPair
from tests.support.postgresrig import PostgresRig


@pytest.fixture
def pair() -> Iterator[PostgresPair]:
    made = PostgresPair()
    yield made
    made.remove()


@pytest.fixture
def rig(pair: PostgresPair) -> Iterator[PostgresRig]:
    made = PostgresRig(pair.primary, dsn=pair.dsn)
    yield made
    made.journal.close()


def load(rig: PostgresRig, numbers: range, confirmed: list[str], denied: list[str]) -> None:
    for number in numbers:
        key = f"k{number}"

        def told(result: Any, key: str = key) -> None:
            (confirmed if result == Fresh() else denied).append(key)

        rig.journal.take(taken(rig.journal, key), told)
        if number % 50 == 49:
            rig.loop.turn()


def test_the_primary_dies_under_load_and_the_standby_goes_on(rig: PostgresRig, pair: PostgresPair) -> None:
    confirmed: list[str] = []
    denied: list[str] = []
    load(rig, range(1_000), confirmed, denied)
    pair.primary.kill()
    load(rig, range(1_000, 1_200), confirmed, denied)
    rig.turn_until(JournalState.FULL)
    pair.standby.promote()
    rig.turn_until(JournalState.WRITABLE)
    load(rig, range(1_200, 1_400), confirmed, denied)
    rig.settle()
    rig.server = pair.standby
    held = rig.sql("SELECT key FROM taken").split("\n")
    assert sorted(held) == sorted(confirmed), "nothing confirmed is lost, and nothing else is there"
    assert len(confirmed) + len(denied) == 1_400
    assert {f"k{number}" for number in range(1_200, 1_400)} <= set(confirmed)
    assert rig.failures == []


def test_a_standby_is_never_written_to_and_a_replaced_primary_neither(rig: PostgresRig, pair: PostgresPair) -> None:
    """The old primary comes back to life, alone and willing: the journal has seen a later timeline."""
    confirmed: list[str] = []
    load(rig, range(10), confirmed, [])
    rig.settle()
    pair.primary.kill()
    pair.standby.promote()
    load(rig, range(10, 20), [], [])
    rig.turn_until(JournalState.FULL)
    rig.turn_until(JournalState.WRITABLE)
    pair.primary.start()
    pair.primary.sql("ALTER SYSTEM SET synchronous_standby_names = ''", database="postgres")
    pair.primary.sql("SELECT pg_reload_conf()", database="postgres")
    pair.standby.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'relay journal'")
    results: list[Any] = []
    for number in range(3):
        rig.journal.take(taken(rig.journal, f"after{number}"), results.append)
        rig.settle()
    assert results[-1] == Fresh()
    rig.server = pair.standby
    assert "after2" in rig.sql("SELECT key FROM taken").split("\n")
    rig.server = pair.primary
    assert "after2" not in rig.sql("SELECT key FROM taken").split("\n")


def test_a_start_finds_the_server_that_writes(rig: PostgresRig, pair: PostgresPair) -> None:
    load(rig, range(5), [], [])
    rig.settle()
    rig.journal.close()
    pair.primary.kill()
    pair.standby.promote()
    rig.journal = rig.open()
    assert len(list(rig.journal.open_exchanges())) == 5


def test_a_start_never_takes_a_primary_that_was_replaced(rig: PostgresRig, pair: PostgresPair) -> None:
    """It is first in the DSN, alive, and waits for nobody: its timeline is the older one."""
    load(rig, range(5), [], [])
    rig.settle()
    rig.journal.close()
    pair.primary.kill()
    pair.standby.promote()
    pair.primary.start()
    pair.primary.sql("ALTER SYSTEM SET synchronous_standby_names = ''", database="postgres")
    pair.primary.sql("SELECT pg_reload_conf()", database="postgres")
    rig.journal = rig.open()
    results: list[Any] = []
    rig.journal.take(taken(rig.journal, "after"), results.append)
    rig.settle()
    assert results == [Fresh()]
    assert len(list(rig.journal.open_exchanges())) == 6, "read from the same server, too"
    rig.server = pair.standby
    assert "after" in rig.sql("SELECT key FROM taken").split("\n")
