"""Questions to the journal's file or server, asked in a thread: one at a time, a few may wait, none waits for ever.

Owns the one thread and its queue. It must never know what is asked. The trap: a thread cannot be ended, so a search that takes
too long is told so while its thread goes on; the next one begins when that thread has ended and not before, or slow searches
would fill the pool of threads that others (a password, a totals file) need.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from relay.console.sources import Busy
from relay.errors import RelayError

T = TypeVar("T")

WAITING_COUNT_MAX: Final = 3
SEARCH_S_MAX: Final = 20.0


class Searching:
    def __init__(self, limit_s: float = SEARCH_S_MAX) -> None:
        self._limit_s = limit_s
        self._one_at_a_time = asyncio.Semaphore(1)
        self._tasks: set[asyncio.Task[object]] = set()

    async def run(self, look: Callable[[], T]) -> T:
        """What `look` returns or raises. Raises Busy where others wait already, RelayError where it takes too long."""
        if len(self._tasks) > WAITING_COUNT_MAX:
            raise Busy
        is_wanted = True

        async def looking() -> T:
            async with self._one_at_a_time:
                if not is_wanted:
                    raise Busy
                return await asyncio.to_thread(look)

        task = asyncio.get_running_loop().create_task(looking(), name="console search")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        try:
            async with asyncio.timeout(self._limit_s):
                return await asyncio.shield(task)
        except TimeoutError as error:
            raise RelayError(
                f"the search took more than {self._limit_s:.0f} s.", "Say more, or look at fewer hours."
            ) from error
        finally:
            is_wanted = False

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # who asked has it, or has gone
