"""The outbound desk on virtual time: a journal in memory, lines whose far ends keep books, a core that confirms when told to.

Owns the small world in which the tests of the outbound floor are transcripts, and its crashes. It must never decide anything
about a message. The trap: `wire` is what really left, over all lives; the relay's own records are checked against it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import msgspec

from protocols.dialect import Delivery, OutboundOffered, OutboundQuestioned
from relay.clock import Cancellable
from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.journal.outbound import OutboundState, StoredOutbound
from relay.outbound.desk import Outbound, OutboundLimits
from relay.outbound.ports import Posted
from relay.permit import Permit
from relay.telemetry.metrics import Metrics
from tests.support.virtualtime import VirtualTime, VirtualTimer


class MortalTimers:
    """Timers of one life: after its end nothing fires."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self.is_dead = False

    def after(self, delay_ms: int, callback: Callable[[], None]) -> VirtualTimer:
        return self._time.after(delay_ms, lambda: None if self.is_dead else callback())


class Report(msgspec.Struct):
    key: str
    state: str
    message_key: str
    detail: Mapping[str, str]
    at_ms: int


class Core:
    """Takes reports once per key; `is_confirming` and `delay_ms` say whether and when it says so."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self.is_confirming = True
        self.delay_ms = 3
        self.calls: list[Report] = []
        self.known: dict[str, Report] = {}

    def report(
        self,
        key: str,
        event: str,
        terminal: str,
        listener: str,
        at_ms: int,
        detail: Mapping[str, str],
        permit: Permit,
        timeout_ms: int,
        done: Callable[[bool], None],
    ) -> Cancellable:
        report = Report(key, detail["state"], detail["key"], dict(detail), at_ms)
        self.calls.append(report)
        if self.is_confirming:
            known = self.known.setdefault(key, report)
            assert known == report, "a repeat of a report is the same report"
        confirmed = self.is_confirming
        return self._time.after(self.delay_ms, lambda: done(confirmed))

    def states_of(self, message_key: str) -> list[str]:
        return [report.state for report in self.known.values() if report.message_key == message_key]


class FarLink:
    """A link whose dialogue sends at once. `mode`: "send", "defer", "fail", "silent" (says nothing) or "mute" (sends, and
    never hears an answer)."""

    def __init__(self, world: OutboundWorld, mode: str = "send", answer_ms: int = 5) -> None:
        self.world = world
        self.outbound = world.outbound
        self.timers = world.timers
        self.mode = mode
        self.answer_ms = answer_ms
        self.is_open = True
        self.offers: list[OutboundOffered] = []
        self.questions: list[OutboundQuestioned] = []

    def question(self, questioned: OutboundQuestioned) -> bool:
        """Answered out of `world.begun`, which is this far end's durable record, or not at all where that is off."""
        self.questions.append(questioned)
        if self.world.answers_questions:
            began = questioned.id in self.world.begun
            self.say(questioned.id, "unknown" if began else "unsent", "by its record")
        return True

    def offer(self, offered: OutboundOffered) -> bool:
        if not self.is_open:
            return False
        self.offers.append(offered)
        self.world.offered.append(offered.id)
        if self.mode == "defer":
            self.say(offered.id, "deferred", "not now")
        elif self.mode == "fail":
            self.say(offered.id, "failed", "no such kind")
        elif self.mode != "silent":
            self.say(offered.id, "sent")
            self.world.begun.add(offered.id)
            self.world.wire.append(offered.id)
            if self.mode == "send":
                self.timers.after(self.answer_ms, lambda: self.say(offered.id, "acknowledged"))
        return True

    def say(self, key: str, state: str, detail: str = "") -> None:
        if self.is_open:
            self.outbound.delivered(self, Delivery(key, state, detail))  # type: ignore[arg-type]  # as much as it needs of a link

    def close(self) -> None:
        self.is_open = False
        self.outbound.link_closed(self)  # type: ignore[arg-type]  # as above


class OutboundWorld:
    def __init__(self, limits: OutboundLimits | None = None) -> None:
        self.time = VirtualTime()
        self.limits = limits or OutboundLimits()
        self.permit: Permit | None = Permit(1, "tokyo")
        self.core = Core(self.time)
        self.wire: list[str] = []  # keys whose first byte left, in order, over all lives
        self.offered: list[str] = []
        self.begun: set[str] = set()  # what the far ends' lines keep on their own disk: what they began with
        self.remembers = False
        self.answers_questions = True
        self.unknown_lines: set[tuple[str, str]] = set()
        self.journal = MemoryJournal(MemoryDisk(), self.time, self.time)
        self.lives = 0
        self._start()

    def _start(self) -> None:
        self.lives += 1
        self.links: dict[tuple[str, str], FarLink] = {}
        self.timers = MortalTimers(self.time)
        self.metrics = Metrics()
        self.outbound = Outbound(
            self.journal,
            self.core,
            lambda: self.permit,
            lambda listener, line: self.links.get((listener, line)),
            lambda listener, line: "no such line" if (listener, line) in self.unknown_lines else "",
            self.time,
            self.timers,
            self.metrics,
            Random(1),
            "tokyo",
            self.limits,
            lambda listener: self.remembers,
        )
        self.outbound.recover()

    def connect(self, listener: str = "switch", line: str = "", mode: str = "send", answer_ms: int = 5) -> FarLink:
        """A line gets its link."""
        link = self.links[listener, line] = FarLink(self, mode, answer_ms)
        self.outbound.link_ready(listener, line)
        return link

    def post(
        self,
        key: str,
        listener: str = "switch",
        line: str = "",
        kind: str = "echo",
        body: bytes = b"{}",
        expires_ms: int | None = None,
    ) -> list[Any]:
        """Post, without waiting: its result lands in the list."""
        results: list[Any] = []
        canonical = f"{listener}|{line}|{kind}|{body!r}|{expires_ms}"
        posted = Posted(key=key, listener=listener, line=line, kind=kind, body=body, canonical=canonical, expires_ms=expires_ms)
        self.outbound.post(posted, results.append)
        return results

    def posted(self, key: str, **more: Any) -> Any:
        results = self.post(key, **more)
        self.time.run(3)
        return results[0]

    def cancelled(self, key: str) -> Any:
        results: list[Any] = []
        self.outbound.cancel(key, "cancelled by the core", results.append)
        self.time.run(3)
        return results[0]

    def settled(self, key: str, state: OutboundState) -> Any:
        results: list[Any] = []
        self.outbound.settle(key, state, "settled by night shift: asked them", results.append)
        self.time.run(5)
        return results[0]

    def stored(self, key: str) -> StoredOutbound:
        """As it is on the disk."""
        return self.journal.disk.outbound.of(key)

    def state(self, key: str) -> str:
        return self.stored(key).state.value

    def crash(self, *, keep_in_flight: bool = False) -> None:
        """Power off. The far ends stay as they are, their links are gone; another life begins on the disk."""
        self.timers.is_dead = True
        for link in self.links.values():
            link.is_open = False
        self.journal.crash(keep_in_flight=keep_in_flight)
        self.journal = self.journal.survivor()
        self._start()

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    def unexpected(self) -> float:
        return self.count("relay_outbound_unexpected_events_total")
