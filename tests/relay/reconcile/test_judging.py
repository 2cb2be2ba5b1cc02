"""How each difference ends, and that one which is moved already, or a person's, is not moved again."""

from __future__ import annotations

from typing import Any

import pytest

from protocols.vocabulary import Approved, NotProcessed, Unknown
from relay.core.port import Looked, NotFound, Undone
from relay.exchange import evidence
from relay.reconcile.asking import NotRun
from relay.reconcile.centers import Centers
from relay.reconcile.judging import BUSY_TRIES_MAX, FOLLOW_TRIES_MAX, Judged
from relay.reconcile.matcher import Difference, Ending, What, compare, missing
from tests.support.reconcileplay import ListCore, ListRows, Reopened, asking_of, judge_of, line, side

ALONE = Centers("tokyo")
POSTED = Looked(Approved(), 5_000, "tokyo/3/1")


class Case:
    def __init__(self, *sides: Any, said: Any = None, **judging: Any) -> None:
        self.core = ListCore([])
        self.core.said = Looked(NotFound()) if said is None else said
        self.rows = ListRows(list(sides))
        self.reopened = Reopened(self.rows)
        self.asking = asking_of(self.core, self.rows)
        self.judge = judge_of(self.asking, self.reopened, **judging)

    async def end(self, found: Difference | None) -> Judged:
        assert found is not None
        return await self.judge.judge(found)


async def test_mended() -> None:
    case = Case(side(1))
    judged = await case.end(missing(side(1)))
    assert judged.difference is not None
    assert (judged.difference.ending, judged.moved_id) == (Ending.MENDED, 1)
    assert case.reopened.moved == [("k1", "RECONCILED_MISSING")]
    assert case.core.inquired == ["k1 tokyo/3/1"], "under the exchange's own attempt"


async def test_reversed() -> None:
    declined = side(1, verdict="decline")
    case = Case(declined, said=POSTED)
    judged = await case.end(compare(line(1), declined, ALONE))
    assert judged.difference is not None
    assert judged.difference.ending is Ending.REVERSED
    assert case.reopened.moved == [("k1", "RECONCILED_UNEXPECTED")]


async def test_the_terminals_reversal_again() -> None:
    told = side(1, reversal_key="r1", reversal_outcome=evidence.pack(Undone("reversed")), is_related=True)
    settled = evidence.pack(Undone("reversed"))
    reversal = side(2, key="r1", message_class="reversal", state="settled", outcome=settled)
    case = Case(told, reversal, said=POSTED)
    judged = await case.end(compare(line(1), told, ALONE))
    assert judged.difference is not None
    assert judged.difference.ending is Ending.REVERSED
    case = Case(told, side(2, key="r1", message_class="reversal", is_resolved=True), said=POSTED)
    assert (await case.end(compare(line(1), told, ALONE))).difference is None, "a person decided about it"
    assert case.reopened.moved == []


async def test_the_listing_alone_moves_nothing() -> None:
    """It says that this stands; the core, asked by key, says that it does not."""
    declined = side(1, verdict="decline")
    case = Case(declined, said=Looked(NotFound()))
    judged = await case.end(compare(line(1), declined, ALONE))
    assert case.reopened.moved == []
    assert judged.is_agreed


async def test_only_listed_where_the_operator_wants_it_so_and_the_report_says_what_it_would_be() -> None:
    case = Case(side(1), is_mending=False)
    judged = await case.end(missing(side(1)))
    assert judged.difference is not None
    assert judged.difference.ending is Ending.LISTED
    assert "delivered as an advice" in judged.difference.why
    assert case.reopened.moved == []


async def test_more_than_the_limit_of_one_run_is_for_a_person() -> None:
    case = Case(*(side(n) for n in range(1, 6)), moves_max=3)
    endings = [(await case.end(missing(side(n)))).difference for n in range(1, 6)]
    assert [each.ending.value for each in endings if each] == ["mended"] * 3 + ["listed"] * 2
    assert "too many in one run" in (endings[4].why if endings[4] else "")


