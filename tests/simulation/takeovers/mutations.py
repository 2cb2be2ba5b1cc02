"""Broken take-overs: each has to be noticed, by the check that is meant for it.

Owns the table `TAKEOVERS`. The trap: the core makes one posting of one key whoever asks, so a duplicate that was not looked up
moves no money twice; what notices it is that the message was taken as new while its exchange lay in the journal beside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

from msgspec.structs import replace

from protocols.vocabulary import DoubtPolicy, MessageClass
from relay.core import encoding
from relay.core.port import Ground
from relay.exchange import recovery
from relay.exchange.doubt import Doubt
from relay.exchange.front import FrontDesk
from relay.journal.items import IDS_PER_INCARNATION
from relay.journal.memory import MemoryJournal
from relay.takeover import adopted, plan
from relay.takeover.states import Event
from tests.simulation.mutations import Mutation, Put
from tests.simulation.takeovers import relay as life
from tests.simulation.takeovers.world import TakeoverWorld

SEEDS = 12


def _unfenced(put: Put) -> None:
    """The copy is promoted on the word of people alone."""
    put(plan, "fencing", lambda record, seen: plan.Proven(Event.FENCE_STANDS) if record.generation else plan.Choose(1, 0))
    put(plan, "fencing_again", lambda record, seen: plan.Proven(Event.FENCE_STANDS))


def _another_key(put: Put) -> None:
    """What was open is posted again, under a key of this center's own."""
    whole = recovery.rebuild

    def renamed(stored: Any, now_ms: int) -> Any:
        entry = whole(stored, now_ms)
        request = entry.request
        if request.message_class is MessageClass.FINANCIAL and request.doubt_policy is DoubtPolicy.REPEAT:
            entry.request = replace(request, key=f"{request.key}:adopted", message_class=MessageClass.ADVICE)
            entry.has_body = True
        return entry

    def recover(desk: Any, completion_deadline_ms: int, *, is_copy: bool) -> dict[str, int]:
        with mock.patch.object(recovery, "rebuild", renamed):
            return recovery.recover(desk, completion_deadline_ms, is_copy=is_copy)

    put(adopted, "recover", recover)


def _not_looked_up(put: Put) -> None:
    def straight(self: FrontDesk, message: object, link: Any) -> None:
        self._own.open(message, link)

    put(FrontDesk, "open", straight)


def _numbers_again(put: Put) -> None:
    """The journal is opened in the life that it had: it gives numbers that were given."""

    class Again(MemoryJournal):
        def __init__(self, disk: Any, *rest: Any, **named: Any) -> None:
            disk.incarnation = max((number // IDS_PER_INCARNATION for number in disk.exchanges), default=1) - 1
            super().__init__(disk, *rest, **named)

    put(life, "MemoryJournal", Again)


def _undone(put: Put) -> None:
    """An exchange without an intent in the copy is undone, as on the disk that wrote it."""
    put(adopted, "recover", lambda desk, completion_deadline_ms, *, is_copy: recovery.recover(desk, completion_deadline_ms))


def _tail_forgotten(put: Put) -> None:
    """What the lost region confirmed is said again for this center's own journal only."""
    put(adopted.Adopted, "use_tails", lambda self, tails: None)


def _not_said(put: Put) -> None:
    """An undo for want of an answer is sent like one that a terminal has proven, and the core goes by the order of answers."""
    whole = encoding.reversal_body

    def body(standing_minor: int, currency: str, attempt: Any, ground: Ground) -> bytes:
        return whole(standing_minor, currency, attempt, Ground.EVIDENCE if ground is Ground.UNTOLD else ground)

    put(encoding, "reversal_body", body)


def _old_word(put: Put) -> None:
    """A machine's word about what it was told before the region was lost counts as said to the region that serves now."""
    whole = Doubt.complete

    def complete(self: Doubt, entry: Any, event: Any, standing_minor: int | None, detail: str = "", **rest: bool) -> None:
        whole(self, entry, event, standing_minor, detail)

    put(Doubt, "complete", complete)


TAKEOVERS = (
    Mutation("no fence before the adoption", "law 5", _unfenced, seeds=SEEDS, caught_by="law 5"),
    Mutation("an open exchange is posted under another key", "law 10", _another_key, first=19, seeds=36, caught_by="law"),
    Mutation("adopted duplicates are not looked up", "law 2", _not_looked_up, first=3, seeds=SEEDS, caught_by="law 2"),
    Mutation("numbers given again", "law 2", _numbers_again, seeds=SEEDS, caught_by="law 2"),
    Mutation("the adopted journal's lost tail is forgotten", "law 3", _tail_forgotten, seeds=SEEDS, caught_by="law 3"),
    Mutation("what a lagging copy holds is undone", "law 1", _undone, seeds=3 * SEEDS, caught_by="law 10"),
    Mutation("undo that does not say nobody was told", "law 1", _not_said, first=144, seeds=144, caught_by="law 10"),
    Mutation("evidence after a switch not told on", "law 10", _old_word, first=56, seeds=56, caught_by="law 10"),
)


def caught(mutation: Mutation) -> tuple[int, str]:
    """The first seed that notices the mutation, and what it says; (0, "") when none does."""
    taken_back: list[Callable[[], None]] = []

    def put(target: object, name: str, value: object) -> None:
        patch = mock.patch.object(target, name, value)
        patch.start()
        taken_back.append(patch.stop)

    mutation.apply(put)
    try:
        for seed in range(mutation.first, mutation.seeds + 1):
            try:
                TakeoverWorld(seed).run()
            except AssertionError as violation:
                return seed, str(violation)
    finally:
        for stop in reversed(taken_back):
            stop()
    return 0, ""
