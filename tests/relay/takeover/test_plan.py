"""What a take-over does next: from what is durable and what was seen, and never from what was asked for."""

from __future__ import annotations

from msgspec.structs import replace

from relay.core.contract import CenterAnswer
from relay.journal.generation import LIVES_SKIPPED, PER_GENERATION, Generation
from relay.takeover import plan
from relay.takeover.record import Record
from relay.takeover.states import Event

SIGNED = Record(state_name="FENCING", run="osaka-1", center="tokyo")
NUMBERED = replace(SIGNED, generation=1)
STANDS = CenterAnswer(center="tokyo", newest=PER_GENERATION, fence=PER_GENERATION, run="osaka-1", by="osaka")


def test_a_number_is_chosen_above_whatever_was_heard_before_it_is_said() -> None:
    assert plan.fencing(SIGNED, CenterAnswer(center="tokyo", newest=7)) == plan.Choose(1, 10_007)
    assert plan.fencing(SIGNED, CenterAnswer(center="tokyo", newest=2 * PER_GENERATION + 1)) == plan.Choose(3, 10_001)


def test_no_life_is_begun_again_that_the_core_has_heard_of_and_the_copy_perhaps_has_not() -> None:
    first = plan.fencing(SIGNED, CenterAnswer(center="tokyo", newest=PER_GENERATION + 41))
    assert first == plan.Choose(2, 41 + LIVES_SKIPPED)
    numbered = replace(SIGNED, generation=2, life_floor=41 + LIVES_SKIPPED)
    raced = plan.fencing(numbered, CenterAnswer(center="tokyo", newest=2 * PER_GENERATION))
    assert raced == plan.Choose(3, 41 + LIVES_SKIPPED), "a number of somebody else's fence is no life"


def test_it_is_said_and_looked_at_again_until_it_stands() -> None:
    assert plan.fencing(NUMBERED, CenterAnswer(center="tokyo", newest=7)) == plan.Fence()
    assert plan.fencing(NUMBERED, STANDS) == plan.Proven(Event.FENCE_STANDS)


def test_a_life_as_high_as_the_fence_makes_another_number_necessary() -> None:
    assert plan.fencing(NUMBERED, CenterAnswer(center="tokyo", newest=PER_GENERATION)) == plan.Choose(2, 10_000)


def test_somebody_elses_fence_is_not_ours() -> None:
    other = replace(STANDS, run="osaka-0")
    assert plan.fencing(NUMBERED, other) == plan.Choose(2, 10_000)
    assert plan.fencing(replace(NUMBERED, generation=2), other) == plan.Fence()


def test_a_fence_that_the_new_region_never_got_is_said_again_and_a_higher_one_ends_it() -> None:
    at_work = replace(NUMBERED, state_name="ADOPTED")
    heir_spoke = replace(STANDS, newest=PER_GENERATION + 9)
    assert plan.fencing_again(at_work, heir_spoke) == plan.Proven(Event.FENCE_STANDS)
    assert plan.fencing_again(at_work, CenterAnswer(center="tokyo", newest=9)) == plan.Fence()
    higher = CenterAnswer(center="tokyo", newest=3, fence=2 * PER_GENERATION, run="kyoto-1", by="kyoto")
    assert isinstance(plan.fencing_again(at_work, higher), plan.Stop)


def test_a_copy_that_writes_is_not_promoted_again() -> None:
    assert plan.promoting(False) == plan.Promote()
    assert plan.promoting(True) == plan.Proven(Event.COPY_WRITES)


def test_nothing_is_said_from_the_journal_before_the_generation_is_in_it() -> None:
    wanted = Generation(1, "osaka-1", "osaka")
    assert plan.opening(NUMBERED, Generation(), "osaka") == plan.Raise(wanted)
    assert plan.opening(NUMBERED, wanted, "osaka") == plan.Proven(Event.JOURNAL_OPEN)


def test_a_journal_that_is_further_is_left_alone() -> None:
    for further in (Generation(1, "kyoto-1", "kyoto"), Generation(2), plan.handed_back(NUMBERED)):
        assert isinstance(plan.opening(NUMBERED, further, "osaka"), plan.Stop)


def test_a_second_take_over_goes_on_from_what_the_first_one_left() -> None:
    second = replace(NUMBERED, generation=2, run="osaka-2")
    assert plan.opening(second, plan.handed_back(NUMBERED), "osaka") == plan.Raise(Generation(2, "osaka-2", "osaka"))
