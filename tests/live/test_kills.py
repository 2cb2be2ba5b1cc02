"""The short form of tests/live/kills.py: on SQLite every named point once, on PostgreSQL ten deaths; and that a loss is seen.

The long form, 200 deaths on each engine, is a command; docs/reliability.md has its figures.
"""

from __future__ import annotations

import importlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.live.kills import Figures, Run, measure, percentiles
from tests.support.deathpoints import POINTS, points_of
from tests.support.executioner import RANDOM, RANDOM_START, plan

SQLITE = points_of("sqlite")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short: a socket's path has a hundred characters at most. A run that ends badly keeps what it has in its folder."""
    made = Path(tempfile.mkdtemp(prefix="kills-"))
    yield made
    if not any(made.iterdir()):
        shutil.rmtree(made)


def check(figures: Figures, names: Sequence[str]) -> None:
    """0 lost, 0 doubled, everything resolved or listed; and each point was passed."""
    assert figures.is_good, figures
    assert (figures.lost, figures.doubled, figures.outbound_lost, figures.outbound_doubled) == (0, 0, 0, 0)
    assert not figures.points_missed
    assert set(figures.points) == set(names)
    assert min(figures.approved.values()) > 0, "refusing everything loses nothing"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(3))
def test_every_named_point_on_sqlite(part: int, folder: Path) -> None:
    names = SQLITE[part::3]
    check(measure(Run(kills=len(names), only=tuple(names), seed=part + 1), folder), names)


@pytest.mark.timeout(900)
def test_ten_deaths_on_postgresql(folder: Path) -> None:
    own = [name for name in points_of("postgresql") if POINTS[name].engine == "postgresql"]
    names = [*own, *points_of("postgresql")[: 10 - len(own)]]
    check(measure(Run(kills=10, engine="postgresql", only=tuple(names)), folder), names)


def test_every_point_names_a_function_that_the_relay_has() -> None:
    for name, point in POINTS.items():
        module, _, kind = point.owner.partition(":")
        owner = importlib.import_module(module)
        assert callable(getattr(getattr(owner, kind) if kind else owner, point.function)), name
        for place, constant, _ in point.set_to:
            assert isinstance(getattr(importlib.import_module(place), constant), int), name


def test_a_plan_has_every_name_once_and_the_rest_by_turns() -> None:
    short = plan(len(SQLITE), SQLITE, 1)
    assert sorted(death.at for death in short) == sorted(SQLITE)
    long = [death.at for death in plan(200, SQLITE, 1)]
    assert set(SQLITE) < set(long)
    assert long.count(RANDOM) + long.count(RANDOM_START) >= 0.4 * (200 - len(SQLITE))
    assert plan(200, SQLITE, 7) == plan(200, SQLITE, 7) != plan(200, SQLITE, 8)


def test_percentiles_are_of_ranks() -> None:
    assert percentiles([float(n) for n in range(100, 0, -1)]) == {"count": 100, "p50": 50.0, "p99": 100.0, "max": 100.0}
    assert percentiles([]) == {"count": 0}
