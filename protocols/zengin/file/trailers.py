"""What the trailers of an accepted file state, for the sheet of totals: per business date and kind, as the records are asked.

Owns the reading of a trailer as a statement. Pure; it must never know a link, a journal or what became of a record: that the
journal holds other sums (a record that was refused for good, or one that was lost) is what a comparison is for. The traps: a
file may hold several batches, each with a header, a date and a trailer of its own; where a batch is one call to the core, the
journal holds one exchange for it, so that only amounts can be compared; and two statements of one file have one id, because a
date is part of a statement's name.
"""

from __future__ import annotations

from protocols.totals import Total, TotalsStated
from protocols.zengin.file.kinds import CANCELLED, FILE, FileKinds, business_date
from protocols.zengin.file.message import FileIdentity
from protocols.zengin.format.record import Record

SOURCE = "トレーラ"
_CANCELLED_FIELDS = ("cancel_count", "cancel_total")
_FIELDS = {"03": (("in_count", "in_total"), ("out_count", "out_total"))}


class Trailers:
    """Of one file; `calls` as the file was accepted: "record" or "batch"."""

    def __init__(self, kinds: FileKinds, identity: FileIdentity, calls: str) -> None:
        self._kinds = kinds
        self._identity = identity
        self._is_batch = calls == "batch"
        self._sums: dict[str, dict[str, tuple[int, int]]] = {}  # business date -> kind -> count and yen

    def feed(self, type_code: str, header: Record, trailer: Record) -> None:
        """One batch has ended. The file was judged sound before, so its figures are there."""
        kind = self._kinds.of(type_code, self._identity.file)
        if kind is None:
            return
        day = business_date(type_code, header, self._identity.date) or ""
        for count, total in _FIELDS.get(type_code, (("count", "total"),)):
            self._add(day, kind, trailer.number(count), trailer.number(total))
        if type_code == "01":
            name = kind if self._is_batch else kind + CANCELLED
            self._add(day, name, *(trailer.number(field) for field in _CANCELLED_FIELDS))

    def _add(self, day: str, kind: str, count: int, yen: int) -> None:
        if count or yen:
            sums = self._sums.setdefault(day, {})
            before = sums.get(kind, (0, 0))
            sums[kind] = before[0] + count, before[1] + yen

    def statements(self) -> tuple[TotalsStated, ...]:
        """One for each business date; none where there was no record."""
        return tuple(
            TotalsStated(
                id=self._identity.text(),
                party=self._identity.station,
                business_date=day,
                source=SOURCE,
                currency="JPY",
                lines=tuple(self._line(kind, count, yen) for kind, (count, yen) in sorted(sums.items())),
                mode="adds",
            )
            for day, sums in sorted(self._sums.items())
        )

    def _line(self, kind: str, count: int, yen: int) -> Total:
        if self._is_batch:
            return Total(name=kind + FILE, minor=yen, kinds=(kind + FILE,))
        return Total(name=kind, count=count, minor=yen, kinds=(kind,))