@pytest.mark.parametrize("what", [What.AMOUNT, What.IDENTITY, What.UNKNOWN_KEY, What.DATE, What.LISTING])
async def test_what_no_question_can_answer_is_for_a_person(what: What) -> None:
    case = Case(side(1))
    judged = await case.end(Difference(what=what, key="k1", exchange_id=1))
    assert judged.difference is not None
    assert judged.difference.ending is Ending.LISTED
    assert (case.core.inquired, case.reopened.moved) == ([], [])


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        ({"is_closed": False, "state": "delivering", "times": 1}, Ending.MENDED),
        ({"is_closed": False, "state": "delivering", "times": 2}, Ending.MENDED),
        ({"state": "settled", "times": 1}, Ending.MENDED),
        ({"is_closed": False, "state": "undoing"}, None),
        ({"is_closed": False, "state": "listed", "times": 1}, Ending.LISTED),
        ({"is_closed": False, "state": "listed"}, None),
        ({"is_resolved": True, "state": "settled"}, None),
    ],
)
async def test_what_was_moved_before_or_moves_by_itself_is_not_moved_again(changes: Any, ending: Ending | None) -> None:
    case = Case(side(1, **changes))
    difference = (await case.end(missing(side(1)))).difference
    assert (None if difference is None else difference.ending) is ending
    assert (case.core.inquired, case.reopened.moved) == ([], [])


async def test_somebody_else_is_busy_with_it() -> None:
    case = Case(side(1))
    case.reopened.busy = BUSY_TRIES_MAX - 1
    assert (await case.end(missing(side(1)))).moved_id == 1
    case = Case(side(1))
    case.reopened.busy = BUSY_TRIES_MAX
    judged = await case.end(missing(side(1)))
    assert judged.difference is not None
    assert (judged.difference.ending, judged.moved_id, judged.is_agreed) == (Ending.LISTED, 0, False)


async def test_a_core_that_cannot_be_asked_ends_the_run_and_one_key_that_cannot_only_that_key() -> None:
    with pytest.raises(NotRun, match="cannot be asked"):
        await Case(side(1), said=NotProcessed(reason="unreachable")).end(missing(side(1)))
    for said in (Unknown(why="hang"), NotProcessed(reason="invalid")):
        judged = await Case(side(1), said=said).end(missing(side(1)))
        assert judged.difference is not None
        assert judged.difference.ending is Ending.LISTED
    gone = await Case().end(missing(side(1)))
    assert gone.difference is not None
    assert gone.difference.ending is Ending.LISTED


@pytest.mark.parametrize(
    ("state", "is_closed", "ending", "why"),
    [
        ("settled", True, Ending.MENDED, ""),
        ("listed", False, Ending.LISTED, "the core refused it"),
        ("delivering", False, Ending.MENDED, "on its way"),
    ],
)
async def test_what_became_of_a_moved_one(state: str, is_closed: bool, ending: Ending, why: str) -> None:
    case = Case(side(1))
    case.reopened.leaves = {"state": state, "is_closed": is_closed}
    judged = await case.end(missing(side(1)))
    assert judged.difference is not None
    followed = (await case.judge.follow({1: judged.difference}))[1]
    assert followed.ending is ending
    assert why in followed.why
    assert await case.judge.follow({}) == {}
    assert FOLLOW_TRIES_MAX > 1


@pytest.mark.parametrize(("times", "ending"), [(1, Ending.REVERSED), (0, None)])
async def test_a_reversal_that_another_life_of_the_run_opened_is_in_the_report(times: int, ending: Ending | None) -> None:
    declined = side(1, verdict="decline")
    case = Case(side(1, verdict="decline", is_closed=False, state="undoing", times=times))
    difference = (await case.end(compare(line(1), declined, ALONE))).difference
    assert (None if difference is None else difference.ending) is ending
