"""One link's conversation as its parts see it: the state, the serials, what waits for its ACK, and the actions of this step.

Owns `Talk`: sending with a 伝送通番, waiting for the logical ACK before the next telegram, timers, notes, and the two ways of
ending (an orderly hang-up, an abort that keeps the file's place). It must never know what a file is. The traps: only one
telegram waits for its ACK at a time, the others wait behind it; serials run per direction and skip zero; and after an abort
nothing more is said.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from protocols.dialect import Action, HangUp, Note, Send, Timer
from protocols.errors import LocalMisuse
from protocols.machine import Unexpected, next_state
from protocols.zengin.file.message import Signal, Telegram
from protocols.zengin.file.profile import Station
from protocols.zengin.file.rules import LinkRules
from protocols.zengin.file.session import IN_SESSION, INITIAL, TRANSITIONS, Moment, State

Then: TypeAlias = Callable[[], None] | None

SERIAL_MAX = 65_535
QUEUE_MAX = 64  # telegrams of ours that wait behind one that is not acknowledged
ACK, IDLE, OPEN, FILE, CLOSE = "ack", "idle", "open", "file", "close"
RETRY, LINGER, OFFER = "retry", "linger", "offer"
CHECK, SKIP = "check", "skip"  # go on with what was cut into slices


def after(serial: int) -> int:
    return 1 if serial >= SERIAL_MAX else serial + 1


class Talk:
    def __init__(self, rules: LinkRules) -> None:
        self.rules = rules
        self.timers = rules.profile.timers
        self.state = INITIAL
        self.station: Station | None = None
        self.peer_date = ""  # YYYYMMDD, the far end's own, of this session
        self.mode = "1"
        self.send_count = rules.profile.send_count
        self.text_bytes_max = rules.profile.text_bytes_max
        self.is_caller = False
        self.is_over = False
        self.is_ours = False  # it is our turn, for long perhaps: the far end may be silent
        self.now_ms = 0
        self.heard_ms = 0
        self.watch_ms = max(1, self.timers.idle_ms // 3)  # between watch frames; this link's own once it is open
        self.actions: list[Action] = []
        self._said_ms = 0
        self._out = 0
        self._in = 0
        self._waits: int | None = None  # serial of ours that is not acknowledged
        self._then: Then = None  # what is done when it is
        self._queue: deque[tuple[Telegram, Then]] = deque()

    # ---- state ----------------------------------------------------------------------------------------------------------
    def move(self, moment: Moment) -> None:
        """Raises machine.Unexpected where the table has no row: out of order, and the caller of this says whose fault."""
        self.state = next_state(TRANSITIONS, self.state, moment)

    @property
    def in_session(self) -> bool:
        return self.state in IN_SESSION

    @property
    def waits_for_ack(self) -> bool:
        return self._waits is not None

    # ---- saying ---------------------------------------------------------------------------------------------------------
    def say(self, telegram: Telegram, then: Then = None) -> None:
        """A telegram that wants its ACK; behind the one that waits for its own. `then` runs when it is acknowledged."""
        if self.is_over:
            return
        if self._waits is None:
            self._send(telegram, True, then)
        elif len(self._queue) < QUEUE_MAX:
            self._queue.append((telegram, then))
        else:
            self.abort("queue-full")

    def stream(self, telegram: Telegram, then: Then) -> None:
        """A data telegram: with `then` it wants its ACK. The sender looks at `waits_for_ack` before it makes the next."""
        if not self.is_over:
            self._send(telegram, then is not None, then)

    def _send(self, telegram: Telegram, ack_wanted: bool, then: Then) -> None:
        serial = after(self._out)
        try:
            data = self.rules.codec.write(serial, telegram, ack_wanted=ack_wanted)
        except LocalMisuse as error:
            self.note("telegram-unwritable", str(error))
            self.abort("internal")
            return
        self._out = serial
        self._said_ms = self.now_ms
        self.actions.append(Send(data))
        if ack_wanted:
            self._waits, self._then = serial, then
            self.timer(ACK, self.timers.ack_ms)

    def signal(self, name: str, serial: int = 0) -> None:
        if not self.is_over:
            self._said_ms = self.now_ms
            self.actions.append(Send(self.rules.codec.signal(Signal(name, serial))))

    # ---- hearing --------------------------------------------------------------------------------------------------------
    def is_next(self, serial: int) -> bool:
        """Is this the serial that must come now? Then the next one is expected."""
        if serial != after(self._in):
            return False
        self._in = serial
        return True

    def acknowledged(self, serial: int) -> bool:
        """An ACK came. False where nothing, or something else, waited for it."""
        if serial != self._waits:
            return False
        then, self._waits, self._then = self._then, None, None
        self.timer(ACK, None)
        if self._queue:
            telegram, next_then = self._queue.popleft()
            self._send(telegram, True, next_then)
        if then is not None:
            then()
        return True

    # ---- timers ---------------------------------------------------------------------------------------------------------
    def timer(self, name: str, after_ms: int | None) -> None:
        self.actions.append(Timer(name, after_ms))

    def watch(self) -> None:
        """The idle timer fired: the far end is silent for too long, or we are for a while."""
        limit_ms = self.timers.idle_ms
        if self.is_over or self.state is State.TCP_UP:
            return
        if self.now_ms - self.heard_ms >= limit_ms and not self.is_ours:
            self.abort("idle")
            return
        if self.in_session and self.now_ms - self._said_ms >= self.watch_ms:
            self.signal("watch")
        self.timer(IDLE, self.watch_ms)

    # ---- ends -----------------------------------------------------------------------------------------------------------
    def note(self, name: str, detail: str = "") -> None:
        self.actions.append(Note(name, detail))

    def hang_up(self, reason: str) -> None:
        """`reason` is a label of a metric: one of a few words."""
        if not self.is_over:
            self.is_over = True
            self.actions.append(HangUp(reason))

    def abort(self, reason: str) -> None:
        """Out of order, a timer, a refusal: the place in the file is kept, the link ends."""
        if self.is_over:
            return
        try:
            self.move(Moment.ABORT)
        except Unexpected:
            return
        self.note("transfer-aborted", reason)
        self.hang_up(reason)
