"""The rules that hold between records: order, counts, totals. One record after the other, with a handful of sums kept.

Owns `OrderChecker`. It must never read bytes nor keep a record. The traps: a trailer speaks of its own batch only, so that the
sums start anew after it; a cancelled notice (取消区分 1) is counted beside, not among, the credits; a file of debit results
looks like the requests that it answers, and booked as requests it would debit everybody a second time; and a file that stops
after its last data record is no file, which only `finish` can say.
"""

from __future__ import annotations

from collections.abc import Callable

from protocols.zengin.format.layout import layout_of
from protocols.zengin.format.record import Mistake, Record
from protocols.zengin.format.settings import FormatSettings

# What may follow what; "" is the beginning.
_FOLLOWS = {"": "1", "1": "28", "2": "28", "8": "19", "9": ""}
_NO_RESULTS = "expected zero or blank: this file is of requests, not of results (debit_results)"
_RESULT_SUMS = ("ok_count", "ok_total", "ng_count", "ng_total")
_NAMES = {"1": "header", "2": "data", "8": "trailer", "9": "end"}


class OrderChecker:
    """Feed it every record in order; its mistakes come back at once. `finish` says what is missing at the end."""

    def __init__(self, type_code: str, settings: FormatSettings) -> None:
        self._settings = settings
        self._check = _TRAILERS[type_code]
        self._records = layout_of(type_code).records
        self._last = ""
        self._sums: dict[str, list[int]] = {}
        self.record_count = 0
        self.data_count = 0
        self.batch_count = 0
        self.total = 0  # yen over all data records

    def feed(self, record: Record) -> list[Mistake]:
        self.record_count += 1
        found: list[Mistake] = []
        number = self.record_count
        kind = record.kind
        wanted = _FOLLOWS[self._last]
        if kind not in wanted:
            names = " or ".join(_NAMES[one] for one in wanted) or "nothing"
            found.append(Mistake(number, 1, "data_kubun", f"expected {names} here"))
        if kind == "1":
            self.batch_count += 1
            self._sums = {}
            if self.batch_count > 1 and not self._settings.several_batches:
                found.append(Mistake(number, 1, "data_kubun", "expected one batch only"))
        elif kind == "2":
            self._add(record)
            if not self._settings.debit_results and record.number("result_code"):
                found.append(self._mistake(record, number, "result_code", _NO_RESULTS))
        elif kind == "8":
            found += [self._mistake(record, number, name, problem) for name, problem in self._check(self, record)]
            self._sums = {}
        elif self._settings.end_counts != "ignore" and "record_total" in record.fields:
            found += self._check_end(record, number)
        self._last = kind
        return found

    def finish(self) -> list[Mistake]:
        if self._last == "9":
            return []
        return [Mistake(self.record_count + 1, 0, "", "the file stops before its end record")]

    def _mistake(self, record: Record, number: int, name: str, problem: str) -> Mistake:
        return Mistake(number, self._records[record.kind].field(name).start + 1, name, problem)

    def _add(self, record: Record) -> None:
        self.data_count += 1
        amount = record.number("amount")
        self.total += amount
        fields = record.fields
        inout = fields.get("inout_kubun", "")
        result = fields.get("result_code", "")
        names = ["all"]
        if "inout_kubun" in fields:
            names.append("in" if inout == "1" else "out")
        if "cancel_kubun" in fields:
            names.append("cancelled" if fields["cancel_kubun"] == "1" else "kept")
        if "result_code" in fields:
            names.append("ok" if result.strip(" ") in ("", "0") else "ng")
        for name in names:
            sums = self._sums.setdefault(name, [0, 0])
            sums[0] += 1
            sums[1] += amount

    def _wrong(self, record: Record, sums: str, count: str, total: str) -> list[tuple[str, str]]:
        """(field, problem) where the trailer's count or total differs from what was summed under `sums`."""
        summed = self._sums.get(sums, [0, 0])
        found = []
        if record.number(count) != summed[0]:
            found.append((count, f"says {record.number(count)}, the records are {summed[0]}"))
        if record.number(total) != summed[1]:
            found.append((total, f"says {record.number(total)}, the records add up to {summed[1]}"))
        return found

    def _transfers(self, record: Record) -> list[tuple[str, str]]:
        return self._wrong(record, "all", "count", "total")

    def _debits(self, record: Record) -> list[tuple[str, str]]:
        found = self._wrong(record, "all", "count", "total")
        if self._settings.debit_results:
            found += self._wrong(record, "ok", "ok_count", "ok_total")
            found += self._wrong(record, "ng", "ng_count", "ng_total")
        else:
            found += [(name, _NO_RESULTS) for name in _RESULT_SUMS if record.number(name)]
        return found

    def _notices(self, record: Record) -> list[tuple[str, str]]:
        return self._wrong(record, "kept", "count", "total") + self._wrong(record, "cancelled", "cancel_count", "cancel_total")

    def _statements(self, record: Record) -> list[tuple[str, str]]:
        found = self._wrong(record, "in", "in_count", "in_total") + self._wrong(record, "out", "out_count", "out_total")
        count = self._sums.get("all", [0, 0])[0]
        if record.number("data_records") != count:
            found.append(("data_records", f"says {record.number('data_records')}, the records are {count}"))
        return found

    def _check_end(self, record: Record, number: int) -> list[Mistake]:
        counted = self.record_count if self._settings.end_counts == "all" else self.data_count
        found = []
        for name, count in (("record_total", counted), ("accounts", self.batch_count)):
            if record.number(name) != count:
                found.append(self._mistake(record, number, name, f"says {record.number(name)}, counted {count}"))
        return found


_TRAILERS: dict[str, Callable[[OrderChecker, Record], list[tuple[str, str]]]] = {
    "21": OrderChecker._transfers,
    "11": OrderChecker._transfers,
    "12": OrderChecker._transfers,
    "71": OrderChecker._transfers,
    "72": OrderChecker._transfers,
    "91": OrderChecker._debits,
    "01": OrderChecker._notices,
    "03": OrderChecker._statements,
}
