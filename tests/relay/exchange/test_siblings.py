"""Two workers on one journal, as transcripts: repeats, reversals and deaths that meet at the other one."""

from __future__ import annotations

import pytest

from protocols.vocabulary import Approved, DoubtPolicy, MessageClass
from relay.core.port import NotFound, Undone
from relay.exchange.exchange import State
from relay.exchange.siblings import LOOK_MAX_MS, Siblings
from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.journal.port import JournalState
from relay.journal.shared import Share
from tests.support.deskworld import DEADLINE_MS, W1, DeskWorld, Message, reversal, stored
from tests.support.virtualtime import VirtualTime

LEASE_MS = 2_000
BEAT_MS = LEASE_MS // 6 + 50


class Worker(DeskWorld):
    """One of several desks on one disk."""

    def __init__(self, disk: MemoryDisk, time: VirtualTime, number: int) -> None:
        self._number = number
        super().__init__()
        self.time = time
        self.journal = MemoryJournal(disk, time, time, share=Share(number, LEASE_MS))
        self._start()
        self.siblings = Siblings(
            self.desk, self.journal, Share(number, LEASE_MS), time, self.metrics, self.limits.completion_deadline_ms
        )
        self.siblings.start()
        self.time.run(10)

    def die(self) -> None:
        """kill -9: no step of it any more."""
        self.siblings.stop()
        self.desk.fence()
        self.journal.crash()

    def counted(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(name) or 0.0


class Pair:
    def __init__(self) -> None:
        self.time = VirtualTime()
        self.disk = MemoryDisk()
        self.first = Worker(self.disk, self.time, 1)
        self.second = Worker(self.disk, self.time, 2)
        self.time.run(1_000)


@pytest.fixture
def pair() -> Pair:
    return Pair()


# ---- repeats -------------------------------------------------------------------------------------------------------------
def test_a_repeat_at_another_worker_gets_what_the_first_was_told(pair: Pair) -> None:
    there, here = pair.second.link(), pair.first.link()
    pair.second.say(there, Message(trace="1"))
    pair.second.core.last("submit").reply(Approved(authorisation_id="A1"))
    pair.time.run(10)
    pair.first.say(here, Message(trace="1", repeat=True))
    assert here.said == there.said == [("1", "approved")]
    assert pair.first.core.calls == []


def test_a_repeat_of_what_is_under_way_at_another_worker_waits_for_it(pair: Pair) -> None:
    there, here = pair.second.link(), pair.first.link()
    pair.second.say(there, Message(trace="1"))
    pair.first.say(here, Message(trace="1", repeat=True))
    pair.time.run(1_000)
    assert here.said == []
    pair.second.core.last("submit").reply(Approved(authorisation_id="A1"))
    pair.time.run(LOOK_MAX_MS + 10)
    assert here.said == [("1", "approved")]
    assert pair.first.core.calls == []


def test_a_repeat_waits_no_longer_than_its_own_deadline(pair: Pair) -> None:
    here = pair.first.link()
    pair.second.say(pair.second.link(), Message(trace="1", policy=DoubtPolicy.HOLD))
    pair.second.die()
    pair.first.say(here, Message(trace="1", policy=DoubtPolicy.HOLD, repeat=True))
    pair.first.permit = None  # nothing can be found out
    pair.time.run(DEADLINE_MS + 2 * LEASE_MS + 1_000)
    codes = [code for _, code in here.said]
    assert codes in ([], ["in-doubt"]), "silence, or doubt once it came here; never an outcome"


def test_another_amount_under_the_same_key_is_refused_as_on_one_worker(pair: Pair) -> None:
    here = pair.first.link()
    pair.second.say(pair.second.link(), Message(trace="1"))
    pair.first.say(here, Message(trace="1", minor=99_999))
    assert here.said == [("1", "key-conflict")]
    assert pair.first.core.calls == []


# ---- what is said about another's ------------------------------------------------------------------------------------------
def test_a_reversal_at_another_worker_ends_the_original_and_is_delivered_by_whoever_has_it(pair: Pair) -> None:
    there, here = pair.second.link(), pair.first.link()
    pair.second.say(there, Message(trace="1"))
    pair.first.say(here, reversal("2", "1"))
    assert here.said == [("2", "taken")]
    pair.time.run(2 * BEAT_MS)
    assert pair.first.states() == {}
    assert pair.first.core.calls == []
    assert pair.second.states() == {"ATM1-reversal-2": "DELIVERING"}
    assert pair.second.core.last("undo").key == W1
    pair.second.core.last("undo").reply(Undone(state="reversed", standing_minor=0))
    pair.time.run(10)
    assert there.said == [], "nobody hears an approval of it any more"
    assert pair.second.states() == {}


def test_a_completion_at_another_worker_confirms_the_original(pair: Pair) -> None:
    pair.second.say(pair.second.link(), Message(trace="1", needs_completion=True))
    pair.second.core.last("submit").reply(Approved(authorisation_id="A1"))
    pair.time.run(10)
    assert pair.second.states() == {W1: "AWAITING_COMPLETION"}
    completion = Message(
        trace="2", message_class=MessageClass.ADVICE, kind="completion", policy=DoubtPolicy.REPEAT, original="1"
    )
    pair.first.say(pair.first.link(), completion)
    pair.time.run(2 * BEAT_MS)
    assert stored(pair.first, W1).state.value == "confirmed"
    assert pair.second.states() == {"ATM1-advice-2": "DELIVERING"}


def test_a_reversal_of_what_is_closed_is_delivered_where_it_came(pair: Pair) -> None:
    pair.second.say(pair.second.link(), Message(trace="1"))
    pair.second.core.last("submit").reply(Approved(authorisation_id="A1"))
    pair.time.run(10)
    pair.first.say(pair.first.link(), reversal("2", "1"))
    pair.time.run(10)
    assert pair.first.core.last("undo").key == W1
    pair.second.say(pair.second.link(), reversal("3", "1"))
    pair.time.run(2 * BEAT_MS)
    assert pair.second.states() == {}, "one key has one deliverer"
    assert set(pair.first.states()) == {"ATM1-reversal-2", "ATM1-reversal-3"}


def test_what_follows_of_the_same_key_is_placed_behind_what_is_being_placed(pair: Pair) -> None:
    pair.second.say(pair.second.link(), Message(trace="1"))
    link = pair.first.link()
    pair.first.desk.open(reversal("2", "1"), link)
    pair.first.desk.open(reversal("3", "1"), link)
    pair.time.run(3 * BEAT_MS)
    assert pair.first.states() == {}
    assert set(pair.second.states()) == {"ATM1-reversal-2", "ATM1-reversal-3"}


# ---- deaths ------------------------------------------------------------------------------------------------------------------
def test_a_dead_worker_s_exchange_is_inquired_by_another_and_never_posted_again(pair: Pair) -> None:
    pair.second.say(pair.second.link(), Message(trace="1", policy=DoubtPolicy.HOLD))
    pair.second.die()
    pair.time.run(LEASE_MS // 2)
    assert pair.first.core.calls == [], "not before its lease has lapsed"
    pair.time.run(LEASE_MS)
    assert pair.first.counted("relay_worker_takeovers_total") == 1
    assert [call.verb for call in pair.first.core.calls] == ["inquire"]
    pair.first.core.last("inquire").reply(NotFound())
    pair.time.run(5_000)
    assert {call.verb for call in pair.first.core.calls} == {"inquire"}


def test_the_first_worker_is_taken_over_by_nobody(pair: Pair) -> None:
    pair.first.say(pair.first.link(), Message(trace="1"))
    pair.first.die()
    pair.time.run(5 * LEASE_MS)
    assert pair.second.counted("relay_worker_takeovers_total") == 0
    assert pair.second.core.calls == []


def test_a_worker_that_wakes_after_its_lease_says_nothing_from_memory(pair: Pair) -> None:
    there = pair.second.link()
    pair.second.say(there, Message(trace="1", needs_completion=True))
    pair.second.core.last("submit").reply(Approved(authorisation_id="A1"))
    pair.time.run(10)
    pair.second.siblings.stop()  # it stands still
    pair.time.run(2 * LEASE_MS)
    assert pair.first.states() == {W1: "AWAITING_COMPLETION"}
    said = list(there.said)
    pair.second.say(there, Message(trace="1", needs_completion=True, repeat=True))
    assert there.said == said
    pair.second.say(there, Message(trace="9"))
    assert pair.second.journal.state is JournalState.FAILED
    assert there.said == said or there.said[-1][1] == "no-journal"


def test_it_is_not_sure_before_its_first_beat() -> None:
    time, disk = VirtualTime(), MemoryDisk()
    worker = Worker(disk, time, 2)
    assert worker.siblings.is_sure
    worker.siblings.stop()
    time.run(LEASE_MS)
    assert not worker.siblings.is_sure
    assert worker.siblings.live_count == 1


def test_an_original_and_its_reversal_come_together(pair: Pair) -> None:
    link = pair.second.link()
    pair.second.say(link, Message(trace="1", policy=DoubtPolicy.REPEAT, kind="deposit"))
    pair.second.say(link, reversal("2", "1", standing_minor=3_000))
    pair.second.die()
    pair.time.run(2 * LEASE_MS)
    entries = {entry.key: entry for entry in pair.first.desk.saf.entries()}
    assert set(entries) == {W1, "ATM1-reversal-2"}
    assert entries[W1].state is State.REPEATING
    assert sum(pair.first.desk.saf.is_head(entry) for entry in entries.values()) == 1, "one after the other"


# ---- what is loose stays so until it is placed -------------------------------------------------------------------------------
@pytest.mark.parametrize("later_ms", range(8))
def test_a_second_reversal_that_was_taken_while_the_first_was_placed_is_no_stranger_to_the_others(
    pair: Pair, later_ms: int
) -> None:
    """It is owed here behind the first. When that is settled, the third, at another worker, must still find it."""
    pair.second.say(pair.second.link(), Message(trace="1"))
    pair.second.core.last("submit").reply(Approved(authorisation_id="A1"))
    pair.time.run(10)
    link = pair.first.link()
    pair.first.desk.open(reversal("2", "1"), link)
    pair.time.run(later_ms)  # one of these is the moment in which it is being placed
    pair.first.desk.open(reversal("3", "1"), link)
    pair.time.run(50)
    assert set(pair.first.states()) == {"ATM1-reversal-2", "ATM1-reversal-3"}
    pair.first.core.last("undo").reply(Undone(state="reversed", standing_minor=0))
    pair.time.run(10)
    assert set(pair.first.states()) == {"ATM1-reversal-3"}
    pair.second.say(pair.second.link(), reversal("4", "1"))
    pair.time.run(2 * BEAT_MS)
    assert pair.second.states() == {}, "one key has one deliverer"
    assert 0 not in pair.disk.sharing.handed.values()


def test_a_reversal_whose_worker_died_before_it_was_placed_goes_to_who_has_the_original() -> None:
    pair = Pair()
    third = Worker(pair.disk, pair.time, 3)
    pair.time.run(1_000)
    third.say(third.link(), Message(trace="1"))
    pair.second.siblings._placed = lambda entry, result: None  # type: ignore[method-assign]  # it dies before it hears
    pair.second.journal.hand_over = lambda *arguments: None  # type: ignore[method-assign]
    pair.second.say(pair.second.link(), reversal("2", "1"))
    pair.second.die()
    pair.time.run(3 * LEASE_MS)
    assert pair.first.states() == {}, "the first took over, and has nothing of the key"
    assert "ATM1-reversal-2" in third.states()


# ---- who judges --------------------------------------------------------------------------------------------------------------
def test_after_the_journal_s_server_was_away_nobody_is_taken_over_who_comes_back_too(pair: Pair) -> None:
    """Everybody's lease has lapsed, and somebody is the first to hear of it."""
    pair.disk.is_full = True
    pair.time.run(3 * LEASE_MS)
    pair.disk.is_full = False
    while not pair.first.siblings.is_sure:
        pair.time.run(1)
    pair.time.run(LEASE_MS)
    assert pair.first.counted("relay_worker_takeovers_total") == 0
    assert pair.second.journal.state is not JournalState.FAILED
