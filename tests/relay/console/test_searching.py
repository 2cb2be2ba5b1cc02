"""One thread, a short queue, and a search that takes too long keeps its place until its thread has ended."""

from __future__ import annotations

import asyncio
import threading

import pytest

from relay.console.searching import WAITING_COUNT_MAX, Searching
from relay.console.sources import Busy
from relay.errors import RelayError


async def test_what_was_found_or_raised_comes_back() -> None:
    searching = Searching()
    assert await searching.run(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await searching.run(lambda: 1 // 0)


async def test_one_that_takes_too_long_is_told_so_and_the_next_begins_after_its_thread() -> None:
    searching, gate, has_begun, begun = Searching(0.01), threading.Event(), threading.Event(), list[int]()

    def slow() -> None:
        begun.append(1)
        has_begun.set()
        gate.wait(60)

    for _ in range(WAITING_COUNT_MAX + 1):
        with pytest.raises(RelayError, match="took more than"):
            await searching.run(slow)
    assert await asyncio.to_thread(has_begun.wait, 60)
    assert len(begun) == 1, "one thread, however many have given up"
    with pytest.raises(Busy):
        await searching.run(slow)
    gate.set()
    while searching._tasks:
        await asyncio.wait(searching._tasks)
    assert len(begun) == 1, "what nobody waits for any more is not looked for"
    searching._limit_s = 60.0  # a thread may take long to begin
    assert await searching.run(lambda: 7) == 7
