"""How many sessions of each class are open, and how many are busy, counted a slice at a time.

Owns the counting for whoever only looks. It must never decide a drain (plan.py). The trap: whether a session owes something
is a question to each of fifty thousand, which in one go would keep every message waiting for a tenth of a second, so between
two slices everybody else has the loop; a session that comes or goes meanwhile is counted as it was, or not at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from relay.drain.plan import CLASS_OF, CLASSES

SLICE_COUNT: Final = 250  # sessions asked in one turn of the loop: about half a millisecond


class Facts(Protocol):
    @property
    def channel(self) -> str: ...


class CountedLink(Protocol):
    @property
    def listener(self) -> Facts: ...

    @property
    def is_busy(self) -> bool: ...


async def count_sessions(links: Sequence[CountedLink], turn: Callable[[], Awaitable[None]]) -> dict[str, tuple[int, int]]:
    """Class -> open sessions, busy ones. `turn` lets everybody else have the loop."""
    counts = dict.fromkeys(CLASSES, (0, 0))
    for start in range(0, len(links), SLICE_COUNT):
        for link in links[start : start + SLICE_COUNT]:
            name = CLASS_OF.get(link.listener.channel, "atm")
            number, busy = counts[name]
            counts[name] = number + 1, busy + link.is_busy
        await turn()
    return counts
