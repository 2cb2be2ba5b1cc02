"""Histories of two and three workers hold, something happens between them, and each known way of sharing wrongly is noticed."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation.banks import bank_of
from tests.simulation.mutations import Mutation, caught
from tests.simulation.workers_mutations import WORKERS
from tests.simulation.workersworld import WorkersWorld

pytestmark = pytest.mark.timeout(600)  # thousands of simulated seconds each: what a loaded machine needs, not a goal


@pytest.mark.parametrize("workers", [2, 3])
def test_every_history_of_several_workers_keeps_the_laws(workers: int) -> None:
    between: Counter[str] = Counter()
    for seed in range(1, 9):
        world = WorkersWorld(seed, workers, bank=bank_of(seed))
        world.run()
        between.update(world.count_all())
    assert all(between.values()), f"what never happened proves nothing: {dict(between)}"
    assert between["takeovers"] > 8
    assert between["handovers"] > 4


def test_the_same_seed_is_the_same_history() -> None:
    assert WorkersWorld(3).run() == WorkersWorld(3).run()


@pytest.mark.parametrize("mutation", WORKERS, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_it_is_caught(mutation: Mutation) -> None:
    seed, said = caught(mutation, WorkersWorld)
    assert seed, f"{mutation.seeds} histories noticed nothing"
    assert mutation.caught_by in said
