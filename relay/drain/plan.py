"""Which session is told to sign off now, and which is reset: a drain as a value that is looked at again and again. Pure.

Owns the order of the classes, the pace and the deadline. It must never touch a link; `now_ms` is monotonic milliseconds. The
traps: a busy session of a class whose turn has come is watched and told as soon as it owes nothing, so the next class need not
wait for it; a session that only just came (it was in the backlog) is drained like the others; and the deadline counts from the
order, whatever the stages before it took.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Generic, TypeVar

import msgspec

from protocols.machine import next_state
from relay.drain.stages import INITIAL, TRANSITIONS, Event, Stage

CLASSES: Final = ("atm", "branch", "zengin")
CLASS_OF: Final = {"atm": "atm", "branch": "branch", "partner": "zengin"}  # of a link's channel
IDLE_ATM: Final = "idle-atm"
LinkT = TypeVar("LinkT")


class DrainRules(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds. `order`: groups in turn, "idle-atm" and classes; classes that it leaves out go last."""

    order: tuple[str, ...] = (IDLE_ATM, *CLASSES)
    depreference_ms: int = 0
    step_ms: int = 5_000
    sign_off_ms: int = 5_000
    told_per_s_max: int = 500


class Session(msgspec.Struct, Generic[LinkT], frozen=True):
    """One open session as it is now."""

    link: LinkT
    name: str  # its class
    is_busy: bool
    is_told: bool  # to sign off


class Deeds(msgspec.Struct, Generic[LinkT], frozen=True):
    """What is to be done now, in this order."""

    shut: bool = False  # accept and dial nothing more
    tell: tuple[LinkT, ...] = ()
    reset: tuple[LinkT, ...] = ()
    is_over: bool = False  # everything is gone


class Drain(Generic[LinkT]):
    def __init__(self, rules: DrainRules) -> None:
        self._rules = rules
        self.stage = INITIAL
        self.classes: frozenset[str] = frozenset()
        self.deadline_ms = 0
        self._began_ms = 0
        self._groups: tuple[str, ...] = ()
        self._turn = 0
        self._turn_ms = 0
        self._told_ms = 0

    def start(self, classes: Iterable[str], deadline_ms: int, now_ms: int) -> None:
        """`deadline_ms`: from now. Raises Unexpected where a drain is under way."""
        self._move(Event.STARTED)
        self.classes = frozenset(classes)
        self._began_ms = self._told_ms = now_ms
        self.deadline_ms = now_ms + deadline_ms
        left_out = [name for name in CLASSES if name not in self._rules.order]
        ordered = (*self._rules.order, *left_out)
        self._groups = tuple(group for group in ordered if _class_of(group) in self.classes)
        self._turn, self._turn_ms = 0, now_ms

    def found(self, classes: Iterable[str]) -> None:
        """At the start of the relay."""
        self._move(Event.FOUND)
        self.classes = frozenset(classes)

    def abort(self) -> None:
        self._move(Event.ABORTED)
        self.classes = frozenset()

    def look(self, now_ms: int, sessions: Sequence[Session[LinkT]]) -> Deeds[LinkT]:
        """`sessions` are those of the drained classes."""
        if self.stage is Stage.DEPREFERRING:
            if now_ms < self._began_ms + self._rules.depreference_ms and now_ms < self._sign_off_at_ms:
                return Deeds()
            self._move(Event.PREFERENCE_GONE)
            return Deeds(shut=True)
        if self.stage is Stage.CLOSING:
            self._move(Event.DOORS_SHUT)
            self._turn_ms = self._told_ms = now_ms
        if self.stage in (Stage.SERVING, Stage.DRAINED):
            return Deeds()
        if not sessions:
            self._move(Event.EMPTY)
            return Deeds(is_over=True)
        return self._walk(now_ms, sessions)

    @property
    def _sign_off_at_ms(self) -> int:
        return max(self._began_ms, self.deadline_ms - self._rules.sign_off_ms)

    def _walk(self, now_ms: int, sessions: Sequence[Session[LinkT]]) -> Deeds[LinkT]:
        untold = [each for each in sessions if not each.is_told]
        if self.stage in (Stage.SHEDDING, Stage.FINISHING) and now_ms >= self._sign_off_at_ms:
            self._move(Event.SIGN_OFF_DUE)
        if self.stage is Stage.SIGNING_OFF and now_ms >= self.deadline_ms:
            self._move(Event.DEADLINE)
        if self.stage is Stage.RESETTING:
            return Deeds(reset=tuple(each.link for each in sessions))
        if self.stage is Stage.SIGNING_OFF:
            return Deeds(tell=tuple(each.link for each in untold))
        told = tuple(self._ready(now_ms, untold))
        if self._turn >= len(self._groups) and self.stage is Stage.SHEDDING:
            self._move(Event.TURNS_OVER)
        return Deeds(tell=told)

    def _ready(self, now_ms: int, untold: list[Session[LinkT]]) -> Iterator[LinkT]:
        """Those that owe nothing and whose turn has come, as many as the pace allows."""
        room = max(1, (now_ms - self._told_ms) * self._rules.told_per_s_max // 1_000)
        self._told_ms = now_ms
        waiting: list[Session[LinkT]] = untold
        while True:
            groups = self._groups[: self._turn + 1]
            ready: list[Session[LinkT]] = []
            others: list[Session[LinkT]] = []
            for each in waiting:  # once: comparing each with each takes seconds where there are tens of thousands
                is_ready = not each.is_busy and any(_is_in(each, group) for group in groups)
                (ready if is_ready else others).append(each)
            for each in ready[:room]:
                yield each.link
            room -= len(ready)
            if room < 0 or self._turn >= len(self._groups):
                return
            waiting = others
            is_waited_for = any(_is_in(each, self._groups[self._turn]) for each in waiting)
            if is_waited_for and now_ms < self._turn_ms + self._rules.step_ms:
                return
            self._turn, self._turn_ms = self._turn + 1, now_ms

    def _move(self, event: Event) -> None:
        self.stage = next_state(TRANSITIONS, self.stage, event)


def _class_of(group: str) -> str:
    return "atm" if group == IDLE_ATM else group


def _is_in(session: Session[LinkT], group: str) -> bool:
    return session.name == _class_of(group) and not (group == IDLE_ATM and session.is_busy)
