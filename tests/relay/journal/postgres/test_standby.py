"""A real server and a real standby: what a look says is what the standby has on its disk, and why where it says nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from relay.journal.port import JournalState
from relay.journal.postgres.standby import ALL_WAIT, HIDDEN, StandbyLook
from relay.journal.standby import Look
from tests.support.journal_suite import taken
from tests.support.pgserver import USER, PostgresServer
from tests.support.postgresrig import PostgresRig

TIMEOUT_MS = 20_000


@pytest.fixture(scope="module")
def primary() -> Iterator[PostgresServer]:
    made = PostgresServer()
    made.sql(f"GRANT pg_read_all_stats TO {USER}", database="postgres")
    yield made
    made.remove()


@pytest.fixture(scope="module")
def standby(primary: PostgresServer) -> Iterator[PostgresServer]:
    made = primary.standby(synchronous=False)
    yield made
    made.remove()


@pytest.fixture
def rig(primary: PostgresServer, standby: PostgresServer) -> Iterator[PostgresRig]:
    made = PostgresRig(primary)
    yield made
    made.end()


def commit(rig: PostgresRig, key: str) -> None:
    rig.journal.take(taken(rig.journal, key), lambda _: None)
    rig.settle()


def look(rig: PostgresRig, name: str = "standby") -> Look:
    async def once() -> Look:
        looker = rig.journal.standby_look(name, TIMEOUT_MS)
        try:
            return await looker.look()
        finally:
            await looker.close()

    return asyncio.run(once())


def reaches(primary: PostgresServer, target: int) -> None:
    primary.wait_for(
        f"SELECT flush_lsn - '0/0'::pg_lsn >= {target} FROM pg_stat_replication WHERE application_name = 'standby'"
    )


def test_a_committed_record_is_written_here_and_reached_there(rig: PostgresRig, primary: PostgresServer) -> None:
    before = look(rig)
    commit(rig, "k1")
    after = look(rig)
    assert after.written > before.written
    reaches(primary, after.written)
    found = look(rig)
    assert found.at_peer is not None
    assert found.at_peer >= after.written
    assert found.why == ""


def test_a_standby_that_stands_still_has_not_what_was_written_since(
    rig: PostgresRig, primary: PostgresServer, standby: PostgresServer
) -> None:
    reaches(primary, look(rig).written)
    receiver = int(standby.sql("SELECT pid FROM pg_stat_wal_receiver", database="postgres"))
    os.kill(receiver, signal.SIGSTOP)
    try:
        commit(rig, "k1")  # and this center's commit does not wait for it
        found = look(rig)
        assert found.at_peer is not None
        assert found.at_peer < found.written
    finally:
        os.kill(receiver, signal.SIGCONT)
    reaches(primary, found.written)


def test_why_a_look_says_nothing(rig: PostgresRig) -> None:
    assert look(rig, "osaka").at_peer is None
    assert look(rig, "osaka").why == "no standby called osaka follows"
    rig.sql(f"REVOKE pg_read_all_stats FROM {USER}")
    try:
        assert look(rig).at_peer is None
        assert look(rig).why == HIDDEN
    finally:
        rig.sql(f"GRANT pg_read_all_stats TO {USER}")


def test_a_server_that_waits_by_itself_is_told(rig: PostgresRig, primary: PostgresServer) -> None:
    primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'", database="postgres")
    primary.sql("SELECT pg_reload_conf()", database="postgres")
    primary.wait_for("SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'sync'")

    async def warned(looker: StandbyLook) -> str:
        await looker.look()
        await looker.close()
        return looker.warning

    try:
        assert asyncio.run(warned(rig.journal.standby_look("standby", TIMEOUT_MS))) == ALL_WAIT
    finally:
        primary.sql("ALTER SYSTEM RESET synchronous_standby_names", database="postgres")
        primary.sql("SELECT pg_reload_conf()", database="postgres")
        primary.wait_for("SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'async'")
    assert asyncio.run(warned(rig.journal.standby_look("standby", TIMEOUT_MS))) == ""


def test_while_the_journal_does_not_write_nothing_is_said_of_its_standby(rig: PostgresRig) -> None:
    rig.set_full(True)
    commit(rig, "k1")
    rig.turn_until(JournalState.FULL)
    found = look(rig)
    rig.set_full(False)
    assert found.at_peer is None
    assert "does not write" in found.why


def test_a_server_that_is_away_is_no_standby_either(own: PostgresRig) -> None:
    own.server.kill()
    found = look(own)
    assert found.at_peer is None
    assert "cannot be asked" in found.why or "does not write" in found.why
