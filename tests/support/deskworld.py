"""A desk on virtual time with a journal in memory, a core that answers by hand and terminals that are lists.

Owns the small world in which the exchange floor's tests are transcripts. It must never decide anything about an exchange.
"""

from __future__ import annotations

from random import Random
from typing import cast

import msgspec

from protocols.dialect import Dialect
from protocols.vocabulary import (
    Answer,
    Approved,
    CardData,
    Declined,
    DoubtPolicy,
    MessageClass,
    Money,
    Pan,
    Received,
    Refusal,
    Reply,
    Request,
    Secret,
    Taken,
    Verdict,
)
from relay.core.port import Permit
from relay.exchange.desk import Desk
from relay.exchange.limits import DeskLimits
from relay.exchange.ports import ListenerFacts
from relay.exchange.recovery import recover
from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.journal.port import JournalFailed
from relay.journal.records import StoredExchange
from relay.telemetry.metrics import Metrics
from tests.support.scriptedcore import ScriptedCore
from tests.support.virtualtime import VirtualTime

DEADLINE_MS = 10_000
W1 = "ATM1-financial-1"  # the key of the first terminal's financial message with trace 1


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a terminal of this world says."""

    trace: str
    terminal: str = "ATM1"
    kind: str = "withdrawal"
    message_class: MessageClass = MessageClass.FINANCIAL
    minor: int = 10_000
    policy: DoubtPolicy = DoubtPolicy.UNDO
    original: str | None = None
    standing_minor: int | None = None
    needs_completion: bool = False
    repeat: bool = False


class PlainDialect:
    """Codes are words: a test reads them."""

    name = "plain"

    def __init__(self, answers_on_new_link: bool = False) -> None:
        self.answers_on_new_link = answers_on_new_link
        self.refusal_ends_message = True

    def to_request(self, message: object, received: Received) -> Request | Refusal:
        m = cast(Message, message)
        return Request(
            key=f"{m.terminal}-{m.message_class.value}-{m.trace}",
            message_class=m.message_class,
            kind=m.kind,
            doubt_policy=m.policy,
            channel="atm",
            realm=received.realm,
            terminal=m.terminal,
            acquirer="1",
            fingerprint_text=Secret(f"{m.minor}|{m.kind}"),
            trace=m.trace,
            amount=Money(m.minor, "JPY"),
            card=CardData(pan=Pan("4111111111111111"), track2=Secret("4111111111111111=2912"), pin_block=Secret("0" * 16)),
            original_key=None if m.original is None else f"{m.terminal}-financial-{m.original}",
            standing_minor=m.standing_minor,
            repeat=m.repeat,
            needs_completion=m.needs_completion,
        )

    def to_reply(self, message: object, answer: Answer, wall_ms: int) -> Reply:
        if isinstance(answer, Approved):
            return Reply(Verdict.APPROVE, "approved", answer.authorisation_id.encode())
        if isinstance(answer, Taken):
            return Reply(Verdict.APPROVE, "taken")
        if isinstance(answer, Declined):
            return Reply(Verdict.DECLINE, answer.reason)
        verdict = Verdict.DOUBT if answer is Refusal.IN_DOUBT else Verdict.DECLINE
        return Reply(verdict, answer.value)


class ListLink:
    """A terminal's link: `said` is what the terminal was answered, as (trace, code)."""

    def __init__(self, facts: ListenerFacts) -> None:
        self.listener = facts
        self.is_open = True
        self.is_draining = False
        self.said: list[tuple[str, str]] = []

    def reply(self, message: object, reply: Reply) -> bool:
        if self.is_open:
            self.said.append((cast(Message, message).trace, reply.code))
        return self.is_open


class DeskWorld:
    def __init__(
        self, limits: DeskLimits | None = None, answers_on_new_link: bool = False, core: ScriptedCore | None = None
    ) -> None:
        self.time = VirtualTime()
        self.core = ScriptedCore() if core is None else core
        self.permit: Permit | None = Permit(1, "tokyo")
        self.limits = limits or DeskLimits()
        self.facts = ListenerFacts(
            name="atm",
            realm="bank",
            channel="atm",
            reply_deadline_ms=DEADLINE_MS,
            dialect=cast(Dialect, PlainDialect(answers_on_new_link)),
        )
        self.journal = MemoryJournal(MemoryDisk(), self.time, self.time)
        self.recovered: dict[str, int] = {}
        self._start()

    def _start(self, *, is_copy: bool = False) -> None:
        self.metrics = Metrics()
        self.desk = Desk(
            self.journal,
            self.core,
            lambda: self.permit,
            self.time,
            self.time,
            self.metrics,
            Random(1),
            "tokyo",
            self.limits,
        )
        self.recovered = recover(self.desk, self.limits.completion_deadline_ms, is_copy=is_copy)

    def link(self) -> ListLink:
        return ListLink(self.facts)

    def say(self, link: ListLink, message: Message) -> None:
        """One message arrives, and the journal gets the time to write it."""
        self.desk.open(message, link)
        self.time.run(5)

    def crash(self) -> None:
        """Power off: what was not durable is gone. Another desk starts on what survived; the core forgot its calls."""
        self.desk.fence()
        self.core.calls.clear()
        self.journal.crash()
        self.journal = self.journal.survivor()
        self._start()
        self.time.run(5)

    def states(self) -> dict[str, str]:
        """Key -> state of every open exchange in memory."""
        return {key: entry.state.name for key, entry in self.desk.register.by_key.items()}

    def unexpected(self) -> float:
        return self.metrics.registry.get_sample_value("relay_unexpected_events_total") or 0.0


def stored(world: DeskWorld, key: str) -> StoredExchange:
    """The exchange with this key as it is on the disk."""
    found: list[StoredExchange | JournalFailed | None] = []
    world.journal.find(key, found.append)
    world.time.run(5)
    if not isinstance(found[0], StoredExchange):
        raise AssertionError(f"{key} is not in the journal: {found[0]}")
    return found[0]


def reversal(trace: str, original: str, standing_minor: int = 0) -> Message:
    return Message(
        trace=trace,
        message_class=MessageClass.REVERSAL,
        kind="reversal",
        policy=DoubtPolicy.REPEAT,
        original=original,
        standing_minor=standing_minor,
    )
