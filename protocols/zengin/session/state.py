"""What one line must remember for ever: numbers, open telegrams, day totals, the day itself. Frozen values and pure changes.

Owns the durable structures and how they change. It must never store anything itself (stores.py asks for that). The traps:
everything that must be true together is in one value, because one value is stored at once; numbers only go up within a day
and are never handed back, so that a crash between giving and sending leaves a hole and not a double; and a telegram is
counted when it is known to have arrived, not when it is sent, so that a hole counts on neither side.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeVar

import msgspec

ENDED_KEPT = 64  # outward ids whose end is remembered, for an offer that comes again after a crash
OLD_KEPT = 64  # open telegrams of earlier days that an enquiry may still settle; older ones are a person's (they are unknown)
HASHES_KEPT = 8  # inward messages of one LCN that are recognised when they come again
RUNS_MAX = 2_000  # runs of received 受信通番; more holes than that are no longer told apart
UNSIGNED_MAX = 62  # unmatched days that wait for a signature; the oldest goes

T = TypeVar("T", bound=msgspec.Struct)


class Total(msgspec.Struct, frozen=True):
    """Count, sum in yen, first and last number of one 種目 in one direction."""

    count: int = 0
    amount: int = 0
    first: int = 0
    last: int = 0

    def plus(self, amount: int, number: int) -> Total:
        first = number if not self.first else min(self.first, number)
        return Total(self.count + 1, self.amount + amount, first, max(self.last, number))


def counted(totals: Mapping[str, Total], subject: str, amount: int, number: int) -> dict[str, Total]:
    return {**totals, subject: totals.get(subject, Total()).plus(amount, number)}


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """One outward telegram that was given numbers and may have left. `id` is the core's key, "" for the line's own
    telegrams."""

    id: str = ""
    order: int = 0  # of the core's message, as it was offered
    telegram: str  # 電文区分
    subject: str
    lcn: int
    sequence: int
    date: str
    serial: int
    amount: int = 0
    state: Literal["sent", "unknown"] = "sent"
    denied: bool = False  # at an 開局 the center named a lower number: what it names later says nothing about this one


class Ended(msgspec.Struct, frozen=True):
    """How the delivery of one id ended: acknowledged or failed, and why."""

    id: str
    state: str
    detail: str = ""
    order: int = 0


class Outward(msgspec.Struct, frozen=True, kw_only=True):
    """The outward half. `sequences`: LCN -> last number given. `known_from`: every message of the core from this order on that
    was ever begun with is still in `open` or `ended`; 0: nothing is sure. `token`: of the right under which
    numbers were last agreed on or given; a lower one gives none."""

    day: str = ""
    serial: int = 0  # last 発信通番 given; 0 before the first
    sequences: dict[int, int] = {}
    open: tuple[Intent, ...] = ()
    ended: tuple[Ended, ...] = ()
    totals: dict[str, Total] = {}
    known_from: int = 0
    token: int = 0

    def never_began(self, id: str, order: int) -> bool:
        """Whether the core's message `id` surely never was given a number here. False where it was, and where a record of it
        may have been forgotten, or was made before orders were kept."""
        is_on_record = any(i.id == id for i in self.open) or any(e.id == id for e in self.ended)
        return not is_on_record and 0 < self.known_from <= order

    def find(self, lcn: int, sequence: int) -> Intent | None:
        """The open telegram of today's numbering that a delivery message names."""
        return next((i for i in self.open if (i.lcn, i.sequence, i.date) == (lcn, sequence, self.day)), None)

    def begun(self, intent: Intent) -> Outward:
        """With `intent` open, and its numbers given for good."""
        return msgspec.structs.replace(
            self,
            serial=max(self.serial, intent.serial),
            sequences={**self.sequences, intent.lcn: intent.sequence},
            open=(*self.open, intent),
            known_from=self.known_from or intent.order,
        )

    def doubted(self, intents: tuple[Intent, ...]) -> Outward:
        """With these open telegrams marked as of unknown delivery."""
        marked = tuple(msgspec.structs.replace(i, state="unknown") if i in intents else i for i in self.open)
        return msgspec.structs.replace(self, open=marked)

    def denied(self, intents: tuple[Intent, ...]) -> Outward:
        """With these open telegrams marked as not named by the center."""
        marked = tuple(msgspec.structs.replace(i, denied=True) if i in intents else i for i in self.open)
        return msgspec.structs.replace(self, open=marked)

    def going_on_after(self, lcn: int, sequence: int) -> Outward:
        """With the numbers of an LCN up to `sequence` given, whoever gave them."""
        return msgspec.structs.replace(self, sequences={**self.sequences, lcn: sequence})

    def settled(self, intent: Intent, state: str, detail: str, *, counts: bool) -> Outward:
        """With `intent` closed. Counted where it arrived, in the totals of its own day only."""
        totals = self.totals
        if counts and intent.date == self.day:
            totals = counted(totals, intent.subject, intent.amount, intent.serial)
        ended = self.ended
        if intent.id:
            ended = (*ended, Ended(intent.id, state, detail, intent.order))
        left = tuple(i for i in self.open if i != intent)
        known_from = self._known_without(ended[:-ENDED_KEPT])
        kept = ended[-ENDED_KEPT:]
        return msgspec.structs.replace(self, open=left, ended=kept, totals=totals, known_from=known_from)

    def _known_without(self, forgotten: tuple[Intent | Ended, ...]) -> int:
        """`known_from` once these are no longer kept: nothing can be said of the last of them, nor of what came before it."""
        return max((self.known_from, *(each.order + 1 for each in forgotten))) if self.known_from else 0

    def new_day(self, day: str) -> Outward:
        """Numbers and totals from the start; what the core still waits for, and how ids ended, goes along."""
        left = tuple(i for i in self.open if i.id)
        known_from = self._known_without(left[:-OLD_KEPT])
        return Outward(day=day, open=left[-OLD_KEPT:], ended=self.ended, known_from=known_from, token=self.token)


