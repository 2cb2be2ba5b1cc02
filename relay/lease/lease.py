"""What this center may do on one exclusive line, from what the lease database said and when it was asked. Pure.

Owns the state, the right (its token), and the moment at which the holder stops by itself. It must never ask anybody, nor read
a clock: `now_ms` is a clock that goes on while the machine sleeps (CLOCK_BOOTTIME), in milliseconds. The traps: a lease is
counted from the moment of *asking*, since nobody knows when the database did it; an answer after `request_timeout_ms` is none,
and one after the deadline finds the line given up already; an update of which nothing is known may have been done, which costs
waiting and never a second holder.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from protocols.dialect import LineRight
from protocols.machine import next_state
from relay.lease.limits import LeaseLimits
from relay.lease.states import INITIAL, SPEAKING, TRANSITIONS, Event, State


class Granted(msgspec.Struct, frozen=True):
    """The lease is ours from the moment of the question on, under this right."""

    right: LineRight


class Denied(msgspec.Struct, frozen=True):
    """Another holder's lease runs for `left_ms` more by the database's clock."""

    center: str
    incarnation: int
    token: int
    left_ms: int


class Silent(msgspec.Struct, frozen=True):
    """No answer, an error, or one that means nothing: the update may have been done."""

    why: str


Answer: TypeAlias = Granted | Denied | Silent


class Lease:
    """`state` moves by the table; `why` says in words what moved it last. `token_seen` is the highest token ever heard of,
    `last_other` the last center but this one (`center`) that is known to have held the line, with its token."""

    def __init__(
        self, limits: LeaseLimits, token_seen: int = 0, *, center: str = "", last_other: tuple[int, str] = (0, "")
    ) -> None:
        self.limits = limits
        self.state = INITIAL
        self.why = ""
        self.right: LineRight | None = None
        self.deadline_ms = 0  # of HELD
        self.token_seen = token_seen
        self.last_other = last_other
        self._center = center
        self.other: Denied | None = None  # who holds it, as last heard
        self._answered_ms = 0  # when the last question that was answered was asked

    def may_speak(self, now_ms: int) -> bool:
        return self.state is State.BY_HAND or (self.state is State.HELD and now_ms < self.deadline_ms)

    def left_ms(self, now_ms: int) -> int:
        """Until this holder stops by itself; 0 where it does not hold by lease."""
        return max(0, self.deadline_ms - now_ms) if self.state is State.HELD else 0

    def next_look_ms(self) -> int | None:
        """When `look` may find something."""
        if self.state is State.HELD:
            return self.deadline_ms
        return self._answered_ms + self.limits.ttl_ms if self.state is State.SEEKING else None

    # ---- what happens ------------------------------------------------------------------------------------------------
    def wanted(self, now_ms: int, why: str) -> None:
        """IDLE, or by a person FAULT: stand by. Raises Unexpected elsewhere."""
        self._move(Event.WANTED, why)
        self._answered_ms = now_ms

    def heard(self, asked_ms: int, now_ms: int, answer: Answer) -> None:
        """An answer to the question asked at `asked_ms`. Whatever is not asked for any more changes nothing."""
        self.look(now_ms)
        if now_ms - asked_ms > self.limits.request_timeout_ms:
            answer = Silent("the answer came too late")
        if isinstance(answer, Silent):
            return
        self._answered_ms = max(self._answered_ms, asked_ms)
        if isinstance(answer, Denied):
            self.other = answer
            self.token_seen = max(self.token_seen, answer.token)
            if answer.center != self._center:
                self.last_other = max(self.last_other, (answer.token, answer.center))
            if (self.state, Event.DENIED) in TRANSITIONS:
                self._move(Event.DENIED, f"{answer.center} holds it under token {answer.token}")
        elif (self.state, Event.GRANTED) in TRANSITIONS:
            self._hold(Event.GRANTED, asked_ms, now_ms, answer, "granted by the lease database")

    def look(self, now_ms: int) -> None:
        """Is anything over?"""
        if self.state is State.HELD and now_ms >= self.deadline_ms:
            self._move(Event.DEADLINE, f"no renewal for {self.limits.hold_ms} ms: stopped before the lease ends")
        elif self.state is State.SEEKING and now_ms >= self._answered_ms + self.limits.ttl_ms:
            self._move(Event.UNREACHABLE, f"no answer of the lease database for {self.limits.ttl_ms} ms")

    def taken(self, asked_ms: int, now_ms: int, granted: Granted, why: str) -> bool:
        """Two people take it, and the database agreed. False where that came too late to be worth anything."""
        if (self.state, Event.TAKEN) not in TRANSITIONS or now_ms - asked_ms > self.limits.request_timeout_ms:
            return False
        self._hold(Event.TAKEN, asked_ms, now_ms, granted, why)
        return self.state is State.HELD

    def taken_by_hand(self, token: int, why: str) -> None:
        """Two people take it, and no database answers. Who had it before is as this center heard last."""
        self._move(Event.TAKEN_BY_HAND, why)
        self._use(LineRight(token, *self.last_other))

    def released(self, why: str) -> None:
        self._move(Event.RELEASED, why)

    def line_down(self) -> None:
        """Not a byte leaves any more."""
        self._move(Event.LINE_DOWN, self.why)
        self.right = None

    def found_in_fault(self, why: str) -> None:
        """At the start: this center ended in FAULT, or while it held by hand."""
        self._move(Event.UNREACHABLE, why)

    # ---- how ---------------------------------------------------------------------------------------------------------
    def _hold(self, event: Event, asked_ms: int, now_ms: int, granted: Granted, why: str) -> None:
        until_ms = asked_ms + self.limits.hold_ms
        if now_ms >= until_ms:
            return  # worth nothing any more
        self._move(event, why)
        self.deadline_ms = max(self.deadline_ms, until_ms)
        self._answered_ms = max(self._answered_ms, asked_ms)
        self._use(granted.right)

    def _use(self, right: LineRight) -> None:
        self.right = right
        self.token_seen = max(self.token_seen, right.token)
        self.last_other = max(self.last_other, (right.other_token, right.other))
        self.other = None

    def _move(self, event: Event, why: str) -> None:
        before = self.state
        self.state = next_state(TRANSITIONS, before, event)
        if self.state is not before:
            self.why = why

    @property
    def is_speaking(self) -> bool:
        """By the table alone; `may_speak` also looks at the time."""
        return self.state in SPEAKING
