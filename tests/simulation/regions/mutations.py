"""Broken relays that only two regions, or two centers, can show: each has to be noticed, by the check that is meant for it.

Owns the table `REGIONS`, as tests/simulation/mutations.py owns its own, whose law 5 rows are tried here again. The trap: a
tail that is not replayed is not seen where the copy was not behind, so a history has failovers enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

from msgspec.structs import replace

from relay.journal.sides import Side
from relay.reconcile.tailwalk import TailWalk
from tests.simulation.mutations import MUTATIONS, Mutation, Put
from tests.simulation.regions.world import RegionsWorld

SEEDS = 10


def _not_replayed(put: Put) -> None:
    async def nothing(self: TailWalk, walk: Any, epoch: int, sides: Sequence[Side]) -> None:
        """Asks nobody."""

    put(TailWalk, "_ask_all", nothing)


def _called_asked(put: Put) -> None:
    """What is missing is found, and nothing is owed."""
    put(TailWalk, "_moved", lambda self, walk, side: None)
    whole = TailWalk.__init__

    def dry(self: TailWalk, asking: Any, rows: Any, reopen: Any, *rest: Any) -> None:
        whole(self, asking, rows, lambda seen, said, done: reopen(replace(seen, is_dry=True), said, done), *rest)

    put(TailWalk, "__init__", dry)


_RATCHET = next(each for each in MUTATIONS if each.name == "ratchet kept in memory only")
REGIONS = (
    Mutation("lost tail not replayed", "law 10", _not_replayed, seeds=SEEDS, caught_by="law 10"),
    Mutation("what is missing called replayed", "law 10", _called_asked, seeds=SEEDS, caught_by="law 10"),
    Mutation("ratchet kept in memory only, of two regions", "law 5", _RATCHET.apply, seeds=SEEDS, caught_by="law 5"),
)


def caught(mutation: Mutation, run: Callable[[int], object] = lambda seed: RegionsWorld(seed).run()) -> tuple[int, str]:
    """The first seed of which `run` notices the mutation, and what it says; (0, "") when none does."""
    taken_back: list[Callable[[], None]] = []

    def put(target: object, name: str, value: object) -> None:
        patch = mock.patch.object(target, name, value)
        patch.start()
        taken_back.append(patch.stop)

    mutation.apply(put)
    try:
        for seed in range(1, mutation.seeds + 1):
            try:
                run(seed)
            except AssertionError as violation:
                return seed, str(violation)
    finally:
        for stop in reversed(taken_back):
            stop()
    return 0, ""
