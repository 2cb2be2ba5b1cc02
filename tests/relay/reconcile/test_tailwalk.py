"""The walk over a lost tail: what it asks, in which order, how many at once, and where it goes on after a death."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from protocols.vocabulary import Approved, NotProcessed, Unknown
from relay.core.port import Looked, NotFound, Permit, Undone
from relay.exchange import evidence
from relay.exchange.reopen import Decision, Reopens
from relay.exchange.reopening import Busy, Seen
from relay.exchange.replay import replayed
from relay.journal.items import IDS_PER_INCARNATION
from relay.journal.sides import Moved, Side
from relay.reconcile.asking import Asking, NotRun
from relay.reconcile.judging import BUSY_TRIES_MAX
from relay.reconcile.tail import LISTED_KEPT_MAX, Tail, TailShelf
from relay.reconcile.tailwalk import PAGE_COUNT, TailRules, TailWalk
from tests.support.reconcileplay import BEGINS_MS, KeptVariables, Later, ListCore, ListRows, at_once, side, stored_of

OLD, NEW = 8, 9
POSTED, NOT_FOUND = Looked(Approved(), 5_000, "tokyo/3/1"), Looked(NotFound())
RULES = TailRules(margin_ms=0, work_ms=0, window_ms=10 * 86_400_000, asking_count_max=4)


async def turn(delay_ms: int) -> None:
    """Time stands still, but others come to their turn."""
    await asyncio.sleep(0)


class Rows(ListRows):
    def __init__(self, sides: list[Side]) -> None:
        super().__init__(sides)
        self.newest_ms: int | None = BEGINS_MS + 10_000

    def last_id(self, life: int) -> int:
        return max(each.exchange_id for each in self.sides if each.exchange_id // IDS_PER_INCARNATION == life)

    def last_before(self, wall_ms: int, life: int) -> int:
        mine = [each for each in self.sides if each.exchange_id // IDS_PER_INCARNATION == life]
        return max((each.exchange_id for each in mine if each.recorded_ms < wall_ms), default=life * IDS_PER_INCARNATION)

    def line_before(self, wall_ms: int) -> int:
        return max((line.mark for line in self.lines if line.at_ms < wall_ms), default=0)

    def newest_confirmed_ms(self, below_epoch: int) -> int | None:
        assert below_epoch == NEW
        return self.newest_ms


class Core(ListCore):
    """`holds` are the keys that reached the new region. Answers come a turn later; `most` were under way at once."""

    def __init__(self, *holds: str) -> None:
        super().__init__([])
        self.holds = set(holds)
        self.under_way = self.most = 0
        self.says: dict[str, Any] = {}

    def look(self, key: str, attempt: Any, permit: Any, timeout_ms: int, done: Callable[[Any], None]) -> Any:
        self.inquired.append(f"{key} {attempt.text()}")
        self.under_way += 1
        self.most = max(self.most, self.under_way)

        def answer() -> None:
            self.under_way -= 1
            done(self.says.get(key, POSTED if key in self.holds else NOT_FOUND))

        asyncio.get_running_loop().call_soon(answer)


class Case:
    def __init__(self, *sides: Side, core: Core | None = None, rules: TailRules = RULES, lag_ms: int = 60_000) -> None:
        self.rows = Rows(list(sides))
        self.core = Core() if core is None else core
        self.kept = KeptVariables()
        self.shelf = TailShelf(self.kept)  # type: ignore[arg-type]
        self.moved: list[str] = []
        self.released: list[str] = []
        self.busy = 0
        self.leaves: dict[str, Any] = {"state": "settled", "epoch": NEW}
        self.rules = rules
        self.clock = Later()
        self.tail = Tail(epoch=NEW, began_ms=self.clock.now_ms, lag_ms=lag_ms)
        self.saves: list[Tail] = []

    def judge(self, seen: Seen, looked: Looked, done: Callable[[Decision | Busy], None]) -> None:
        assert seen.is_tail
        if self.busy:
            self.busy -= 1
            done(Busy("somebody"))
            return
        now = self.rows.by_keys([seen.key])[seen.key]
        decision = replayed(stored_of(now), looked, f"tokyo/{now.incarnation}/{now.exchange_id}", seen.times)
        if isinstance(decision, Reopens):
            self.moved.append(f"{seen.key} {decision.event.name}")
            self.rows.change(now.exchange_id, times=now.times + 1, **self.leaves)
        done(decision)

    async def walk(self) -> Tail:
        asking = Asking(self.core, self.rows, lambda: Permit(NEW, "osaka"), turn, "tokyo", 4_000, 0, at_once)
        walk = TailWalk(
            asking, self.rows, self.judge, self.shelf, self.clock, self.rules, self.saves.append, self.released.append
        )
        self.tail = await walk.run(self.shelf.tail() or self.tail)
        return self.tail


def told(number: int, **changes: Any) -> Side:
    return side(number, **{"epoch": OLD, **changes})


UNDONE = evidence.pack(Undone("tombstone"))


async def test_what_is_missing_is_opened_and_what_is_there_is_left() -> None:
    case = Case(told(1), told(2), told(3), core=Core("k1", "k3"))
    tail = await case.walk()
    assert case.moved == ["k2 RECONCILED_MISSING"]
    assert (tail.asked, tail.missing, tail.mended, tail.listed, tail.left) == (3, 1, 1, 0, 0)
    assert tail.is_finished
    assert case.core.inquired == ["k1 tokyo/3/1", "k2 tokyo/3/2", "k3 tokyo/3/3"], "each under its own attempt"
    assert case.shelf.tail() == tail


@pytest.mark.parametrize(
    "quiet",
    [
        told(1, epoch=0),  # never asked
        side(1, epoch=NEW),  # confirmed by the new region
        told(1, is_resolved=True),
        told(1, verdict="decline"),
        told(1, state="refused"),
        told(1, state="undoing", is_closed=False),  # driven in the new region
        told(1, state="listed", is_closed=False),
        told(1, state="unproven", is_closed=False),
    ],
)
async def test_what_is_not_asked(quiet: Side) -> None:
    case = Case(quiet)
    tail = await case.walk()
    assert case.core.inquired == []
    assert tail.is_finished


async def test_only_what_came_after_the_last_copied_moment() -> None:
    sides = [told(n, recorded_ms=BEGINS_MS + n * 1_000) for n in range(1, 11)]
    case = Case(*sides, lag_ms=3_000)
    tail = await case.walk()
    assert [key.split()[0] for key in case.core.inquired] == ["k7", "k8", "k9", "k10"]
    assert tail.since_ms == BEGINS_MS + 7_000
    case = Case(*sides, lag_ms=3_000, rules=msgspec.structs.replace(RULES, margin_ms=2_000, work_ms=1_000))
    await case.walk()
    assert len(case.core.inquired) == 7, "the margin, and how long a message may be in work"


async def test_the_lag_counts_from_the_old_regions_last_word_not_from_the_switch() -> None:
    """The region died an hour before people had moved the bank."""
    case = Case(told(1, recorded_ms=BEGINS_MS), lag_ms=1_000)
    case.rows.newest_ms = BEGINS_MS + 500
    assert case.clock.now_ms - BEGINS_MS > 3_600_000
    await case.walk()
    assert case.moved == ["k1 RECONCILED_MISSING"]


async def test_evidence_goes_before_the_assumed_and_the_window_before_both() -> None:
    sides = [told(n, recorded_ms=BEGINS_MS + n * 1_000) for n in range(1, 11)]
    case = Case(*sides, lag_ms=0)
    case.tail = case.tail.measured_again(lag_ms=0, from_ms=BEGINS_MS + 2_000, who="Sato", why="LSN")
    await case.walk()
    assert len(case.core.inquired) == 9
    case = Case(*sides, lag_ms=60_000, rules=msgspec.structs.replace(RULES, window_ms=2 * 86_400_000 - 5_000))
    assert (await case.walk()).since_ms == BEGINS_MS + 5_000


async def test_no_more_keys_at_once_than_may_be() -> None:
    case = Case(*(told(n) for n in range(1, 60)), core=Core(*(f"k{n}" for n in range(60))))
    await case.walk()
    assert 2 <= case.core.most <= RULES.asking_count_max


async def test_an_original_goes_before_what_follows_it_also_from_outside_the_window() -> None:
    completion = told(
        5, key="c5", message_class="advice", state="settled", outcome=evidence.pack(Approved()), original_key="k1"
    )
    root = told(1, recorded_ms=BEGINS_MS)
    case = Case(root, completion, lag_ms=0)
    case.rows.sides[1] = msgspec.structs.replace(completion, recorded_ms=BEGINS_MS + 20_000)
    await case.walk()
    assert case.moved == ["k1 RECONCILED_MISSING", "c5 RECONCILED_MISSING"]
    assert case.released == ["k1", "c5"]


async def test_what_an_earlier_walk_opened_goes_after_its_original_all_the_same() -> None:
    """The region moves again while a completion that was said anew is under way, and the next one lacks its original: whoever
    books the completion alone books it a second time with its original."""
    completion = told(5, key="c5", message_class="advice", state="delivering", is_closed=False, times=1, original_key="k1")
    case = Case(told(1), completion)
    released_by = len(case.released)

    def judge(seen: Seen, looked: Looked, done: Callable[[Decision | Busy], None]) -> None:
        nonlocal released_by
        released_by = len(case.released)
        Case.judge(case, seen, looked, done)
        case.rows.change(5, state="settled", is_closed=True, epoch=NEW)

    case.judge = judge  # type: ignore[method-assign]
    await case.walk()
    assert case.moved == ["k1 RECONCILED_MISSING"]
    assert released_by == 0, "nothing was let go before the original was said again"
    assert case.released[:2] == ["k1", "c5"]


async def test_a_reversal_is_asked_by_its_originals_key_and_attempt_and_sent_again() -> None:
    reversal = told(2, key="r2", message_class="reversal", state="settled", outcome=UNDONE, original_key="k1")
    case = Case(told(1, verdict="decline"), reversal)
    await case.walk()
    assert case.core.inquired == ["k1 tokyo/3/1"]
    assert case.moved == ["r2 RECONCILED_MISSING"]
    alone = Case(reversal)  # its original is another center's
    await alone.walk()
    assert alone.core.inquired == ["k1 tokyo/3/2"]
    assert alone.moved == ["r2 RECONCILED_MISSING"]


async def test_our_own_undo_and_its_tombstone_are_said_again() -> None:
    case = Case(told(1, state="settled", verdict="doubt", outcome=UNDONE))
    await case.walk()
    assert case.moved == ["k1 RECONCILED_UNEXPECTED"]


async def test_what_moved_late_has_an_old_number_and_is_found_by_its_line() -> None:
    late = told(1, recorded_ms=BEGINS_MS - 9_000_000)
    case = Case(late, told(2, recorded_ms=BEGINS_MS + 9_000), lag_ms=2_000)
    case.rows.lines = [Moved(1, 2, "ATM1", "", 0, BEGINS_MS), Moved(2, 1, "ATM1", "", 0, BEGINS_MS + 9_500)]
    await case.walk()
    assert [moved.split()[0] for moved in case.moved] == ["k2", "k1"]


async def test_cash_whose_end_nobody_has_told_yet_is_looked_at_again() -> None:
    case = Case(told(1, state="awaiting-completion", is_closed=False))
    turns = 0

    def confirms() -> None:
        nonlocal turns
        turns += 1
        if turns == 20:
            case.rows.change(1, state="confirmed", is_closed=True)
        else:
            asyncio.get_running_loop().call_soon(confirms)

    asyncio.get_running_loop().call_soon(confirms)
    tail = await case.walk()
    assert [save.waiting for save in case.saves if save.waiting] == [(1,), (1,)]
    assert case.moved == ["k1 RECONCILED_MISSING"]
    assert tail.is_finished


async def test_what_the_core_refuses_in_the_end_is_listed_with_its_words() -> None:
    case = Case(told(1))
    case.leaves = {"state": "listed", "is_closed": False}
    tail = await case.walk()
    assert (tail.missing, tail.mended, tail.listed) == (1, 0, 1)
    assert "person's list" in tail.differences[0].why
    assert tail.is_finished, "a person has it now"


async def test_more_for_a_person_than_the_limit_is_counted() -> None:
    count = LISTED_KEPT_MAX + 1
    case = Case(
        *(
            told(n, outcome=evidence.pack(Undone("reversed", 10)), state="settled", standing_minor=10)
            for n in range(1, count + 1)
        )
    )
    tail = await case.walk()
    assert (tail.listed, len(tail.differences)) == (count, LISTED_KEPT_MAX)


async def test_a_busy_exchange_is_tried_again_and_one_that_is_driven_by_then_is_left() -> None:
    case = Case(told(1))
    case.busy = 1
    await case.walk()
    assert case.moved == ["k1 RECONCILED_MISSING"]
    case = Case(told(1))
    case.busy = 9

    def driven() -> None:
        case.rows.change(1, state="delivering", is_closed=False)

    asyncio.get_running_loop().call_soon(driven)
    tail = await case.walk()
    assert case.moved == []
    assert tail.is_finished


async def test_an_exchange_that_stays_busy_is_asked_for_by_the_next_run_and_never_left_out() -> None:
    """The server that writes the journal is away, the one that is read is not."""
    case = Case(told(1))
    case.busy = BUSY_TRIES_MAX + 1
    with pytest.raises(NotRun, match="for too long"):
        await case.walk()
    tail = await case.walk()
    assert case.moved == ["k1 RECONCILED_MISSING"]
    assert (tail.asked, tail.missing, tail.mended) == (1, 1, 1)


@pytest.mark.parametrize("said", [Unknown(why="timeout"), NotProcessed(reason="unreachable")])
async def test_a_core_that_does_not_say_ends_the_run_and_the_next_goes_on_from_the_last_mark(said: Any) -> None:
    count = 2 * PAGE_COUNT + 10
    case = Case(*(told(n) for n in range(1, count + 1)), core=Core(*(f"k{n}" for n in range(1, count + 1))))
    case.core.says[f"k{PAGE_COUNT + 5}"] = said
    with pytest.raises(NotRun):
        await case.walk()
    saved = case.shelf.tail()
    assert saved is not None
    assert (saved.asked, saved.at_ids, saved.is_finished) == (PAGE_COUNT, {0: PAGE_COUNT}, False)
    case.core.says.clear()
    case.core.inquired.clear()
    tail = await case.walk()
    assert (tail.asked, tail.is_finished) == (count, True)
    assert len(case.core.inquired) == count - PAGE_COUNT, "what is behind the mark is not asked again"


@pytest.mark.parametrize("asked_last", [OLD, NEW])
async def test_what_another_life_opened_is_followed_to_its_end(asked_last: int) -> None:
    """It died after the row and before the mark; the new region may have been asked, and have had no time."""
    case = Case(told(1, state="delivering", is_closed=False, times=1, epoch=asked_last))

    def settle() -> None:
        case.rows.change(1, state="settled", is_closed=True, epoch=NEW)

    asyncio.get_running_loop().call_later(0.01, settle)
    asking = case.core.inquired
    tail = await asyncio.wait_for(case.walk(), 30)
    assert asking == []
    assert (tail.missing, tail.mended) == (1, 1)
    assert case.released[0] == "k1", "it may go, although completions wait for the walk"


async def test_a_key_that_the_core_will_not_be_asked_for_is_a_persons() -> None:
    core = Core()
    core.says["k1"] = NotProcessed(reason="invalid")
    case = Case(told(1), core=core)
    tail = await case.walk()
    assert (tail.listed, tail.is_finished) == (1, True)
