"""The database before it is served: what is checked, and what the operator is told when it cannot be."""

from __future__ import annotations

import pytest

from relay.errors import JournalUnusable
from relay.journal.postgres import schema, servers
from relay.journal.schema import migrations as sqlite_migrations
from tests.support.journal_suite import taken
from tests.support.pgserver import PostgresServer
from tests.support.postgresrig import PostgresRig


def refused(rig: PostgresRig) -> JournalUnusable:
    with pytest.raises(JournalUnusable) as caught:
        rig.open()
    return caught.value


def test_each_migration_of_sqlite_has_its_counterpart() -> None:
    assert len(schema.migrations()) == len(sqlite_migrations()) + 2, "and two more, for who may write"


def test_a_journal_of_the_first_version_is_migrated(rig: PostgresRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version by version, with what is in it."""
    rig.journal.close()
    rig.sql(f"DROP SCHEMA {rig.schema} CASCADE; CREATE SCHEMA {rig.schema} AUTHORIZATION relay")
    first = schema.migrations()[0]
    rig.server.sql(
        f"SET search_path = {rig.schema}; {first}"
        " INSERT INTO meta VALUES ('version', 1), ('incarnation', 3);"
        " INSERT INTO taken VALUES (1, 'k', 'atm', 'bank', 'A', 'financial', 'withdrawal', 'undo', '', 0, '', NULL, NULL, NULL,"
        " '', '', '', 0, 1); INSERT INTO standing VALUES (1, 'unproven', 1, 0)",
        user="relay",
    )
    rig.journal = rig.open()
    assert [each.taken.key for each in rig.journal.listed()] == ["k"]
    assert rig.sql("SELECT value FROM meta WHERE name = 'version'") == str(len(schema.migrations()))


def test_a_newer_journal_is_left_alone(rig: PostgresRig) -> None:
    rig.journal.close()
    rig.sql("UPDATE meta SET value = 99 WHERE name = 'version'")
    assert "version 99" in refused(rig).problem
    rig.sql(f"UPDATE meta SET value = {len(schema.migrations())} WHERE name = 'version'")
    rig.journal = rig.open()


def test_another_programs_schema_is_left_alone(rig: PostgresRig) -> None:
    rig.journal.close()
    rig.sql(f"DROP SCHEMA {rig.schema} CASCADE; CREATE SCHEMA {rig.schema} AUTHORIZATION relay; CREATE TABLE theirs (n int)")
    assert "belongs to another program" in refused(rig).problem


def test_a_wrong_key_is_told_before_anything_is_written_with_it(rig: PostgresRig) -> None:
    rig.journal.close()
    rig.sql("UPDATE key_check SET key_check = '\\x00', key_id = 'abcd'")
    assert "was written with key abcd" in refused(rig).problem


def test_a_server_that_does_not_sync_is_not_served_from() -> None:
    server = PostgresServer()
    try:
        server.sql("ALTER SYSTEM SET fsync = off", database="postgres")
        server.sql("SELECT pg_reload_conf()", database="postgres")
        with pytest.raises(JournalUnusable, match="fsync off"):
            PostgresRig(server)
    finally:
        server.remove()


def test_a_second_relay_is_kept_out_and_told_what_to_do(rig: PostgresRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "OPEN_PATIENCE_MS", 300)
    told = refused(rig)
    assert "in use by another relay (from this host" in told.problem
    assert "Stop that relay" in told.next_step
    results: list[object] = []
    rig.journal.take(taken(rig.journal, "k1"), results.append)
    rig.settle()
    assert len(results) == 1, "and the first one does not notice"
    assert rig.failures == []


def test_a_session_waits_for_its_standby_whatever_the_role_was_set_to(rig: PostgresRig) -> None:
    rig.journal.close()
    rig.server.sql("ALTER ROLE relay SET synchronous_commit = off", database="postgres")
    try:
        rig.journal = rig.open()
        writer = rig.journal._writer
        assert writer._connection is not None
        assert writer._connection._raw.get_settings() is not None
        shown = writer.read(lambda _: writer._connection.rows("SHOW synchronous_commit"))  # type: ignore[union-attr]
        assert shown[0][0] == "on"
    finally:
        rig.server.sql("ALTER ROLE relay RESET synchronous_commit", database="postgres")


def test_what_cannot_be_opened_is_said_with_the_next_step(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "OPEN_PATIENCE_MS", 200)
    for dsn, step in {
        server.dsn.rpartition("/")[0] + "/nothing": "createdb",
        server.dsn.replace("relay@", "nobody@"): "role",
        "postgresql://relay@127.0.0.1:1/relay": "Start a server that writes",
        "mysql://relay@db/relay": "docs/install.md",
    }.items():
        with pytest.raises(JournalUnusable) as caught:
            PostgresRig(server, dsn=dsn)
        assert step in caught.value.next_step, caught.value.problem
