"""The messages that are open, in the order of each line. Pure.

Owns `Message` (one that is open in memory) and `Line` (first in, first out, one under way). It must never write, send or read
a clock. The trap: a message that was given back has its old place again, whatever came in meanwhile, and nothing overtakes one
of a former life about which the line has still to be asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from relay.clock import Cancellable
from relay.journal.outbound import StoredOutbound
from relay.outbound.ports import OutboundLink
from relay.outbound.states import REBUILT, State


class Message:
    __slots__ = ("asked", "deadline", "detail", "expiry", "is_written", "link", "state", "stored", "tries")

    def __init__(self, stored: StoredOutbound, state: State | None = None) -> None:
        self.stored = stored  # as it was when it was taken or read back, and as last made durable
        self.state = REBUILT[stored.state] if state is None else state
        self.detail = stored.detail
        self.link: OutboundLink | None = None  # whose dialogue has it
        self.asked: OutboundLink | None = None  # whose dialogue was last asked what became of it
        self.deadline: Cancellable | None = None
        self.expiry: Cancellable | None = None  # until its own time is looked at again, while it waits
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

    def end_expiry(self) -> None:
        """It waits no longer."""
        if self.expiry is not None:
            self.expiry.cancel()
            self.expiry = None

    def is_expired(self, wall_ms: int) -> bool:
        """Whether its own time is over."""
        expires_ms = self.stored.taken.expires_ms
        return expires_ms is not None and wall_ms >= expires_ms


class Line:
    """One line's messages: at most one under way, the rest waiting."""

    __slots__ = ("_waiting", "active", "deferrals", "pause", "questions")

    def __init__(self) -> None:
        self._waiting: deque[Message] = deque()
        self.active: Message | None = None
        self.questions: list[Message] = []  # of a former life, about which the line is to be asked first
        self.pause: Cancellable | None = None  # until the head is offered again
        self.deferrals = 0  # in a row

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_idle(self) -> bool:
        return self.active is None and not self._waiting and not self.questions

    def waiting(self) -> Iterator[Message]:
        return iter(self._waiting)

    def add(self, message: Message) -> None:
        self._waiting.append(message)

    def take_next(self) -> Message | None:
        """The head, which is under way from now on; None where one is, nothing waits, the head is being cancelled, or the line
        has still to be asked about an older one."""
        if self.active is not None or self.questions or not self._waiting or self._waiting[0].state is not State.QUEUED:
            return None
        self.active = self._waiting.popleft()
        return self.active

    def give_back(self, message: Message) -> None:
        """Not sent: in its old place again, which is the head but for what a former life left."""
        if self.active is message:
            self.active = None
        elif message in self.questions:
            self.questions.remove(message)
        older = 0
        while older < len(self._waiting) and self._waiting[older].outbound_id < message.outbound_id:
            older += 1
        self._waiting.insert(older, message)

    def remove(self, message: Message) -> None:
        """It is over, or was cancelled."""
        if self.active is message:
            self.active = None
            self.deferrals = 0
        elif message in self.questions:
            self.questions.remove(message)
        elif message in self._waiting:
            self._waiting.remove(message)

    def end_pause(self) -> None:
        if self.pause is not None:
            self.pause.cancel()
            self.pause = None
