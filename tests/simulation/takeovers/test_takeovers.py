"""Histories of a lost center hold, the same seed is the same history, and each known way of breaking a take-over is noticed."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import pytest

from tests.simulation.mutations import Mutation
from tests.simulation.takeovers.center import Lag
from tests.simulation.takeovers.mutations import TAKEOVERS, caught
from tests.simulation.takeovers.world import TakeoverWorld

SEEDS = range(1, 9)
pytestmark = pytest.mark.timeout(600)  # thousands of simulated seconds each: what a loaded machine needs, not a goal


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    gc.collect()
    logging.disable(logging.NOTSET)


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
    assert sum(each.crashes_amid for each in figures) > 0, "the heir died in the middle of it"


def test_the_same_seed_is_the_same_history() -> None:
    assert TakeoverWorld(3).run() == TakeoverWorld(3).run()


@pytest.mark.parametrize("mutation", TAKEOVERS, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_it_is_caught(mutation: Mutation) -> None:
    seed, said = caught(mutation)
    assert seed, f"{mutation.seeds} histories noticed nothing"
    assert mutation.caught_by in said
