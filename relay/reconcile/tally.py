"""What our journal counts for one business date: per line, terminal, kind and currency, sums only.

Owns the meaning of an exchange for a total (`claim_of`), the date that it belongs to after a cut-over, and the sums. It must
never know SQL or a statement. The traps: what a terminal was told is done, whatever we still owe because of it; an exchange
that is open or on a person's list is in doubt, which is shown and never subtracted; a completion repeats the amount of its
original; and what comes after a cut-over without a date of its own belongs to the next day, also before midnight.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Final, Protocol

import msgspec

from protocols.totals import OwnSum
from protocols.vocabulary import MessageClass, Verdict
from relay.exchange import evidence
from relay.journal.records import StoredState
from relay.journal.sums import LOOK_COUNT_MAX, STRETCH_COUNT, Group, Look, Windows
from relay.reconcile.dates import DAY_MS, Cutover

GROUPS_MAX: Final = 200_000  # listener, terminal, kind and currency of one date
NONE: Final = OwnSum()

GroupKey = tuple[str, str, str, str]  # listener, terminal, kind, currency


class Closed(msgspec.Struct, frozen=True):
    """Somebody said that a date is over: from `at_ms` on, what has no date of its own belongs to the day after."""

    listener: str
    party: str  # a terminal, or "" for the whole line
    business_date: str
    at_ms: int

    def covers(self, listener: str, terminal: str) -> bool:
        return self.listener == listener and self.party in ("", terminal)


class Reader(Protocol):
    """Numbers grow with time within each life of the journal, and workers that share one live at the same time."""

    def lives(self) -> list[int]: ...

    def last_before(self, wall_ms: int, life: int) -> int: ...

    def next_after(self, exchange_id: int) -> tuple[int, int] | None: ...

    def groups(self, after: int, until: int, shift_ms: int, windows: Windows) -> list[Group]: ...

    def look(self, numbers: list[int]) -> list[Look]: ...


class Tally(msgspec.Struct):
    """The sums of one date. `late`: of them, or of earlier dates, what moves money and was received after its date was over.
    `undated`: how many of a group carried no date of their own; the core may have filed them under a neighbouring day."""

    business_date: str
    sums: dict[GroupKey, OwnSum] = {}
    late: dict[GroupKey, OwnSum] = {}
    late_dates: dict[str, int] = {}  # business date -> exchanges that came after it was over
    undated: dict[GroupKey, int] = {}
    left_out: int = 0  # exchanges of groups over the limit

    def add(self, where: dict[GroupKey, OwnSum], key: GroupKey, sum_: OwnSum) -> None:
        before = where.get(key)
        if before is None and len(where) >= GROUPS_MAX:
            self.left_out += 1
            return
        where[key] = sum_ if before is None else before.plus(sum_)


class Index:
    """The sums of a tally by far end, made once for all who ask."""

    def __init__(self, sums: Mapping[GroupKey, OwnSum]) -> None:
        self._of_terminal: dict[tuple[str, str], list[tuple[str, str, OwnSum]]] = {}
        self._of_line: dict[str, dict[tuple[str, str], OwnSum]] = {}
        for (listener, terminal, kind, currency), sum_ in sums.items():
            self._of_terminal.setdefault((listener, terminal), []).append((kind, currency, sum_))
            line = self._of_line.setdefault(listener, {})
            line[kind, currency] = line.get((kind, currency), NONE).plus(sum_)

    def of(self, listener: str, party: str, kinds: Iterable[str], currency: str = "") -> OwnSum:
        """Over kinds, of a terminal or ("") the whole line. What has no currency moves no money and counts in any."""
        if party:
            rows = self._of_terminal.get((listener, party), [])
        else:
            rows = [(kind, own, sum_) for (kind, own), sum_ in self._of_line.get(listener, {}).items()]
        wanted = frozenset(kinds)
        total = NONE
        for kind, own_currency, sum_ in rows:
            if kind in wanted and (not currency or own_currency in ("", currency)):
                total = total.plus(sum_)
        return total

    def terminals(self, listener: str) -> list[str]:
        return [terminal for its_listener, terminal in self._of_terminal if its_listener == listener]


def claim_of(look: Look) -> OwnSum:
    """What one exchange that something came after adds to the sums."""
    amount = look.amount_minor or 0
    state = StoredState(look.state)
    if look.message_class == MessageClass.REVERSAL:
        return NONE  # what it did is counted at its original
    if look.message_class == MessageClass.ADVICE:
        if look.original_kind == look.kind and look.original_class == MessageClass.FINANCIAL:
            return NONE  # a completion: the amount is its original's
        told = state is not StoredState.REFUSED
    else:
        told = look.verdict == Verdict.APPROVE
    is_open = look.attention > 0
    doubt = (1, amount) if is_open else (0, 0)
    if look.reversed_to is not None:
        left = min(look.reversed_to, amount)
        return OwnSum(1, amount, 1, amount - left) if told else NONE
    if not told:
        stands = _stands_at_core(look)
        return OwnSum(1, amount) if stands and not is_open else OwnSum(0, 0, 0, 0, *doubt)
    if look.standing_minor is not None and state in (StoredState.PART_UNDONE, StoredState.UNDONE, StoredState.SETTLED):
        return OwnSum(1, amount, 1, amount - min(look.standing_minor, amount), *doubt)
    if state is StoredState.UNDONE or (state is StoredState.SETTLED and _is_undone(look)):
        return OwnSum(1, amount, 1, amount, *doubt)
    return OwnSum(1, amount, 0, 0, *doubt)


def _said(look: Look) -> evidence.Evidence | None:
    return None if look.outcome is None else evidence.unpack(look.outcome)


def _stands_at_core(look: Look) -> bool:
    """Told doubt, and settled since with the core's yes."""
    said = _said(look)
    return StoredState(look.state) is StoredState.SETTLED and said is not None and said.what == "approved"


