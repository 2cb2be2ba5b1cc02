"""Which shapes deserve a plan of their own: those seen often, and not too many at a time.

Owns the counting and the keeping; what a shape and a plan are is its users' affair (codec.py, translate.py). It must never
compile anything. The trap: a peer chooses the shapes of its messages and compiling takes milliseconds of the loop, so that a
shape seen once costs a count, and neither the counts nor the plans grow without bound.
"""

from __future__ import annotations

from typing import Generic, TypeVar

PLAN_COUNT_MAX = 512  # plans kept; the oldest goes first
PLAN_AFTER_COUNT = 32  # compiled for what was seen so often
SEEN_COUNT_MAX = 4096  # shapes counted at a time

_KeyT = TypeVar("_KeyT")
_PlanT = TypeVar("_PlanT")


class PlanCache(Generic[_KeyT, _PlanT]):
    """`get` is that of a dict: one call for each message."""

    __slots__ = ("_after_count", "_plans", "_seen", "get")

    def __init__(self, after_count: int = PLAN_AFTER_COUNT) -> None:
        self._after_count = after_count
        self._plans: dict[_KeyT, _PlanT] = {}
        self._seen: dict[_KeyT, int] = {}
        self.get = self._plans.get

    def __len__(self) -> int:
        return len(self._plans)

    def __contains__(self, key: _KeyT) -> bool:
        return key in self._plans

    @property
    def seen_count(self) -> int:
        """Shapes that are being counted."""
        return len(self._seen)

    def is_due(self, key: _KeyT) -> bool:
        """Count one more message of a shape that has no plan; True when it is time to compile one."""
        seen = self._seen
        count = seen.get(key, 0) + 1
        if count < self._after_count:
            if len(seen) >= SEEN_COUNT_MAX:
                seen.clear()
            seen[key] = count
            return False
        seen.pop(key, None)
        return True

    def keep(self, key: _KeyT, plan: _PlanT) -> None:
        if len(self._plans) >= PLAN_COUNT_MAX:
            del self._plans[next(iter(self._plans))]
        self._plans[key] = plan
