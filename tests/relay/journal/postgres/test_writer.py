"""A commit without an answer is neither done nor undone: it is read back before anything is said; and what ends this life."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from protocols.vocabulary import MessageClass
from relay.journal.port import Existing, Fresh, JournalFailed, JournalState
from relay.journal.postgres import writer
from relay.journal.records import StoredState, pack_request
from tests.support.journal_suite import answered, reversing, taken
from tests.support.outbound_suite import outbound
from tests.support.pgserver import PostgresServer
from tests.support.postgresrig import PostgresRig

WRITE = "SELECT * FROM write_group"


def failures(rig: PostgresRig, kind: str) -> float:
    return rig.metrics.registry.get_sample_value("relay_journal_failures_total", {"kind": kind}) or 0.0


def give_one_of_each(rig: PostgresRig) -> tuple[list[Any], Any]:
    """A group with every kind of record in it; `old` was taken before."""
    journal = rig.journal
    results: list[Any] = []
    journal.take(taken(journal, "old"), lambda _: None)
    rig.settle()
    reversal = taken(
        journal,
        "r1",
        StoredState.DELIVERING,
        original_key="k2",
        message_class=MessageClass.REVERSAL,
        request=pack_request(reversing("k2", 0)),
    )
    first = taken(journal, "k1")
    journal.take(first, results.append)
    journal.take(reversal, results.append)
    journal.take(taken(journal, "k2"), results.append)
    journal.take(taken(journal, "old"), results.append)
    journal.step(answered(first.exchange_id), results.append)
    journal.store_variable("zengin-1", "serial", b"\x01", results.append)
    journal.store_variable("zengin-1", "serial", b"\x02", results.append)
    journal.raise_epoch(7, results.append)
    journal.take_outbound(outbound(journal, "o1"), results.append)
    journal.find("k1", results.append)
    return results, reversal


@pytest.mark.parametrize("statement", [WRITE, "COMMIT"])
def test_a_commit_that_nobody_confirmed_and_that_happened_is_found_done(rig: PostgresRig, statement: str) -> None:
    results, reversal = give_one_of_each(rig)
    breaking = rig.inject(statement, after=True)
    if statement == WRITE:
        rig.journal._given = [each for each in rig.journal._given if "Outbound" not in type(each).__name__]
        rig.journal._waiting -= 1
    rig.settle()
    assert breaking.broken == 1
    assert rig.journal.state is JournalState.WRITABLE
    assert results[:3] == [Fresh(), Fresh(), Fresh(reversal.exchange_id)]
    assert isinstance(results[3], Existing)
    assert results[4:8] == [None] * 4
    assert results[-1].taken.key == "k1"
    assert results[-1].state is StoredState.ANSWERED
    assert rig.journal.variables("zengin-1") == {"serial": b"\x02"}
    assert rig.journal.epoch == 7
    assert failures(rig, "unknown") == 1
    assert rig.failures == []
    assert rig.sql("SELECT count(*) FROM taken") == "4"


@pytest.mark.parametrize("statement", ["BEGIN", WRITE, "COMMIT"])
def test_a_commit_that_nobody_confirmed_and_that_did_not_happen_is_found_undone(rig: PostgresRig, statement: str) -> None:
    results, _ = give_one_of_each(rig)
    rig.inject(statement)
    rig.settle()
    writes, found = results[:-1], results[-1]
    assert all(isinstance(each, JournalFailed) and each.certain for each in writes)
    assert found is None
    assert rig.journal.state is JournalState.WRITABLE
    assert rig.journal.variables("zengin-1") == {}
    assert rig.journal.epoch == 0
    assert rig.sql("SELECT count(*) FROM taken") == "1"
    again: list[Any] = []
    rig.journal.take(taken(rig.journal, "k1"), again.append)
    rig.settle()
    assert again == [Fresh()]


def test_what_was_left_out_of_a_group_in_doubt_is_still_left_out(rig: PostgresRig) -> None:
    results: list[Any] = []
    rig.journal.take(taken(rig.journal, "good"), results.append)
    rig.journal.step(answered(rig.journal.next_exchange_id()), results.append)
    rig.journal.take(taken(rig.journal, "bad", terminal="ATM\0"), results.append)
    rig.inject("COMMIT", after=True)
    rig.settle()
    assert results[0] == Fresh()
    assert [type(each) for each in results[1:]] == [JournalFailed, JournalFailed]
    assert rig.sql("SELECT key FROM taken") == "good"


def test_while_a_group_is_in_doubt_what_comes_is_refused_at_once(rig: PostgresRig, server: PostgresServer) -> None:
    """And the group itself is not answered: its backend waits for a lock, and may still commit."""
    results: list[Any] = []
    with holding_the_owner(rig, server):
        rig.journal.take(taken(rig.journal, "k1"), results.append)
        rig.loop.turn()
        wait_for_lock(server, 1)
        connection = rig.journal._writer._connection
        assert connection is not None
        rig.journal._writer._loop.call_soon_threadsafe(connection.cut)
        rig.turn_until(JournalState.FULL)
        later: list[Any] = []
        rig.journal.take(taken(rig.journal, "k2"), later.append)
        rig.journal.find("k2", later.append)
        while len(later) < 2:
            rig.loop.turn()
        assert all(isinstance(each, JournalFailed) and each.certain for each in later)
        assert results == []
        assert rig.journal.waiting_count() == 1
        before = rig.journal.answered_count
        rig.loop.turn()
        assert rig.journal.answered_count > before, "a sign of life for the watchdog"
    rig.settle()
    assert len(results) == 1
    assert (results == [Fresh()]) == (rig.sql("SELECT key FROM taken") == "k1"), "what is said is what is there"


def test_what_an_older_session_left_under_way_writes_nothing(rig: PostgresRig) -> None:
    """Bytes that were still on their way when the new session began."""
    writer_ = rig.journal._writer
    transactions = writer_._transactions
    old = (transactions._incarnation, transactions._session, transactions.serial + 1)
    rig.inject(WRITE)
    results: list[Any] = []
    rig.journal.take(taken(rig.journal, "k1"), results.append)
    rig.settle()
    assert isinstance(results[0], JournalFailed)
    with pytest.raises(RuntimeError, match="taken over"):
        rig.sql("SELECT hold({}, {}, {})".format(*old))


def test_a_relay_that_was_replaced_writes_nothing_any_more(rig: PostgresRig) -> None:
    rig.take_over()
    results: list[Any] = []
    rig.journal.take(taken(rig.journal, "k1"), results.append)
    rig.settle()
    assert isinstance(results[0], JournalFailed)
    assert results[0].certain
    assert rig.journal.state is JournalState.FAILED
    assert rig.failures == ["the journal was taken over (RL001)"]
    assert rig.sql("SELECT count(*) FROM taken") == "0"


def test_a_server_that_knows_less_than_it_confirmed_ends_this_life(rig: PostgresRig) -> None:
    """A standby that did not follow in step was promoted: exchanges that the relay knows are not there."""
    rig.journal.take(taken(rig.journal, "k1"), lambda _: None)
    rig.settle()
    rig.sql("UPDATE owner SET serial = serial - 1; DELETE FROM taken")
    rig.inject(WRITE)
    results: list[Any] = []
    rig.journal.take(taken(rig.journal, "k2"), results.append)
    rig.settle()
    assert not results[0].certain
    assert rig.journal.state is JournalState.FAILED
    assert "has lost 1 confirmed" in rig.failures[0]


def test_what_is_read_is_told_after_a_commit_that_came_later(rig: PostgresRig) -> None:
    rig.journal.take(taken(rig.journal, "k1"), lambda _: None)
    rig.settle()
    serial = int(rig.sql("SELECT serial FROM owner"))
    found: list[Any] = []
    rig.journal.find("k1", found.append)
    rig.settle()
    assert found[0].taken.key == "k1"
    assert int(rig.sql("SELECT serial FROM owner")) == serial + 1
    rig.inject("SELECT hold", after=True)
    rig.journal.find("k1", found.append)
    rig.settle()
    assert isinstance(found[1], JournalFailed), "the proof did not come"


def test_a_connection_that_breaks_between_groups_costs_nothing_that_was_confirmed(rig: PostgresRig) -> None:
    rig.journal.take(taken(rig.journal, "k1"), lambda _: None)
    rig.settle()
    rig.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'relay journal%'")
    results: list[Any] = []
    rig.journal.take(taken(rig.journal, "k2"), results.append)
    rig.settle()
    assert isinstance(results[0], JournalFailed)
    rig.journal.take(taken(rig.journal, "k2"), results.append)
    rig.settle()
    assert results[1] == Fresh()
    assert [each.taken.key for each in rig.journal.open_exchanges()] == ["k1", "k2"]


def test_a_full_disk_of_the_server_is_told_as_such(rig: PostgresRig) -> None:
    rig.sql(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;"
        " CREATE TRIGGER no_room BEFORE INSERT ON taken FOR EACH ROW EXECUTE FUNCTION no_room();"
        " GRANT EXECUTE ON FUNCTION no_room() TO relay"
    )
    results: list[Any] = []
    rig.journal.take(taken(rig.journal, "k1"), results.append)
    rig.settle()
    assert results[0].certain
    assert "could not extend file" in results[0].why
    assert (failures(rig, "full"), failures(rig, "server"), failures(rig, "unknown")) == (1, 0, 0)
    rig.sql("DROP TRIGGER no_room ON taken")
    rig.turn_until(JournalState.WRITABLE)
    rig.journal.take(taken(rig.journal, "k1"), results.append)
    rig.settle()
    assert results[1] == Fresh()


def test_the_size_is_read_once_a_minute(rig: PostgresRig) -> None:
    rig.journal.take(taken(rig.journal, "k1"), lambda _: None)
    rig.settle()
    rig.journal.take(taken(rig.journal, "k2"), lambda _: None)
    rig.settle()
    assert rig.journal.size_bytes() > 8_192
    assert rig.metrics.registry.get_sample_value("relay_journal_size_bytes") == rig.journal.size_bytes()


def test_what_nobody_foresaw_fails_the_journal_and_answers_everybody(rig: PostgresRig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stumble(*_: object) -> None:
        raise MemoryError("nobody foresaw this")

    monkeypatch.setattr(writer.Transactions, "commit", stumble)
    results: list[Any] = []
    rig.journal.take(taken(rig.journal, "k1"), results.append)
    rig.settle()
    assert not results[0].certain
    assert rig.journal.state is JournalState.FAILED
    assert len(rig.failures) == 1


# ---- the world ---------------------------------------------------------------------------------------------------------
def wait_for_lock(server: PostgresServer, count: int) -> None:
    server.wait_for(f"SELECT count(*) >= {count} FROM pg_locks WHERE NOT granted")


class holding_the_owner:
    """Another session holds the lock on the row `owner`, as one does that waits for its standby."""

    def __init__(self, rig: PostgresRig, server: PostgresServer) -> None:
        self._rig = rig
        self._server = server

    def __enter__(self) -> None:
        self._psql = subprocess.Popen(
            [
                "psql",
                "-X",
                "-q",
                "-A",
                "-t",
                "-h",
                str(self._server.folder),
                "-p",
                str(self._server.port),
                "-U",
                "postgres",
                "relay",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._psql.stdin is not None
        assert self._psql.stdout is not None
        self._psql.stdin.write(f"BEGIN; SELECT serial FROM {self._rig.schema}.owner FOR UPDATE;\n")
        self._psql.stdin.flush()
        self._psql.stdout.readline()

    def __exit__(self, *_: object) -> None:
        self._psql.communicate("ROLLBACK;\n", timeout=30)
