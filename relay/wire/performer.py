"""Steps the dialogue of one link and performs what it wants, in order. The half of a link that knows no Twisted.

Owns the queue of actions, the named timers, the two counts (tally.py) and the pause of reading. It must never decide what
a message means. The traps: a reply may be decided inside `desk.open`, while later actions of the same step still wait, so
new actions queue behind those that caused them; and an exception out of a dialogue is our bug, which costs this link only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from protocols import dialect as d
from protocols.totals import TotalsKept, TotalsStated
from relay.clock import Cancellable
from relay.journal.port import StepResult
from relay.telemetry.log import get_log
from relay.wire.ports import LinkServices
from relay.wire.tally import AskWindow, CommandTally
from relay.wire.tls import certificate_name

if TYPE_CHECKING:
    from relay.wire.link import Link

_log = get_log("link")
# Timers of our own among the dialogue's, whose names are never empty.
_LOOK_AGAIN = ""
_CLOSE_OVERDUE = " "
NOT_OURS = "lease-lost"  # why a link of an exclusive line is closed: another relay center may have the line by now
CLOSE_MS_MAX = 10_000  # how long a far end may take to read what we wrote before an orderly close; then it is reset
_QUIET_NOTES = frozenset({"echo-answered", "echo-returned"})  # counted, but thousands a minute


class LinkTimer:
    """One waiting timer of a link: what the wheel calls."""

    __slots__ = ("_link", "_name")

    def __init__(self, link: Performer, name: str) -> None:
        self._link = link
        self._name = name

    def __call__(self) -> None:
        self._link.timer_fired(self._name)


class Performer:
    __slots__ = (
        "_asks",
        "_commands",
        "_dialogue",
        "_is_draining",
        "_is_reading",
        "_is_signed_on",
        "_now_ms",
        "_queue",
        "_services",
        "_timers",
        "_why",
        "is_open",
        "messages_in",
        "messages_out",
        "peer",
        "terminal",
    )
    transport: Any  # a Twisted transport; ours is connection.py

    def __init__(self, services: LinkServices) -> None:
        self._services = services
        self._dialogue = services.listener.dialect.new_dialogue()
        self._queue: list[d.Action] | None = None  # what is being performed
        self._timers: dict[str, Cancellable] | None = None
        self._asks: AskWindow | None = None
        self._commands: CommandTally | None = None
        self._now_ms = 0
        self._why = ""  # why we closed it
        self._is_draining = self._is_signed_on = self.is_open = False
        self._is_reading = True
        self.peer = self.terminal = ""
        self.messages_in = self.messages_out = 0

    def step(self, event: d.Event) -> None:
        """Tell the dialogue, then perform its actions behind those already waiting."""
        self._now_ms = self._services.clock.monotonic_ms()
        guard = self._services.guard
        if guard is not None and self.is_open and not guard.may_speak():
            self.close(NOT_OURS, abort=True)  # `connectionLost` follows, and tells the dialogue
            return
        try:
            actions = self._dialogue.step(event, self._now_ms)
            if self._queue is not None:
                self._queue.extend(actions)
                return
        except Exception:  # noqa: BLE001  whatever it was, it is our bug: this link ends, the others do not notice
            self._fault(type(event).__name__)
            return
        if actions:
            self._perform(list(actions))
        if self._dialogue.is_signed_on is not self._is_signed_on:
            self._count_sign_on(not self._is_signed_on)
        if self._is_draining:
            self._close_if_drained()

    def _perform(self, queue: list[d.Action]) -> None:
        self._queue = queue
        try:
            for action in queue:  # grows while it is walked
                _DEEDS[type(action)](self, action)
        except Exception:  # noqa: BLE001  as above; what still waited is for a link that is gone
            self._fault("action")
        finally:
            self._queue = None

    def _fault(self, where: str) -> None:
        _log.exception("link fault", listener=self._services.listener.name, peer=self.peer, terminal=self.terminal, where=where)
        self.close("internal-error", abort=True)

    @property
    def is_busy(self) -> bool:
        """An answer is owed, to the far end or by it, or something is half received."""
        asks = self._asks
        now_ms, window_ms = self._services.clock.monotonic_ms(), self._services.listener.reply_deadline_ms
        return not self._dialogue.is_idle or (asks is not None and bool(asks.owed(now_ms, window_ms)))

    def close(self, why: str, abort: bool = False) -> None:
        """Close after what is written, or reset at once. `why` is a label of relay_links_closed_total."""
        if self.is_open:
            self.is_open = False
            self._why = why
            self.transport.unregisterProducer()  # else Twisted's own transports would wait for their producer
            if abort:
                self.transport.abortConnection()
            else:
                self._start_timer(_CLOSE_OVERDUE, CLOSE_MS_MAX)
                self.transport.loseConnection()  # last: it may end in `connectionLost` before it returns

    def timer_fired(self, name: str) -> None:
        if self._timers is not None:
            self._timers.pop(name, None)
        if name == _CLOSE_OVERDUE:
            self.transport.abortConnection()
        elif self.is_open and name == _LOOK_AGAIN:
            self._look_again()
        elif self.is_open:
            self.step(d.TimerFired(name))

    def _start_timer(self, name: str, after_ms: int) -> None:
        timers = self._timers
        if timers is None:
            timers = self._timers = {}
        timers[name] = self._services.timers.after(after_ms, LinkTimer(self, name))

    def _cancel_timers(self) -> None:
        for timer in (self._timers or {}).values():
            timer.cancel()
        self._timers = None

    # ---- the actions, one by one -------------------------------------------------------------------------------------
    def _send(self, action: d.Send) -> None:
        self._write(action.data)

    def _write(self, data: bytes) -> None:
        guard = self._services.guard
        if guard is not None and self.is_open and not guard.may_speak():
            self.close(NOT_OURS, abort=True)
        if self.is_open:
            self.messages_out += 1
            self._services.counters.sent(len(data))
            self.transport.write(data)

    def _ask(self, action: d.Ask) -> None:
        services = self._services
        if services.listener.certificate_is_terminal and not self.terminal:
            self._mistrust(action, "")
            return
        asks = self._asks
        if asks is None:
            asks = self._asks = AskWindow(self._now_ms)
        self.messages_in += 1
        owed = asks.asked(self._now_ms, services.listener.reply_deadline_ms)
        services.desk.open(action.message, cast("Link", self))
        if owed >= services.pipelined_count_max and self._is_reading:
            self._read_or_pause()

    def _read_or_pause(self) -> None:
        """Read while fewer than `pipelined_count_max` answers are owed. Looks again later: some are never given."""
        services = self._services
        if self._asks is None or not self.is_open:
            return
        window_ms = services.listener.reply_deadline_ms
        may_read = self._asks.owed(services.clock.monotonic_ms(), window_ms) < services.pipelined_count_max
        if may_read is not self._is_reading:
            self._is_reading = may_read
            services.counters.noted("reading-resumed" if may_read else "reading-paused")
            if may_read:
                self._timer(d.Timer(_LOOK_AGAIN, None))
                self.transport.resumeProducing()
            else:
                self.transport.pauseProducing()
                self._start_timer(_LOOK_AGAIN, window_ms)

    def _look_again(self) -> None:
        self._read_or_pause()
        if not self._is_reading:
            self._start_timer(_LOOK_AGAIN, self._services.listener.reply_deadline_ms)

    def _refuse(self, action: d.Refuse) -> None:
        services = self._services
        name = services.listener.name
        self.messages_in += 1
        services.counters.refused(action.reason)
        _log.warning(
            "message refused", listener=name, peer=self.peer, terminal=self.terminal, reason=action.reason, detail=action.detail
        )
        if action.data:
            self._write(action.data)

    def _store(self, action: d.Store) -> None:
        services = self._services
        services.variables.store_variable(services.listener.name, action.name, action.value, partial(self._stored, action.name))

    def _forget(self, action: d.Forget) -> None:
        services = self._services
        services.variables.store_variable(services.listener.name, action.name, None, partial(self._stored, action.name))

    def _hand_back(self, action: d.HandBack) -> None:
        self._services.inherited.hand_back(self._services.listener.name, action.name, action.value)

    def _stored(self, name: str, result: StepResult) -> None:
        if self.is_open:
            self.step(d.Stored(name, result is None))

    def _timer(self, action: d.Timer) -> None:
        running = None if self._timers is None else self._timers.pop(action.name, None)
        if running is not None:
            running.cancel()
        if action.after_ms is not None and self.is_open:
            self._start_timer(action.name, action.after_ms)

    def _command(self, action: d.Command) -> None:
        if self._commands is None:
            self._commands = CommandTally()
        self._commands.sent(action.name)
        self._write(action.data)

    def _command_answered(self, action: d.CommandAnswered) -> None:
        if self._commands is not None:
            self._commands.answered(action.name)

    def _evidence(self, action: d.Evidence) -> None:
        self._services.desk.evidence(action.key, action.verdict, action.standing_minor, action.detail)

    def _identify(self, action: d.Identify) -> None:
        services = self._services
        facts = services.listener
        if not self.is_open or action.terminal == self.terminal:
            return
        if facts.terminals and action.terminal not in facts.terminals:
            services.counters.noted("unknown-terminal")  # the desk refuses its messages, and it replaces nobody
            _log.warning("unknown terminal", listener=facts.name, peer=self.peer, terminal=action.terminal)
            return
        if facts.certificate_is_terminal and certificate_name(self.transport) != action.terminal:
            self._mistrust(action, action.terminal)
            return
        self.terminal = action.terminal
        older = services.roster.bind(cast("Link", self), facts.realm, action.terminal)
        if older is not None:
            _log.info("link replaced", listener=facts.name, terminal=self.terminal, peer=self.peer, older=older.peer)
            older.close("replaced", abort=True)
        services.outbound.link_ready(facts.name, self.terminal)

    def _mistrust(self, action: d.Action, terminal: str) -> None:
        """The link speaks for a terminal that its certificate does not name, or asks for none at all: hang up, and nothing that
        the dialogue wants after this action is done. What was not acknowledged is the far end's to send again."""
        services = self._services
        named = certificate_name(self.transport)
        services.counters.noted("certificate-mismatch")
        _log.warning(
            "certificate mismatch", listener=services.listener.name, peer=self.peer, terminal=terminal, certificate=named
        )
        if self._queue is not None:
            del self._queue[self._queue.index(action) + 1 :]
        self.close("certificate-mismatch", abort=True)

    def _delivery(self, action: d.Delivery) -> None:
        self._services.outbound.delivered(cast("Link", self), action)

    def _totals(self, action: TotalsStated) -> None:
        self._services.statements.keep(action, self._services.listener.name, self._totals_kept)

    def _totals_kept(self, kept: TotalsKept) -> None:
        if self.is_open:
            self.step(kept)

    def _note(self, action: d.Note) -> None:
        services = self._services
        services.counters.noted(action.name)
        if action.name not in _QUIET_NOTES:
            _log.info(
                action.name, listener=services.listener.name, terminal=self.terminal, peer=self.peer, detail=action.detail
            )

    def _tell(self, action: d.Tell) -> None:
        services = self._services
        services.tell(action.event, self.terminal, services.listener.name, dict(action.detail))

    def _hang_up(self, action: d.HangUp) -> None:
        self.close(action.reason, action.abort)

    def _count_sign_on(self, is_signed_on: bool) -> None:
        if is_signed_on and not self.is_open:
            return  # hung up by the very step that signed it on
        if is_signed_on is not self._is_signed_on:
            self._is_signed_on = is_signed_on
            self._services.counters.signed(is_signed_on)
            if is_signed_on:
                self._services.outbound.link_ready(self._services.listener.name, self.terminal)

    def _close_if_drained(self) -> None:
        asks = self._asks
        if self._dialogue.is_idle and (asks is None or not asks.owed(self._now_ms, self._services.listener.reply_deadline_ms)):
            self.close("drained")


_DEEDS: dict[type, Callable[[Performer, Any], None]] = {
    d.Send: Performer._send,
    d.Ask: Performer._ask,
    d.Refuse: Performer._refuse,
    d.Store: Performer._store,
    d.Forget: Performer._forget,
    d.HandBack: Performer._hand_back,
    d.Timer: Performer._timer,
    d.Command: Performer._command,
    d.CommandAnswered: Performer._command_answered,
    d.Evidence: Performer._evidence,
    d.Delivery: Performer._delivery,
    TotalsStated: Performer._totals,
    d.Identify: Performer._identify,
    d.Note: Performer._note,
    d.Tell: Performer._tell,
    d.HangUp: Performer._hang_up,
}
