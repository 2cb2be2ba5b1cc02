"""Each known way of being wrong is noticed, by the check that is meant to notice it."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import pytest

from tests.simulation.mutations import MUTATIONS, Mutation, caught

pytestmark = [
    pytest.mark.timeout(600),  # thousands of simulated seconds each: what a loaded machine needs, not a goal
    # A peer that is cancelled in the middle of a call leaves its end of the line to the collector, in a life or in a test.
    pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning"),
]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    gc.collect()  # while this test's filter of warnings holds
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_it_is_caught(mutation: Mutation) -> None:
    seed, said = caught(mutation)
    assert seed, f"{mutation.seeds} histories noticed nothing"
    assert mutation.caught_by in said


def test_a_core_that_does_not_reverse_is_caught() -> None:
    from relay.loopback.ledger import Ledger

    broken = Mutation(
        "a core that does not reverse", "law 3", lambda put: put(Ledger, "_undo", lambda self, entry, minor: None)
    )
    assert caught(broken)[0]
