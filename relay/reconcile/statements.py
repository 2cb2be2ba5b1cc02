"""Stated totals, made durable before anybody acknowledges them: once each, so many per far end and date, and no more.

Owns `Kept` and its names among the journal's durable variables, and the limits. It must never compare anything (balance.py
does). The traps: a statement is said again until it is acknowledged, so the same one is kept once and answered "known"; the
same id with other figures is a contradiction and changes nothing; and far ends are strangers, so what one of them may fill is
bounded apart from the others. Why it is safe: `done` comes after the journal has it, and a crash before that leaves an
unacknowledged statement, which its sender repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Final, Protocol
from urllib.parse import quote

import msgspec

from protocols.totals import LINES_MAX, TEXT_MAX, KeptResult, OwnSum, TotalsKept, TotalsStated
from relay.clock import Clock
from relay.journal.port import StepResult
from relay.reconcile.dates import DAY_MS, Cutover, days_apart
from relay.reconcile.tally import Closed

LINK_NAME: Final = "@totals"  # beside the listeners, whose names have no such sign
PER_DATE_MAX: Final = 50_000  # statements of one business date
PER_PARTY_MAX: Final = 24  # of one far end and date
PER_ADDING_MAX: Final = 240  # where each counts since the one before, or is of one file
DATE_DAYS_MAX: Final = 8  # a business date further from the day of receipt is nobody's totals
KEPT_DAYS: Final = 40
FORGET_COUNT: Final = 500  # statements forgotten at a time, so that a clear-out never fills the journal's queue
FORGET_EACH: Final = 2  # with each new one: what is old goes also where nobody sweeps
LEFT_OUT: Final = "left-out/"


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """`received_ms`: when it was first said, UTC epoch milliseconds. `order`: later ones of a party have a higher one."""

    stated: TotalsStated
    listener: str
    received_ms: int
    order: int = 0


class Variables(Protocol):
    """The journal's durable variables."""

    def variables(self, link_name: str) -> Mapping[str, bytes]: ...

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Callable[[StepResult], None]) -> None: ...


class OwnSums(Protocol):
    """Our own sums for a statement, None where they cannot be had in time; relay.reconcile.counter fulfils it."""

    def __call__(self, stated: TotalsStated, listener: str, done: Callable[[tuple[OwnSum, ...] | None], None]) -> None: ...


