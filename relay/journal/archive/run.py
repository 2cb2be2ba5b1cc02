"""One run: archive every date that is due, then let go of what is safely archived. In a thread of its own, and unhurried.

Owns the order: file durable, then known to the journal, then (when the body window is over) read through once more, then
released slice by slice. A run may die anywhere: each step is either not done or done for good, and the next run finds out which
from the directory and the journal. It must never write to the journal but through `Hand`, nor be on the message path: it reads
on a connection of its own and rests three times as long as it works. The traps: a date with one exchange that waits for a
person is not closed; it holds up no other date, and after the duplicate window what is closed of it goes with the late ones. A
file that cannot be made or read holds up no other either: a full disk above all, where what is archived already has to leave
the journal to make room. And a change of the journal's key may begin at any moment: what was read across one is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from relay.clock import Clock
from relay.journal.archive import rows
from relay.journal.archive.file import Damaged, TooLarge
from relay.journal.archive.hand import Hand
from relay.journal.archive.making import ArchiveFolder
from relay.journal.archive.record import Archived, ArchiveKind, ArchiveRecord, ArchiveTrouble, Plan, Released
from relay.journal.items import DAY_MS
from relay.journal.source import Source

LATE_EVERY_MS: Final = 6 * 3_600_000  # at most so often is there a file of late exchanges
RELEASE_COUNT: Final = 100  # exchanges handed over at once; the writer may cut them further
REST_FACTOR: Final = 3
REST_MAX_MS: Final = 1_000


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    archive_after_days: int
    body_window_days: int
    date_at: Callable[[int], str]  # the business date of a time, UTC epoch milliseconds
    ends_ms: Callable[[str], int]  # when a business date is over


class Waiting(msgspec.Struct, frozen=True):
    """A date that is due and not closed, because of this exchange or message of the core."""

    business_date: str
    exchange_id: int
    kind: ArchiveKind = ArchiveKind.DAY


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    archived: tuple[ArchiveRecord, ...] = ()
    released_count: int = 0
    waiting: tuple[Waiting, ...] = ()
    oldest_due_ms: int | None = None  # since when the oldest date not archived should have been, UTC epoch milliseconds
    are_keys_changing: bool = False


class KeysChanging(Exception):
    """The journal changes its key: what is sealed with one that goes would be lost with it."""


class Pacer:
    """Called after each step: rests for three times as long as it took, through `rest(milliseconds)`. The writer's steps count,
    so that releasing has a quarter of it at most, and less where others keep it waiting."""

    def __init__(self, clock: Clock, rest: Callable[[int], None]) -> None:
        self._clock = clock
        self._rest = rest
        self._since_ms = clock.monotonic_ms()

    def __call__(self, step: str) -> None:
        worked_ms = self._clock.monotonic_ms() - self._since_ms
        self._rest(min(REST_FACTOR * worked_ms, REST_MAX_MS))
        self._since_ms = self._clock.monotonic_ms()


class ArchiveRun:
    """`key_id` names the journal key that `folder` seals with."""

    def __init__(
        self,
        source: Source,
        folder: ArchiveFolder,
        hand: Hand,
        clock: Clock,
        rules: Rules,
        step: Callable[[str], None],
        key_id: str,
    ) -> None:
        self._source = source
        self._folder = folder
        self._hand = hand
        self._clock = clock
        self._rules = rules
        self._step = step
        self._key_id = key_id
        self._troubles: list[ArchiveTrouble] = []

    def go(self) -> Ran:
        """Raises ArchiveTrouble (the first, once everything else is done), SourceDamaged and JournalUnusable; then what is done
        stays done."""
        self._folder.prepare()
        archived: list[ArchiveRecord] = []
        waiting: list[Waiting] = []
        changing = False
        try:
            self._make_all(archived, waiting)
        except KeysChanging:
            changing = True
        except ArchiveTrouble as error:
            self._troubles.append(error)
        released = 0
        for record in rows.records(self._source, "WHERE is_released = 0"):
            try:
                released += self._let_go(record)
            except ArchiveTrouble as error:
                self._troubles.append(error)
            except KeysChanging:
                changing = True
        if self._troubles:
            raise self._troubles[0]
        return Ran(
            archived=tuple(archived),
            released_count=released,
            waiting=tuple(waiting),
            oldest_due_ms=self._oldest_due_ms(),
            are_keys_changing=changing,
        )

    # ---- making ------------------------------------------------------------------------------------------------------
    def _make_all(self, archived: list[ArchiveRecord], waiting: list[Waiting]) -> None:
        self._prove_key()
        for kind in (ArchiveKind.DAY, ArchiveKind.OUTBOUND):
            for day in self._due(kind):
                try:
                    made = self._day(day)
                except TooLarge as error:  # that date's business alone
                    self._troubles.append(error)
                    continue
                if isinstance(made, ArchiveRecord):
                    archived.append(made)
                else:
                    waiting.append(Waiting(day.business_date, made, kind))
        late = self._late()
        if late is not None:
            archived.append(late)

    def _prove_key(self) -> None:
        """Raises KeysChanging unless all rows are sealed, and written, with the key that archives are made with."""
        if rows.keys_in_use(self._source) > 1 or self._source.key_id() != self._key_id:
            raise KeysChanging

    def _due(self, kind: ArchiveKind) -> Iterator[rows.DayRange]:
        now_ms = self._clock.wall_ms()
        before_ms = now_ms - self._rules.archive_after_days * DAY_MS
        return rows.day_ranges(self._source, now_ms, before_ms, self._rules.date_at, self._rules.ends_ms, kind)

    def _oldest_due_ms(self) -> int | None:
        oldest = [day.ends_ms for kind in (ArchiveKind.DAY, ArchiveKind.OUTBOUND) if (day := next(self._due(kind), None))]
        return min(oldest) + self._rules.archive_after_days * DAY_MS if oldest else None

    def _day(self, day: rows.DayRange) -> ArchiveRecord | int:
        """The archive of a date, or an exchange (or message) of it that is not closed."""
        still_open = rows.first_open(self._source, day)
        if still_open is not None:
            return still_open
        where = "WHERE kind = ? AND business_date = ?"
        part = 1 + len(rows.records(self._source, where, (day.kind.value, day.business_date)))
        plan = Plan(
            kind=day.kind,
            business_date=day.business_date,
            part=part,
            above_id=day.above_id,
            last_id=day.last_id,
        )
        try:
            return self._make(plan)
        except rows.NotClosed as error:
            return error.exchange_id

    def _late(self) -> ArchiveRecord | None:
        now_ms = self._clock.wall_ms()
        date = self._rules.date_at(now_ms)
        last = rows.records(self._source, "WHERE kind = 'late' ORDER BY archive_id DESC LIMIT 1")
        if last and 0 <= now_ms - last[0].archived_ms < LATE_EVERY_MS:  # below zero: a clock was ahead of time
            return None
        ids = rows.late_ids(self._source)
        if not ids:
            return None
        part = 1 + len(rows.records(self._source, "WHERE kind = 'late' AND business_date = ?", (date,)))
        plan = Plan(
            kind=ArchiveKind.LATE,
            business_date=date,
            part=part,
            above_id=ids[0] - 1,
            last_id=ids[-1],
            exchange_ids=ids,
        )
        try:
            return self._make(plan)
        except rows.NotClosed:  # opened again a moment ago
            return None

    def _make(self, plan: Plan) -> ArchiveRecord:
        record = self._folder.make(plan, self._paced(rows.pages(self._source, plan)), self._clock.wall_ms())
        self._step("made")
        self._hand.note_archive(record)
        self._step("noted")
        return record

    def _paced(self, pages: Iterator[Sequence[Archived]]) -> Iterator[Sequence[Archived]]:
        for page in pages:
            yield page
            self._step("page")
        self._prove_key()  # what was read meanwhile may be sealed with another one

    # ---- letting go --------------------------------------------------------------------------------------------------
    def _let_go(self, record: ArchiveRecord) -> int:
        """Release what is in `record`, if it is time; how many exchanges that were."""
        if record.kind is not ArchiveKind.LATE:
            closed_ms = min(record.newest_ms, record.archived_ms)  # a clock ahead of time may have recorded it
            if closed_ms + self._rules.body_window_days * DAY_MS > self._clock.wall_ms():
                return 0
        try:
            self._folder.check(record)
        except Damaged:
            if record.kind is ArchiveKind.LATE or record.released_id >= 0:
                raise
            self._make_again(record)  # nothing has left the journal for it yet
            return 0
        released = 0
        waiting: list[Released] = []
        for exchanges in self._folder.exchanges(record):
            waiting += [each.released() for each in exchanges if each.number > record.released_id]
            while len(waiting) > RELEASE_COUNT:
                released += self._hand.release(record.file_name, waiting[:RELEASE_COUNT], False)
                del waiting[:RELEASE_COUNT]
                self._step("slice")
        released += self._hand.release(record.file_name, waiting, True)
        self._step("released")
        return released

    def _make_again(self, record: ArchiveRecord) -> None:
        plan = Plan(
            kind=record.kind,
            business_date=record.business_date,
            part=record.part,
            above_id=record.above_id,
            last_id=record.last_id,
        )
        try:
            self._make(plan)
        except rows.NotClosed:  # late evidence has opened one of them: another day
            return
