"""One command at a time: what waits its turn, what waits for its answers, and when a line is no longer to be trusted.

Owns the queue of steps, the one outstanding command, its timer and its count of answers. It must never know what a step is
for: the dialogue is told what ended and how. The traps are law 4: a solicited status names no command, so that a command
sent twice needs two answers before anything else is sent, and where they do not come the link is closed; and a reply of our
own that was sent meanwhile (a refusal) owes an answer too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from protocols.dialect import Action, Command, CommandAnswered, Delivery, Note, Timer

STEP_TIMER = "step"
READY, CONFIG_ID, COUNTERS, KEY, ANY = "ready", "config-id", "counters", "key", "any"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One command and the answer that it wants. `frame` is made when its turn comes."""

    name: str
    frame: Callable[[], bytes]
    answer: str = READY
    may_resend: bool = False  # no effect on money or keys
    is_optional: bool = False  # a reject is noted, and the plan goes on
    check_value: str = ""  # of a key load
    outbound_id: str = ""  # the core asked for it


class Ended(msgspec.Struct, frozen=True):
    """A step whose answers are all in. `said` is what the last reject said, for people."""

    step: Step
    ok: bool
    said: str = ""


class Commands:
    __slots__ = ("_due", "_extra", "_is_rejected", "_ok", "_said", "_sends", "_steps", "_wait_ms", "waiting")

    def __init__(self, wait_ms: int) -> None:
        self._wait_ms = wait_ms
        self._steps: deque[Step] = deque()
        self.waiting: Step | None = None
        self._sends = 0
        self._due = 0  # answers that must come before anything else is sent
        self._extra = 0  # answers to refusals that were sent while no command waited
        self._ok = self._is_rejected = False
        self._said = ""

    @property
    def is_free(self) -> bool:
        """Nothing waits for an answer, and nothing wants to be sent."""
        return self.waiting is None and not self._steps

    @property
    def is_quiet(self) -> bool:
        """Every answer came: what comes next belongs to what is sent next."""
        return self.waiting is None and not self._extra

    @property
    def owes_refusal(self) -> bool:
        """A refusal of ours has not got its status, and no command waits behind which it might come."""
        return self.waiting is None and self._extra > 0

    @property
    def queued_count(self) -> int:
        return len(self._steps)

    def plan(self, steps: list[Step], actions: list[Action]) -> None:
        """These, instead of whatever was planned."""
        self.clear(actions)
        self._steps = deque(steps)

    def add(self, step: Step) -> None:
        self._steps.append(step)

    def clear(self, actions: list[Action]) -> None:
        """Nothing planned is sent any more; what the core asked for and was not sent yet is offered again."""
        actions += [Delivery(step.outbound_id, "deferred", "not sent yet") for step in self._steps if step.outbound_id]
        self._steps.clear()

    def advance(self, actions: list[Action]) -> None:
        """Send the next step if nothing waits."""
        if self.waiting is not None or not self._steps:
            return
        step = self._steps.popleft()
        self.waiting = step
        self._sends, self._due = 1, 1 + self._extra
        self._extra = 0
        self._ok, self._is_rejected, self._said = False, False, ""
        if step.outbound_id:
            actions.append(Delivery(step.outbound_id, "sent"))
        actions.append(Command(step.name, step.frame()))
        actions.append(Timer(STEP_TIMER, self._wait_ms))

    def refusal_sent(self, actions: list[Action]) -> None:
        """A reply of ours went out of turn: its status must come in too."""
        if self.waiting is None:
            self._extra += 1
            actions.append(Timer(STEP_TIMER, self._wait_ms))
        else:
            self._due += 1

    def take_extra(self, actions: list[Action]) -> bool:
        """A status came while no command waited: was it owed for a refusal?"""
        if not self.owes_refusal:
            return False
        self._extra -= 1
        if not self._extra:
            actions.append(Timer(STEP_TIMER, None))
        return True

    def answered(self, ok: bool, said: str, actions: list[Action]) -> Ended | None:
        """One answer to the waiting step; None while more are owed."""
        step = self.waiting
        if step is None:
            return None
        # Of a command that was sent twice, one good answer is enough. A key is sent once: the other is a refusal's status.
        self._due -= 1
        self._is_rejected = self._is_rejected or not ok
        self._ok = (self._ok or ok) and not (step.answer == KEY and self._is_rejected)
        self._said = said or self._said
        actions.append(CommandAnswered(step.name, ok))
        if self._due > 0:
            actions.append(Note("answers-owed", f"{self._due} more after {step.name}"))
            return None
        self.waiting = None
        actions.append(Timer(STEP_TIMER, None))
        if step.outbound_id:
            state = "acknowledged" if self._ok else "failed"
            actions.append(Delivery(step.outbound_id, state, self._said if self._ok else f"rejected: {self._said}"))
        return Ended(step, self._ok, self._said)

    def overdue(self, may_resend: bool, actions: list[Action]) -> bool:
        """The step timer fired. True: the line is not to be trusted any more."""
        step = self.waiting
        if step is None:
            if self._extra:
                actions.append(Note("refusal-unanswered", f"{self._extra} answers"))
            return self._extra > 0
        if self._sends > 1 or not step.may_resend or not may_resend or self._ok:
            actions.append(Note("command-unanswered", step.name))
            return True
        self._sends += 1
        self._due += 1
        actions.append(Note("command-resent", step.name))
        actions.append(Command(step.name, step.frame()))
        actions.append(Timer(STEP_TIMER, self._wait_ms))
        return False

    def link_closed(self, actions: list[Action]) -> None:
        """What the core asked for and nobody answered is unknown; what waited its turn was not sent."""
        if self.waiting is not None and self.waiting.outbound_id:
            actions.append(Delivery(self.waiting.outbound_id, "unknown", "the link closed before the answer"))
        self.clear(actions)
        self.waiting = None
