"""What relay/journal/shared.py promises, run against whatever a `SharedRig` opens: the memory engine and PostgreSQL.

Owns `SharedSuite`. It must never look behind the ports. The trap: a life that was taken over may find out only when it writes,
so each test that says so writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from protocols.vocabulary import MessageClass
from relay.exchange.handover import live_count
from relay.journal.port import Existing, Fresh, Journal, JournalFailed, JournalState
from relay.journal.records import StoredExchange, StoredState, pack_request
from relay.journal.shared import Beat, SharedJournal, Sibling
from tests.support.journal_suite import APPROVE, answered, reversing, step_to, taken

LEASE_MS = 2_000
FOLLOWED = (("@deed", "word"),)  # by every worker but the first


class Shared(Journal, SharedJournal, Protocol):
    """An engine fulfils both."""


class SharedRig(Protocol):
    def open(self, worker: int) -> Shared:
        """The next life of a worker; 0: of the only one."""
        ...

    def settle(self) -> None:
        """Until everything given to any of them is answered."""

    def lapse(self, worker: int) -> None:
        """The worker wrote nothing for longer than its lease."""


class SharedSuite:
    # ---- asking ----------------------------------------------------------------------------------------------------------
    def ask(self, rig: SharedRig, method: Any, *arguments: Any) -> Any:
        answers: list[Any] = []
        method(*arguments, answers.append)
        rig.settle()
        (answer,) = answers
        return answer

    def beat(self, rig: SharedRig, journal: Shared) -> Beat:
        beat = self.ask(rig, journal.beat)
        assert isinstance(beat, Beat), beat
        return beat

    def sibling(self, rig: SharedRig, journal: Shared, worker: int) -> Sibling:
        return next(each for each in self.beat(rig, journal).siblings if each.worker == worker)

    def take(self, rig: SharedRig, journal: Shared, key: str, state: StoredState = StoredState.RECORDED, **more: Any) -> int:
        record = taken(journal, key, state, **more)
        assert isinstance(self.ask(rig, journal.take, record), Fresh)
        return record.exchange_id

    def reverse(self, rig: SharedRig, journal: Shared, key: str, original: str) -> int:
        return self.take(
            rig,
            journal,
            key,
            StoredState.DELIVERING,
            message_class=MessageClass.REVERSAL,
            original_key=original,
            request=pack_request(reversing(original, 0)),
            intent=APPROVE,
        )

    def fetch(self, rig: SharedRig, journal: Shared, ids: Sequence[int]) -> list[str]:
        found: Sequence[StoredExchange] = self.ask(rig, journal.fetch, ids)
        return [stored.taken.key for stored in found]

    def keys(self, journal: Journal) -> list[str]:
        return [stored.taken.key for stored in journal.open_exchanges()]

    # ---- whose an exchange is ----------------------------------------------------------------------------------------------
    def test_each_worker_recovers_what_its_own_lives_took(self, rig: SharedRig) -> None:
        first, second = rig.open(1), rig.open(2)
        self.take(rig, first, "a")
        self.take(rig, second, "b")
        self.take(rig, second, "c", StoredState.HELD)
        assert self.keys(first) == ["a"]
        assert self.keys(rig.open(2)) == ["b", "c"]

    def test_one_key_is_taken_once_by_whichever_worker(self, rig: SharedRig) -> None:
        first, second = rig.open(1), rig.open(2)
        self.take(rig, first, "a")
        result = self.ask(rig, second.take, taken(second, "a"))
        assert isinstance(result, Existing)
        assert result.exchange.taken.incarnation == first.incarnation
        assert first.next_exchange_id() != second.next_exchange_id()

    def test_a_beat_tells_of_the_others_and_of_a_raised_epoch(self, rig: SharedRig) -> None:
        first, second = rig.open(1), rig.open(2)
        assert self.beat(rig, first).siblings == (Sibling(2, second.incarnation, False),)
        assert self.ask(rig, second.raise_epoch, 7) is None
        beat = self.beat(rig, first)
        assert beat.epoch == first.epoch == 7
        assert self.ask(rig, first.raise_epoch, 6) is None, "it heard so from a region that is behind"
        assert self.beat(rig, first).epoch == first.epoch == 7
        assert live_count(beat.siblings) == 2
        rig.lapse(2)
        assert self.sibling(rig, first, 2).is_lapsed
        self.beat(rig, second)
        assert not self.sibling(rig, first, 2).is_lapsed, "whoever writes renews"

    def test_what_the_first_worker_was_told_is_in_the_next_beat_of_the_others(self, rig: SharedRig) -> None:
        first, second = rig.open(1), rig.open(2)
        for value in (b"said", b"said again", None):
            assert self.ask(rig, lambda done, value=value: first.store_variable("@deed", "word", value, done)) is None
            assert self.ask(rig, lambda done, value=value: first.store_variable("@deed", "else", value, done)) is None
            self.beat(rig, second)
            assert second.variables("@deed").get("word") == value
        assert rig.open(2).variables("@deed").get("word") is None

    # ---- taking over -------------------------------------------------------------------------------------------------------
    def test_what_a_lapsed_worker_held_comes_to_the_one_that_was_first(self, rig: SharedRig) -> None:
        first, second, third = rig.open(1), rig.open(2), rig.open(3)
        recorded = self.take(rig, second, "recorded")
        held = self.take(rig, second, "held", StoredState.HELD)
        self.take(rig, second, "done", StoredState.ANSWERED, intent=APPROVE)
        self.beat(rig, first)
        rig.lapse(2)
        seen = self.sibling(rig, first, 2)
        assert self.ask(rig, first.take_over, seen) is True
        assert self.ask(rig, third.take_over, seen) is False
        assert self.beat(rig, first).came_ids == (recorded, held)
        assert self.beat(rig, first).came_ids == (), "told once"
        assert self.beat(rig, third).came_ids == ()
        assert self.fetch(rig, first, (recorded, held)) == ["recorded", "held"]
        assert self.fetch(rig, third, (recorded, held)) == []
        assert self.sibling(rig, first, 2).incarnation == 0

    def test_a_life_that_was_taken_over_writes_nothing_any_more(self, rig: SharedRig) -> None:
        first, second = rig.open(1), rig.open(2)
        mine = self.take(rig, second, "a")
        rig.lapse(2)
        assert self.ask(rig, first.take_over, self.sibling(rig, first, 2)) is True
        assert isinstance(self.ask(rig, second.step, answered(mine)), JournalFailed)
        assert second.state is JournalState.FAILED
        assert self.ask(rig, first.step, step_to(mine, StoredState.UNDOING)) is None
        again = rig.open(2)
        assert self.keys(again) == [], "it begins with nothing"
        assert self.ask(rig, again.take, taken(again, "b")) == Fresh()

    def test_nobody_is_taken_over_who_lives_or_has_come_back(self, rig: SharedRig) -> None:
        first, second = rig.open(1), rig.open(2)
        assert self.ask(rig, first.take_over, self.sibling(rig, first, 2)) is False
        rig.lapse(2)
        seen = self.sibling(rig, first, 2)
        second = rig.open(2)
        rig.lapse(2)
        assert self.ask(rig, first.take_over, seen) is False, "that was another life"
        assert self.ask(rig, second.take, taken(second, "a")) == Fresh()

    def test_what_was_taken_over_stays_so_over_the_next_life(self, rig: SharedRig) -> None:
        first, second = rig.open(1), rig.open(2)
        self.take(rig, second, "a")
        self.take(rig, first, "b")
        rig.lapse(2)
        assert self.ask(rig, first.take_over, self.sibling(rig, first, 2)) is True
        assert sorted(self.keys(rig.open(1))) == ["a", "b"]
        assert self.keys(rig.open(2)) == []

    def test_the_only_worker_has_everything(self, rig: SharedRig) -> None:
        first, second = rig.open(1), rig.open(2)
        mine = self.take(rig, second, "a")
        self.take(rig, first, "b")
        reversal = self.reverse(rig, first, "r", "a")
        assert self.ask(rig, first.hand_over, reversal, "a") == 2
        only = rig.open(0)
        assert sorted(self.keys(only)) == ["a", "b", "r"]
        assert isinstance(self.ask(rig, second.step, answered(mine)), JournalFailed)
        assert self.ask(rig, only.step, answered(mine)) is None

    # ---- giving away -------------------------------------------------------------------------------------------------------
    def test_a_reversal_goes_to_the_worker_that_has_its_original_open(self, rig: SharedRig) -> None:
        first, second = rig.open(1), rig.open(2)
        self.beat(rig, first)
        self.take(rig, first, "a")
        reversal = self.reverse(rig, second, "r", "a")
        assert self.ask(rig, second.hand_over, reversal, "a") == 1
        assert self.ask(rig, second.hand_over, reversal, "a") == 1, "safe to repeat"
        assert self.keys(rig.open(2)) == []
        assert self.beat(rig, first).came_ids == (reversal,)
        assert self.fetch(rig, first, (reversal,)) == ["r"]
        assert self.ask(rig, first.step, step_to(reversal, StoredState.SETTLED)) is None

    def test_whoever_gave_it_away_writes_nothing_about_it(self, rig: SharedRig) -> None:
        first, second = rig.open(1), rig.open(2)
        self.take(rig, first, "a")
        reversal = self.reverse(rig, second, "r", "a")
        assert self.ask(rig, second.hand_over, reversal, "a") == 1
        second = rig.open(2)  # another life, for which it is a stranger's
        assert isinstance(self.ask(rig, second.step, step_to(reversal, StoredState.SETTLED)), JournalFailed)
        assert second.state is JournalState.WRITABLE, "one refused record is no trouble"

    def test_it_stays_where_it_came_when_nobody_has_its_original_open(self, rig: SharedRig) -> None:
        first, second = rig.open(1), rig.open(2)
        self.take(rig, first, "a", StoredState.ANSWERED, intent=APPROVE)
        reversal = self.reverse(rig, second, "r", "a")
        assert self.ask(rig, second.hand_over, reversal, "a") == 2
        again = self.reverse(rig, first, "r2", "a")
        assert self.ask(rig, first.hand_over, again, "a") == 2, "behind the first of its key"

    def test_what_is_about_a_listed_exchange_goes_to_the_first_worker(self, rig: SharedRig) -> None:
        rig.open(1)
        second, third = rig.open(2), rig.open(3)
        self.take(rig, second, "a", StoredState.UNPROVEN, intent=APPROVE)
        reversal = self.reverse(rig, third, "r", "a")
        assert self.ask(rig, third.hand_over, reversal, "a") == 1

    def test_what_was_given_to_a_worker_goes_on_with_its_exchanges(self, rig: SharedRig) -> None:
        first, second, third = rig.open(1), rig.open(2), rig.open(3)
        original = self.take(rig, second, "a")
        reversal = self.reverse(rig, first, "r", "a")
        assert self.ask(rig, first.hand_over, reversal, "a") == 2
        self.beat(rig, third)
        rig.lapse(2)
        assert self.ask(rig, third.take_over, self.sibling(rig, third, 2)) is True
        assert sorted(self.beat(rig, third).came_ids) == sorted((original, reversal))

    def test_what_was_given_to_a_worker_that_dies_comes_back(self, rig: SharedRig) -> None:
        first, second = rig.open(1), rig.open(2)
        original = self.take(rig, second, "a")
        self.beat(rig, first)
        reversal = self.reverse(rig, first, "r", "a")
        assert self.ask(rig, first.hand_over, reversal, "a") == 2
        rig.lapse(2)
        assert self.ask(rig, first.take_over, self.sibling(rig, first, 2)) is True
        assert sorted(self.beat(rig, first).came_ids) == sorted((original, reversal))

    # ---- steps on another's ------------------------------------------------------------------------------------------------
    def test_another_worker_s_open_exchange_is_not_written(self, rig: SharedRig) -> None:
        first, second = rig.open(1), rig.open(2)
        for key, state in (("a", StoredState.RECORDED), ("b", StoredState.HELD)):
            theirs = self.take(rig, second, key, state)
            assert isinstance(self.ask(rig, first.step, step_to(theirs, StoredState.SETTLED)), JournalFailed)
        assert sorted(self.keys(rig.open(2))) == ["a", "b"]

    def test_of_a_closed_one_only_the_first_worker_changes_the_state(self, rig: SharedRig) -> None:
        first, second = rig.open(1), rig.open(2)
        theirs = self.take(rig, first, "a", StoredState.LISTED)
        assert self.ask(rig, second.step, step_to(theirs, StoredState.LISTED, intent=APPROVE)) is None
        assert isinstance(self.ask(rig, second.step, step_to(theirs, StoredState.SETTLED)), JournalFailed)
        other = self.take(rig, second, "b", StoredState.LISTED)
        assert self.ask(rig, first.step, step_to(other, StoredState.SETTLED)) is None

    def test_whoever_opens_a_closed_one_again_has_it(self, rig: SharedRig) -> None:
        first, second = rig.open(1), rig.open(2)
        theirs = self.take(rig, second, "a", StoredState.LISTED)
        assert self.ask(rig, first.step, step_to(theirs, StoredState.REPEATING)) is None
        assert self.keys(rig.open(2)) == []
        assert self.keys(rig.open(1)) == ["a"]

    def test_it_is_not_opened_while_another_worker_delivers_for_its_key(self, rig: SharedRig) -> None:
        first, second = rig.open(1), rig.open(2)
        theirs = self.take(rig, second, "a", StoredState.LISTED)
        self.reverse(rig, second, "r", "a")
        assert isinstance(self.ask(rig, first.step, step_to(theirs, StoredState.REPEATING)), JournalFailed)
