"""The floor that a life keeps for the next one's recovery, stored with its groups."""

from __future__ import annotations

import pytest

from relay.journal.postgres import transactions
from tests.support.journal_suite import answered, taken
from tests.support.postgresrig import PostgresRig


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "FLOOR_RECORDS", 50)


def serve(rig: PostgresRig, count: int, prefix: str) -> None:
    for number in range(count):
        record = taken(rig.journal, f"{prefix}{number}")
        rig.journal.take(record, lambda _: None)
        rig.journal.step(answered(record.exchange_id), lambda _: None)
        if number % 8 == 0:
            rig.settle()
    rig.settle()


def floor(rig: PostgresRig) -> int:
    return int(rig.sql("SELECT coalesce(max(value), 0) FROM meta WHERE name = 'recorded_floor'"))


def test_it_follows_the_oldest_recorded_exchange(rig: PostgresRig) -> None:
    serve(rig, 60, "before")
    assert floor(rig) > 0
    oldest = taken(rig.journal, "oldest")
    rig.journal.take(oldest, lambda _: None)
    serve(rig, 120, "after")
    assert floor(rig) == oldest.exchange_id
    rig.crash()
    assert [each.taken.key for each in rig.journal.open_exchanges()] == ["oldest"]
    rig.journal.step(answered(oldest.exchange_id), lambda _: None)
    serve(rig, 120, "next life")
    assert floor(rig) > oldest.exchange_id


def test_an_id_recorded_late_is_not_overlooked(rig: PostgresRig) -> None:
    """Also where its neighbour in the group is refused, and each is written by itself."""
    late, later = taken(rig.journal, "late"), taken(rig.journal, "later")
    serve(rig, 120, "k")
    assert floor(rig) > later.exchange_id
    rig.journal.take(late, lambda _: None)
    rig.journal.take(taken(rig.journal, "bad", terminal="\0"), lambda _: None)
    rig.journal.take(later, lambda _: None)
    rig.settle()
    rig.crash()
    assert [each.taken.key for each in rig.journal.open_exchanges()] == ["late", "later"]


def test_after_a_commit_read_back_the_floor_is_the_one_stored(rig: PostgresRig) -> None:
    late = taken(rig.journal, "late")
    serve(rig, 120, "k")
    rig.inject("SELECT * FROM write_group", after=True)
    rig.journal.take(late, lambda _: None)
    rig.settle()
    assert floor(rig) == late.exchange_id
    rig.crash()
    assert [each.taken.key for each in rig.journal.open_exchanges()] == ["late"]
