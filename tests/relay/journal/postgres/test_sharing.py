"""Several workers on a journal on PostgreSQL: the suite of every engine, and what only a server can get wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from relay.errors import JournalUnusable
from relay.journal.port import Existing, Fresh, JournalFailed, JournalState
from relay.journal.postgres import schema, transactions
from relay.journal.postgres.engine import PostgresJournal
from relay.journal.records import StoredState
from relay.journal.shared import Share
from tests.support.journal_suite import DAY_MS, T0_MS, step_to, taken
from tests.support.pgserver import PostgresServer
from tests.support.postgresrig import PostgresRig
from tests.support.shared_suite import FOLLOWED, LEASE_MS, SharedRig, SharedSuite
from tests.support.sqliterig import KEY


class PostgresSharedRig:
    def __init__(self, server: PostgresServer) -> None:
        self.base = PostgresRig(server)
        self.base.journal.close()
        self.journals: dict[int, PostgresJournal] = {}
        self.all: list[PostgresJournal] = []

    def open(self, worker: int, key: bytes = KEY) -> PostgresJournal:
        for each in {worker, worker or 1}:
            before = self.journals.pop(each, None)
            if before is not None:
                cut(before)  # as a dead process's: the lock goes with it
        base = self.base
        share = Share(worker, LEASE_MS, followed=FOLLOWED if worker > 1 else ()) if worker else None
        journal = PostgresJournal(
            base.settings,
            key,
            None,
            call_soon_threadsafe=base.loop.call_soon_threadsafe,
            clock=base.clock,
            metrics=base.metrics,
            on_failed=base.failures.append,
            share=share,
        )
        self.journals[worker] = journal
        self.all.append(journal)
        return journal

    def settle(self) -> None:
        while any(journal.waiting_count() for journal in self.all):
            self.base.loop.turn()

    def lapse(self, worker: int) -> None:
        self.base.sql(f"UPDATE owner SET renewed = renewed - interval '1 hour' WHERE worker = {worker}")

    def end(self) -> None:
        for journal in self.all:
            journal.close()
        self.base.sql(f"DROP SCHEMA {self.base.schema} CASCADE")


def cut(journal: PostgresJournal) -> None:
    writer = journal._writer
    connection = writer._connection
    if connection is not None and not writer._loop.is_closed():
        writer._loop.call_soon_threadsafe(connection.cut)


@pytest.fixture
def shared(server: PostgresServer) -> Iterator[PostgresSharedRig]:
    made = PostgresSharedRig(server)
    yield made
    made.end()


class TestPostgresShared(SharedSuite):
    @pytest.fixture
    def rig(self, shared: PostgresSharedRig) -> SharedRig:
        return shared


def test_a_second_relay_s_workers_are_kept_out_while_the_first_ones_live(
    shared: PostgresSharedRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.journal.postgres.servers.OPEN_PATIENCE_MS", 0)
    shared.open(1)
    shared.open(2)
    for worker in (1, 2):
        shared.journals.pop(worker)  # nobody ends it
        with pytest.raises(JournalUnusable, match="in use"):
            shared.open(worker)


def test_the_floor_of_each_worker_is_its_own_and_falls_with_what_it_takes_over(
    shared: PostgresSharedRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is recorded and nothing else has no row that an index finds: below the floor nobody looks for it."""
    monkeypatch.setattr(transactions, "FLOOR_RECORDS", 2)
    suite = SharedSuite()
    second, first = shared.open(2), shared.open(1)
    open_one = suite.take(shared, second, "open")
    for number in range(8):
        for worker, journal in (("first", first), ("second", second)):
            exchange_id = suite.take(shared, journal, f"{worker}{number}")
            suite.ask(shared, journal.step, step_to(exchange_id, StoredState.SETTLED))
    floors = dict(
        line.split("|")
        for line in shared.base.sql("SELECT name, value FROM meta WHERE name LIKE 'recorded_floor%'").splitlines()
    )
    assert int(floors["recorded_floor"]) > open_one, "its own exchanges are all closed"
    assert int(floors["recorded_floor:2"]) <= open_one
    shared.lapse(2)
    assert suite.ask(shared, first.take_over, suite.sibling(shared, first, 2)) is True
    for number in range(8):
        exchange_id = suite.take(shared, first, f"more{number}")
        suite.ask(shared, first.step, step_to(exchange_id, StoredState.SETTLED))
    assert suite.keys(shared.open(1)) == ["open"]
    assert suite.keys(shared.open(0)) == ["open"]


def test_two_workers_that_take_the_same_keys_at_once_each_get_an_answer(shared: PostgresSharedRig) -> None:
    first, second = shared.open(1), shared.open(2)
    results: list[object] = []
    keys = [f"k{number}" for number in range(200)]
    for key in keys:
        first.take(taken(first, key), results.append)
    for key in reversed(keys):
        second.take(taken(second, key), results.append)
    shared.settle()
    assert sum(isinstance(each, Fresh) for each in results) == len(keys)
    assert sum(isinstance(each, Existing) for each in results) == len(keys)


