"""Long work that several want at one moment: done once, in the slices of whoever comes first, and remembered for a while.

Owns which pieces of work are known, by key, and whose turn the next slice is. It must never know what the work is: its
outcome may depend on nothing but the key. The traps: those who join must not all push it on in one turn of the loop, or the
slices would be none; whoever pushed it may be gone any time, without a word; and what is remembered is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from protocols.zengin.telegram.slices import Slices

T = TypeVar("T")
KEPT_COUNT_MAX = 4  # tables: the version in use and the one before, and both again after a change


class _Work(Generic[T]):
    __slots__ = ("outcome", "slice_count", "slices")

    def __init__(self, slices: Slices[T]) -> None:
        self.slices = slices
        self.slice_count = 0  # done so far
        self.outcome: tuple[T] | None = None

    def go_on(self) -> None:
        self.slice_count += 1
        try:
            next(self.slices)
        except StopIteration as done:
            self.outcome = (done.value,)


class Shared(Generic[T]):
    """Work of one kind. `kept_count_max`: pieces of it that are remembered, the last ones that were asked for."""

    def __init__(self, kept_count_max: int = KEPT_COUNT_MAX) -> None:
        self._kept_count_max = kept_count_max
        self._known: dict[Hashable, _Work[T]] = {}  # the last one asked for at the end

    def share(self, key: Hashable, begin: Callable[[], Slices[T]]) -> Slices[T]:
        """The work of this key, begun where nobody has, in slices. Each who shares it is driven once per turn of the loop: the
        first in each turn does a slice, and whoever sees that the work has moved since its own last turn only waits."""
        work = self._known.pop(key, None)
        is_new = work is None
        if work is None:
            work = _Work(begin())
        self._known[key] = work
        if len(self._known) > self._kept_count_max:
            del self._known[next(iter(self._known))]  # those who share it go on with it
        seen = 0 if is_new else work.slice_count - 1
        while work.outcome is None:
            if work.slice_count == seen:
                work.go_on()
            seen = work.slice_count
            if work.outcome is None:
                yield
        return work.outcome[0]
