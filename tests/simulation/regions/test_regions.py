"""Histories of two regions hold, the same seed is the same history, and each known way of losing a tail is noticed."""

from __future__ import annotations

import pytest

from tests.simulation.mutations import Mutation
from tests.simulation.regions.mutations import CENTERS, MOVES, REGIONS, caught, crossing, moving
from tests.simulation.regions.world import RegionsWorld

SEEDS = range(1, 13)
pytestmark = pytest.mark.timeout(600)  # thousands of simulated seconds each: what a loaded machine needs, not a goal


def test_two_regions_and_two_centers_lose_nothing_and_double_nothing() -> None:
    figures = [RegionsWorld(seed).run() for seed in SEEDS]
    failovers = sum(each.failovers for each in figures)
    lost, missing, mended = (sum(getattr(each, name) for each in figures) for name in ("lost", "missing", "mended"))
    assert failovers > 2 * len(SEEDS)
    assert lost > 3 * failovers, "a copy that is never behind proves nothing"
    assert missing > 2 * failovers, "and that nobody misses, neither"
    assert mended > 0.8 * missing, "listing everything would be no replay"
    assert sum(each.crashes for each in figures) > 2 * len(SEEDS), "replays were taken up by other lives"
    assert sum(each.refused_releases for each in figures) > 0, "somebody wanted to release too soon"


@pytest.mark.parametrize("first", range(13, 101, 11))
def test_a_hundred_histories_keep_the_laws(first: int) -> None:
    """No epoch goes back, no two regions are spoken to in one epoch, nothing is lost: each world checks it all the time."""
    for seed in range(first, first + 11):
        RegionsWorld(seed).run()


def test_one_center_alone() -> None:
    assert RegionsWorld(1, centers=1).run().failovers


def test_the_same_seed_is_the_same_history() -> None:
    assert RegionsWorld(3).run() == RegionsWorld(3).run()


@pytest.mark.parametrize("mutation", REGIONS, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_it_is_caught(mutation: Mutation) -> None:
    seed, said = caught(mutation)
    assert seed, f"{mutation.seeds} histories noticed nothing"
    assert mutation.caught_by in said


@pytest.mark.parametrize("mutation", CENTERS, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_it_is_caught_where_terminals_change_centers(mutation: Mutation) -> None:
    seed, said = caught(mutation, crossing)
    assert seed, f"{mutation.seeds} histories noticed nothing"
    assert mutation.caught_by in said
    assert crossing(seed), "and the same history without the mistake keeps every law"


@pytest.mark.parametrize("mutation", MOVES, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_it_is_caught_where_terminals_are_moved(mutation: Mutation) -> None:
    seed, said = caught(mutation, moving)
    assert seed, f"{mutation.seeds} histories noticed nothing"
    assert mutation.caught_by in said
    assert moving(seed), "and the same history without the mistake keeps every law"