def test_a_new_key_waits_until_no_other_worker_writes_with_the_old_one(
    shared: PostgresSharedRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.journal.postgres.servers.OPEN_PATIENCE_MS", 0)
    shared.open(1)
    shared.open(2)
    other = bytes(reversed(KEY))
    assert other != KEY
    with pytest.raises(JournalUnusable):
        shared.open(2, key=other)


def test_an_older_journal_becomes_the_first_worker_s(server: PostgresServer) -> None:
    """Version 8 had one row of `owner`, and lives that nobody wrote down."""
    rig = PostgresRig(server)
    rig.journal.close()
    rig.sql(f"DROP SCHEMA {rig.schema} CASCADE")
    whole = schema.migrations()
    with pytest.MonkeyPatch.context() as older:
        older.setattr(schema, "migrations", lambda: whole[:8])
        with pytest.raises(JournalUnusable):  # it makes the journal, and finds no table for its life
            rig.open()
    rig.sql(
        "UPDATE owner SET incarnation = 3; INSERT INTO meta VALUES ('incarnation', 3)"
        " ON CONFLICT (name) DO UPDATE SET value = 3;"
        " INSERT INTO taken SELECT 3000000000001, 'k', 'atm', 'bank', 'T', 'financial', 'withdrawal', 'undo', '', 0, '', NULL,"
        " NULL, NULL, '', '', '', 0, 3; INSERT INTO standing (exchange_id, state, attention, updated_ms)"
        " VALUES (3000000000001, 'held', 1, 0)"
    )
    rig.journal = rig.open()
    assert rig.journal.incarnation == 4
    assert rig.sql("SELECT count(*), max(worker) FROM life").strip() == "5|1"
    assert rig.sql("SELECT worker_of(3000000000001)").strip() == "1"
    rig.end()


def test_bodies_and_keys_of_every_worker_go_in_time_however_young_another_worker_s_are(shared: PostgresSharedRig) -> None:
    """Numbers grow with time within a life only: a walk that ends at the first young one would never come to the next life."""
    suite = SharedSuite()
    first, second = shared.open(1), shared.open(2)
    for number in range(120):  # more than one slice
        suite.take(shared, first, f"young{number}", StoredState.SETTLED, recorded_ms=T0_MS + 40 * DAY_MS)
    suite.take(shared, second, "old", StoredState.SETTLED)
    suite.take(shared, second, "middle", StoredState.SETTLED, recorded_ms=T0_MS + 30 * DAY_MS)
    shared.base.clock.passed_ms = 41 * DAY_MS
    suite.ask(shared, first.prune)
    left = dict(line.split("|") for line in shared.base.sql("SELECT key, length(request) FROM taken").splitlines())
    assert "old" not in left
    assert left["middle"] == "0"
    assert int(left["young0"]) > 0
    suite.ask(shared, first.prune)
    assert suite.keys(shared.open(0)) == []
    shared.base.clock.passed_ms = 50 * DAY_MS
    suite.ask(shared, shared.journals[0].prune)
    assert shared.base.sql("SELECT length(request) FROM taken WHERE key = 'young7'").strip() == "0"


def test_what_is_not_new_is_not_waiting_to_be_placed(shared: PostgresSharedRig) -> None:
    """A repeat of an advice is recorded by nobody, so nothing of it may stay behind."""
    suite = SharedSuite()
    first, second = shared.open(1), shared.open(2)
    suite.take(shared, first, "advice", StoredState.DELIVERING, is_loose=True)
    assert isinstance(suite.ask(shared, second.take, taken(second, "advice", StoredState.DELIVERING, is_loose=True)), Existing)
    assert shared.base.sql("SELECT count(*) FROM handed").strip() == "1"


def test_who_was_given_something_is_forgotten_with_it(shared: PostgresSharedRig) -> None:
    suite = SharedSuite()
    first, second = shared.open(1), shared.open(2)
    suite.take(shared, first, "a")
    reversal = suite.reverse(shared, second, "r", "a")
    assert suite.ask(shared, second.hand_over, reversal, "a") == 1
    assert suite.ask(shared, first.step, step_to(reversal, StoredState.SETTLED)) is None
    shared.base.clock.passed_ms = 50 * DAY_MS
    suite.ask(shared, first.prune)
    assert shared.base.sql("SELECT count(*) FROM handed").strip() == "0"


def test_a_worker_that_stands_in_the_way_is_no_trouble_of_the_journal(shared: PostgresSharedRig) -> None:
    """It stands still in the middle of a transaction: who wants all rows fails with that, and writes on."""
    suite = SharedSuite()
    first, second = shared.open(1), shared.open(2)
    suite.take(shared, first, "a")
    suite.take(shared, second, "b")
    reversal = suite.reverse(shared, first, "r", "b")
    schema_name = shared.base.schema
    with shared.base.server.holding(f"SELECT FROM {schema_name}.owner WHERE worker = 2 FOR UPDATE"):
        assert isinstance(suite.ask(shared, first.hand_over, reversal, "b"), JournalFailed)
        assert first.state is JournalState.WRITABLE
        assert suite.ask(shared, first.take, taken(first, "c")) == Fresh()
    assert suite.ask(shared, first.hand_over, reversal, "b") == 2
