"""What reconciliation reads of a journal that a relay is writing: one play, for the source of every engine.

Owns the rows and what is expected of them. It must never know an engine.
"""

from __future__ import annotations

import pytest

from protocols.vocabulary import MessageClass
from relay.core.port import Undone
from relay.exchange import evidence
from relay.journal.records import StoredState, pack_request
from relay.journal.sides import ROWS_MAX, SideReader
from tests.support.journal_suite import T0_MS, Rig, answered, reversing, step_to, taken


def write_rows(rig: Rig) -> list[int]:
    """Twenty exchanges, k0 to k19, and what happened to some of them. Returns their numbers."""
    journal = rig.journal
    records = [taken(journal, f"k{n}", recorded_ms=T0_MS + n * 1_000) for n in range(20)]
    for record in records:
        journal.take(record, lambda _: None)
    ids = [record.exchange_id for record in records]
    journal.step(answered(ids[3]), lambda _: None)
    journal.step(step_to(ids[4], StoredState.SETTLED, "RESOLVED"), lambda _: None)
    journal.take(taken(journal, "c5", original_key="k5", recorded_ms=T0_MS + 30_000), lambda _: None)
    reverses = {"original_key": "k6", "message_class": MessageClass.REVERSAL, "request": pack_request(reversing("k6", 0))}
    reversals = [taken(journal, f"r{n}", StoredState.DELIVERING, recorded_ms=T0_MS + 31_000, **reverses) for n in "123"]
    for record, standing in zip(reversals, (4_000, 2_000, None), strict=True):
        journal.take(record, lambda _: None)
        if standing is not None:
            outcome = evidence.pack(Undone("reversed", standing))
            journal.step(step_to(record.exchange_id, StoredState.SETTLED, "UNDO_ACKNOWLEDGED", outcome=outcome), lambda _: None)
    for event in ("RECONCILED_MISSING", "DELIVERED", "RECONCILED_MISSING"):
        journal.step(step_to(ids[7], StoredState.DELIVERING, event), lambda _: None)
    journal.step(step_to(reversals[1].exchange_id, StoredState.SETTLED, "RECONCILED_MISSING"), lambda _: None)
    rig.settle()
    return ids


def check(reader: SideReader, ids: list[int]) -> None:
    found = reader.by_keys(["k3", "k4", "k5", "k6", "k7", "nobody"])
    assert sorted(found) == ["k3", "k4", "k5", "k6", "k7"]
    assert (found["k3"].state, found["k3"].is_closed, found["k3"].verdict) == ("answered", True, "approve")
    assert (found["k4"].is_resolved, found["k5"].is_resolved) == (True, False)
    assert (found["k5"].is_related, found["k7"].is_related) == (True, False)
    assert not found["k6"].is_closed
    assert (found["k5"].reversal_key, found["k6"].reversal_key) == (None, "r2"), "the newest that is settled"
    assert evidence.unpack(found["k6"].reversal_outcome or b"").standing_minor == 2_000
    assert (found["k7"].times, found["k6"].times, found["k5"].times) == (2, 1, 0), "its own, or of its reversal"
    assert reader.by_ids([ids[3], ids[9], 5])[ids[3]] == found["k3"]
    assert [side.key for side in reader.after(ids[17])] == ["k18", "k19", "c5", "r1", "r2", "r3"]
    (life,) = reader.lives()
    assert len(reader.after(ids[0] - 1, 7)) == 7
    for n in (0, 1, 10, 19):
        first = reader.after(reader.last_before(T0_MS + n * 1_000, life), 1)
        assert first[0].key == f"k{n}"
    rows = reader.moved_rows(ids[18])
    assert [(row.mark, row.terminal, row.business_date) for row in rows][:1] == [(ids[19], "ATM00001", "2026-11-24")]
    assert len(rows) == 5
    lines = reader.moved_lines(0)
    assert [line.exchange_id for line in lines][:1] == [ids[4]]
    assert lines[-1].mark == reader.last_line()
    assert reader.moved_lines(lines[-1].mark) == []
    assert (lines[-2].exchange_id, lines[-2].recorded_ms, lines[-2].at_ms) == (ids[7], T0_MS + 7_000, T0_MS + 5)
    assert reader.by_keys([]) == {}
    with pytest.raises(ValueError, match="at most"):
        reader.by_keys(["k"] * (ROWS_MAX + 1))


def write_second_life(rig: Rig) -> None:
    """Another life of the journal, at the same time: as of a second worker."""
    rig.reopen()
    rig.journal.take(taken(rig.journal, "z1", recorded_ms=T0_MS + 2_000), lambda _: None)
    rig.settle()


def check_second_life(reader: SideReader, ids: list[int]) -> None:
    first, second = reader.lives()
    assert "z1" not in [side.key for side in reader.after(ids[17])], "each life has its own order"
    assert ids[19] == max(row.exchange_id for row in reader.moved_rows(ids[18])) - 4
    begins = reader.last_before(T0_MS, second)
    assert [side.key for side in reader.after(begins)] == ["z1"]
    assert [row.exchange_id for row in reader.moved_rows(begins)] == [begins + 1]
    assert reader.after(reader.last_before(T0_MS + 3_000, second)) == []
    assert reader.after(reader.last_before(T0_MS + 19_000, first), 1)[0].key == "k19"
