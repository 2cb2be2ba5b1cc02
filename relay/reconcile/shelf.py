"""What reconciliation keeps on disk: where a run stands, and its reports. In the journal, as durable variables.

Owns the names and the packing. It must never know an engine, nor what a run does with its progress. The trap: progress is one
value, so that cursor and marks can never be from two different moments.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import UNSET

from relay.journal.port import StepResult
from relay.reconcile.balance import DayTotals
from relay.reconcile.centers import Told
from relay.reconcile.matcher import Difference
from relay.reconcile.report import Layer, Report
from relay.reconcile.statements import Variables

LINK_NAME = "@reconcile"  # beside the listeners, whose names have no such sign
REPORTS_COUNT_MAX = 2_000  # kept: beyond it the oldest that is signed, or has nothing to sign for, is forgotten
_RUN, _CHECKED, _REPORT = "run", "checked", "report/"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    layer: Layer
    business_date: str
    cursor: str = ""
    is_listed: bool = False  # the listing is read; from here the journal's own rows are walked
    walked_id: int = -1
    seen: bytes = b""
    core_lines: int = 0
    repeated_lines: int = 0
    differences: tuple[Difference, ...] = ()
    left_out: int = 0
    in_work: int = 0
    journal_rows: int = 0
    others: Told = Told()  # lines of the other center's name


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """How far the correction runs have come: everything that moved up to the exchanges `from_ids` (by life of the journal) and
    history line `from_line`, which is what was closed at `at_ms` (wall clock). `to_ids` and `to_line` end the window of a run
    that is under way, `done_date` and `done_terminal` are its last pair that was compared."""

    from_ids: dict[int, int]
    from_line: int
    at_ms: int
    is_under_way: bool = False
    to_ids: dict[int, int] = {}
    to_line: int = 0
    done_date: str = ""
    done_terminal: str = ""
    journal_rows: int = 0
    core_lines: int = 0
    repeated_lines: int = 0
    in_work: int = 0
    differences: tuple[tuple[str, Difference], ...] = ()  # each with its business date
    left_out: int = 0  # differences over the limit, counted only
    others: Told = Told()  # lines of the other center's name


def _bare(stored: bytes) -> Report:
    report = msgspec.msgpack.decode(stored, type=Report)
    if report.totals is UNSET:
        return report
    return msgspec.structs.replace(report, totals=DayTotals(differs=report.totals.differs))


class Shelf:
    def __init__(self, variables: Variables) -> None:
        self._variables = variables
        self._bare: dict[str, tuple[bytes, Report]] = {}
        self._given = 0  # the highest number that is on its way to disk

    def progress(self) -> Progress | None:
        stored = self._variables.variables(LINK_NAME).get(_RUN)
        return None if stored is None else msgspec.msgpack.decode(stored, type=Progress)

    def keep_progress(self, progress: Progress | None, done: Callable[[StepResult], None]) -> None:
        value = None if progress is None else msgspec.msgpack.encode(progress)
        self._variables.store_variable(LINK_NAME, _RUN, value, done)

    def checked(self) -> Checked | None:
        stored = self._variables.variables(LINK_NAME).get(_CHECKED)
        return None if stored is None else msgspec.msgpack.decode(stored, type=Checked)

    def keep_checked(self, checked: Checked, done: Callable[[StepResult], None]) -> None:
        self._variables.store_variable(LINK_NAME, _CHECKED, msgspec.msgpack.encode(checked), done)

    def reports(self) -> list[Report]:
        """Oldest first, each without the rows of its totals: many are looked through, few are read (`report`)."""
        stored = self._variables.variables(LINK_NAME)
        shown: dict[str, tuple[bytes, Report]] = {}
        for name, value in stored.items():
            if name.startswith(_REPORT):
                known = self._bare.get(name)
                shown[name] = known if known is not None and known[0] is value else (value, _bare(value))
        self._bare = shown
        return sorted((report for _, report in shown.values()), key=lambda report: report.number)

    def report(self, number: int) -> Report | None:
        stored = self._variables.variables(LINK_NAME).get(f"{_REPORT}{number}")
        return None if stored is None else msgspec.msgpack.decode(stored, type=Report)

    def keep_report(self, report: Report, done: Callable[[StepResult], None]) -> None:
        """A signed report is never written over. Raises ValueError."""
        before = self.report(report.number)
        if before is not None and before.is_signed:
            raise ValueError(f"report {report.number} is signed")
        reports = self.reports()
        if before is None and len(reports) >= REPORTS_COUNT_MAX:
            old = next((each for each in reports if each.is_signed or not each.listed), None)
            if old is not None:
                self._variables.store_variable(LINK_NAME, f"{_REPORT}{old.number}", None, lambda _: None)
        self._variables.store_variable(LINK_NAME, f"{_REPORT}{report.number}", msgspec.msgpack.encode(report), done)

    def next_number(self) -> int:
        """Never given before; one shelf for all who make reports keeps it so."""
        self._given = max(self._given, max((report.number for report in self.reports()), default=0)) + 1
        return self._given
