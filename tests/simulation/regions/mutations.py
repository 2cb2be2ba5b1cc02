"""Broken relays that only two regions, or two centers, can show: each has to be noticed, by the check that is meant for it.

Owns the tables `REGIONS` and `CENTERS`, as tests/simulation/mutations.py owns its own, whose ratchet row is tried here again.
The traps: a tail that is not replayed is not seen where the copy was not behind, so a history has failovers enough; and a
superseded attempt needs a terminal that repeats at one center what it asked at the other, so theirs have little else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

from msgspec.structs import replace

from relay.journal.sides import Side
from relay.loopback.ledger import Ledger
from relay.reconcile.tailwalk import TailWalk
from tests.simulation.mutations import MUTATIONS, Mutation, Put
from tests.simulation.regions.asking import Between
from tests.simulation.regions.world import RegionsWorld

SEEDS = 10
MOVED_FIRST = 5
# Terminals on their way from one center to the other, and nothing that takes its time.
CROSSING = ("cut-link", "cut-link", "half-open", "kill", "kill", "sleep", "cut-core", "storm", "storm", "stall")


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


def _superseded_accepted(put: Put) -> None:
    """The core undoes for whoever asks: also for an attempt whose terminal has gone to the other center, and was paid there."""
    whole = Ledger._reverse

    def accepted(self: Ledger, key: str, request: Any, caller: Any, wall_ms: int) -> Any:
        return whole(self, key, replace(request, automatic=False), caller, wall_ms)

    put(Ledger, "_reverse", accepted)


def _nobody_asked(put: Put) -> None:
    """A repeat is answered without the other center's word, which acknowledged its reversal."""
    put(Between, "ask", lambda self, center, key, done: done(False))


_RATCHET = next(each for each in MUTATIONS if each.name == "ratchet kept in memory only")
REGIONS = (
    Mutation("lost tail not replayed", "law 10", _not_replayed, seeds=SEEDS, caught_by="law 10"),
    Mutation("what is missing called replayed", "law 10", _called_asked, seeds=SEEDS, caught_by="law 10"),
    Mutation("ratchet kept in memory only, of two regions", "law 5", _RATCHET.apply, seeds=SEEDS, caught_by="law 5"),
)
CENTERS = (  # what two centers show, whatever becomes of the regions
    Mutation("reversal by a superseded attempt accepted", "section 4", _superseded_accepted, seeds=SEEDS, caught_by="law 10"),
)


MOVES = (  # what two centers show that both live, while terminals move between them
    Mutation("other center not asked about a reversal", "section 6", _nobody_asked, first=9, seeds=16, caught_by="section 5"),
)


def crossing(seed: int) -> object:
    """A history in which terminals change centers all the time."""
    return RegionsWorld(seed, kinds=CROSSING).run()


def moving(seed: int) -> object:
    """A history in which the terminals are moved from one living center to the other, which alone reaches the core. Those
    before show something else first: a center to which a terminal returns says "in doubt" of what the other one answered."""
    return RegionsWorld(MOVED_FIRST + seed, kinds=("moved",)).run()


def caught(mutation: Mutation, run: Callable[[int], object] = lambda seed: RegionsWorld(seed).run()) -> tuple[int, str]:
    """The first seed of which `run` notices the mutation, and what it says; (0, "") when none does."""
    taken_back: list[Callable[[], None]] = []

    def put(target: object, name: str, value: object) -> None:
        patch = mock.patch.object(target, name, value)
        patch.start()
        taken_back.append(patch.stop)

    mutation.apply(put)
    try:
        for seed in range(mutation.first, mutation.seeds + 1):
            try:
                run(seed)
            except AssertionError as violation:
                return seed, str(violation)
    finally:
        for stop in reversed(taken_back):
            stop()
    return 0, ""
