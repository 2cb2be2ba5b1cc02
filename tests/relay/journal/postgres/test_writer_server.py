"""The writer and its server: a standby that is waited for, a server that dies, one that only reads."""

from __future__ import annotations

import time
from typing import Any

from relay.journal.port import Fresh, JournalFailed, JournalState
from tests.support.journal_suite import taken
from tests.support.pgserver import PostgresServer
from tests.support.postgresrig import PostgresRig

WRITE = "SELECT * FROM write_group"


def unknown(rig: PostgresRig) -> float:
    return rig.metrics.registry.get_sample_value("relay_journal_failures_total", {"kind": "unknown"}) or 0.0


def test_a_cancelled_wait_for_the_standby_is_unknown_until_a_standby_has_it(own: PostgresRig) -> None:
    rig, server = own, own.server
    rig.journal.take(taken(rig.journal, "before"), lambda _: None)
    rig.settle()
    wait_for_standby(server, "'absent'")
    results: list[Any] = []
    rig.journal.take(taken(rig.journal, "k1"), results.append)
    rig.loop.turn()
    server.wait_for("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    server.sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    rig.turn_until(JournalState.FULL)
    assert rig.sql("SELECT key FROM taken ORDER BY exchange_id") == "before\nk1", "on the primary alone"
    assert unknown(rig) == 1
    for _ in range(3):
        rig.loop.turn()
    assert results == []
    wait_for_standby(server, "''")
    rig.settle()
    assert results == [Fresh()]
    assert rig.journal.state is JournalState.WRITABLE


def test_a_commit_without_an_answer_in_time_is_cut_and_never_cancelled(hasty: PostgresRig) -> None:
    rig, server = hasty, hasty.server
    wait_for_standby(server, "'absent'")
    results: list[Any] = []
    rig.journal.take(taken(rig.journal, "k1"), results.append)
    rig.turn_until(JournalState.FULL)
    assert rig.sql("SELECT count(*) FROM taken") == "0", "still waiting, so nobody sees it"
    assert results == []
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'relay journal' AND wait_event = 'SyncRep'"
    for _ in range(6):
        rig.loop.turn()
    assert server.sql(waiting) == "1", "however often the engine tried again, one session is stuck"
    wait_for_standby(server, "''")
    rig.settle()
    assert results == [Fresh()]


def test_the_server_dies_under_load_and_nothing_confirmed_is_lost(own: PostgresRig) -> None:
    rig, server = own, own.server
    confirmed: list[str] = []
    denied: list[str] = []

    def give(number: int) -> None:
        key = f"k{number}"

        def told(result: Any) -> None:
            (confirmed if result == Fresh() else denied).append(key)

        rig.journal.take(taken(rig.journal, key), told)

    for number in range(3_000):
        give(number)
        if number % 100 == 99:
            rig.loop.turn()
        if number == 1_500:
            server.kill()
    rig.turn_until(JournalState.FULL)
    server.start()
    rig.settle()
    held = rig.sql("SELECT key FROM taken").split("\n")
    assert sorted(confirmed) == sorted(held), "what was confirmed is there, and what is there was confirmed"
    assert len(confirmed) + len(denied) == 3_000
    assert denied


def test_a_server_that_was_set_to_read_only_is_left_until_one_writes(own: PostgresRig) -> None:
    """As a planned switch-over begins."""
    rig, server = own, own.server
    server.sql("ALTER SYSTEM SET default_transaction_read_only = on", database="postgres")
    server.sql("SELECT pg_reload_conf()", database="postgres")
    server.wait_for("SELECT current_setting('default_transaction_read_only') = 'on'")
    results: list[Any] = []
    rig.journal.take(taken(rig.journal, "k1"), results.append)
    rig.turn_until(JournalState.FULL)
    for _ in range(2):
        rig.loop.turn()
    assert rig.journal.state is JournalState.FULL
    server.sql("ALTER SYSTEM RESET default_transaction_read_only", database="postgres")
    server.sql("SELECT pg_reload_conf()", database="postgres")
    rig.turn_until(JournalState.WRITABLE)
    assert [type(each) for each in results] == [JournalFailed]
    rig.journal.take(taken(rig.journal, "k1"), results.append)
    rig.settle()
    assert results[1] == Fresh()


def test_a_close_while_no_server_is_there_ends_and_leaves_the_doubt_to_the_next_life(own: PostgresRig) -> None:
    rig = own
    rig.journal.take(taken(rig.journal, "k1"), lambda _: None)
    rig.settle()
    results: list[Any] = []
    rig.inject(WRITE, after=True)
    rig.server.kill()
    rig.journal.take(taken(rig.journal, "k2"), results.append)
    rig.turn_until(JournalState.FULL)
    rig.journal.close()
    rig.settle()
    assert not results[0].certain
    rig.server.start()
    rig.journal = rig.open()
    assert [each.taken.key for each in rig.journal.open_exchanges()] == ["k1"]


def wait_for_standby(server: PostgresServer, names: str) -> None:
    """Until commits do wait, or do not: the server's checkpointer takes note of it some time after the reload, and no view
    says when. So a commit of nobody's is tried until it is held up, or is not."""
    server.sql(f"ALTER SYSTEM SET synchronous_standby_names = {names}", database="postgres")
    server.sql("SELECT pg_reload_conf()", database="postgres")
    deadline_s = time.monotonic() + 60
    while server.holds_commits() != (names != "''"):
        assert time.monotonic() < deadline_s, "the server does not take note of it"
