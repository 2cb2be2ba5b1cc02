"""Broken ways to reconcile, each an honest mistake: the histories with a sick core must notice them all.

Owns the table `RECONCILING`, as mutations.py owns its own. The trap: most of what a hasty reconciliation does twice is once at
a core that keeps the contract, so what is caught here is caught by what it did, not only by the money.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from protocols.vocabulary import Approved, DoubtPolicy
from relay.core.port import Looked, NotFound
from relay.exchange import reopening
from relay.exchange.register import Open
from relay.exchange.reopen import decide
from relay.journal.sides import Side
from relay.reconcile.asking import Asking
from relay.reconcile.matcher import Claim, expected
from tests.simulation.mutations import Mutation, Put


def _listing_alone(put: Put) -> None:
    async def believed(self: Asking, side: Side) -> Looked:
        attempt = f"{self.center}/{side.incarnation}/{side.exchange_id}"
        return Looked(Approved(), None, attempt) if expected(side) is Claim.GONE else Looked(NotFound())

    put(Asking, "look", believed)


def _deposit_reversed(put: Put) -> None:
    def undoing(stored: Any, *rest: Any) -> Any:
        return decide(replace(stored, taken=replace(stored.taken, policy=DoubtPolicy.UNDO)), *rest)

    put(reopening, "decide", undoing)


def _advice_under_a_new_key(put: Put) -> None:
    whole = reopening.deliver_stored

    def rekeyed(entry: Open) -> None:
        whole(entry)
        entry.request = replace(entry.request, key=f"{entry.key}x")

    put(reopening, "deliver_stored", rekeyed)


def _whoever_was_told(put: Put) -> None:
    put(
        reopening,
        "decide",
        lambda stored, looked, attempt, around: decide(stored, replace(looked, attempt=attempt), attempt, around),
    )


def _mended_and_forgotten(put: Put) -> None:
    """It is called mended, and nothing is owed."""
    whole = reopening.Reopening._decide

    def dry(self: reopening.Reopening, stored: Any, reversal: Any, seen: Any, looked: Any, done: Any) -> None:
        whole(self, stored, reversal, replace(seen, is_dry=True), looked, done)

    put(reopening.Reopening, "_decide", dry)


RECONCILING = (
    Mutation("reversal from the listing alone", "law 4", _listing_alone, caught_by="word by key"),
    Mutation("deposit reversed by reconciliation", "law 4", _deposit_reversed, caught_by="a deposit was undone"),
    Mutation("advice under a new key", "law 2", _advice_under_a_new_key, caught_by="law 2: posted under a key"),
    Mutation("another attempt's posting reversed", "law 1", _whoever_was_told, caught_by="another attempt was told"),
    Mutation("called mended and not delivered", "law 10", _mended_and_forgotten, caught_by="law 10"),
)
