"""A core that loses and keeps is mended in every history, and each known way to mend wrongly is noticed."""

from __future__ import annotations

import pytest

from tests.simulation.mutations import Mutation, caught
from tests.simulation.reconciling import ReconcilingWorld
from tests.simulation.reconciling_mutations import RECONCILING

SEEDS = range(1, 7)
pytestmark = pytest.mark.timeout(600)  # thousands of simulated seconds each: what a loaded machine needs, not a goal


def test_what_a_sick_core_loses_and_keeps_is_mended_reversed_or_listed() -> None:
    endings = {"mended": 0, "reversed": 0, "listed": 0}
    lost = kept = crashes = 0
    for seed in SEEDS:
        world = ReconcilingWorld(seed)
        crashes += world.run().crashes
        lost += world.lost
        kept += world.kept
        for ending, count in world.endings().items():
            endings[ending] += count
    assert lost > 15 * len(SEEDS)
    assert kept > 8 * len(SEEDS)
    assert crashes > 3 * len(SEEDS), "runs were taken up by other lives"
    assert endings["mended"] > 0.8 * lost, "listing everything would be no mending"
    assert endings["reversed"] > 0.5 * kept
    assert endings["listed"] > 0, "and not everything can be mended"


def test_the_same_seed_is_the_same_history() -> None:
    assert ReconcilingWorld(3).run() == ReconcilingWorld(3).run()


@pytest.mark.parametrize("mutation", RECONCILING, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_it_is_caught(mutation: Mutation) -> None:
    seed, said = caught(mutation, ReconcilingWorld)
    assert seed, f"{mutation.seeds} histories noticed nothing"
    assert mutation.caught_by in said
