"""SQLite keeps the suite of outbound messages; beyond it: a body is sealed, and a changed row is noticed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.journal import outbound_rows, walks
from relay.journal.outbound import OutboundState
from relay.journal.port import JournalFailed
from relay.journal.verify import verify
from tests.support.journal_suite import DAY_MS, Rig
from tests.support.outbound_suite import OutboundSuite, moved, outbound
from tests.support.sqliterig import KEY, SqliteRig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SqliteRig]:
    rig = SqliteRig(tmp_path)
    yield rig
    rig.end()


class TestSqlite(OutboundSuite):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[Rig]:
        rig = SqliteRig(tmp_path)
        yield rig
        rig.end()


def test_a_body_is_not_readable_on_the_disk(rig: SqliteRig) -> None:
    rig.journal.take_outbound(outbound(rig.journal, "k1", body=b'{"data":"CANARY-0123456789"}'), lambda _: None)
    rig.settle()
    rig.journal.close()
    raw = b"".join(path.read_bytes() for path in rig.folder.glob("journal.sqlite*"))
    assert b"CANARY" not in raw
    assert b"cutover" in raw, "what is not secret is there: the search looks in the right place"


def test_a_row_changed_outside_the_relay_is_noticed(rig: SqliteRig) -> None:
    for key in ("k1", "k2"):
        rig.journal.take_outbound(outbound(rig.journal, key), lambda _: None)
    rig.settle()
    rig.journal.close()
    assert verify(str(rig.path), KEY).is_sound
    connection = sqlite3.connect(rig.path, isolation_level=None)
    connection.execute(
        "UPDATE outbound SET state = 'lost', body = (SELECT body FROM outbound WHERE key = 'k2') WHERE key = 'k1'"
    )
    connection.close()
    problems = verify(str(rig.path), KEY).problems
    assert any("does not decrypt" in problem for problem in problems)
    assert any("does not exist" in problem for problem in problems)
    rig.journal = rig.open()
    found: list[Any] = []
    rig.journal.find_outbound("k1", found.append)
    rig.settle()
    assert isinstance(found[0], JournalFailed)


def test_people_are_shown_what_is_open_however_old_and_of_the_rest_the_newest(
    rig: SqliteRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound_rows, "LOOKED_AT_COUNT_MAX", 2)
    for number in range(5):
        record = outbound(rig.journal, f"k{number}")
        rig.journal.take_outbound(record, lambda _: None)
        state = OutboundState.UNKNOWN if number < 2 else OutboundState.FAILED
        rig.journal.step_outbound(moved(record.outbound_id, state, reported=state), lambda _: None)
    rig.settle()

    def keys(*states: OutboundState) -> list[str]:
        return [each.taken.key for each in rig.journal.newest_outbound(states, 10)]

    assert keys(OutboundState.UNKNOWN) == ["k1", "k0"]
    assert keys(OutboundState.FAILED) == keys() == ["k4", "k3"]


def test_what_is_open_is_found_without_walking_the_table(rig: SqliteRig) -> None:
    for sql in (
        f"{outbound_rows.SELECT_OUTBOUND} {outbound_rows._OPEN} ORDER BY outbound_id",
        f"{outbound_rows.SELECT_OUTBOUND} {outbound_rows._OPEN} AND state IN ('unknown') ORDER BY outbound_id DESC LIMIT 5",
    ):
        plan = [row[3] for row in rig.journal._reader.execute(f"EXPLAIN QUERY PLAN {sql}")]
        assert plan == ["SCAN outbound USING INDEX outbound_open"], plan


def test_pruning_goes_on_until_all_that_is_old_is_gone(rig: SqliteRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walks, "SLICE_COUNT", 3)
    rig.reopen()
    for number in range(10):
        record = outbound(rig.journal, f"k{number}")
        rig.journal.take_outbound(record, lambda _: None)
        state = OutboundState.FAILED
        rig.journal.step_outbound(moved(record.outbound_id, state, reported=state), lambda _: None)
    rig.settle()
    rig.later(36 * DAY_MS)
    counts: list[Any] = []
    rig.journal.prune(counts.append)
    rig.settle()
    assert counts[0] >= 10
    assert list(rig.journal.newest_outbound((), 100)) == []
