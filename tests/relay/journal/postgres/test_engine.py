"""The PostgreSQL engine keeps the suites of every engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protocols.vocabulary import Secret
from relay.errors import JournalUnusable
from relay.journal.postgres.door import Connection
from relay.journal.records import StoredState
from tests.support.journal_suite import JournalSuite, Rig, step_to, taken
from tests.support.pgserver import DATABASE, PASSWORD, USER, PostgresServer
from tests.support.postgresrig import PostgresRig


class TestPostgres(JournalSuite):
    @pytest.fixture
    def rig(self, server: PostgresServer) -> Iterator[Rig]:
        rig = PostgresRig(server)
        yield rig
        rig.end()


def test_a_password_comes_from_a_credential_or_from_a_file_and_is_never_shown(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = PostgresRig(server)
    rig.journal.close()
    rig.settings = rig.settings.model_copy(update={"dsn": f"postgresql://{USER}@127.0.0.1:{server.port}/{DATABASE}"})
    rig.journal = rig.open(Secret(PASSWORD))
    assert PASSWORD not in rig.journal.place
    rig.journal.close()
    passfile = tmp_path / "pgpass"
    passfile.write_text(f"127.0.0.1:*:*:{USER}:{PASSWORD}\n", encoding="ascii")
    passfile.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passfile))
    rig.journal = rig.open()
    rig.end()


def test_reading_for_people_says_so_where_no_server_is(server: PostgresServer) -> None:
    rig = PostgresRig(server)
    rig.set_full(True)
    rig.journal.take(taken(rig.journal, "k1"), lambda _: None)
    rig.settle()
    with pytest.raises(JournalUnusable, match="cannot be read"):
        rig.journal.listed()
    rig.set_full(False)
    assert list(rig.journal.listed()) == []
    rig.end()
    with pytest.raises(JournalUnusable):
        rig.journal.listed()


def test_the_persons_list_costs_as_many_questions_for_many_as_for_one(
    rig: PostgresRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    rows = Connection.rows

    async def counted(self: Connection, sql: str, *parameters: object) -> list[Any]:
        asked.append(sql)
        return await rows(self, sql, *parameters)

    monkeypatch.setattr(Connection, "rows", counted)

    def questions() -> int:
        asked.clear()
        listed = list(rig.journal.listed())
        reasons = rig.journal.reasons([stored.taken.exchange_id for stored in listed])
        assert set(reasons.values()) == {"a person's"}
        return len(asked)

    def list_more(first: int, count: int) -> None:
        for number in range(first, first + count):
            record = taken(rig.journal, f"k{number}")
            rig.journal.take(record, lambda _: None)
            rig.journal.step(step_to(record.exchange_id, StoredState.LISTED, detail="a person's"), lambda _: None)
        rig.settle()

    list_more(0, 1)
    for_one = questions()
    list_more(1, 200)
    assert questions() == for_one == 3
