"""Histories in which each center's journal has a standby at the other one, that lags, goes away and comes back; and centers
that are lost with nothing but what their standby has.

Owns the wiring of the real acknowledgements (relay/journal/standby.py, acks.py, relay/exchange/acknowledging.py) with a
simulated standby, its faults, and one invariant: every reversal whose acknowledgement a terminal has heard is on a standby's
disk, or undone at the core, at that moment and whenever a center is lost. The core's database is not moved meanwhile: a copy
that is lost together with the region that confirmed is two faults, and the lost tail has its own histories (world.py). The
trap: what a relay believes of a copy counts for nothing here; the copy itself is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from protocols.iso8583.message import IsoMessage
from protocols.vocabulary import MessageClass
from relay.exchange.acknowledging import Acknowledging
from relay.journal.acks import Acks
from relay.journal.standby import Look, Standby, StandbyRules
from relay.loopback.entries import EntryState
from relay.needs import IN_PAIR, AckClass, Need
from tests.simulation.mutations import Mutation, Put
from tests.simulation.regions.advices import AdviceTerminal
from tests.simulation.regions.center import Center
from tests.simulation.regions.relay import RegionRelay
from tests.simulation.regions.room import AtmRoom, Open
from tests.simulation.regions.world import RegionsWorld
from tests.simulation.rooms import Violation
from tests.support.copieddisk import CopiedDisk
from tests.support.samples import sampled
from tests.support.virtualtime import VirtualTime

RULES = StandbyRules(ack_timeout_ms=400, return_after_ms=1_500)
WEATHER = ("kill", "kill", "sleep", "storm", "storm", "cut-core", "cut-core", "cut-link", "stall", "disk-full", "slow-disk")
COPY_FAULTS = ("peer-paused", "peer-paused", "peer-gone", "peer-gone", "peer-mute", "center-lost", "center-lost", "alone")
HISTORY_MS = 25_000
ATMS, ADVICE_TERMINALS = 2, 4


class CopyFigures(msgspec.Struct, kw_only=True):
    seed: int
    acknowledged: dict[str, int]  # by what met the need
    heard: int  # acknowledgements that terminals heard
    lost_centers: int
    trace: str


class CopiesRoom(AtmRoom):
    """A few ATMs with customers, and terminals that have advices to deliver."""

    heard: Callable[[str, str], None]

    def add_advices(self, seed: int, time: VirtualTime, connect: Open) -> None:
        self.advices = [
            AdviceTerminal(
                f"ADV{number:05d}",
                time,
                Random(f"{seed}/advices/{number}"),
                self._way(number % len(self._disks), connect),
                self._watch,
            )
            for number in range(ADVICE_TERMINALS)
        ]

    @property
    def is_settled(self) -> bool:
        return super().is_settled and all(terminal.is_settled for terminal in self.advices)

    def open(self) -> None:
        super().open()
        for terminal in self.advices:
            terminal.is_serving = True
            terminal.begin_again()

    def shut(self) -> None:
        super().shut()
        for terminal in self.advices:
            terminal.is_serving = False

    def _watch(self, terminal: str, message: IsoMessage, is_reversed: bool) -> None:
        super()._watch(terminal, message, is_reversed)
        if message.mti == "0430" and message.fields.get(39) == "00":
            self.heard(terminal, str(message.fields[11]))


class CopiesWorld(RegionsWorld):
    """`needs` replaces the order of some classes. Of every even seed only one center serves, so that its terminals come back to
    it after its restart."""

    def __init__(self, seed: int, needs: dict[AckClass, tuple[Need, ...]] | None = None) -> None:
        self.needs = {**IN_PAIR, **(needs or {})}
        self.copies: dict[str, CopiedDisk] = {}
        self.alone_until_ms: dict[str, int] = {}
        self.acknowledged: dict[str, int] = {}
        self.heard: list[tuple[str, str]] = []
        self.lost_centers = 0
        super().__init__(seed, WEATHER, HISTORY_MS, centers=1 + seed % 2)

    def _new_room(self) -> AtmRoom:
        disks = [center.disk for center in self.centers]
        room = CopiesRoom(self.seed, self.time, disks, self._connect, self.note, ATMS)
        room.heard = self._heard
        room.add_advices(self.seed, self.time, self._connect)
        return room

    # ---- the real acknowledgements -----------------------------------------------------------------------------------
    def _start(self, center: Center) -> None:
        before = center.relay
        super()._start(center)
        relay = center.relay
        if relay is None or relay is before:
            return
        relay.door.is_cut = self.time.monotonic_ms() < self.alone_until_ms.get(center.name, 0)
        copy = self.copies.get(center.name)
        if copy is None:
            copy = self.copies[center.name] = CopiedDisk(center.disk, self.time)
        asked = copy

        def ask(done: Callable[[Look], None]) -> None:
            asked.ask(lambda look: relay.timers.after(0, lambda: done(look)) and None)  # a dead process hears nothing

        standby = Standby(ask, relay.time, relay.timers, RULES)
        may_ask = lambda: relay.region.permit() is not None  # noqa: E731
        relay.desk.acks.use(Acks(self.needs, standby, may_ask, relay.time, relay.metrics))
        standby.start()

    def _count(self, relay: RegionRelay) -> None:
        super()._count(relay)
        for need in (*Need, "refused", "silent"):
            labels = {"class": "advice", "need": str(need)}
            said = sampled(relay.metrics, "relay_acknowledgements_total", labels)
            self.acknowledged[str(need)] = self.acknowledged.get(str(need), 0) + int(said)

    # ---- what goes wrong ---------------------------------------------------------------------------------------------
    def strike(self) -> None:
        if self.people.random() < 0.5:
            super().strike()
            return
        self.faults += 1
        what, center = self.people.choice(COPY_FAULTS), self.people.choice(self.centers)
        copy, heal_ms = self.copies[center.name], self.people.randint(300, 8_000)
        self.note(f"{center.name} {what}")
        if what == "center-lost":
            self.lost_centers += 1
            self._check_all()
            self.kill(center)
            return
        if what == "alone":
            self._leave_alone(center, copy)
            return
        name = f"is_{what.removeprefix('peer-')}"
        setattr(copy, name, True)
        self.time.after(heal_ms, lambda: setattr(copy, name, False))

    def _leave_alone(self, center: Center, copy: CopiedDisk) -> None:
        """Neither the standby nor the core, over a restart."""
        now_ms = self.time.monotonic_ms()
        self.alone_until_ms[center.name] = now_ms + 9_000
        copy.is_gone = True
        if center.relay is not None:
            center.relay.door.is_cut = True
        self.time.after(1_500, lambda: self.kill(center))
        self.time.after(9_000, self._heal)

    def _heal(self) -> None:
        super()._heal()
        self.alone_until_ms.clear()
        for copy in self.copies.values():
            copy.heal()

    # ---- the invariant -----------------------------------------------------------------------------------------------
    def _heard(self, terminal: str, trace: str) -> None:
        self.heard.append((terminal, trace))
        self._check(terminal, trace, "and its center may be lost now")

    def _check_all(self) -> None:
        for terminal, trace in self.heard:
            self._check(terminal, trace, "and its center is lost")

    def _check(self, terminal: str, trace: str, then: str) -> None:
        for number, exchange_id in self.room._exchanges(terminal, trace):
            center = self.centers[number]
            taken = center.disk.exchanges[exchange_id].taken
            if taken.message_class is not MessageClass.REVERSAL:
                continue
            if taken.key in self.copies[center.name].keys or self._is_undone(taken.original_key):
                return
        raise Violation(f"ack_needs: {terminal} heard that {trace} is taken, which no standby and no core has, {then}")

    def _is_undone(self, key: str) -> bool:
        entry = self.replica.primary._entries.get(key)
        return entry is not None and (entry.state is EntryState.TOMBSTONE or not entry.standing_minor)

    def history(self) -> CopyFigures:
        """Raises Violation."""
        figures = self.run()
        self._check_all()
        return CopyFigures(
            seed=self.seed,
            acknowledged=self.acknowledged,
            heard=len(self.heard),
            lost_centers=self.lost_centers,
            trace=figures.trace,
        )


# ---- broken relays, each of which has to be noticed ------------------------------------------------------------------


def _by_this_disk(put: Put) -> None:
    put(Acknowledging, "_ask", lambda self, held: self._say(held, Need.LOCAL))


def _falls_back_to_this_disk(put: Put) -> None:
    whole = Acknowledging._asked_peer

    def hasty(self: Acknowledging, held: Any, is_there: bool) -> None:
        whole(self, held, True if self.acks.now(held.ack_class) is not Need.PEER else is_there)

    put(Acknowledging, "_asked_peer", hasty)


def _any_look_will_do(put: Put) -> None:
    whole = Standby._looked
    put(Standby, "_looked", lambda self, asked_before, look: whole(self, 10**9, look))


def _told_after_a_restart(put: Put) -> None:
    put(Acknowledging, "joins", lambda self, entry, message, link: False)


COPIES = (
    Mutation("advice acknowledged by this disk alone", "law 1", _by_this_disk, seeds=6, caught_by="ack_needs"),
    Mutation("fall back to this disk instead of the core", "law 1", _falls_back_to_this_disk, seeds=6, caught_by="ack_needs"),
    Mutation("a look from before the record counts for it", "law 1", _any_look_will_do, seeds=6, caught_by="ack_needs"),
    Mutation("intent on disk told after a restart", "law 1", _told_after_a_restart, seeds=8, caught_by="ack_needs"),
)
