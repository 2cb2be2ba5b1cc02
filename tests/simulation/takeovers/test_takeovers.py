"""Histories of a lost center hold, the same seed is the same history, and each known way of breaking a take-over is noticed."""

from __future__ import annotations

from unittest import mock

import pytest

from relay.journal.inherited import Inherited
from tests.simulation.mutations import Mutation
from tests.simulation.takeovers.center import Lag
from tests.simulation.takeovers.mutations import TAKEOVERS, caught
from tests.simulation.takeovers.world import TakeoverWorld

SEEDS = (1, 2, 3, 5, 6, 7, 8, 17, 24)  # with each of what is asserted
pytestmark = pytest.mark.timeout(600)  # thousands of simulated seconds each: what a loaded machine needs, not a goal


def test_a_lost_center_is_taken_over_and_nothing_is_lost_nor_doubled() -> None:
    worlds = [TakeoverWorld(seed) for seed in SEEDS]
    figures = [world.run() for world in worlds]
    assert len({world.way for world in worlds}) == 3, "dead, asleep and cut off: each of them"
    assert {world.lag for world in worlds} == set(Lag)
    assert sum(each.behind for each in figures) > 0, "the copy lacked what need not be there"
    assert sum(each.given_back for each in figures) == len(SEEDS)
    assert sum(each.adopted for each in figures) > len(SEEDS), "an adoption of nothing proves nothing"
    assert sum(each.answered for each in figures) > 0, "terminals came again with what the lost center had taken"
    assert sum(each.refused_calls for each in figures) > 0, "the lost center woke up and was refused"
    assert sum(each.moved for each in figures) > 1, "the region was lost, too"
    assert sum(each.lost_tail for each in figures) > 0, "and had confirmed what the next one never got"
    assert sum(each.proven_by_serial for each in figures) > 0, "a machine said how a reply of the lost center had ended"
    assert sum(each.crashes_amid for each in figures) > 0, "the heir died in the middle of it"


@pytest.mark.parametrize("first", range(1, 101, 10))
def test_a_hundred_lost_centers_keep_the_laws(first: int) -> None:
    """Nothing is lost, nothing doubled, nobody at work beside the heir: each world checks it all the time. With those above,
    which are not run again, a hundred."""
    for seed in sorted({*range(first, first + 10)} - {*SEEDS}):
        TakeoverWorld(seed).run()


def test_the_same_seed_is_the_same_history_and_a_machines_word_needs_the_lost_centers_books() -> None:
    figures = TakeoverWorld(3).run()
    assert figures == TakeoverWorld(3).run()
    assert figures.proven_by_serial > 0
    with mock.patch.object(Inherited, "now", return_value={}):
        assert TakeoverWorld(3).run().proven_by_serial == 0


@pytest.mark.parametrize("mutation", TAKEOVERS, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_it_is_caught(mutation: Mutation) -> None:
    seed, said = caught(mutation)
    assert seed, f"{mutation.seeds} histories noticed nothing"
    assert mutation.caught_by in said
