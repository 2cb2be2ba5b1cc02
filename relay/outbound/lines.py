"""The messages that are open, in the order of each line. Pure.

Owns `Message` (one that is open in memory) and `Line` (first in, first out, one under way). It must never write, send or read
a clock. The trap: a message that was given back is the head again, whatever came in meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from relay.clock import Cancellable
from relay.journal.outbound import StoredOutbound
from relay.outbound.ports import OutboundLink
from relay.outbound.states import REBUILT, State


class Message:
    __slots__ = ("deadline", "detail", "is_written", "link", "state", "stored", "tries")

    def __init__(self, stored: StoredOutbound, state: State | None = None) -> None:
        self.stored = stored  # as it was when it was taken or read back, and as last made durable
        self.state = REBUILT[stored.state] if state is None else state
        self.detail = stored.detail
        self.link: OutboundLink | None = None  # whose dialogue has it
        self.deadline: Cancellable | None = None
        self.tries = 0  # of its report
        self.is_written = True  # its state is durable

    @property
    def key(self) -> str:
        return self.stored.taken.key

    @property
    def outbound_id(self) -> int:
        return self.stored.taken.outbound_id

    @property
    def place(self) -> tuple[str, str]:
        """Listener and line."""
        return self.stored.taken.listener, self.stored.taken.line

    def end_wait(self) -> None:
        """No dialogue has it any more."""
        self.link = None
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None


class Line:
    """One line's messages: at most one under way, the rest waiting."""

    __slots__ = ("_waiting", "active", "deferrals", "pause")

    def __init__(self) -> None:
        self._waiting: deque[Message] = deque()
        self.active: Message | None = None
        self.pause: Cancellable | None = None  # until the head is offered again
        self.deferrals = 0  # in a row

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_idle(self) -> bool:
        return self.active is None and not self._waiting

    def waiting(self) -> Iterator[Message]:
        return iter(self._waiting)

    def add(self, message: Message) -> None:
        self._waiting.append(message)

    def take_next(self) -> Message | None:
        """The head, which is under way from now on; None where one is, nothing waits, or the head is being cancelled."""
        if self.active is not None or not self._waiting or self._waiting[0].state is not State.QUEUED:
            return None
        self.active = self._waiting.popleft()
        return self.active

    def give_back(self, message: Message) -> None:
        """Not sent: the head again."""
        self.active = None
        self._waiting.appendleft(message)

    def remove(self, message: Message) -> None:
        """It is over, or was cancelled."""
        if self.active is message:
            self.active = None
            self.deferrals = 0
        elif message in self._waiting:
            self._waiting.remove(message)

    def end_pause(self) -> None:
        if self.pause is not None:
            self.pause.cancel()
            self.pause = None
