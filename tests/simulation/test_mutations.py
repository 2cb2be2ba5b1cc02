"""Each known way of being wrong is noticed, by the check that is meant to notice it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.simulation.mutations import MUTATIONS, Mutation, caught
from tests.simulation.reconciling_mutations import RECONCILING
from tests.simulation.regions.copies import COPIES
from tests.simulation.regions.mutations import CENTERS, MOVES, REGIONS
from tests.simulation.takeovers.mutations import TAKEOVERS
from tests.simulation.workers_mutations import WORKERS

REPORT = Path(__file__).parents[2] / "docs" / "reliability.md"
ROW = re.compile(r"^\| ([^|]+) \| ((?:law|section) \d+) \| (\d+): ([^|]+) \|$", re.MULTILINE)

pytestmark = [
    pytest.mark.timeout(600),  # thousands of simulated seconds each: what a loaded machine needs, not a goal
    # A peer that is cancelled in the middle of a call leaves its end of the line to the collector, in a life or in a test.
    pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning"),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_it_is_caught(mutation: Mutation) -> None:
    seed, said = caught(mutation)
    assert seed, f"{mutation.seeds} histories noticed nothing"
    assert mutation.caught_by in said


def test_a_core_that_does_not_reverse_is_caught() -> None:
    from relay.loopback.ledger import Ledger

    broken = Mutation(
        "a core that does not reverse", "law 3", lambda put: put(Ledger, "_undo", lambda self, entry, minor, by: None)
    )
    assert caught(broken)[0]


def test_the_report_has_each_mistake_with_its_law_a_seed_that_was_tried_and_the_words_that_are_meant() -> None:
    tables = (*MUTATIONS, *RECONCILING, *REGIONS, *CENTERS, *MOVES, *COPIES, *WORKERS, *TAKEOVERS)
    rows = {name: (law, int(seed), words) for name, law, seed, words in ROW.findall(REPORT.read_text(encoding="utf-8"))}
    assert sorted(rows) == sorted(mutation.name for mutation in tables)
    for mutation in tables:
        law, seed, words = rows[mutation.name]
        assert law == mutation.law, mutation.name
        assert 1 <= seed <= mutation.seeds, mutation.name
        assert mutation.caught_by in words, mutation.name
