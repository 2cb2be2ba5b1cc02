"""What is owed at its limits: many chains at once, slow and refused ones, the back-off, and the end of its time."""

from __future__ import annotations

import itertools

import pytest

from protocols.vocabulary import Approved, DoubtPolicy, MessageClass, NotProcessed, Unknown
from relay.core.port import NotFound, Undone
from relay.exchange.limits import DeskLimits
from relay.exchange.saf import SafLimits
from relay.journal.records import StoredState
from tests.support.deskworld import DEADLINE_MS, W1, DeskWorld, Message, reversal, stored

HOUR_MS = 3_600_000
SILENT = Unknown(why="hang")


def advice(trace: str, terminal: str = "ATM1") -> Message:
    return Message(trace=trace, terminal=terminal, message_class=MessageClass.ADVICE, policy=DoubtPolicy.REPEAT)


def many(world: DeskWorld, count: int) -> None:
    link = world.link()
    for number in range(count):
        world.desk.open(advice(str(number), f"T{number}"), link)
    world.time.run(5)


def test_as_many_chains_at_once_as_the_limit_says_and_no_more() -> None:
    world = DeskWorld()
    limit = world.limits.saf.inflight_count_max
    many(world, limit + 10)
    assert len(world.core.pending) == limit
    world.core.pending[0].reply(Approved())
    world.time.run(5)
    assert len(world.core.pending) == limit
    assert world.desk.saf.owed_count == limit + 9


def test_slow_chains_that_fill_every_place_they_may_leave_room_for_a_new_one() -> None:
    """The limit of chains in parallel, all of them slow and tried again: a new reversal is asked at once all the same."""
    world = DeskWorld()
    limits = world.limits.saf
    many(world, limits.inflight_count_max * 3)
    for _ in range(3):  # all were tried once
        for call in world.core.pending:
            call.reply(SILENT)
    world.time.run(60_000)
    assert len(world.core.pending) == limits.again_count_max == 48
    assert {call.request.repeat for call in world.core.pending if call.request} == {True}
    world.say(world.link(), reversal("9", "1"))
    assert world.core.pending[-1].key == W1, "it does not wait for one of those to end"
    assert len(world.core.pending) == limits.again_count_max + 1


def test_new_ones_without_end_leave_room_for_what_is_tried_again() -> None:
    world = DeskWorld(DeskLimits(saf=SafLimits(inflight_count_max=8)))
    many(world, 1)
    world.core.pending[0].reply(SILENT)
    link = world.link()
    for number in range(100, 180):
        world.desk.open(advice(str(number), f"T{number}"), link)
    for _ in range(20):
        world.time.run(100)
        world.core.pending[0].reply(Approved())
    world.time.run(5)
    assert [call.key for call in world.core.calls].count("T0-advice-0") == 2


def test_a_refused_chain_delays_no_other() -> None:
    world = DeskWorld(DeskLimits(saf=SafLimits(inflight_count_max=2)))
    many(world, 2)
    for _ in range(10):
        for call in world.core.pending:
            call.reply(NotProcessed(reason="invalid"))
        world.time.run(31_000)
    world.say(world.link(), reversal("9", "1"))
    assert world.core.pending[-1].key == W1


def test_the_last_place_is_everybodys() -> None:
    world = DeskWorld(DeskLimits(saf=SafLimits(inflight_count_max=1)))
    many(world, 2)
    (first,) = world.core.pending
    first.reply(SILENT)
    world.core.pending[0].reply(Approved())
    world.time.run(2_000)
    assert [call.key for call in world.core.calls] == ["T0-advice-0", "T1-advice-1", "T0-advice-0"]


def test_the_pauses_double_up_to_their_limit_with_jitter_and_silence_counts_as_a_try() -> None:
    world = DeskWorld()
    world.say(world.link(), advice("5"))
    limits, pauses = world.limits.saf, []
    for _ in range(12):
        world.core.last("submit").reply(SILENT)
        before = world.time.monotonic_ms()
        while not world.core.pending:
            world.time.run(10)
        pauses.append(world.time.monotonic_ms() - before)
    ceilings = [min(limits.retry_max_ms, limits.retry_first_ms << tries) for tries in range(1, 13)]
    assert all(ceiling * 0.5 <= pause <= ceiling + 10 for pause, ceiling in zip(pauses, ceilings, strict=True)), pauses
    assert len({pause / ceiling for pause, ceiling in zip(pauses, ceilings, strict=True)}) > 6, "jitter"
    assert stored(world, "ATM1-advice-5").tries == 12


def test_after_a_restart_a_delivery_carries_the_repeat_indicator_though_no_try_was_written_down() -> None:
    world = DeskWorld()
    world.say(world.link(), advice("5"))
    assert stored(world, "ATM1-advice-5").tries == 0
    world.crash()
    call = world.core.last("submit")
    assert call.request is not None
    assert call.request.repeat


@pytest.mark.parametrize("has_permit", [True, False], ids=["silent core", "no region may be asked"])
def test_what_is_owed_for_too_long_goes_to_a_person_with_the_reason_and_frees_its_chain(has_permit: bool) -> None:
    world = DeskWorld(DeskLimits(saf=SafLimits(valid_ms=HOUR_MS)))
    link = world.link()
    world.say(link, reversal("8", "1", standing_minor=4_000))
    world.time.run(HOUR_MS - 60_000 if has_permit else 0)
    world.say(link, reversal("9", "1"))
    if not has_permit:
        world.core.last("undo").reply(SILENT)
        world.permit = None
    deadline = world.time.monotonic_ms() + HOUR_MS + 60_000
    while stored(world, "ATM1-reversal-8").state is StoredState.DELIVERING and world.time.monotonic_ms() < deadline:
        for call in world.core.pending:
            call.reply(SILENT)
        world.time.run(1_000)
    exchange = stored(world, "ATM1-reversal-8")
    assert exchange.state is StoredState.LISTED
    assert next(each.taken.key for each in world.journal.listed()) == "ATM1-reversal-8"
    reasons = [line.detail for line in world.journal.history(exchange.taken.exchange_id) if line.detail]
    assert reasons[-1] == ("expired: hang" if has_permit else "expired: the core could not be asked")
    if has_permit:
        assert world.core.last("undo").standing_minor == 0, "the next of its key goes on"
    assert world.unexpected() == 0


