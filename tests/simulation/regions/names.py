"""The name servers: each has a view of its own, gets news late, and may be silent, replay, or run ahead.

Owns what each server says. It must never know a relay. The trap: a lie has to be signed like the truth, or nobody would be
tempted.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import msgspec

from relay.region.agreement import Names
from relay.region.record import RegionRecord, format_record
from tests.support.virtualtime import VirtualTime

RECORD, KEY = "_active.core.sim", b"k" * 32
TARGETS = {"tokyo": "tyo.core.sim", "osaka": "osa.core.sim"}
SERVERS = ("ns1", "ns2", "ns3")
NAMES = Names(RECORD, TARGETS, True, (KEY,))
NEWS_MS = (5, 3_000)  # how late a server gets an update


class Word(msgspec.Struct, frozen=True):
    """As relay/core/zone.py hears it."""

    trouble: str = ""
    texts: tuple[tuple[bytes, ...], ...] = ()
    target: str = ""


class NameServers:
    def __init__(self, time: VirtualTime, chance: Random, first: RegionRecord) -> None:
        self._time = time
        self._chance = chance
        self._history = [first]
        self._views = [first for _ in SERVERS]
        self._moods = ["honest" for _ in SERVERS]

    def publish(self, record: RegionRecord) -> None:
        """One update; each server gets it when it gets it."""
        self._history.append(record)
        for number in range(len(SERVERS)):
            self._time.after(self._chance.randint(*NEWS_MS), lambda number=number: self._got(number, record))

    def _got(self, number: int, record: RegionRecord) -> None:
        if record.epoch > self._views[number].epoch:
            self._views[number] = record

    def mood(self, mood: str, heal_ms: int) -> None:
        """One or two servers are silent, or say what was true before; never the whole zone for ever."""
        for number in self._chance.sample(range(len(SERVERS)), k=self._chance.randint(1, 3 if mood == "silent" else 2)):
            self._moods[number] = mood
            self._time.after(heal_ms, lambda number=number: self._moods.__setitem__(number, "honest"))

    def heal(self) -> None:
        self._moods = ["honest" for _ in SERVERS]

    def ask(self, number: int, after: Callable[[int, Callable[[], None]], object], done: Callable[[Word], None]) -> None:
        """`after` is the asker's own time: a dead one hears nothing."""
        if self._moods[number] == "silent":
            after(500, lambda: done(Word(trouble="timeout")))
            return
        record = self._views[number]
        if self._moods[number] == "old":
            record = self._history[max(0, len(self._history) - 2)]
        text = format_record(record, RECORD, KEY).encode()
        word = Word(texts=((text,),), target=TARGETS[record.region])
        after(self._chance.randint(1, 40), lambda: done(word))
