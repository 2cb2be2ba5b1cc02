"""What reconciliation reads of a journal that a daemon is writing."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.journal.records import StoredState
from relay.journal.sides import ROWS_MAX, SideReader
from tests.support.journal_suite import T0_MS, answered, step_to, taken
from tests.support.sqliterig import SqliteRig


def test_rows_by_key_in_order_and_from_a_day_on(tmp_path: Path) -> None:
    rig = SqliteRig(tmp_path)
    journal = rig.journal
    records = [taken(journal, f"k{n}", recorded_ms=T0_MS + n * 1_000) for n in range(20)]
    for record in records:
        journal.take(record, lambda _: None)
    journal.step(answered(records[3].exchange_id), lambda _: None)
    journal.step(step_to(records[4].exchange_id, StoredState.SETTLED, "RESOLVED"), lambda _: None)
    journal.take(taken(journal, "r5", original_key="k5", recorded_ms=T0_MS + 30_000), lambda _: None)
    rig.settle()
    reader = SideReader(str(rig.path))
    try:
        found = reader.by_keys(["k3", "k4", "k5", "k6", "nobody"])
        assert sorted(found) == ["k3", "k4", "k5", "k6"]
        assert (found["k3"].state, found["k3"].is_closed, found["k3"].verdict) == ("answered", True, "approve")
        assert (found["k4"].is_resolved, found["k5"].is_resolved) == (True, False)
        assert (found["k5"].is_related, found["k6"].is_related) == (True, False)
        assert not found["k6"].is_closed
        assert [side.key for side in reader.after(records[17].exchange_id)] == ["k18", "k19", "r5"]
        assert len(reader.after(0, 7)) == 7
        for n in (0, 1, 10, 19):
            first = reader.after(reader.last_before(T0_MS + n * 1_000), 1)
            assert first[0].key == f"k{n}"
        assert reader.after(reader.last_before(T0_MS + 31_000)) == []
        with pytest.raises(ValueError, match="at most"):
            reader.by_keys(["k"] * (ROWS_MAX + 1))
    finally:
        reader.close()
        journal.close()
