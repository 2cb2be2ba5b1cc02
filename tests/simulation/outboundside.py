"""A core that starts messages in the simulation: posts, repeats, cancels; and a book of what each ATM heard of it.

Owns the poster and the invariants of outbound messages. It must never look at the relay's memory to decide what to do next.
The trap: ATMs hear cutovers and not keys, so each message of one ATM has a business date of its own, by which it is
recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from protocols.iso8583.message import IsoMessage
from relay.core.contract import NetworkEvent
from relay.journal.memory_disk import MemoryDisk
from relay.journal.outbound import OutboundState
from relay.outbound.desk import Outbound
from relay.outbound.ports import Conflict, Known, Posted, Taken
from tests.simulation.rooms import Violation
from tests.support.virtualtime import VirtualTime

PAUSE_MS = (200, 2_500)  # between two messages
BURSTS = (1, 1, 2, 6)  # messages for one ATM at once
REPEAT_MS = 1_500  # an unanswered post goes again
CANCEL_SHARE = 0.15
TIMED_SHARE = 0.2  # messages with a time of their own
VALID_MS = (500, 8_000)
DAYS_PER_MONTH = 28


class BrokenPromise(Violation):
    """An outbound message was sent twice, lost, or reported as what it was not."""


class Poster:
    """`relay` is the outbound desk of the life that there is, None between two lives."""

    def __init__(
        self, seed: int, time: VirtualTime, terminals: list[str], relay: Callable[[], Outbound | None], disk: MemoryDisk
    ) -> None:
        self._time = time
        self._chance = Random(f"{seed}/outbound")
        self._terminals = terminals
        self._relay = relay
        self._disk = disk
        self._counts = dict.fromkeys(terminals, 0)
        self.keys: dict[tuple[str, str], str] = {}  # (terminal, date as MMDD) -> key
        self.accepted: set[str] = set()
        self.heard: dict[str, list[str]] = {terminal: [] for terminal in terminals}
        self.is_posting = True
        time.after(1_000, self._next)

    # ---- the core's side ---------------------------------------------------------------------------------------------
    def _next(self) -> None:
        if not self.is_posting:
            return
        terminal = self._chance.choice(self._terminals)
        for _ in range(self._chance.choice(BURSTS)):
            self._start(terminal)
        self._time.after(self._chance.randint(*PAUSE_MS), self._next)

    def _start(self, terminal: str) -> None:
        number = self._counts[terminal] = self._counts[terminal] + 1
        month, day = divmod(number - 1, DAYS_PER_MONTH)
        date = f"{month % 12 + 1:02}{day + 1:02}"
        key = f"{terminal}/{number:04}"
        self.keys[terminal, date] = key
        is_timed = self._chance.random() < TIMED_SHARE
        expires_ms = self._time.wall_ms() + self._chance.randint(*VALID_MS) if is_timed else None
        self._post(key, terminal, f"2027-{date[:2]}-{date[2:]}", expires_ms)
        if self._chance.random() < CANCEL_SHARE:
            self._time.after(self._chance.randint(0, 30), lambda: self._cancel(key))

    def _post(self, key: str, terminal: str, date: str, expires_ms: int | None) -> None:
        if key in self.accepted:
            return
        relay = self._relay()
        if relay is not None:
            body = f'{{"business_date":"{date}"}}'
            posted = Posted(
                key=key,
                listener="atm",
                line=terminal,
                kind="cutover",
                body=body.encode(),
                canonical=body,
                expires_ms=expires_ms,
            )
            relay.post(posted, lambda result: self._answered(key, result))
        self._time.after(REPEAT_MS, lambda: self._post(key, terminal, date, expires_ms))

    def _answered(self, key: str, result: object) -> None:
        if isinstance(result, Conflict):
            raise BrokenPromise(f"{key} was posted once and is called a conflict")
        if isinstance(result, (Taken, Known)):
            if key not in self._disk.outbound.ids:
                raise BrokenPromise(f"{key} was acknowledged and is not on disk")
            self.accepted.add(key)

    def _cancel(self, key: str) -> None:
        relay = self._relay()
        if relay is not None:
            relay.cancel(key, "cancelled by the core", lambda result: None)

    # ---- the ATM's side ----------------------------------------------------------------------------------------------
    def watch(self, terminal: str, message: IsoMessage) -> None:
        """What an ATM hears: once, after its intent was durable, and in order."""
        if message.mti != "0800" or message.fields.get(70) != "201":
            return
        key = self.keys[terminal, str(message.fields[15])]
        book = self.heard[terminal]
        if key in book:
            raise BrokenPromise(f"laws 1 and 3: {terminal} heard {key} twice")
        state = self._disk.outbound.of(key).state
        if state in (OutboundState.QUEUED, OutboundState.CANCELLED):
            raise BrokenPromise(f"law 1: {terminal} heard {key}, which is {state.value} on disk")
        if book and self._number(book[-1]) > self._number(key):
            raise BrokenPromise(f"law 7: {terminal} heard {key} after {book[-1]}")
        book.append(key)

    def _number(self, key: str) -> int:
        return self._disk.outbound.ids[key]

    # ---- what must hold ----------------------------------------------------------------------------------------------
    @property
    def is_settled(self) -> bool:
        relay = self._relay()
        return relay is not None and self.accepted == set(self.keys.values()) and not relay.register.open

    def check_end(self, reports: Mapping[str, NetworkEvent]) -> None:
        relay = self._relay()
        if relay is None or self.accepted != set(self.keys.values()):
            raise BrokenPromise("liveness: a post was never answered")
        if relay.register.open:
            states = {key: message.state.name for key, message in relay.register.open.items()}
            raise BrokenPromise(f"liveness: outbound messages are still open: {states}")
        told: dict[str, set[str]] = {}
        for report in reports.values():
            told.setdefault(report.detail["key"], set()).add(report.detail["state"])
        everything_heard = {key for book in self.heard.values() for key in book}
        for key in self.accepted:
            state = self._disk.outbound.of(key).state.value
            if told.get(key) != {state}:
                raise BrokenPromise(f"{key} is {state}, and the core was told {told.get(key)}")
            if state == "failed" and not self._disk.outbound.of(key).is_expired:
                raise BrokenPromise(f"{key} failed, and its time was not over")
            if state == "acknowledged" and key not in everything_heard:
                raise BrokenPromise(f"{key} is called acknowledged, and nobody heard it")
            if state in ("cancelled", "failed", "queued", "sent") and (key in everything_heard or state in ("queued", "sent")):
                raise BrokenPromise(f"{key} ended as {state}")

    def counts(self) -> dict[str, int]:
        """Messages by state."""
        found: dict[str, int] = {}
        for stored in self._disk.outbound.messages.values():
            found[stored.state.value] = found.get(stored.state.value, 0) + 1
        return found
