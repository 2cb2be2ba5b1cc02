"""PostgreSQL keeps the suite of outbound messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from relay.journal.items import SLICE_COUNT
from relay.journal.outbound import OutboundState
from tests.support.journal_suite import DAY_MS, Rig
from tests.support.outbound_suite import OutboundSuite, moved, outbound
from tests.support.pgserver import PostgresServer
from tests.support.postgresrig import PostgresRig


class TestPostgres(OutboundSuite):
    @pytest.fixture
    def rig(self, server: PostgresServer) -> Iterator[Rig]:
        rig = PostgresRig(server)
        yield rig
        rig.end()


def test_a_body_is_not_readable_in_the_database(rig: PostgresRig) -> None:
    rig.journal.take_outbound(outbound(rig.journal, "k1", body=b'{"data":"CANARY-0123456789"}'), lambda _: None)
    rig.settle()
    assert "CANARY" not in rig.sql("SELECT kind, encode(body, 'escape') FROM outbound")
    assert "cutover" in rig.sql("SELECT kind, encode(body, 'escape') FROM outbound")


def test_a_row_changed_outside_the_relay_is_not_told(rig: PostgresRig) -> None:
    for key in ("k1", "k2"):
        rig.journal.take_outbound(outbound(rig.journal, key), lambda _: None)
    rig.settle()
    rig.sql("UPDATE outbound SET body = (SELECT body FROM outbound WHERE key = 'k2') WHERE key = 'k1'")
    found: list[Any] = []
    rig.journal.find_outbound("k1", found.append)
    rig.settle()
    assert "does not decrypt" in found[0].why


def test_pruning_goes_on_until_all_that_is_old_is_gone(rig: PostgresRig) -> None:
    count = SLICE_COUNT + 3
    rig.sql(
        "INSERT INTO outbound SELECT n, 'k' || n, 'switch', '', 'cutover', '', '', 1000, 'failed', '', 1000, NULL, 'failed'"
        f" FROM generate_series(1, {count}) n"
    )
    rig.later(36 * DAY_MS)
    counts: list[Any] = []
    rig.journal.prune(counts.append)
    rig.settle()
    assert counts == [count]
    assert rig.sql("SELECT count(*) FROM outbound") == "0"


def test_people_are_shown_what_is_open_however_old(rig: PostgresRig) -> None:
    for number in range(3):
        record = outbound(rig.journal, f"k{number}")
        rig.journal.take_outbound(record, lambda _: None)
        state = OutboundState.UNKNOWN if number < 2 else OutboundState.FAILED
        rig.journal.step_outbound(moved(record.outbound_id, state, reported=state), lambda _: None)
    rig.settle()
    assert [each.taken.key for each in rig.journal.newest_outbound((OutboundState.UNKNOWN,), 10)] == ["k1", "k0"]
    assert [each.taken.key for each in rig.journal.newest_outbound((), 10)] == ["k2", "k1", "k0"]
