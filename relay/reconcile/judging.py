"""How each difference ends: asked by key, decided on what is on disk, mended or reversed, or listed for a person.

Owns the sequence for one difference, the limit of how many one run may move, and the last look at what was moved. It must never
decide (relay/exchange/reopen.py does) nor believe a listing: that is older than the journal, and only says where to look. The
trap: a run that is taken up again meets what it moved before, open or settled by now, and must not call that a new difference.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from protocols.vocabulary import Unknown
from relay.core.port import Looked
from relay.exchange.exchange import Event
from relay.exchange.reopen import Agrees, Decision, ForPerson, Reopens
from relay.exchange.reopening import Busy, Seen
from relay.journal.records import StoredState
from relay.journal.sides import Side
from relay.reconcile.asking import Asking, once
from relay.reconcile.matcher import Difference, Ending, What

BUSY_TRIES_MAX: Final = 5
FOLLOW_TRIES_MAX: Final = 10  # looks at what was moved, before the report says "on its way"
_JUDGED: Final = frozenset({What.MISSING, What.UNEXPECTED, What.STANDING})

Reopen = Callable[[Seen, Looked, Callable[[Decision | Busy], None]], None]


class Judged(msgspec.Struct, frozen=True):
    """`difference` is None for what is still in work; `moved` says that this run opened something again."""

    difference: Difference | None
    moved_id: int = 0
    is_agreed: bool = False


class Judge:
    """`reopen` carries a decision out; where differences are only listed it says what it would be. `moves_max` is how many
    exchanges one run may open again: more than that is no accident of single messages, and a person looks first."""

    def __init__(self, asking: Asking, reopen: Reopen, *, is_mending: bool, moves_max: int) -> None:
        self._asking = asking
        self._reopen = reopen
        self._is_mending = is_mending
        self._moves_left = moves_max

    async def judge(self, found: Difference) -> Judged:
        """Raises NotRun where the core cannot be asked."""
        if found.ending is not Ending.OPEN:
            return Judged(found)
        if found.what not in _JUDGED or not found.exchange_id:
            return Judged(found.ended(Ending.LISTED, "a person decides"))
        for _ in range(BUSY_TRIES_MAX):
            side = (await self._asking.sides_by_ids([found.exchange_id])).get(found.exchange_id)
            if side is None:
                return Judged(found.ended(Ending.LISTED, "the journal does not hold it any more"))
            ended = _ended_before(found, side)
            if ended is not None:
                return ended
            judged = await self._once(found, side)
            if judged is not None:
                return judged
            await self._asking.sleep(self._asking.retry_ms)
        return Judged(found.ended(Ending.LISTED, "somebody else was busy with it all the time"))  # no later run need come to it

    async def _once(self, found: Difference, side: Side) -> Judged | None:
        """None where somebody else is busy with it."""
        said = await self._asking.look(side)
        if isinstance(said, Unknown):
            return Judged(found.ended(Ending.LISTED, f"it could not be asked for by key: {said.why}"))
        seen = await self._seen(side)
        if seen is None:
            return Judged(None)
        told: asyncio.Future[Decision | Busy] = asyncio.get_running_loop().create_future()
        self._reopen(seen, said, once(told))
        decision = await told
        if isinstance(decision, Busy):
            return None
        if isinstance(decision, Agrees):
            return Judged(found.ended(Ending.MENDED, decision.why) if decision.is_claimed else None, is_agreed=True)
        if isinstance(decision, ForPerson):
            return Judged(found.ended(Ending.LISTED, decision.why))
        if not self._is_moving:
            why = "reconcile.mending is list" if not self._is_mending else "too many in one run"
            return Judged(found.ended(Ending.LISTED, f"{why}; else {decision.why}"))
        self._moves_left -= 1
        return Judged(found.ended(_ending_of(decision), decision.why), moved_id=found.exchange_id)

    @property
    def _is_moving(self) -> bool:
        return self._is_mending and self._moves_left > 0

    async def _seen(self, side: Side) -> Seen | None:
        """None where its reversal is a person's by now."""
        if side.reversal_key is not None:
            reversal = (await self._asking.sides_by_keys([side.reversal_key])).get(side.reversal_key)
            if reversal is None or reversal.is_resolved:
                return None
        is_dry = not self._is_moving
        return Seen(side.key, side.state, side.updated_ms, side.times, side.reversal_key or "", side.is_related, is_dry)

    async def follow(self, moved: dict[int, Difference]) -> dict[int, Difference]:
        """What became of the moved ones so far: settled, given to a person, or on its way."""
        for _ in range(FOLLOW_TRIES_MAX):
            sides = await self._asking.sides_by_ids(sorted(moved))
            if all(side.is_closed or side.state == StoredState.LISTED for side in sides.values()):
                break
            await self._asking.sleep(self._asking.retry_ms)
        return {number: _followed(each, sides.get(number)) for number, each in moved.items()} if moved else {}


def _ending_of(decision: Reopens) -> Ending:
    is_delivered = decision.event is Event.RECONCILED_MISSING and not decision.is_reversal
    return Ending.MENDED if is_delivered else Ending.REVERSED


def _ended_before(found: Difference, side: Side) -> Judged | None:
    """A person has it, or it was opened again since it was found (by another life of this run), or somebody else moves it."""
    if side.is_resolved:
        return Judged(None, is_agreed=True)
    if side.times > found.times:
        if side.state == StoredState.LISTED:
            return Judged(found.ended(Ending.LISTED, "the core refused it: on the person's list"))
        ending = Ending.MENDED if found.what is What.MISSING else Ending.REVERSED
        return Judged(found.ended(ending, "opened again" if side.is_closed else "on its way to the core"))
    return None if side.is_closed else Judged(None)


def _followed(each: Difference, side: Side | None) -> Difference:
    if side is None or side.is_closed:
        return each
    if side.state == StoredState.LISTED:
        return each.ended(Ending.LISTED, "the core refused it: on the person's list")
    return each.ended(each.ending, "on its way to the core")
