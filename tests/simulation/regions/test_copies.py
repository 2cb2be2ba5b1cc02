"""Nothing that a terminal was told is taken is lost with its center; each known way of telling it too early is noticed."""

from __future__ import annotations

import pytest

from relay.needs import AckClass, Need
from tests.simulation.mutations import Mutation
from tests.simulation.regions.copies import COPIES, CopiesWorld
from tests.simulation.regions.mutations import caught

SEEDS = range(1, 7)
pytestmark = pytest.mark.timeout(600)  # as in test_regions.py


def test_what_was_acknowledged_is_at_the_other_center_or_in_the_core_when_a_center_is_lost() -> None:
    figures = [CopiesWorld(seed).history() for seed in SEEDS]
    assert sum(each.lost_centers for each in figures) >= len(SEEDS)
    by = {name: sum(each.acknowledged.get(name, 0) for each in figures) for name in ("local+peer", "core", "local")}
    assert by["local+peer"] > 10 * len(SEEDS)
    assert by["core"] > len(SEEDS), "a standby that is never away proves nothing"
    assert by["local"] == 0
    assert sum(each.heard for each in figures) > 10 * len(SEEDS)


def test_a_class_that_may_not_fall_back_waits_for_the_standby() -> None:
    figures = CopiesWorld(3, {AckClass.ADVICE: (Need.PEER,)}).history()
    assert set(figures.acknowledged) >= {"local+peer"}
    assert not figures.acknowledged.get("core")
    assert not figures.acknowledged.get("local")


@pytest.mark.parametrize("mutation", COPIES, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_it_is_caught(mutation: Mutation) -> None:
    seed, said = caught(mutation, lambda seed: CopiesWorld(seed).history())
    assert seed, f"{mutation.seeds} histories noticed nothing"
    assert mutation.caught_by in said
