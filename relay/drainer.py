"""The drain in the running daemon: looks at the sessions, does what the plan says, and remembers over a restart.

Owns the handlers of `relay drain`, the drain at the end of the process, and the durable order. It must never decide whose turn
it is (relay/drain does). The traps: the order is durable before the first session hears of it, and its end before the doors
open, so that a relay which dies half way does neither by itself; and a drained exclusive line is for the other center, so its
lease is given back when its last session is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from relay.bridge import answer_of
from relay.clock import Cancellable
from relay.control import drain as c
from relay.control.commands import StatusArgs
from relay.control.report import Done
from relay.control.server import Handler
from relay.drain.count import count_sessions
from relay.drain.plan import CLASS_OF, CLASSES, Drain, DrainRules, Session
from relay.drain.stages import Stage
from relay.errors import RelayError
from relay.handoversettings import DrainSettings
from relay.journal.port import StepResult
from relay.telemetry.log import get_log
from relay.wire.link import Link

if TYPE_CHECKING:
    from relay.daemon import Daemon

log = get_log("drain")
LINK_NAME: Final = "@drain"  # beside the listeners, whose names have no such sign
_ORDER: Final = "order"
FOLLOWED: Final = ((LINK_NAME, _ORDER),)  # by every worker beyond the first
DRAIN: Final = "drain"  # why a door is barred
LOOK_MS = 200
MANY_COUNT = 5_000  # so many sessions are looked at less often
MANY_LOOK_MS = 1_000


class Order(msgspec.Struct, frozen=True):
    """What is to be drained, as it is durable."""

    classes: tuple[str, ...]
    who: str
    why: str
    at_ms: int  # wall clock, UTC epoch milliseconds
    deadline_ms: int = 0  # from its beginning; 0: not said


class Drainer:
    """Whoever chooses between the centers looks here (relay/announcing.py): `is_drained` from the first moment, `is_empty` at
    the last."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._drain: Drain[Link] = Drain(drain_rules(daemon.settings.drain))
        self._is_deciding = False
        self._timer: Cancellable | None = None
        stored = daemon.journal.variables(LINK_NAME).get(_ORDER)
        self._order = None if stored is None else msgspec.msgpack.decode(stored, type=Order)
        metrics = daemon.metrics
        self._open, self._busy = metrics.drain_links_open, metrics.drain_links_busy
        metrics.drain_stage.set_function(lambda: list(Stage).index(self._drain.stage))

    # ---- what others ask ---------------------------------------------------------------------------------------------
    @property
    def is_active(self) -> bool:
        return self._drain.stage is not Stage.SERVING

    @property
    def is_empty(self) -> bool:
        """Whether what was to be drained has no session left."""
        return self._drain.stage is Stage.DRAINED

    def is_drained(self, name: str) -> bool:
        """Whether a listener or dialer is of a class that is drained, or on its way there."""
        return self._class_of(name) in self._drain.classes

    def drained(self) -> tuple[str, ...]:
        """Classes that are drained, or on their way there."""
        return tuple(sorted(self._drain.classes))

    def begin(self) -> None:
        """At the start, before the doors open: what was drained stays so."""
        if self._order is not None:
            order = self._order
            self._drain.found(order.classes)
            self._bar()
            log.warning("drained since an earlier life", classes=order.classes, who=order.who, why=order.why)

    # ---- people ------------------------------------------------------------------------------------------------------
    def handlers(self) -> Mapping[str, Handler]:
        return {"drain-start": self._start, "drain-status": self._status, "drain-abort": self._abort}

    async def start_by_signal(self, name: str) -> None:
        try:
            await self._start(c.DrainStartArgs(who=f"signal {name}", why="drain asked by a signal"))
        except RelayError as error:
            log.error("no drain began", why=str(error))

    async def _start(self, args: c.DrainStartArgs) -> Done:
        d = self._daemon
        wanted = frozenset(args.classes or CLASSES)
        if self.is_active and self._order is not None:
            if wanted == self._drain.classes:
                return Done(f"a drain is under way already: {self._stage_in_words()}, by {self._order.who}")
            raise RelayError(
                f"{', '.join(sorted(self._drain.classes))} is drained, or on its way there.",
                "relay drain abort first, then start with all classes that are wanted.",
            )
        self._only_one()
        deadline_ms = args.deadline_s * 1_000 or d.settings.drain.deadline_ms
        order = Order(tuple(sorted(wanted)), args.who, args.why, d.clock.wall_ms(), deadline_ms)
        await self._recorded(order, "the drain", partial(self._began, order, deadline_ms))
        return Done(f"draining {', '.join(order.classes)}; what is left after {deadline_ms // 1_000} s is reset")

    def _began(self, order: Order, deadline_ms: int) -> None:
        self._drain.start(frozenset(order.classes), deadline_ms, self._daemon.clock.monotonic_ms())
        self._order = order
        log.warning("drain", classes=order.classes, deadline_ms=order.deadline_ms, who=order.who, why=order.why)
        self.show_state()
        self._look()

    async def _abort(self, args: c.DrainAbortArgs) -> Done:
        if not self.is_active:
            return Done("nothing is drained")
        self._only_one()
        await self._recorded(None, "the end of the drain", partial(self._ended, args.who, args.why))
        return Done("in service again: sessions that were told to sign off come back by themselves")

    def _ended(self, who: str, why: str) -> None:
        names = self._names()
        self._drain.abort()
        self._order = None
        log.warning("drain aborted", who=who, why=why)
        self.show_state()
        for name in names:
            self._daemon.doors.unbar(name, DRAIN)
        self._daemon.exclusive.resume(frozenset(names), f"the drain was ended by {who}")
        self._show({})

    def follow(self) -> None:
        """Not the first of several workers: what that was told is done here too, as it stands on disk."""
        stored = self._daemon.journal.variables(LINK_NAME).get(_ORDER)
        order = None if stored is None else msgspec.msgpack.decode(stored, type=Order)
        if order == self._order or self._daemon.is_stopping:
            return
        if self.is_active:
            self._ended("the first worker", "as it was told")
        if order is not None:
            deadline_ms = order.deadline_ms or self._daemon.settings.drain.deadline_ms
            self._began(order, deadline_ms)

    def _only_one(self) -> None:
        if self._is_deciding:
            raise RelayError("another drain command is under way.", "Try again in a moment.")
        if self._daemon.state not in ("serving", "draining"):
            raise RelayError(f"the relay is {self._daemon.state}.")
        self._is_deciding = True

    async def _recorded(self, order: Order | None, what: str, then: Callable[[], None]) -> None:
        """`then` follows when it is durable, also where that took so long that nobody waits for the answer any more: what is on
        disk and is not done here would be done by the next life, long after everybody had forgotten it."""

        def keep(done: Callable[[StepResult], None]) -> None:
            def kept(result: StepResult) -> None:
                self._is_deciding = False
                if result is None:
                    then()
                else:
                    log.error("not recorded", what=what, why=result.why)
                done(result)

            packed = None if order is None else msgspec.msgpack.encode(order)
            self._daemon.journal.store_variable(LINK_NAME, _ORDER, packed, kept)

        result: StepResult = await answer_of(keep)
        if result is not None:
            raise RelayError(
                f"{what} was not recorded: {result.why}.", "Nothing has changed; try again when the journal writes."
            )

    # ---- at work -----------------------------------------------------------------------------------------------------
    def _look(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._drain.stage in (Stage.SERVING, Stage.DRAINED) or self._daemon.is_stopping:
            return
        look_ms = LOOK_MS
        try:
            if self._step() > MANY_COUNT:
                look_ms = MANY_LOOK_MS
        finally:  # whatever went wrong: a drain that is never looked at again has no deadline
            self._timer = self._daemon.timers.after(look_ms, self._look)

    def _step(self) -> int:
        """What the plan says now. How many sessions there are."""
        d, drain = self._daemon, self._drain
        sessions = [each for each in self._sessions() if each.name in drain.classes]
        before = drain.stage
        deeds = drain.look(d.clock.monotonic_ms(), sessions)
        if deeds.shut:
            self._bar()
        for link in deeds.tell:
            link.drain()
        for link in deeds.reset:
            link.close("drain-deadline", abort=True)
        if drain.stage is not before:
            log.info("drain", stage=drain.stage.name.lower(), sessions=len(sessions), reset=len(deeds.reset))
        for name in self._names():
            d.doors.look(name)
        if deeds.is_over:
            d.exclusive.pause(frozenset(self._names()), "drained")
            self.show_state()
        self._show(_counts(sessions))
        return len(sessions)

    def _bar(self) -> None:
        for name in self._names():
            self._daemon.doors.bar(name, DRAIN)

    def _sessions(self) -> list[Session[Link]]:
        return [
            Session(link, CLASS_OF.get(link.listener.channel, "atm"), link.is_busy, link.is_draining)
            for link in self._daemon.roster.links()
        ]

    def _names(self) -> list[str]:
        d = self._daemon
        return [name for name in (*d.listeners, *d.dialers) if self.is_drained(name)]

    def _class_of(self, name: str) -> str:
        settings = self._daemon.settings
        channel = next((link.channel for link in (*settings.listener, *settings.dialer) if link.name == name), "")
        return CLASS_OF.get(channel, "")

    # ---- what is shown -----------------------------------------------------------------------------------------------
    async def _status(self, _: StatusArgs) -> c.DrainReport:
        d = self._daemon
        counts = await count_sessions(d.roster.links(), partial(asyncio.sleep, 0))
        drain, order = self._drain, self._order  # as they are when everything is counted
        is_timed = drain.stage not in (Stage.SERVING, Stage.DRAINED)
        return c.DrainReport(
            stage=self._stage_in_words(),
            who="" if order is None else order.who,
            why="" if order is None else order.why,
            since_ms=0 if order is None else order.at_ms,
            left_ms=max(0, drain.deadline_ms - d.clock.monotonic_ms()) if is_timed else 0,
            rows=tuple(
                c.DrainRow(name=name, is_drained=name in drain.classes, open=counts[name][0], busy=counts[name][1])
                for name in CLASSES
            ),
        )

    def _stage_in_words(self) -> str:
        return self._drain.stage.name.lower().replace("_", "-")

    def _show(self, counts: Mapping[str, tuple[int, int]]) -> None:
        self._open.set(sum(number for number, _ in counts.values()))
        self._busy.set(sum(busy for _, busy in counts.values()))

    def serves(self) -> None:
        """The relay has come up. One that the core or its journal has silenced meanwhile stays what it is."""
        if not self._daemon.fenced:
            self._daemon.state = "serving"
        self.show_state()

    def show_state(self) -> None:
        """The relay's own state, where all its classes are drained."""
        d, order = self._daemon, self._order
        if d.is_stopping or d.fenced:
            return
        if order is not None and len(self._drain.classes) == len(CLASSES):
            d.state, d.why = "draining", f"{self._stage_in_words()} by {order.who}: {order.why}; relay drain abort ends it"
        elif d.state == "draining":
            d.state, d.why = "serving", ""

    # ---- the end of the process --------------------------------------------------------------------------------------
    async def drain_and_end(self) -> None:
        """SIGTERM: stop accepting, finish what is in flight up to the deadline, sign off. All classes at once, no order."""
        d = self._daemon
        d.doors.stop()
        d.state = "draining"
        d.notifier.stopping("draining")
        d.announcing.leave()
        d.outbound.drain()
        await d.outbound_server.stop()
        for listener in d.listeners.values():
            await listener.stop_accepting()
        d.desk.drain()
        for listener in d.listeners.values():
            listener.drain()
        for dialer in d.dialers.values():
            dialer.drain()
        empty = asyncio.Event()
        d.roster.when_empty(empty.set)
        try:
            await asyncio.wait_for(empty.wait(), d.settings.relay.drain_deadline_ms / 1000)
        except TimeoutError:
            log.warning("drain deadline passed: what is in flight is resolved after the next start")
        log.info("drained", inflight=d.desk.inflight_count, links=d.roster.link_count, owed=d.desk.saf.owed_count)


def drain_rules(settings: DrainSettings) -> DrainRules:
    return DrainRules(
        order=settings.order,
        depreference_ms=settings.depreference_ms,
        step_ms=settings.step_ms,
        sign_off_ms=settings.sign_off_ms,
        told_per_s_max=settings.told_per_s_max,
    )


def _counts(sessions: list[Session[Link]]) -> dict[str, tuple[int, int]]:
    """Class -> open sessions, busy ones."""
    counts = dict.fromkeys(CLASSES, (0, 0))
    for each in sessions:
        number, busy = counts[each.name]
        counts[each.name] = number + 1, busy + each.is_busy
    return counts
