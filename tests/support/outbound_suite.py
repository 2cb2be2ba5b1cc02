"""One suite for every journal engine about messages that the core started, and the builders of their records.

Owns `OutboundSuite`; test_outbound.py gives it the memory engine, test_outbound_rows.py SQLite. The trap: an answer arrives
later, on the loop, so nothing here looks at a result before `settle()`.
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from relay.journal.outbound import (
    OutboundExisting,
    OutboundState,
    OutboundStep,
    OutboundTaken,
    StoredOutbound,
    outbound_taken,
)
from relay.journal.port import Fresh, JournalFailed, JournalState, OutboundJournal
from tests.support.journal_suite import DAY_MS, T0_MS, Rig

BODY = b'{"business_date":"2026-11-25"}'


def outbound(journal: OutboundJournal, key: str, **changes: Any) -> OutboundTaken:
    """A cutover for a switch, with a number of `journal`."""
    base = OutboundTaken(
        outbound_id=journal.next_exchange_id(),
        key=key,
        listener="switch",
        line="",
        kind="cutover",
        body=BODY,
        fingerprint=journal.fingerprint(key),
        recorded_ms=T0_MS,
    )
    return replace(base, **changes)


def moved(outbound_id: int, state: OutboundState | None, **changes: Any) -> OutboundStep:
    return replace(OutboundStep(outbound_id=outbound_id, state=state, at_ms=T0_MS + 5), **changes)


class OutboundSuite:
    """Subclasses give `rig`."""

    @pytest.fixture
    def rig(self) -> Rig:
        raise AssertionError("a subclass gives the rig")

    def journal(self, rig: Rig) -> Any:
        return rig.journal

    def find(self, rig: Rig, key: str) -> Any:
        found: list[Any] = []
        self.journal(rig).find_outbound(key, found.append)
        rig.settle()
        return found[0]

    def test_what_was_taken_reads_back_whole(self, rig: Rig) -> None:
        record = outbound(self.journal(rig), "k1", line="ATM00001")
        results: list[Any] = []
        self.journal(rig).take_outbound(record, results.append)
        assert results == []
        rig.settle()
        assert results == [Fresh()]
        for begin_again in (rig.crash, rig.reopen):
            assert self.find(rig, "k1") == outbound_taken(record)
            begin_again()
        assert self.find(rig, "never") is None

    def test_a_key_is_taken_once(self, rig: Rig) -> None:
        first = outbound(self.journal(rig), "k1")
        results: list[Any] = []
        self.journal(rig).take_outbound(first, results.append)
        self.journal(rig).take_outbound(outbound(self.journal(rig), "k1", kind="echo"), results.append)
        rig.settle()
        assert results[0] == Fresh()
        assert results[1].message.taken == first
        self.journal(rig).step_outbound(moved(first.outbound_id, OutboundState.SENT), lambda _: None)
        rig.settle()
        rig.crash()
        self.journal(rig).take_outbound(outbound(self.journal(rig), "k1"), results.append)
        rig.settle()
        assert isinstance(results[2], OutboundExisting)
        assert results[2].message.state is OutboundState.SENT
        assert len(list(self.journal(rig).newest_outbound((), 10))) == 1

    def test_a_step_changes_what_it_carries_and_keeps_the_rest(self, rig: Rig) -> None:
        record = outbound(self.journal(rig), "k1")
        steps = [
            moved(record.outbound_id, OutboundState.SENT, at_ms=T0_MS + 1),
            moved(record.outbound_id, OutboundState.QUEUED, at_ms=T0_MS + 2, detail="not signed on"),
            moved(record.outbound_id, OutboundState.SENT, at_ms=T0_MS + 3),
            moved(record.outbound_id, OutboundState.UNKNOWN, at_ms=T0_MS + 4, detail="no answer"),
            moved(record.outbound_id, OutboundState.ACKNOWLEDGED, at_ms=T0_MS + 5),
            moved(record.outbound_id, None, at_ms=T0_MS + 6, reported=OutboundState.UNKNOWN),
        ]
        results: list[Any] = []
        self.journal(rig).take_outbound(record, lambda _: None)
        for step in steps:
            self.journal(rig).step_outbound(step, results.append)
        rig.settle()
        assert results == [None] * len(steps)
        stored = self.find(rig, "k1")
        assert stored == StoredOutbound(
            taken=record,
            state=OutboundState.ACKNOWLEDGED,
            detail="",
            updated_ms=T0_MS + 5,
            sent_ms=T0_MS + 3,
            reported=OutboundState.UNKNOWN,
        )
        assert stored.owes_report

    def test_given_back_it_was_not_sent(self, rig: Rig) -> None:
        record = outbound(self.journal(rig), "k1")
        self.journal(rig).take_outbound(record, lambda _: None)
        for state in (OutboundState.SENT, OutboundState.QUEUED):
            self.journal(rig).step_outbound(moved(record.outbound_id, state), lambda _: None)
        rig.settle()
        assert self.find(rig, "k1").sent_ms is None

    def test_a_step_of_a_message_that_was_never_taken_is_refused_alone(self, rig: Rig) -> None:
        record = outbound(self.journal(rig), "k1")
        results: list[Any] = []
        self.journal(rig).take_outbound(record, results.append)
        self.journal(rig).step_outbound(moved(record.outbound_id + 1, OutboundState.SENT), results.append)
        self.journal(rig).step_outbound(moved(record.outbound_id, OutboundState.SENT), results.append)
        rig.settle()
        assert results[0] == Fresh()
        assert isinstance(results[1], JournalFailed)
        assert results[1].certain
        assert results[2] is None
        assert rig.journal.state is JournalState.WRITABLE

    @pytest.mark.parametrize("state", list(OutboundState))
    @pytest.mark.parametrize("is_reported", [False, True])
    def test_recovery_reads_what_is_open(self, rig: Rig, state: OutboundState, is_reported: bool) -> None:
        records = [outbound(self.journal(rig), f"k{number}") for number in range(3)]
        for record in records:
            self.journal(rig).take_outbound(record, lambda _: None)
            step = moved(record.outbound_id, state, reported=state if is_reported else None)
            self.journal(rig).step_outbound(step, lambda _: None)
        rig.settle()
        rig.crash()
        found = list(self.journal(rig).open_outbound())
        closed = is_reported and state not in {OutboundState.QUEUED, OutboundState.SENT, OutboundState.UNKNOWN}
        assert [each.taken for each in found] == ([] if closed else records)
        assert all(each.is_open for each in found)

    def test_people_see_the_newest_first(self, rig: Rig) -> None:
        for number in range(5):
            record = outbound(self.journal(rig), f"k{number}")
            self.journal(rig).take_outbound(record, lambda _: None)
            state = OutboundState.UNKNOWN if number % 2 else OutboundState.SENT
            self.journal(rig).step_outbound(moved(record.outbound_id, state), lambda _: None)
        rig.settle()

        def keys(states: tuple[OutboundState, ...], count_max: int) -> list[str]:
            return [each.taken.key for each in self.journal(rig).newest_outbound(states, count_max)]

        assert keys((), 3) == ["k4", "k3", "k2"]
        assert keys((OutboundState.UNKNOWN,), 10) == ["k3", "k1"]
        assert keys((OutboundState.FAILED,), 10) == []

    def test_pruning_forgets_bodies_then_keys_and_nothing_that_waits(self, rig: Rig) -> None:
        states = {"done": OutboundState.ACKNOWLEDGED, "unknown": OutboundState.UNKNOWN, "owed": OutboundState.FAILED}
        for key, state in states.items():
            record = outbound(self.journal(rig), key)
            self.journal(rig).take_outbound(record, lambda _: None)
            reported = None if key == "owed" else state
            self.journal(rig).step_outbound(moved(record.outbound_id, state, reported=reported), lambda _: None)
        self.journal(rig).take_outbound(outbound(self.journal(rig), "queued"), lambda _: None)
        rig.settle()

        def prune() -> int:
            counts: list[Any] = []
            rig.journal.prune(counts.append)
            rig.settle()
            return int(counts[0])

        rig.later(6 * DAY_MS)
        assert prune() == 0
        rig.later(2 * DAY_MS)
        assert prune() == 1
        assert self.find(rig, "done").taken.body == b""
        rig.later(28 * DAY_MS)
        assert prune() == 1
        assert self.find(rig, "done") is None
        for key in ("unknown", "owed", "queued"):
            assert self.find(rig, key).taken.body == BODY

    def test_a_full_disk_refuses_and_a_read_goes_on(self, rig: Rig) -> None:
        record = outbound(self.journal(rig), "before")
        self.journal(rig).take_outbound(record, lambda _: None)
        rig.settle()
        rig.set_full(True)
        results: list[Any] = []
        self.journal(rig).take_outbound(outbound(self.journal(rig), "during"), results.append)
        self.journal(rig).step_outbound(moved(record.outbound_id, OutboundState.SENT), results.append)
        rig.settle()
        assert all(isinstance(result, JournalFailed) and result.certain for result in results)
        assert self.find(rig, "before").state is OutboundState.QUEUED
        rig.set_full(False)
        assert self.find(rig, "during") is None