def _is_undone(look: Look) -> bool:
    said = _said(look)
    return said is not None and said.what in ("undone", "reversed") and not said.standing_minor


class Counting:
    """Walks the exchanges around one date, life by life. Each `step` is a few short reads, to be made in a thread; True when it
    is done. `since_ms`: what carries the date and was received earlier than the day before it is counted from then on, too
    (UTC epoch milliseconds), as of files that come days before their date."""

    def __init__(
        self,
        reader: Reader,
        cutover: Cutover,
        business_date: str,
        closed: Iterable[Closed] = (),
        since_ms: int | None = None,
    ) -> None:
        self.tally = Tally(business_date)
        self._reader = reader
        self._date = business_date
        self._before = _shifted(business_date, -1)
        self._shift_ms = (cutover.utc_offset_minutes - cutover.minute) * 60_000
        self._begins_ms = cutover.begins_ms(business_date)
        self._since_ms = min(self._begins_ms - DAY_MS, since_ms or self._begins_ms)
        self._closed: dict[tuple[str, str], list[Closed]] = {}
        for each in closed:
            self._closed.setdefault((each.listener, each.party), []).append(each)
        self._windows = self._make_windows()
        self._lives: list[int] | None = None  # not walked yet
        self._at = -1  # where the walk stands in the first of them

    def _make_windows(self) -> Windows:
        """From the first cut-over of a date to its configured end, for this date and the one before."""
        windows: dict[str, int] = {}
        for name, day, ends_ms in (
            ("one", self._before, self._begins_ms),
            ("two", self._date, self._begins_ms + DAY_MS),
        ):
            first = min(
                (each.at_ms for found in self._closed.values() for each in found if each.business_date == day), default=0
            )
            if first and first < ends_ms:
                windows |= {f"{name}_from": first, f"{name}_until": ends_ms}
        return Windows(**windows)

    def run(self) -> Tally:
        while not self.step():
            pass
        return self.tally

    def step(self) -> bool:
        reader = self._reader
        following = self._next()
        if following is None:
            return True
        after = following - 1
        until = after + STRETCH_COUNT
        alone: dict[int, Group] = {}
        for group in reader.groups(after, until, self._shift_ms, self._windows):
            if self._is_wanted(group):
                if group.alone:
                    alone[group.alone] = group
                else:
                    self._count(group, OwnSum(group.count, group.minor))
        numbers = list(alone)
        for start in range(0, len(numbers), LOOK_COUNT_MAX):
            for look in reader.look(numbers[start : start + LOOK_COUNT_MAX]):
                claim = claim_of(look)
                if claim != NONE:
                    self._count(alone[look.exchange_id], claim)
        self._at = until
        return False

    def _next(self) -> int | None:
        """The number to go on with; None when every life is walked."""
        reader = self._reader
        if self._lives is None:
            self._lives = reader.lives()
        while self._lives:
            if self._at < 0:
                self._at = reader.last_before(self._since_ms, self._lives[0])
            following = reader.next_after(self._at)
            if following is not None and following[1] < self._begins_ms + 2 * DAY_MS:
                return following[0]
            self._lives = self._lives[1:]
            self._at = -1
        return None

    def _is_wanted(self, group: Group) -> bool:
        return self._own_date(group) == self._date or group.received == self._date

    def _own_date(self, group: Group) -> str:
        """The date that it carries; else the day of receipt, or the next one after a cut-over of that day."""
        if group.business_date:
            return group.business_date
        if group.moment and self._was_over(group, group.received):
            return _shifted(group.received, 1)
        return group.received

    def _was_over(self, group: Group, business_date: str) -> bool:
        """Whether, at the group's moment, its terminal or line had said that the date is over."""
        for party in ("", group.terminal):
            for each in self._closed.get((group.listener, party), ()):
                if each.business_date >= business_date and each.at_ms <= group.moment:
                    return True
        return False

    def _count(self, group: Group, claim: OwnSum) -> None:
        key = group.listener, group.terminal, group.kind, group.currency
        own = self._own_date(group)
        is_late = bool(group.business_date) and (own < group.received or (group.moment > 0 and self._was_over(group, own)))
        tally = self.tally
        if own == self._date:
            tally.add(tally.sums, key, claim)
            if not group.business_date:
                tally.undated[key] = tally.undated.get(key, 0) + group.count
        if is_late and group.currency and (own == self._date or group.received == self._date):
            tally.add(tally.late, key, claim)
            if len(tally.late_dates) < 1_000:
                tally.late_dates[own] = tally.late_dates.get(own, 0) + group.count


def _shifted(business_date: str, days: int) -> str:
    return (date.fromisoformat(business_date) + timedelta(days=days)).isoformat()


def by_terminal(sums: Mapping[GroupKey, OwnSum]) -> dict[tuple[str, str, str], OwnSum]:
    """Terminal, kind and currency, as the core's totals are told: over all lines."""
    folded: dict[tuple[str, str, str], OwnSum] = {}
    for (_, terminal, kind, currency), sum_ in sums.items():
        key = terminal, kind, currency
        folded[key] = folded.get(key, NONE).plus(sum_)
    return folded
