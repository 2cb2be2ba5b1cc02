"""The state of a tail replay, as it is on disk: since when the new epoch is known, what is asked again, how far that has come.

Owns the value, its evidence (how far behind the copy was, and who says so), and the one durable variable that holds it. It must
never ask anything. The traps: progress and counts are one value, so that a life that takes the walk up again goes on with the
counts of what is behind the mark; an epoch that comes before the last one's walk has ended has to cover both tails; and a
journal without a value for its epoch is one that died between the two records: its walk is to begin, not forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from relay.journal.port import StepResult
from relay.reconcile.matcher import Difference

LINK_NAME: Final = "@tail"  # beside the listeners, whose names have no such sign
_TAIL: Final = "tail"
FOLLOWED: Final = ((LINK_NAME, _TAIL),)  # by every worker beyond the first
LISTED_KEPT_MAX: Final = 1_000  # differences for a person that are kept with their words; the rest is counted


class Variables(Protocol):
    @property
    def epoch(self) -> int: ...

    def variables(self, link_name: str) -> Mapping[str, bytes]: ...

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Callable[[StepResult], None]) -> None: ...


class Tail(msgspec.Struct, frozen=True, kw_only=True):
    """`epoch` is the new one, `began_ms` when it was durable here. `lag_ms` and `from_ms` (0: not given) are the evidence, by
    `who` ("" for the assumed). What was confirmed since `since_ms` is asked again, once `is_measured`; a life's numbers up to
    `to_ids`, and the history's lines up to `to_line`. `pending`: opened again and not yet settled; `waiting`: their terminals
    have not said yet what became of the cash."""

    epoch: int
    began_ms: int
    lag_ms: int
    from_ms: int = 0
    who: str = ""
    why: str = ""
    floor_ms: int = 0  # where an older walk that did not end had begun; 0 for none
    since_ms: int = 0
    is_measured: bool = False
    at_ids: dict[int, int] = {}
    to_ids: dict[int, int] = {}
    at_line: int = 0
    to_line: int = 0
    pending: tuple[int, ...] = ()
    waiting: tuple[int, ...] = ()
    asked: int = 0
    missing: int = 0
    mended: int = 0
    listed: int = 0
    differences: tuple[Difference, ...] = ()  # for a person
    is_walked: bool = False
    finished_ms: int = 0

    @property
    def is_finished(self) -> bool:
        return self.finished_ms > 0

    @property
    def left(self) -> int:
        """Rows and lines that the walk has not looked at yet; a row is not always something to ask."""
        rows = sum(end - self.at_ids.get(life, end) for life, end in self.to_ids.items())
        return rows + max(0, self.to_line - self.at_line) + len(self.pending) + len(self.waiting)

    def measured_again(self, *, lag_ms: int, from_ms: int, who: str, why: str) -> Tail:
        """Other evidence: the walk begins anew with it. What it mended is found there, and counts stay what was done."""
        return Tail(
            epoch=self.epoch,
            began_ms=self.began_ms,
            lag_ms=lag_ms,
            from_ms=from_ms,
            who=who,
            why=why,
            pending=self.pending,
            waiting=self.waiting,
            asked=self.asked,
            missing=self.missing,
            mended=self.mended,
            listed=self.listed,
            differences=self.differences,
        )


def first_tail(epoch: int, now_ms: int) -> Tail:
    """Of the first epoch that there ever was: nothing came before it."""
    return Tail(epoch=epoch, began_ms=now_ms, lag_ms=0, is_measured=True, is_walked=True, finished_ms=max(1, now_ms))


def tail_of(epoch: int, before: Tail | None, now_ms: int, lag_ms: int) -> Tail:
    """The tail of a new `epoch`, `before` being the last one's."""
    if before is None or before.is_finished:
        return Tail(epoch=epoch, began_ms=now_ms, lag_ms=lag_ms)
    floor_ms = before.since_ms or before.floor_ms or before.began_ms
    return Tail(epoch=epoch, began_ms=now_ms, lag_ms=max(lag_ms, before.lag_ms), floor_ms=floor_ms, from_ms=before.from_ms)


class TailShelf:
    """The one value. `tail` is what is durable, `known` includes what is on its way there."""

    def __init__(self, variables: Variables) -> None:
        self._variables = variables

    def tail(self) -> Tail | None:
        stored = self._variables.variables(LINK_NAME).get(_TAIL)
        return None if stored is None else msgspec.msgpack.decode(stored, type=Tail)

    def keep(self, tail: Tail, done: Callable[[StepResult], None]) -> None:
        self._variables.store_variable(LINK_NAME, _TAIL, msgspec.msgpack.encode(tail), done)
