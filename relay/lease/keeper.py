"""Keeps one exclusive line's lease: asks, renews, stops by itself, and opens and shuts the line.

Owns the timers and the order of things: the line is shut before anybody may think it free, and a right is used only for the
links that are opened under it. It must never know SQL or a socket; lease.py decides, `door` asks, `line` opens and shuts. The
traps: `may_speak` looks at the clock itself, for a process that was stopped hears its timers late, and after its sockets; and
an answer to an older question may come when the line was released and taken again, so each carries when it was asked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Protocol

import msgspec

from protocols.dialect import LineRight
from relay.clock import Cancellable, Timers
from relay.lease.lease import Answer, Granted, Lease, Silent
from relay.lease.states import ASKING, SPEAKING, State
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

log = get_log("lease")


class Signed(msgspec.Struct, frozen=True):
    """Who took a line, and why; `second` is empty where one person is enough."""

    who: str = ""
    second: str = ""
    why: str = ""


class Overtaken(msgspec.Struct, frozen=True):
    """What two people asked for is not wanted any more: something else was said since, and it holds."""

    why: str


UNSIGNED = Signed()
Heard = Callable[[int, Answer], None]  # when it was asked, on the clock that counts suspends; and what came


class LeaseDoor(Protocol):
    """The lease database; relay.lease.store fulfils it. `done` is called once, within a few request time-outs."""

    def acquire(self, resource: str, token_min: int, signed: Signed, done: Heard) -> None:
        """Get it or renew it, under a token of at least `token_min`."""
        ...

    def release(self, resource: str, token: int, done: Callable[[bool], None]) -> None:
        """It is free from now on. `done(True)`: the database says that this was done."""
        ...


class ExclusiveLine(Protocol):
    """What opens and shuts."""

    def open(self) -> None: ...

    def shut(self, why: str) -> None:
        """Reset every link before it returns; nothing is dialled or accepted from then on."""
        ...


class Keeper:
    """Fulfils relay.wire.ports.LineGuard.

    Args:
        resource: the lease's name. `boot_ms`: CLOCK_BOOTTIME in milliseconds. `settled(keeper)` hears each change of state.
    """

    def __init__(
        self,
        resource: str,
        lease: Lease,
        door: LeaseDoor,
        line: ExclusiveLine,
        settled: Callable[[Keeper], None],
        *,
        boot_ms: Callable[[], int],
        timers: Timers,
        random: Random,
        metrics: Metrics,
    ) -> None:
        self.resource = resource
        self.lease = lease
        self._door = door
        self._line = line
        self._settled = settled
        self._boot_ms = boot_ms
        self._timers = timers
        self._random = random
        self._answers = {kind: metrics.lease_answers.labels(resource, kind) for kind in ("granted", "denied", "silent", "late")}
        self._states = {state: metrics.lease_state.labels(resource, state.name.lower()) for state in State}
        self._demotions = metrics.lease_demotions.labels(resource)
        metrics.lease_token.labels(resource).set_function(lambda: lease.token_seen)
        metrics.lease_left_seconds.labels(resource).set_function(lambda: lease.left_ms(boot_ms()) / 1000)
        self._question: Cancellable | None = None  # the pause before the next one
        self._look: Cancellable | None = None
        self._is_asking = False
        self._is_stopped = False
        self._release_count = 0
        self._opened_under = 0  # the token of the line as it is open; 0: it is shut
        self.last_silence = ""
        self._show()

    # ---- LineGuard ---------------------------------------------------------------------------------------------------
    @property
    def right(self) -> LineRight | None:
        return self.lease.right

    def may_speak(self) -> bool:
        return self.lease.may_speak(self._boot_ms())

    # ---- what people and the daemon want -----------------------------------------------------------------------------
    def want(self, why: str) -> None:
        """Stand by, and get the line when nobody holds it."""
        self._change(lambda: self.lease.wanted(self._boot_ms(), why))
        self._ask()

    def release(self, why: str) -> None:
        """Give it up: the line is shut when this returns, and the database is told."""
        token = 0 if self.lease.right is None else self.lease.right.token
        held = self.lease.state is State.HELD
        self._release_count += 1
        self._change(lambda: self.lease.released(why))
        if held:
            self._door.release(self.resource, token, partial(self._released, token))

    def found_in_fault(self, why: str) -> None:
        self._change(lambda: self.lease.found_in_fault(why))

    def take(self, signed: Signed, why: str, release_count: int, done: Callable[[Answer | Overtaken], None]) -> None:
        """Two people want it. Silent: no database answered. Then, and where it is Overtaken, nothing was done. `release_count`:
        as it was when they asked."""

        def heard(asked_ms: int, answer: Answer) -> None:
            if self._is_stopped or release_count != self._release_count:
                self._decline(answer)
                done(self._overtaken())
                return
            if isinstance(answer, Granted):
                was_taken: list[bool] = []
                hold = partial(self.lease.taken, asked_ms, self._boot_ms(), answer, why)
                self._change(lambda: was_taken.append(hold()))
                if not was_taken[0]:
                    answer = Silent("the answer came too late")
            done(answer)
            self._ask_later()

        self._door.acquire(self.resource, self.lease.token_seen + 1, signed, heard)

    @property
    def release_count(self) -> int:
        """What was asked for before the last release is not wanted any more: whoever takes the line says what it was then."""
        return self._release_count

    def take_by_hand(self, why: str, release_count: int) -> Overtaken | None:
        """As `take`, where no database answers. The new token must be durable already: it is `token_seen` + 1."""
        if self._is_stopped or release_count != self._release_count:
            return self._overtaken()
        token = self.lease.token_seen + 1
        self._change(lambda: self.lease.taken_by_hand(token, why))
        self._ask_later()
        return None

    def _overtaken(self) -> Overtaken:
        return Overtaken("the relay stops" if self._is_stopped else "it was released meanwhile")

    def stop(self) -> None:
        """No more questions, and an answer to one that is under way opens nothing. What is held is released by `release`."""
        self._is_stopped = True
        for timer in (self._question, self._look):
            if timer is not None:
                timer.cancel()
        self._question = self._look = None

    def _released(self, token: int, was_done: bool) -> None:
        log.info("lease released", resource=self.resource, token=token, is_confirmed=was_done)

    # ---- the database ------------------------------------------------------------------------------------------------
    def _ask(self) -> None:
        self._question = None
        if self._is_asking or self.lease.state not in ASKING:
            return
        self._is_asking = True
        right = self.lease.right
        heard = partial(self._heard, self._release_count)
        self._door.acquire(self.resource, 0 if right is None else right.token, UNSIGNED, heard)

    def _decline(self, answer: Answer) -> None:
        """What was asked for is not wanted any more: without a word the other center would wait for the lease's end."""
        if isinstance(answer, Granted):
            token = answer.right.token
            self._door.release(self.resource, token, partial(self._released, token))

    def _heard(self, release_count: int, asked_ms: int, answer: Answer) -> None:
        self._is_asking = False
        if self._is_stopped or release_count != self._release_count:
            self._decline(answer)  # it is of before the release, also where the line is wanted again since
            if not self._is_stopped:
                self._ask_later(is_silent=True)
            return
        now_ms = self._boot_ms()
        is_late = now_ms - asked_ms > self.lease.limits.request_timeout_ms
        kind = "late" if is_late else type(answer).__name__.lower()
        self._answers[kind].inc()
        why = answer.why if isinstance(answer, Silent) else ""
        if why and why != self.last_silence:
            log.warning("the lease database does not answer", resource=self.resource, why=why)
        self.last_silence = why
        self._change(lambda: self.lease.heard(asked_ms, now_ms, answer))
        self._ask_later(is_silent=is_late or isinstance(answer, Silent))

    def _ask_later(self, is_silent: bool = False) -> None:
        if self._question is not None:
            self._question.cancel()
        self._question = None
        if self.lease.state in ASKING:
            limits = self.lease.limits
            pause_ms = limits.retry_ms if is_silent else limits.renew_ms
            self._question = self._timers.after(max(1, round(pause_ms * self._random.uniform(0.75, 1.0))), self._ask)

    # ---- what follows from a change ----------------------------------------------------------------------------------
    def _looked(self) -> None:
        self._look = None
        self._change(lambda: self.lease.look(self._boot_ms()))

    def _change(self, move: Callable[[], None]) -> None:
        lease = self.lease
        before = lease.state
        move()
        if lease.state in (State.DEMOTING, State.RELEASING):
            self._shut()
            self._demotions.inc(lease.state is State.DEMOTING)
            lease.line_down()
        token = lease.right.token if lease.right is not None and lease.state in SPEAKING else 0
        if token != self._opened_under:
            self._shut()
            if token:
                self._opened_under = token
                self._line.open()
        if lease.state is not before:
            tell = log.error if lease.state is State.FAULT else log.warning
            tell("exclusive line", resource=self.resource, state=lease.state.name, was=before.name, token=token, why=lease.why)
            self._show()
            self._settled(self)
        self._watch()

    def _shut(self) -> None:
        if self._opened_under:
            self._opened_under = 0
            self._line.shut(self.lease.why)

    def _watch(self) -> None:
        due_ms = self.lease.next_look_ms()
        if self._look is not None:
            self._look.cancel()
        self._look = None
        if due_ms is not None:
            self._look = self._timers.after(max(1, due_ms - self._boot_ms()), self._looked)

    def _show(self) -> None:
        for state, shown in self._states.items():
            shown.set(state is self.lease.state)