class LcnInward(msgspec.Struct, frozen=True):
    """One LCN: the last sequence number taken, and (number, hash) of the last messages."""

    last: int = 0
    recent: tuple[tuple[int, bytes], ...] = ()


class Inward(msgspec.Struct, frozen=True, kw_only=True):
    """The inward half. `runs`: received 受信通番 as (first, last), ascending."""

    day: str = ""
    lcns: dict[int, LcnInward] = {}
    runs: tuple[tuple[int, int], ...] = ()
    totals: dict[str, Total] = {}

    def lcn(self, lcn: int) -> LcnInward:
        return self.lcns.get(lcn, LcnInward())

    def taken(self, lcn: int, sequence: int, digest: bytes) -> Inward:
        """With one more message of an LCN."""
        recent = (*self.lcn(lcn).recent, (sequence, digest))[-HASHES_KEPT:]
        return msgspec.structs.replace(self, lcns={**self.lcns, lcn: LcnInward(sequence, recent)})

    def counting(self, subject: str, amount: int, number: int) -> Inward:
        """With a telegram counted, once per 受信通番 however often it comes. Without a number (0) it counts each time."""
        runs = added(self.runs, number) if number else self.runs
        if number and runs is self.runs:
            return self
        return msgspec.structs.replace(self, runs=runs, totals=counted(self.totals, subject, amount, number))

    def new_day(self, day: str) -> Inward:
        return Inward(day=day)

    def missing(self, last: int) -> list[int]:
        """受信通番 from 1 to `last` that never came, as many as are asked about at once."""
        return holes(self.runs, last)


def added(runs: tuple[tuple[int, int], ...], number: int) -> tuple[tuple[int, int], ...]:
    """`runs` with `number`; the same object where it was there. The common case, one more at the end, costs nothing."""
    if runs and runs[-1][1] + 1 == number:
        return (*runs[:-1], (runs[-1][0], number))
    if any(first <= number <= last for first, last in runs):
        return runs
    merged: list[tuple[int, int]] = []
    for first, last in sorted((*runs, (number, number))):
        if merged and merged[-1][1] + 1 == first:
            merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return tuple(merged[-RUNS_MAX:])


HOLES_MAX = 1_000


def holes(runs: tuple[tuple[int, int], ...], last: int) -> list[int]:
    """Numbers from 1 to `last` in no run, the first HOLES_MAX of them."""
    missing: list[int] = []
    expected = 1
    for first, end in (*runs, (last + 1, last + 1)):
        stop = min(first, last + 1)
        missing += range(expected, min(stop, expected + HOLES_MAX - len(missing)))
        expected = max(expected, end + 1)
    return missing


class Unsigned(msgspec.Struct, frozen=True):
    """A day that closed unmatched, and the differences as sentences."""

    day: str
    differences: tuple[str, ...]


Phase = Literal["new", "open", "pre-close", "closing", "closed"]


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The business day. `unsigned` are the days that wait for a person, this one among them or not."""

    day: str = ""
    phase: Phase = "new"
    window_ms: int = 0  # end of the window of the last 開局, UTC epoch milliseconds; 0 not known
    unsigned: tuple[Unsigned, ...] = ()
    signed: tuple[str, ...] = ()  # "day by whom", the last ones
    use_previous_tables: bool = False

    def closed(self, differences: tuple[str, ...]) -> Day:
        unsigned = self.unsigned
        if differences:
            unsigned = (*(u for u in unsigned if u.day != self.day), Unsigned(self.day, differences))[-UNSIGNED_MAX:]
        return msgspec.structs.replace(self, phase="closed", unsigned=unsigned)

    def sign(self, day: str, who: str) -> Day | None:
        """With `day` signed; None where that day does not wait for anybody."""
        left = tuple(u for u in self.unsigned if u.day != day)
        if len(left) == len(self.unsigned):
            return None
        return msgspec.structs.replace(self, unsigned=left, signed=(*self.signed, f"{day} {who}")[-UNSIGNED_MAX:])


_encode = msgspec.msgpack.Encoder().encode


def pack(value: Outward | Inward | Day) -> bytes:
    return _encode(value)


def unpack(kind: type[T], data: bytes | None) -> T:
    """The stored value; a fresh one where nothing is stored yet. Raises msgspec.MsgspecError for anything else: never
    guess."""
    return kind() if not data else msgspec.msgpack.decode(data, type=kind)
