"""One suite for every journal engine: what the port promises, run against whatever a `Rig` opens.

It is longer than 400 lines because the promises of one port are read together, and each engine runs all of them.
Owns the builders of records and `JournalSuite`; test_sqlite.py and test_memory.py each give it an engine. It must never look
behind the port. The trap: an answer arrives later, on the loop, so nothing here looks at a result before `settle()`.
"""

from __future__ import annotations

from typing import Any, Protocol

import pytest
from msgspec.structs import replace

from protocols.vocabulary import DoubtPolicy, MessageClass, Pan, Request, Secret, Verdict
from relay.journal.port import Existing, Fresh, Journal, JournalFailed, JournalState
from relay.journal.records import LISTED_STATES, OPEN_STATES, Intent, Step, StoredExchange, StoredState, Taken, pack_request

T0_MS = 1_795_478_400_000
DAY_MS = 86_400_000
PAN = Pan("4539578763621486")
APPROVE = Intent(Verdict.APPROVE, "00", b"reply")


class Rig(Protocol):
    """One engine and the world it lives in."""

    journal: Journal

    def settle(self) -> None:
        """Until everything given is answered."""

    def reopen(self) -> None:
        """Close, and begin the next incarnation."""

    def crash(self) -> None:
        """The process dies with everything settled; the next incarnation begins."""

    def set_full(self, full: bool) -> None:
        """The disk of the journal is full, or has room again and the engine has noticed."""

    def fail_sync(self) -> None:
        """The next sync fails."""

    def later(self, by_ms: int) -> None:
        """The wall clock moves on."""


def taken(journal: Journal, key: str, state: StoredState = StoredState.RECORDED, **changes: Any) -> Taken:
    """A withdrawal of a terminal, with an id of `journal`."""
    base = Taken(
        exchange_id=journal.next_exchange_id(),
        key=key,
        listener="atm",
        realm="bank",
        terminal="ATM00001",
        message_class=MessageClass.FINANCIAL,
        kind="withdrawal",
        policy=DoubtPolicy.UNDO,
        fingerprint=journal.fingerprint(key),
        state=state,
        recorded_ms=T0_MS,
        request=b"request of " + key.encode(),
        pan=PAN,
        amount_minor=10_000,
        currency="JPY",
        business_date="2026-11-24",
        epoch=3,
        incarnation=journal.incarnation,
    )
    return replace(base, **changes)


def reversing(original: str, standing_minor: int) -> Request:
    return Request(
        key="r",
        message_class=MessageClass.REVERSAL,
        kind="reversal",
        doubt_policy=DoubtPolicy.REPEAT,
        channel="atm",
        realm="bank",
        terminal="ATM00001",
        acquirer="1",
        fingerprint_text=Secret(""),
        original_key=original,
        standing_minor=standing_minor,
    )


def step_to(exchange_id: int, state: StoredState, event: str = "moved", **changes: Any) -> Step:
    return replace(Step(exchange_id=exchange_id, event=event, state=state, at_ms=T0_MS + 5), **changes)


def answered(exchange_id: int) -> Step:
    """The happy path's second record."""
    return step_to(exchange_id, StoredState.ANSWERED, "answered", intent=APPROVE, history=False)