class Statements:
    """Fulfils relay.wire.ports.StatementPort."""

    def __init__(
        self,
        variables: Variables,
        clock: Clock,
        cutover: Cutover,
        own: OwnSums | None = None,
        counted: Callable[[str], None] = lambda result: None,
        per_date_max: int = PER_DATE_MAX,
        per_party_max: int = PER_PARTY_MAX,
        per_adding_max: int = PER_ADDING_MAX,
    ) -> None:
        self._variables = variables
        self._clock = clock
        self._cutover = cutover
        self._own = own
        self._counted = counted
        self._per_date_max = per_date_max
        self._per_party_max = per_party_max
        self._per_adding_max = per_adding_max
        self._order = 0
        self._writing: dict[str, TotalsStated] = {}
        self._names: dict[str, dict[str, set[str]]] = {}  # date -> party -> names, those on their way to disk included
        self._left_out: dict[str, set[str]] = {}  # date -> names of the counts of what was left out
        for name in variables.variables(LINK_NAME):
            self._index(name)

    def _index(self, name: str) -> None:
        if name.startswith(LEFT_OUT):
            self._left_out.setdefault(name.split("/")[1], set()).add(name)
            return
        date_, party = _place(name)
        self._names.setdefault(date_, {}).setdefault(party, set()).add(name)

    # ---- the wire's side -------------------------------------------------------------------------------------------------
    def keep(self, stated: TotalsStated, listener: str, done: Callable[[TotalsKept], None]) -> None:
        business_date = stated.business_date or self._date_of_receipt(stated.closes)
        stated = msgspec.structs.replace(stated, business_date=business_date)
        name = _name(stated, listener)
        before = self._find(name)
        if before is not None and before.stated == stated:
            self._kept(stated, listener, "known", done)
            return
        on_its_way = self._writing.get(name)
        if stated.mode != "running" and (before is not None or on_its_way not in (None, stated)):
            self._counted("conflict")
            done(TotalsKept(stated.id, "conflict"))
            return
        if before is None and not self._has_room(stated, name):
            self._leave_out(stated, listener, done)
            return
        self.forget_old(FORGET_EACH)
        self._index(name)
        self._writing[name] = stated
        self._order += 1
        now_ms = self._clock.wall_ms()
        kept = Kept(stated, listener, now_ms, now_ms * 1_000 + self._order % 1_000)
        self._variables.store_variable(
            LINK_NAME, name, msgspec.msgpack.encode(kept), partial(self._stored, stated, listener, name, done)
        )

    def _stored(
        self, stated: TotalsStated, listener: str, name: str, done: Callable[[TotalsKept], None], result: StepResult
    ) -> None:
        if self._writing.get(name) is stated:
            del self._writing[name]
        if result is not None:
            if self._find(name) is None:
                date_, party = _place(name)
                self._names.get(date_, {}).get(party, set()).discard(name)
            self._counted("failed")
            done(TotalsKept(stated.id, "failed"))
            return
        self._kept(stated, listener, "kept", done)

    def _kept(self, stated: TotalsStated, listener: str, result: KeptResult, done: Callable[[TotalsKept], None]) -> None:
        self._counted(result)
        if stated.wants_ours and self._own is not None:
            self._own(stated, listener, lambda sums: done(TotalsKept(stated.id, result, sums)))
        else:
            done(TotalsKept(stated.id, result))

    def _date_of_receipt(self, closes: bool) -> str:
        """A date that ends without a name is the one whose end is nearest."""
        now_ms = self._clock.wall_ms()
        return self._cutover.date_at(now_ms - DAY_MS // 2 if closes else now_ms)

    def _has_room(self, stated: TotalsStated, name: str) -> bool:
        if max(len(stated.id), len(stated.party), len(stated.source)) > TEXT_MAX or len(stated.lines) > LINES_MAX:
            return False
        today = self._date_of_receipt(closes=False)
        away = days_apart(stated.business_date, today)
        if away is None or away > DATE_DAYS_MAX or (stated.closes and stated.business_date > today):
            return False  # also a date that ends before it began
        date_, party = _place(name)
        parties = self._names.get(date_, {})
        if name in parties.get(party, ()):
            return True  # the same, on its way by another link
        party_max = self._per_adding_max if stated.mode == "adds" else self._per_party_max
        return len(parties.get(party, ())) < party_max and sum(map(len, parties.values())) < self._per_date_max

    def _leave_out(self, stated: TotalsStated, listener: str, done: Callable[[TotalsKept], None]) -> None:
        """Over a limit: counted per line and date, durably, so that the report says so."""
        self._counted("full")
        is_of_a_date = stated.business_date in self._names
        day = stated.business_date if is_of_a_date else self._date_of_receipt(closes=False)
        name = f"{LEFT_OUT}{day}/{quote(listener, safe='')}"
        self._index(name)
        count = int(self._variables.variables(LINK_NAME).get(name, b"0")) + 1
        self._variables.store_variable(LINK_NAME, name, str(count).encode(), lambda _: None)
        done(TotalsKept(stated.id, "full"))

    def _find(self, name: str) -> Kept | None:
        stored = self._variables.variables(LINK_NAME).get(name)
        return None if stored is None else msgspec.msgpack.decode(stored, type=Kept)

    # ---- the sweep's side ------------------------------------------------------------------------------------------------
    def of_date(self, business_date: str) -> list[Kept]:
        """In the order of their receipt."""
        found = [self._find(name) for names in self._names.get(business_date, {}).values() for name in names]
        return sorted((kept for kept in found if kept is not None), key=lambda kept: kept.order)

    def left_out(self, business_date: str) -> int:
        stored = self._variables.variables(LINK_NAME)
        return sum(int(stored.get(name, b"0")) for name in self._left_out.get(business_date, ()))

    def closed(self, business_date: str) -> list[Closed]:
        """Who said that this date, or one of the week before it, is over: the first word of each."""
        first: dict[tuple[str, str, str], Closed] = {}
        day = date.fromisoformat(business_date)
        for each in ((day - timedelta(days=back)).isoformat() for back in range(8)):
            for kept in self.of_date(each):
                if kept.stated.closes:
                    key = kept.listener, kept.stated.party, each
                    first.setdefault(key, Closed(kept.listener, kept.stated.party, each, kept.received_ms))
        return list(first.values())

    def forget_old(self, count_max: int = FORGET_COUNT) -> int:
        """Statements of dates that are KEPT_DAYS past: at most so many of them, and how many. One whose forgetting the journal
        does not take is on disk still, and is found again by the next life."""
        oldest = self._cutover.date_at(self._clock.wall_ms() - KEPT_DAYS * DAY_MS)
        forgotten = 0
        for index in (self._names, self._left_out):
            for date_ in [each for each in index if each < oldest]:
                while index[date_] and forgotten < count_max:
                    self._variables.store_variable(LINK_NAME, _taken_out(index[date_]), None, lambda _: None)
                    forgotten += 1
                if not index[date_]:
                    del index[date_]
        return forgotten


def counted_since(kept: Iterable[Kept]) -> int | None:
    """From when on what they speak of may have been received, UTC epoch milliseconds; None where nobody stated anything. A file
    states the totals of its own date when it comes, which may be days before."""
    received = [each.received_ms for each in kept if each.stated.lines and each.stated.mode != "running"]
    return min(received) - DAY_MS if received else None


def _taken_out(of_date: dict[str, set[str]] | set[str]) -> str:
    """One name, gone from the index of its date."""
    if isinstance(of_date, set):
        return of_date.pop()
    party, names = next(iter(of_date.items()))
    name = names.pop()
    if not names:
        del of_date[party]
    return name


def _name(stated: TotalsStated, listener: str) -> str:
    """date/listener/party/id: of the sender's own words, each written so that none can pretend to be another's."""
    return "/".join(quote(part, safe="") for part in (stated.business_date, listener, stated.party, stated.id))


def _place(name: str) -> tuple[str, str]:
    business_date, listener, party, _ = name.split("/")
    return business_date, f"{listener}/{party}"
