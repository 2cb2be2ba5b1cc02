"""The walk over the lost tail: what the old region confirmed is asked for in the new one, and what is missing is owed again.

Owns the order (an original before what follows it), the bound on askings at once, the durable marks, and the look at what
became of what was opened. It must never decide about an exchange (relay/exchange/replay.py does), and moves none itself
(reopening.py does). The traps: exchanges that are open are driven in the new region by store-and-forward, so only what is
closed is asked here, but for cash whose end its terminal has not told yet: that waits, and is looked at again; late events
move old exchanges, so the history has a window of its own; a kill between two marks costs the rows in between, which are
asked once more and found to agree.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from functools import partial
from typing import Final, Protocol

import msgspec

from protocols.vocabulary import MessageClass, Unknown, Verdict
from relay.clock import Clock
from relay.exchange.reopen import Agrees, Decision, ForPerson
from relay.exchange.reopening import Busy, Seen
from relay.journal.records import LISTED_STATES, StoredState
from relay.journal.sides import Moved, Side
from relay.reconcile.asking import Asking, NotRun, once
from relay.reconcile.judging import BUSY_TRIES_MAX, Reopen
from relay.reconcile.matcher import Difference, Ending, What, difference
from relay.reconcile.runs import durable
from relay.reconcile.tail import LISTED_KEPT_MAX, Tail, TailShelf

PAGE_COUNT: Final = 200  # rows between two marks
LOOKS_MAX: Final = 5  # at what a page has opened, before the walk goes on without it
OPENED_COUNT_MAX: Final = 2_000  # opened and not yet settled; beyond it the walk waits


class TailRows(Protocol):
    """What is read besides what `Asking` reads; each call may take its time."""

    def after(self, exchange_id: int, count_max: int = PAGE_COUNT) -> list[Side]: ...

    def moved_lines(self, line_id: int) -> list[Moved]: ...

    def last_line(self) -> int: ...

    def lives(self) -> list[int]: ...

    def last_before(self, wall_ms: int, life: int) -> int: ...

    def last_id(self, life: int) -> int: ...

    def line_before(self, wall_ms: int) -> int: ...

    def newest_confirmed_ms(self, below_epoch: int) -> int | None: ...


class TailRules(msgspec.Struct, frozen=True):
    """`margin_ms` is asked beyond the evidence; `work_ms` is how long a message may be in work, for its number is so much older
    than its confirmation; nothing older than `window_ms` is asked again, for its message may be gone."""

    margin_ms: int
    work_ms: int
    window_ms: int
    asking_count_max: int


class _Walk(msgspec.Struct):
    """What one page adds."""

    asked: int = 0
    missing: int = 0
    moved: list[int] = []
    waiting: list[int] = []
    listed: list[Difference] = []


class TailWalk:
    """`tell` hears each state of the tail that is durable, `opened` the key of each exchange that this walk has opened."""

    def __init__(
        self,
        asking: Asking,
        rows: TailRows,
        reopen: Reopen,
        shelf: TailShelf,
        clock: Clock,
        rules: TailRules,
        tell: Callable[[Tail], None],
        opened: Callable[[str], None],
    ) -> None:
        self._asking = asking
        self._rows = rows
        self._reopen = reopen
        self._shelf = shelf
        self._clock = clock
        self._rules = rules
        self._tell = tell
        self._opened = opened

    async def run(self, tail: Tail) -> Tail:
        """From where `tail` stands to its end. Raises NotRun where the core or the journal cannot be asked: what was saved
        stays, and another run takes it up."""
        if not tail.is_measured:
            tail = await self._save(await self._measure(tail))
        for life in sorted(tail.to_ids):
            tail = await self._rows_of(tail, life)
        tail = await self._lines(tail)
        if not tail.is_walked:
            tail = await self._save(msgspec.structs.replace(tail, is_walked=True))
        while tail.pending or tail.waiting:
            tail = await self._follow(tail)
            if tail.pending or tail.waiting:
                await self._asking.sleep(self._asking.retry_ms)
        return await self._save(msgspec.structs.replace(tail, finished_ms=max(1, self._clock.wall_ms())))

    async def _save(self, tail: Tail) -> Tail:
        await durable(partial(self._shelf.keep, tail))
        self._tell(tail)
        return tail

    # ---- from where to where -----------------------------------------------------------------------------------------
    async def _measure(self, tail: Tail) -> Tail:
        read, rows, rules = self._asking.read, self._rows, self._rules
        lives = await read(rows.lives)
        newest_ms = await read(partial(rows.newest_confirmed_ms, tail.epoch))
        since_ms = tail.from_ms or (tail.began_ms if newest_ms is None else newest_ms) - tail.lag_ms
        if tail.floor_ms:
            since_ms = min(since_ms, tail.floor_ms)
        since_ms = max(since_ms - rules.margin_ms, tail.began_ms - rules.window_ms)
        at_ids, to_ids = {}, {}
        for life in lives:
            to_ids[life] = await read(partial(rows.last_id, life))
            at_ids[life] = min(to_ids[life], await read(partial(rows.last_before, since_ms - rules.work_ms, life)))
        return msgspec.structs.replace(
            tail,
            since_ms=since_ms,
            is_measured=True,
            at_ids=at_ids,
            to_ids=to_ids,
            at_line=await read(partial(rows.line_before, since_ms)),
            to_line=await read(rows.last_line),
        )

    # ---- the two walks -----------------------------------------------------------------------------------------------
    async def _rows_of(self, tail: Tail, life: int) -> Tail:
        end = tail.to_ids[life]
        while tail.at_ids.get(life, end) < end:
            sides = await self._asking.read(partial(self._rows.after, tail.at_ids[life], PAGE_COUNT))
            sides = [side for side in sides if side.exchange_id <= end]
            mark = sides[-1].exchange_id if len(sides) == PAGE_COUNT else end
            tail = await self._page(tail, sides, at_ids={**tail.at_ids, life: mark})
        return tail

    async def _lines(self, tail: Tail) -> Tail:
        while tail.at_line < tail.to_line:
            lines = await self._asking.read(partial(self._rows.moved_lines, tail.at_line))
            lines = [line for line in lines if line.mark <= tail.to_line]
            marks = dict.fromkeys(line.exchange_id for line in lines[:PAGE_COUNT])
            mark = lines[PAGE_COUNT - 1].mark if len(lines) > PAGE_COUNT else tail.to_line
            sides = await self._asking.sides_by_ids(sorted(marks))
            tail = await self._page(tail, [sides[number] for number in marks if number in sides], at_line=mark)
        return tail

    async def _page(
        self, tail: Tail, sides: Sequence[Side], at_ids: dict[int, int] | None = None, at_line: int | None = None
    ) -> Tail:
        walk = _Walk()
        known = {*tail.waiting, *tail.pending}
        await self._ask_all(walk, tail.epoch, [side for side in sides if side.exchange_id not in known])
        tail = msgspec.structs.replace(
            tail,
            at_ids=tail.at_ids if at_ids is None else at_ids,
            at_line=tail.at_line if at_line is None else at_line,
        )
        tail = await self._save(_added(tail, walk))
        looks = 0
        while (looks < LOOKS_MAX and not set(walk.moved).isdisjoint(tail.pending)) or len(tail.pending) > OPENED_COUNT_MAX:
            looks += 1
            before = tail.pending
            tail = await self._settled(tail)
            if tail.pending == before:
                await self._asking.sleep(self._asking.retry_ms // LOOKS_MAX)
        return tail

    # ---- asking ------------------------------------------------------------------------------------------------------
    async def _ask_all(self, walk: _Walk, epoch: int, sides: Sequence[Side]) -> None:
        """Each chain by itself and in its order, so many chains at once as may be."""
        chains: dict[str, list[Side]] = {}
        for side in sides:
            what = _what(side, epoch)
            if what is _Look.LATER:
                walk.waiting.append(side.exchange_id)
            elif what is not _Look.NEVER:
                chains.setdefault(side.original_key or side.key, []).append(side)
        left = iter(chains.items())
        workers = [self._work(walk, epoch, left) for _ in range(min(self._rules.asking_count_max, len(chains)))]
        for result in await asyncio.gather(*workers, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def _work(self, walk: _Walk, epoch: int, chains: Iterator[tuple[str, list[Side]]]) -> None:
        for root_key, sides in chains:
            root = (await self._asking.sides_by_keys([root_key])).get(root_key)
            if root is not None and all(side.exchange_id != root.exchange_id for side in sides):
                if _what(root, epoch) is _Look.NOW:
                    sides = [root, *sides]  # outside the window, or further on: it has to be there before what follows it
                elif _what(root, epoch) is _Look.LATER and root.exchange_id not in walk.waiting:
                    walk.waiting.append(root.exchange_id)
            for side in sorted(sides, key=lambda each: (each.key != root_key, each.exchange_id)):
                if _what(side, epoch) is _Look.MOVED:
                    walk.missing += 1
                    self._moved(walk, side)  # here, too, after its original: it may go from now on
                else:
                    await self._one(walk, side, root)

    async def _one(self, walk: _Walk, side: Side, root: Side | None) -> None:
        is_reversal = side.message_class == MessageClass.REVERSAL
        for _ in range(BUSY_TRIES_MAX):
            asked = side
            if is_reversal:  # what it did stands under its original's key, and the original's own attempt supersedes nobody
                asked = root if root is not None else msgspec.structs.replace(side, key=side.original_key)
            said = await self._asking.look(asked)
            if isinstance(said, Unknown):
                if said.why != "invalid":
                    raise NotRun(f"the core does not say what became of a key: {said.why}")
                walk.listed.append(_listed(side, "the core refuses to be asked for its key"))
                break
            told: asyncio.Future[Decision | Busy] = asyncio.get_running_loop().create_future()
            self._reopen(Seen(side.key, side.state, side.updated_ms, side.times, is_tail=True), said, once(told))
            decision = await told
            if isinstance(decision, Busy):
                await self._asking.sleep(self._asking.retry_ms)
                fresh = (await self._asking.sides_by_ids([side.exchange_id])).get(side.exchange_id)
                if fresh is None or not fresh.is_closed or fresh.is_resolved:
                    break  # somebody drives it, or a person has decided
                side = fresh
                continue
            if isinstance(decision, ForPerson):
                walk.missing += 1
                walk.listed.append(_listed(side, decision.why))
            elif not isinstance(decision, Agrees):
                walk.missing += 1
                self._moved(walk, side)
            break
        else:  # nobody looks at it again after this walk, so it is not left out
            raise NotRun("an exchange is somebody else's for too long, or the journal cannot be read")
        walk.asked += 1

    def _moved(self, walk: _Walk, side: Side) -> None:
        walk.moved.append(side.exchange_id)
        self._opened(side.key)

    # ---- what became of them -----------------------------------------------------------------------------------------
    async def _settled(self, tail: Tail) -> Tail:
        """`pending` without what has come to its end; saved where anything has."""
        sides = await self._asking.sides_by_ids(sorted(tail.pending))
        left, mended, listed = [], 0, list[Difference]()
        for number in tail.pending:
            side = sides.get(number)
            if side is None or side.is_closed:
                mended += 1
            elif side.state == StoredState.LISTED:
                listed.append(_listed(side, "the core refused it: on the person's list"))
            else:
                left.append(number)
                self._opened(side.key)  # perhaps by another life
        if len(left) == len(tail.pending):
            return tail
        tail = msgspec.structs.replace(tail, pending=tuple(left), mended=tail.mended + mended)
        return await self._save(_added(tail, _Walk(listed=listed)))

    async def _follow(self, tail: Tail) -> Tail:
        tail = await self._settled(tail)
        sides = await self._asking.sides_by_ids(sorted(tail.waiting))
        ready = [side for side in sides.values() if _what(side, tail.epoch) is not _Look.LATER]
        gone = {side.exchange_id for side in ready} | (set(tail.waiting) - set(sides))
        if not gone:
            return tail
        walk = _Walk()
        await self._ask_all(walk, tail.epoch, ready)
        tail = msgspec.structs.replace(tail, waiting=tuple(number for number in tail.waiting if number not in gone))
        return await self._save(_added(tail, walk))


class _Look(Enum):
    NEVER = "never"
    NOW = "now"
    LATER = "later"  # its terminal has not said yet what became of the cash
    MOVED = "moved"  # opened again by an earlier try of this walk


def _what(side: Side, epoch: int) -> _Look:
    """Whether the new region is asked for it: what the old one confirmed, closed, and nobody's who has decided."""
    if side.is_resolved or not side.epoch:
        return _Look.NEVER
    state = StoredState(side.state)
    if not side.is_closed:
        is_ours = side.times > 0 and state not in LISTED_STATES and state is not StoredState.AWAITING_COMPLETION
        if is_ours:  # also where the new region was asked already, and had no time
            return _Look.MOVED
        return _Look.LATER if state is StoredState.AWAITING_COMPLETION and side.epoch < epoch else _Look.NEVER
    if side.epoch >= epoch or state is StoredState.REFUSED:
        return _Look.NEVER
    is_denied = state is StoredState.ANSWERED and side.verdict != Verdict.APPROVE.value
    return _Look.NEVER if is_denied and side.message_class == MessageClass.FINANCIAL else _Look.NOW


def _added(tail: Tail, walk: _Walk) -> Tail:
    room = max(0, LISTED_KEPT_MAX - len(tail.differences))
    return msgspec.structs.replace(
        tail,
        asked=tail.asked + walk.asked,
        missing=tail.missing + walk.missing,
        listed=tail.listed + len(walk.listed),
        pending=tuple(dict.fromkeys((*tail.pending, *walk.moved))),
        waiting=tuple(dict.fromkeys((*tail.waiting, *walk.waiting))),
        differences=(*tail.differences, *walk.listed[:room]),
    )


def _listed(side: Side, why: str) -> Difference:
    return difference(What.MISSING, side, None, "lost tail").ended(Ending.LISTED, why)