class JournalSuite:
    """Subclasses give `rig`."""

    @pytest.fixture
    def rig(self) -> Rig:
        raise AssertionError("a subclass gives the rig")

    # ---- taking ----------------------------------------------------------------------------------------------------

    def test_what_was_taken_reads_back_whole(self, rig: Rig) -> None:
        record = taken(rig.journal, "k1", original_key="k0", amount_minor=None, currency="", business_date="")
        results: list[object] = []
        rig.journal.take(record, results.append)
        rig.journal.find("k1", results.append)
        rig.journal.find("never", results.append)
        rig.settle()
        fresh, found, missing = results
        assert isinstance(fresh, Fresh)
        assert missing is None
        assert found == StoredExchange(
            taken=record,
            state=StoredState.RECORDED,
            intent=None,
            outcome=None,
            standing_minor=None,
            tries=0,
            epoch=3,
            updated_ms=T0_MS,
        )

    def test_a_key_that_was_reversed_is_known_as_such_whatever_came_first(self, rig: Rig) -> None:
        """In the same group, in a later one, after a restart; and a part reversal is none."""

        def reversal(number: int, original: str, standing_minor: int = 0) -> Taken:
            return taken(
                rig.journal,
                f"r{number}",
                StoredState.DELIVERING,
                original_key=original,
                message_class=MessageClass.REVERSAL,
                request=pack_request(reversing(original, standing_minor)),
            )

        results: list[Any] = []
        first, part = reversal(1, "k1"), reversal(2, "k2", 4_000)
        for record in (first, taken(rig.journal, "k1"), part, taken(rig.journal, "k2")):
            rig.journal.take(record, results.append)
        rig.settle()
        original = taken(rig.journal, "k3")
        rig.journal.take(original, results.append)
        rig.settle()
        later = reversal(3, "k3")
        rig.journal.take(later, results.append)
        for key in ("k1", "k2", "k3"):
            rig.journal.find(key, results.append)
        rig.journal.take(taken(rig.journal, "k3"), results.append)
        rig.settle()
        assert results[:6] == [Fresh(), Fresh(first.exchange_id), Fresh(), Fresh(), Fresh(), Fresh()]
        assert [found.reversed_by for found in results[6:9]] == [first.exchange_id, 0, later.exchange_id]
        assert results[9].exchange.reversed_by == later.exchange_id
        rig.crash()
        rig.journal.step(step_to(first.exchange_id, StoredState.SETTLED), lambda _: None)
        rig.settle()
        opened = {stored.taken.key: stored.reversed_by for stored in rig.journal.open_exchanges()}
        assert opened == {"k1": first.exchange_id, "k2": 0, "k3": later.exchange_id, "r2": 0, "r3": 0}

    def test_nothing_is_answered_before_the_loop_turns(self, rig: Rig) -> None:
        results: list[object] = []
        rig.journal.take(taken(rig.journal, "k1"), results.append)
        assert results == []
        assert rig.journal.waiting_count() == 1
        rig.settle()
        assert rig.journal.waiting_count() == 0
        assert len(results) == 1

    def test_a_key_is_taken_once(self, rig: Rig) -> None:
        """Within a group, across groups, across incarnations; the second finds the first as it stands."""
        first = taken(rig.journal, "k1")
        results: list[Any] = []
        rig.journal.take(first, results.append)
        rig.journal.take(taken(rig.journal, "k1", terminal="ATM00002"), results.append)
        rig.journal.take(taken(rig.journal, "k2"), results.append)
        rig.settle()
        assert [type(result) for result in results] == [Fresh, Existing, Fresh]
        assert results[1].exchange.taken == first
        rig.journal.step(answered(first.exchange_id), lambda _: None)
        rig.settle()
        rig.reopen()
        results.clear()
        rig.journal.take(taken(rig.journal, "k1"), results.append)
        rig.settle()
        assert results[0].exchange.taken.exchange_id == first.exchange_id
        assert results[0].exchange.state is StoredState.ANSWERED
        assert results[0].exchange.intent == APPROVE

    def test_a_duplicate_writes_nothing(self, rig: Rig) -> None:
        """Not even where it stands: a repeated advice must not open its exchange again."""
        advice = taken(rig.journal, "a1", StoredState.DELIVERING, intent=APPROVE, message_class=MessageClass.ADVICE)
        rig.journal.take(advice, lambda _: None)
        rig.journal.step(step_to(advice.exchange_id, StoredState.DONE), lambda _: None)
        rig.settle()
        again = replace(advice, exchange_id=rig.journal.next_exchange_id())
        results: list[Any] = []
        rig.journal.take(again, results.append)
        rig.settle()
        assert results[0].exchange.state is StoredState.DONE
        assert list(rig.journal.open_exchanges()) == []

    def test_an_advice_is_acknowledged_in_the_same_record(self, rig: Rig) -> None:
        advice = taken(rig.journal, "a1", StoredState.DELIVERING, intent=APPROVE, message_class=MessageClass.ADVICE)
        rig.journal.take(advice, lambda _: None)
        rig.settle()
        rig.crash()
        (stored,) = rig.journal.open_exchanges()
        assert (stored.state, stored.intent, stored.taken) == (StoredState.DELIVERING, APPROVE, advice)

    # ---- stepping --------------------------------------------------------------------------------------------------

    def test_a_step_changes_what_it_carries_and_keeps_the_rest(self, rig: Rig) -> None:
        record = taken(rig.journal, "k1")
        journal = rig.journal
        results: list[object] = []
        journal.take(record, lambda _: None)
        exchange_id = record.exchange_id
        journal.step(
            step_to(exchange_id, StoredState.UNDOING, intent=Intent(Verdict.DOUBT, "91", b""), tries=1), results.append
        )
        journal.step(
            step_to(exchange_id, StoredState.UNDOING, outcome=b"late", standing_minor=0, epoch=4, tries=2), results.append
        )
        journal.step(step_to(exchange_id, StoredState.UNDOING, at_ms=T0_MS + 9), results.append)
        journal.find("k1", results.append)
        rig.settle()
        *nothing, found = results
        assert nothing == [None, None, None]
        assert isinstance(found, StoredExchange)
        assert found.intent == Intent(Verdict.DOUBT, "91", b"")
        assert (found.outcome, found.standing_minor, found.tries, found.epoch) == (b"late", 0, 2, 4)
        assert (found.updated_ms, found.taken.epoch) == (T0_MS + 9, 3)

    def test_a_step_of_an_exchange_that_was_never_taken_is_refused_alone(self, rig: Rig) -> None:
        first, second = taken(rig.journal, "k1"), taken(rig.journal, "k2")
        results: list[Any] = []
        rig.journal.take(first, results.append)
        rig.journal.step(answered(first.exchange_id), results.append)
        rig.journal.step(answered(rig.journal.next_exchange_id()), results.append)
        rig.journal.take(second, results.append)
        rig.journal.step(answered(second.exchange_id), results.append)
        rig.settle()
        assert isinstance(results[2], JournalFailed)
        assert results[2].certain
        assert results[:2] == [Fresh(), None]
        assert results[3:] == [Fresh(), None]
        assert rig.journal.state is JournalState.WRITABLE

    def test_history_keeps_what_was_asked_for_in_order(self, rig: Rig) -> None:
        record = taken(rig.journal, "k1")
        rig.journal.take(record, lambda _: None)
        for number, event in enumerate(["asked late", "undo owed", "undone"]):
            rig.journal.step(
                step_to(record.exchange_id, StoredState.UNDOING, event, detail=f"try {number}", at_ms=T0_MS + number),
                lambda _: None,
            )
        rig.journal.step(answered(record.exchange_id), lambda _: None)
        rig.settle()
        lines = list(rig.journal.history(record.exchange_id))
        assert [(line.event, line.detail, line.at_ms) for line in lines] == [
            ("asked late", "try 0", T0_MS),
            ("undo owed", "try 1", T0_MS + 1),
            ("undone", "try 2", T0_MS + 2),
        ]
        assert list(rig.journal.history(record.exchange_id + 1)) == []

    def test_a_chain_is_the_original_and_all_that_name_it_with_what_people_decided(self, rig: Rig) -> None:
        """Also through a restart, and while nothing can be written."""

        def one(key: str, original: str = "", kind: MessageClass = MessageClass.REVERSAL) -> int:
            request = pack_request(reversing(original, 0))
            record = taken(rig.journal, key, StoredState.DELIVERING, original_key=original, message_class=kind, request=request)
            rig.journal.take(record, lambda _: None)
            return record.exchange_id

        def look(key: str) -> Any:
            found: list[Any] = []
            rig.journal.find_chain(key, found.append)
            rig.settle()
            return found[0]

        original = one("o", kind=MessageClass.FINANCIAL)
        others = [one("r1", "o"), one("a1", "o", MessageClass.ADVICE)]
        one("x", "elsewhere")
        for exchange_id, event, state, detail in (
            (original, "GIVEN_TO_PERSON", StoredState.LISTED, "invalid"),
            (others[0], "RETRIED_DELIVERY", StoredState.DELIVERING, "A. Sato: once more"),
            (original, "RESOLVED", StoredState.SETTLED, "A. Sato: by hand"),
            (others[0], "GIVEN_TO_PERSON", StoredState.LISTED, "again"),
        ):
            rig.journal.step(step_to(exchange_id, state, event, detail=detail), lambda _: None)
        chain = look("o")
        assert [(m.exchange_id, m.key, m.message_class) for m in chain] == [
            (original, "o", MessageClass.FINANCIAL),
            (others[0], "r1", MessageClass.REVERSAL),
            (others[1], "a1", MessageClass.ADVICE),
        ]
        assert [m.state for m in chain] == [StoredState.SETTLED, StoredState.LISTED, StoredState.DELIVERING]
        assert [m.resolved.detail if m.resolved else "" for m in chain] == ["A. Sato: by hand", "", ""]
        assert chain[0].resolved.at_ms == T0_MS + 5
        assert 0 < chain[1].retried_line_id < chain[0].resolved.line_id
        assert not any(m.is_archived for m in chain)
        rig.reopen()
        assert look("o") == chain
        assert look("nobody") == ()
        assert [m.key for m in look("elsewhere")] == ["x"]
        rig.set_full(True)
        one("refused")
        rig.settle()
        assert look("o") == chain

    def test_the_last_words_of_many_histories(self, rig: Rig) -> None:
        records = [taken(rig.journal, f"k{number}") for number in range(4)]
        for record in records:
            rig.journal.take(record, lambda _: None)
        for place, detail in ((0, "first"), (0, "second"), (0, ""), (1, "only"), (2, "")):
            step = step_to(records[place].exchange_id, StoredState.HELD, "held", detail=detail)
            rig.journal.step(step, lambda _: None)
        rig.settle()
        ids = [record.exchange_id for record in records]
        assert dict(rig.journal.reasons([*ids, 7])) == {ids[0]: "second", ids[1]: "only"}
        assert dict(rig.journal.reasons(ids[1:2])) == {ids[1]: "only"}
        assert dict(rig.journal.reasons([])) == {}

    def test_answers_come_in_the_order_given(self, rig: Rig) -> None:
        order: list[int] = []
        for number in range(300):
            record = taken(rig.journal, f"k{number % 250}")
            rig.journal.take(record, lambda _, n=number: order.append(2 * n))
            rig.journal.find(record.key, lambda _, n=number: order.append(2 * n + 1))
        rig.settle()
        assert order == list(range(600))

    def test_a_broken_callback_costs_nobody_else_an_answer(self, rig: Rig) -> None:
        results: list[object] = []

        def broken(_: object) -> None:
            raise RuntimeError("broken callback")

        rig.journal.take(taken(rig.journal, "k1"), results.append)
        rig.journal.take(taken(rig.journal, "k2"), broken)
        rig.journal.take(taken(rig.journal, "k3"), results.append)
        with pytest.raises(RuntimeError, match="broken callback"):
            rig.settle()
        rig.settle()
        assert results == [Fresh(), Fresh()]
        assert rig.journal.waiting_count() == 0

    # ---- recovery --------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("state", list(StoredState))
    def test_recovery_lists_what_is_open_and_people_what_is_listed(self, rig: Rig, state: StoredState) -> None:
        direct, stepped, other = taken(rig.journal, "k1", state), taken(rig.journal, "k2"), taken(rig.journal, "k3")
        for record in (direct, stepped, other):
            rig.journal.take(record, lambda _: None)
        rig.journal.step(step_to(stepped.exchange_id, state), lambda _: None)
        rig.journal.step(answered(other.exchange_id), lambda _: None)
        rig.settle()
        rig.crash()
        both = [direct.exchange_id, stepped.exchange_id]
        assert [each.taken.exchange_id for each in rig.journal.open_exchanges()] == (both if state in OPEN_STATES else [])
        assert [each.taken.exchange_id for each in rig.journal.listed()] == (both if state in LISTED_STATES else [])

    def test_what_was_recorded_is_found_through_any_number_of_restarts(self, rig: Rig) -> None:
        old = taken(rig.journal, "old")
        rig.journal.take(old, lambda _: None)
        rig.settle()
        for life in range(4):
            (rig.reopen if life % 2 else rig.crash)()
            record = taken(rig.journal, f"k{life}")
            rig.journal.take(record, lambda _: None)
            rig.journal.step(answered(record.exchange_id), lambda _: None)
            rig.settle()
            assert [each.taken.key for each in rig.journal.open_exchanges()] == ["old"]

    def test_an_incarnation_begins_at_each_open_and_ids_never_repeat(self, rig: Rig) -> None:
        first = rig.journal.incarnation
        seen = [rig.journal.next_exchange_id() for _ in range(3)]  # never recorded
        rig.crash()
        seen += [rig.journal.next_exchange_id() for _ in range(3)]
        rig.reopen()
        seen += [rig.journal.next_exchange_id() for _ in range(3)]
        assert rig.journal.incarnation == first + 2
        assert seen == sorted(set(seen))

    # ---- beside exchanges ------------------------------------------------------------------------------------------

    def test_variables_are_per_link_and_survive(self, rig: Rig) -> None:
        store = rig.journal.store_variable
        view = rig.journal.variables("zengin-1")
        results: list[object] = []
        store("zengin-1", "serial", b"\x00\x01", results.append)
        store("zengin-1", "serial", b"\x00\x02", results.append)
        store("zengin-1", "other", b"", results.append)
        store("zengin-2", "serial", b"\x09", results.append)
        rig.settle()
        assert results == [None] * 4
        assert view == {"serial": b"\x00\x02", "other": b""}, "a view taken before is live"
        for _ in range(2):
            assert rig.journal.variables("zengin-1") == {"serial": b"\x00\x02", "other": b""}
            assert rig.journal.variables("zengin-2") == {"serial": b"\x09"}
            assert rig.journal.variables("nobody") == {}
            rig.crash()

    def test_a_variable_can_be_forgotten_for_good(self, rig: Rig) -> None:
        store = rig.journal.store_variable
        view = rig.journal.variables("ndc")
        results: list[object] = []
        store("ndc", "tsn/gone", b"\x01", results.append)
        store("ndc", "tsn/here", b"\x02", results.append)
        store("ndc", "tsn/gone", None, results.append)
        store("ndc", "never there", None, results.append)
        store("ndc", "back again", b"\x03", results.append)
        store("ndc", "back again", None, results.append)
        store("ndc", "back again", b"\x04", results.append)
        rig.settle()
        assert results == [None] * 7
        assert view == {"tsn/here": b"\x02", "back again": b"\x04"}
        rig.crash()
        store = rig.journal.store_variable
        assert rig.journal.variables("ndc") == {"tsn/here": b"\x02", "back again": b"\x04"}
        store("ndc", "tsn/here", None, results.append)
        rig.settle()
        rig.crash()
        assert rig.journal.variables("ndc") == {"back again": b"\x04"}

    def test_the_epoch_only_rises(self, rig: Rig) -> None:
        results: list[object] = []
        assert rig.journal.epoch == 0
        rig.journal.raise_epoch(5, results.append)
        assert rig.journal.epoch == 0, "not before it is durable"
        with pytest.raises(ValueError, match="never goes back"):
            rig.journal.raise_epoch(4, results.append)
        rig.journal.raise_epoch(5, results.append)
        rig.settle()
        assert results == [None, None]
        assert rig.journal.epoch == 5
        rig.crash()
        assert rig.journal.epoch == 5
        with pytest.raises(ValueError, match="never goes back"):
            rig.journal.raise_epoch(4, results.append)

    def test_fingerprints_are_keyed_and_stay(self, rig: Rig) -> None:
        first = rig.journal.fingerprint("10000|JPY|4539|withdrawal")
        assert len(first) == 16
        assert rig.journal.fingerprint("10001|JPY|4539|withdrawal") != first
        rig.reopen()
        assert rig.journal.fingerprint("10000|JPY|4539|withdrawal") == first

    def test_pruning_forgets_bodies_then_keys_and_nothing_that_waits(self, rig: Rig) -> None:
        journal = rig.journal
        states = {"done": StoredState.DONE, "open": StoredState.HELD, "listed": StoredState.LISTED}
        ids = {}
        for key, state in states.items():
            record = taken(journal, key)
            ids[key] = record.exchange_id
            journal.take(record, lambda _: None)
            journal.step(step_to(record.exchange_id, state, intent=APPROVE, outcome=b"o"), lambda _: None)
        journal.take(taken(journal, "recorded"), lambda _: None)
        rig.settle()

        def prune() -> dict[str, StoredExchange | None]:
            results: list[Any] = []
            rig.journal.prune(results.append)
            for key in (*states, "recorded"):
                rig.journal.find(key, results.append)
            rig.settle()
            # The pruning may take more slices than the finds waited for.
            found: dict[str, StoredExchange | None] = {}
            for key in (*states, "recorded"):
                rig.journal.find(key, lambda result, key=key: found.__setitem__(key, result))
            rig.settle()
            return found

        rig.later(6 * DAY_MS)
        found = prune()
        assert found["done"] is not None
        assert found["done"].taken.request == b"request of done"
        rig.later(2 * DAY_MS)
        found = prune()
        assert found["done"] is not None
        assert found["done"].taken.request == b""
        assert found["done"].taken.pan is None
        assert found["done"].intent == Intent(Verdict.APPROVE, "00", b"")
        assert found["done"].outcome is None
        for key in ("open", "listed", "recorded"):
            stored = found[key]
            assert stored is not None
            assert stored.taken.request == b"request of " + key.encode()
            assert stored.taken.pan == PAN
        # What was kept because it was listed goes once a person closed it.
        rig.journal.step(step_to(ids["listed"], StoredState.SETTLED), lambda _: None)
        rig.settle()
        listed = prune()["listed"]
        assert listed is not None
        assert listed.taken.request == b""
        rig.later(28 * DAY_MS)
        found = prune()
        assert found["done"] is None
        assert found["listed"] is None
        assert found["open"] is not None
        assert found["recorded"] is not None
        assert list(rig.journal.history(ids["done"])) == []
        assert [each.taken.key for each in rig.journal.open_exchanges()] == ["open", "recorded"]

    # ---- trouble ---------------------------------------------------------------------------------------------------

    def test_a_full_disk_refuses_and_recovers_by_itself(self, rig: Rig) -> None:
        record = taken(rig.journal, "before")
        rig.journal.take(record, lambda _: None)
        rig.settle()
        rig.set_full(True)
        results: list[Any] = []
        rig.journal.step(answered(record.exchange_id), results.append)
        rig.journal.take(taken(rig.journal, "during"), results.append)
        rig.settle()
        rig.journal.find("before", results.append)
        rig.settle()
        assert [type(result) for result in results[:2]] == [JournalFailed, JournalFailed]
        assert all(result.certain for result in results[:2])
        assert results[2].state is StoredState.RECORDED, "reading goes on"
        assert rig.journal.state is JournalState.FULL
        rig.set_full(False)
        assert rig.journal.state is JournalState.WRITABLE
        results.clear()
        rig.journal.take(taken(rig.journal, "during"), results.append)
        rig.journal.step(answered(record.exchange_id), results.append)
        rig.settle()
        assert results == [Fresh(), None]

    def test_a_failed_sync_ends_writing_for_good(self, rig: Rig) -> None:
        record = taken(rig.journal, "before")
        rig.journal.take(record, lambda _: None)
        rig.settle()
        rig.fail_sync()
        results: list[Any] = []
        rig.journal.step(answered(record.exchange_id), results.append)
        rig.settle()
        assert isinstance(results[0], JournalFailed)
        assert not results[0].certain
        assert rig.journal.state is JournalState.FAILED
        results.clear()
        rig.journal.take(taken(rig.journal, "after"), results.append)
        rig.journal.find("before", results.append)
        rig.settle()
        assert all(isinstance(result, JournalFailed) and result.certain for result in results)
        rig.crash()
        assert rig.journal.state is JournalState.WRITABLE
        found: list[Any] = []
        rig.journal.find("before", found.append)
        rig.journal.find("after", found.append)
        rig.settle()
        assert found[0].state in (StoredState.RECORDED, StoredState.ANSWERED), "either, but whole"
        assert found[1] is None

    def test_a_closed_journal_refuses(self, rig: Rig) -> None:
        results: list[Any] = []
        journal = rig.journal
        journal.take(taken(journal, "k1"), results.append)
        journal.close()
        journal.close()
        journal.take(taken(journal, "k2"), results.append)
        rig.settle()
        assert isinstance(results[0], Fresh), "what was given before the close is durable"
        assert isinstance(results[1], JournalFailed)
        rig.crash()
        rig.journal.find("k2", results.append)
        rig.settle()
        assert results[2] is None