def test_the_reason_reaches_the_list_though_the_disk_was_full_when_a_person_got_it() -> None:
    """A repeat of the message writes first what it is told; a crash comes before the reason itself is tried again."""
    world = DeskWorld(DeskLimits(saf=SafLimits(valid_ms=1_000, retry_max_ms=HOUR_MS)))
    world.say(world.link(), Message(trace="1", policy=DoubtPolicy.REPEAT))
    world.crash()
    world.time.run(2_000)
    world.journal.disk.is_full = True
    world.core.last("inquire").reply(SILENT)
    world.time.run(50)
    assert world.states() == {W1: "LISTED"}
    assert stored(world, W1).state is not StoredState.LISTED
    world.journal.disk.is_full = False
    world.time.run(2_000)
    world.say(world.link(), Message(trace="1", repeat=True))
    world.time.run(DEADLINE_MS + 50)
    exchange = stored(world, W1)
    assert exchange.state is StoredState.LISTED
    assert [line.detail for line in world.journal.history(exchange.taken.exchange_id)][-1] == "expired: hang"


@pytest.mark.parametrize("policy", list(DoubtPolicy))
def test_every_unknown_outcome_ends_settled_or_on_the_list(policy: DoubtPolicy) -> None:
    """A core that never says a word again: no exchange is tried for ever."""
    world = DeskWorld(DeskLimits(saf=SafLimits(valid_ms=HOUR_MS)))
    world.say(world.link(), Message(trace="1", policy=policy))
    end = world.time.monotonic_ms() + 2 * HOUR_MS
    while world.time.monotonic_ms() < end:
        for call in world.core.pending:
            call.reply(SILENT)
        world.time.run(5_000)
    assert stored(world, W1).state is StoredState.LISTED
    assert world.states() == {}
    assert world.unexpected() == 0


def test_unknown_is_inquired_within_a_second_with_the_same_key_then_by_back_off() -> None:
    world = DeskWorld()
    world.say(world.link(), Message(trace="1"))
    world.core.last("submit").reply(SILENT)
    start, at = world.time.monotonic_ms(), [0]
    while world.time.monotonic_ms() < start + DEADLINE_MS - 100:
        for call in [call for call in world.core.pending if call.verb == "inquire"]:
            at.append(world.time.monotonic_ms() - start)
            assert call.key == W1
            call.reply(SILENT)
        world.time.run(10)
    assert at[1] < 1_000
    gaps = [later - sooner for sooner, later in itertools.pairwise(at)]
    assert gaps == sorted(gaps)
    assert max(gaps) <= world.limits.doubt.inquiry_max_ms + 20


@pytest.mark.parametrize("policy", [DoubtPolicy.REPEAT, DoubtPolicy.HOLD])
def test_an_answer_after_the_deadline_is_kept_as_evidence_and_never_replied(policy: DoubtPolicy) -> None:
    world = DeskWorld()
    link = world.link()
    world.say(link, Message(trace="1", policy=policy))
    world.time.run(DEADLINE_MS + 10)
    assert link.said == [("1", "in-doubt")]
    world.core.pending[-1].reply(Approved(authorisation_id="A1"))
    world.time.run(10)
    exchange = stored(world, W1)
    assert exchange.outcome is not None
    assert b"A1" in exchange.outcome
    assert exchange.state is (StoredState.SETTLED if policy is DoubtPolicy.REPEAT else StoredState.LISTED)
    assert exchange.intent is not None
    assert exchange.intent.verdict.value == "doubt"
    assert link.said == [("1", "in-doubt")]
    again = world.link()
    world.say(again, Message(trace="1", policy=policy, repeat=True))
    assert again.said == [("1", "in-doubt")], "the same answer as before, also to a repeat"


@pytest.mark.parametrize("policy", [DoubtPolicy.REPEAT, DoubtPolicy.HOLD])
def test_not_found_ends_nothing_and_a_person_gets_it_in_the_end(policy: DoubtPolicy) -> None:
    """After a restart the secrets are gone: it can only be inquired, and "not found" is no answer."""
    world = DeskWorld()
    world.say(world.link(), Message(trace="1", policy=policy))
    world.crash()
    tries = world.limits.saf.head_tries_max
    for number in range(tries):
        assert stored(world, W1).state.value in ("repeating", "held"), number
        world.core.last("inquire").reply(NotFound())
        world.time.run(31_000)
    assert stored(world, W1).state is StoredState.LISTED
    assert {call.verb for call in world.core.calls} == {"inquire"}, "never posted again"


def test_an_undo_is_stated_until_it_is_acknowledged_whatever_an_inquiry_would_say() -> None:
    world = DeskWorld()
    world.say(world.link(), Message(trace="1"))
    world.time.run(DEADLINE_MS + 10)
    for _ in range(30):
        world.core.last("undo").reply(SILENT)
        world.time.run(31_000)
    assert stored(world, W1).state is StoredState.UNDOING
    world.core.last("undo").reply(Undone(state="tombstone"))
    world.time.run(10)
    assert stored(world, W1).state is StoredState.SETTLED
