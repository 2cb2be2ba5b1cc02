"""Broken relays that only two regions, or two centers, can show: each has to be noticed, by the check that is meant for it.

Owns the table `REGIONS`, as tests/simulation/mutations.py owns its own, whose law 5 rows are tried here again. The trap: a
tail that is not replayed is not seen where the copy was not behind, so a history has failovers enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

from relay.core.client import CoreClient
from relay.exchange import replay
from relay.exchange.replay import Deed, Held
from relay.journal.sides import Side
from relay.reconcile.tailwalk import TailWalk
from relay.region.book import Book
from tests.simulation.mutations import MUTATIONS, Mutation, Put
from tests.simulation.regions.world import RegionsWorld

SEEDS = 30


def _not_replayed(put: Put) -> None:
    async def nothing(self: TailWalk, walk: Any, epoch: int, sides: Sequence[Side]) -> None:
        """Asks nobody."""

    put(TailWalk, "_ask_all", nothing)


def _reversals_not_replayed(put: Put) -> None:
    is_undone = frozenset({Held.UNDONE, Held.TAKEN_BACK})
    table = {pair: Deed.LEAVE if pair[0] in is_undone else deed for pair, deed in replay.TAIL.items()}
    put(replay, "TAIL", table)


def _called_asked(put: Put) -> None:
    """What is missing is found, and nothing is owed."""
    put(TailWalk, "_moved", lambda self, walk, side: None)
    whole = TailWalk.__init__

    def dry(self: TailWalk, asking: Any, rows: Any, reopen: Any, *rest: Any) -> None:
        from msgspec.structs import replace

        whole(self, asking, rows, lambda seen, said, done: reopen(replace(seen, is_dry=True), said, done), *rest)

    put(TailWalk, "__init__", dry)


def _seal_in_memory(put: Put) -> None:
    put(Book, "keep_sealed", lambda self, epoch, done: done(None))


def _superseded_reversal(put: Put) -> None:
    """Our own undo says that the terminal wants it, so that no other attempt is looked at."""
    whole = CoreClient.undo

    def undo(self: CoreClient, key: str, standing: int, currency: str, attempt: Any, automatic: bool, *rest: Any) -> Any:
        return whole(self, key, standing, currency, attempt, False, *rest)

    put(CoreClient, "undo", undo)


_LAW_5 = tuple(each for each in MUTATIONS if each.law == "law 5")
REGIONS = (
    Mutation("lost tail not replayed", "law 10", _not_replayed, seeds=SEEDS, caught_by="law 10"),
    Mutation("lost reversals not sent again", "law 10", _reversals_not_replayed, seeds=SEEDS, caught_by="law 10"),
    Mutation("what is missing called replayed", "law 10", _called_asked, seeds=SEEDS, caught_by="law 10"),
    Mutation("seal kept in memory only", "law 5", _seal_in_memory, seeds=SEEDS, caught_by="after its seal"),
    Mutation("reversal by a superseded attempt", "law 1", _superseded_reversal, seeds=SEEDS, caught_by="law 10"),
    *(Mutation(f"{each.name}, of two regions", each.law, each.apply, seeds=SEEDS) for each in _LAW_5),
)


def caught(mutation: Mutation) -> tuple[int, str]:
    """The first seed that notices the mutation, and what it says; (0, "") when none does."""
    taken_back: list[Callable[[], None]] = []

    def put(target: object, name: str, value: object) -> None:
        patch = mock.patch.object(target, name, value)
        patch.start()
        taken_back.append(patch.stop)

    mutation.apply(put)
    try:
        for seed in range(1, mutation.seeds + 1):
            try:
                RegionsWorld(seed).run()
            except AssertionError as violation:
                return seed, str(violation)
    finally:
        for stop in reversed(taken_back):
            stop()
    return 0, ""
