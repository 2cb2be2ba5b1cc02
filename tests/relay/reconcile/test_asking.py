"""What is tried again, and what ends a run."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from protocols.vocabulary import Approved, NotProcessed, Unknown
from relay.core.port import Looked, NotFound
from relay.journal.sides import ROWS_MAX
from relay.reconcile.asking import TRIES_MAX, TURN_COUNT, NotRun, in_thread, in_turns
from tests.support.reconcileplay import DATE, ListCore, ListRows, asking_of, line, side


class Answers(ListCore):
    """A core whose next inquiries are answered as listed; the last answer stays."""

    def __init__(self, *said: Any) -> None:
        super().__init__([line(1)])
        self.rest = list(said)

    def look(self, key: str, attempt: Any, permit: Any, timeout_ms: int, done: Any) -> Any:
        self.said = self.rest.pop(0) if self.rest else self.said
        return super().look(key, attempt, permit, timeout_ms, done)


async def test_a_key_is_asked_for_again_until_the_core_says_something() -> None:
    core = Answers(Unknown(why="hang"), NotProcessed(reason="overloaded"), Looked(NotFound()))
    assert await asking_of(core, ListRows([])).look(side(1)) == Looked(NotFound())
    assert core.inquired == ["k1 tokyo/3/1"] * 3


async def test_a_silent_core_is_that_keys_trouble_and_an_unreachable_one_everybodys() -> None:
    core = Answers(Unknown(why="hang"))
    assert await asking_of(core, ListRows([])).look(side(1)) == Unknown(why="hang")
    assert len(core.inquired) == TRIES_MAX
    with pytest.raises(NotRun, match="wrong-region"):
        await asking_of(Answers(NotProcessed(reason="wrong-region")), ListRows([])).look(side(1))
    with pytest.raises(NotRun, match="unreachable"):
        await asking_of(Answers(Looked(Approved())), ListRows([]), lambda: None).look(side(1))
    core = Answers(NotProcessed(reason="invalid"))
    assert await asking_of(core, ListRows([])).look(side(1)) == Unknown(why="invalid")
    assert len(core.inquired) == 1, "it will not say anything else"


async def test_a_page_is_tried_a_few_times() -> None:
    core = ListCore([line(1)])
    core.fails_at = 0
    with pytest.raises(NotRun, match="breaks off: lost"):
        await asking_of(core, ListRows([])).page(DATE, "ATM1", "")
    assert core.asked == [f"{DATE} ATM1"] * TRIES_MAX
    core.fails_at = -1
    assert len((await asking_of(core, ListRows([])).page(DATE, "", "")).entries) == 1
    with pytest.raises(NotRun, match="unreachable"):
        await asking_of(core, ListRows([]), lambda: None).page(DATE, "", "")


async def test_however_many_rows_in_reads_of_a_limit() -> None:
    rows = ListRows([side(n) for n in range(1, ROWS_MAX * 2 + 3)])
    asking = asking_of(ListCore([]), rows)
    assert len(await asking.sides_by_ids(range(1, ROWS_MAX * 2 + 3))) == ROWS_MAX * 2 + 2
    assert len(await asking.sides_by_keys([f"k{n}" for n in range(1, ROWS_MAX + 9)])) == ROWS_MAX + 8


async def test_a_read_runs_in_a_thread_of_its_own() -> None:
    assert await in_thread(threading.get_ident) != threading.get_ident()


async def test_a_long_page_lets_the_loop_go_on_between_its_parts() -> None:
    order: list[str] = []
    asyncio.get_running_loop().call_soon(order.append, "a message")
    async for part in in_turns(range(TURN_COUNT + 1)):
        order.append(f"{len(part)} lines")
    assert order == [f"{TURN_COUNT} lines", "a message", "1 lines"]
