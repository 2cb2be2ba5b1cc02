"""The sheet of totals as tables: what stands in which column, once, for paper and for the screen alike.

Owns the tables of a report's totals and how an amount is written. Pure. It must never know HTML or a width. The trap: a number
without its sign of agreement is read as agreement, so each row says in its own words whether somebody differs, and a figure
that nobody stated is a dash and never a zero.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from relay.reconcile.amounts import DASH, money
from relay.reconcile.balance import DayTotals, TotalLine
from relay.reconcile.farends import StatedLine
from relay.reconcile.report import moment

Mark = Literal["", "differs", "note"]


class Column(msgspec.Struct, frozen=True):
    name: str
    is_number: bool = False


class Row(msgspec.Struct, frozen=True):
    """`why` is a sentence under the row, empty for none."""

    cells: tuple[str, ...]
    mark: Mark = ""
    why: str = ""


class Table(msgspec.Struct, frozen=True):
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""


def tables(totals: DayTotals) -> list[Table]:
    """Those that have rows, in the order in which a person reads them: who differs first."""
    made = [
        _stated(totals, "Who says otherwise", True),
        _terminals(totals, "The core says otherwise", True),
        _kinds(totals),
        _partners(totals),
        _late(totals),
        _closed(totals),
        _stated(totals, "Stated by far ends, no difference", False),
        _terminals(totals, "Totals by terminal", False),
    ]
    return [table for table in made if table.rows]


def notes(totals: DayTotals) -> list[str]:
    """What the tables do not say."""
    found = [totals.trouble] if totals.trouble else []
    if not totals.has_core:
        found.append("The core's totals are not at hand: its listing was taken up in the middle, or tells none.")
    if totals.statements_refused:
        found.append(f"{totals.statements_refused} statements came over a limit and are not compared.")
    if totals.silent_count:
        names = ", ".join(totals.silent[:20])
        more = f" and {totals.silent_count - 20} more" if totals.silent_count > 20 else ""
        found.append(f"Stated nothing, where others did: {totals.silent_count} of those that moved money: {names}{more}.")
    if totals.late_dates:
        dates = ", ".join(f"{day} ({count})" for day, count in totals.late_dates)
        found.append(f"Messages that came after their business date was over: {dates}.")
    return found


def _count(value: int | None) -> str:
    return DASH if value is None else f"{value:,}"


def _nothing(value: int) -> str:
    """A count that is nearly always nothing."""
    return f"{value:,}" if value else DASH


def _apart(one: int | None, other: int | None, currency: str) -> str:
    return DASH if one is None or other is None or one == other else money(one - other, currency)


def _own_cells(line: TotalLine) -> tuple[str, ...]:
    return (
        line.currency,
        _count(line.count),
        money(line.minor, line.currency) if line.currency else DASH,
        _nothing(line.undone_count),
        _nothing(line.doubt_count),
    )


_OWN = (
    Column("cur"),
    Column("count", True),
    Column("amount", True),
    Column("back", True),
    Column("doubt", True),
)


def _core_cells(line: TotalLine) -> tuple[str, str]:
    if not line.currency:
        return DASH, DASH
    return money(line.core_minor, line.currency), _apart(line.core_minor, line.minor, line.currency)


def _mark(line: TotalLine) -> Mark:
    return "differs" if line.why.startswith("the core") else "note" if line.why else ""


def _kinds(totals: DayTotals) -> Table:
    rows = [Row((line.kind, *_own_cells(line), *_core_cells(line)), _mark(line), line.why) for line in totals.kinds]
    columns = (Column("kind"), *_OWN, Column("core", True), Column("apart", True))
    return Table("Totals by kind", columns, tuple(rows), "Journal: told or taken as approved, less what was taken back.")


def _partners(totals: DayTotals) -> Table:
    rows = [Row((line.name, line.kind, *_own_cells(line))) for line in totals.partners]
    return Table("Totals by line", (Column("line"), Column("kind"), *_OWN), tuple(rows), "The core knows no lines.")


def _terminals(totals: DayTotals, title: str, differs: bool) -> Table:
    rows = [
        Row((line.name, line.kind, *_own_cells(line), _nothing(line.late_count), *_core_cells(line)), _mark(line), line.why)
        for line in totals.terminals
        if bool(line.why) is differs
    ]
    columns = (Column("terminal"), Column("kind"), *_OWN, Column("late", True), Column("core", True), Column("apart", True))
    left = totals.terminals_left_out
    note = f"Rows not shown: {left:,}." if left else ""
    return Table(title, columns, tuple(rows), "" if differs else note)


def _stated(totals: DayTotals, title: str, differs: bool) -> Table:
    rows = [
        Row(
            (
                line.party or line.line,
                line.source,
                line.name,
                _count(line.count),
                money(line.minor, line.currency),
                _count(line.own_count),
                money(line.own_minor, line.currency),
                _apart(line.minor, line.own_minor, line.currency),
                _verdict(line),
            ),
            "differs" if line.why else "note" if line.also else "",
            line.why or line.also,
        )
        for line in totals.stated
        if bool(line.why) is differs
    ]
    columns = (
        Column("far end"),
        Column("by"),
        Column("totals"),
        Column("count", True),
        Column("stated", True),
        Column("ours", True),
        Column("our amount", True),
        Column("apart", True),
        Column(""),
    )
    left = totals.stated_left_out
    note = f"Statements that came: {totals.statements:,}." + (f" Rows not shown: {left:,}." if left else "")
    return Table(title, columns, tuple(rows), "" if differs else note)


def _verdict(line: StatedLine) -> str:
    if line.why:
        return "differs"
    return "agrees" if line.is_judged else "shown"


def _late(totals: DayTotals) -> Table:
    rows = [Row((line.name, line.kind, *_own_cells(line))) for line in totals.late]
    columns = (Column("terminal"), Column("kind"), *_OWN)
    note = "Dated to a business date that was over. They count in the totals of their own date."
    return Table("Late", columns, tuple(rows), note)


def _closed(totals: DayTotals) -> Table:
    rows = [Row((line.party or line.line, line.business_date, moment(line.at_ms))) for line in totals.closed]
    return Table("Cut-over", (Column("far end"), Column("date over"), Column("at")), tuple(rows))
