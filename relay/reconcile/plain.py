"""The report as text: for a terminal at night and for a printer without a page. Never wider than WIDTH_MAX columns.

Owns the layout of columns. Pure. It must never decide what stands in them (report.py, sheet.py). The trap: a number is never
cut. Names are shortened where a table is too wide, and where that is not enough a row is written below itself.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final
from unicodedata import east_asian_width

from msgspec import UNSET

from relay.reconcile.report import Report, cells, facts, printable
from relay.reconcile.sheet import Row, Table, notes, tables

WIDTH_MAX: Final = 100
NAME_MIN: Final = 6  # characters that a shortened name keeps
GAP: Final = 2


def as_text(report: Report) -> str:
    lines = [f"{name + ':':20}{value}" for name, value in facts(report)]
    if report.totals is not UNSET:
        for note in notes(report.totals):
            lines += ["", *_wrapped(printable(note))]
        for table in tables(report.totals):
            lines += ["", *_table(table)]
    for d in report.differences:
        said = [printable(cell) for cell in cells(d)]
        lines += ["", f"{said[0]}, {said[1]}: {said[8]}", f"  key {said[2]}"]
        lines.append(f"  terminal {said[3]}, {said[4]}: journal {said[5]}, core {said[6]} {said[7]} (minor units)")
    return "\n".join(line for each in lines for line in _fit(printable(each))) + "\n"


def _fit(line: str) -> list[str]:
    return [line] if len(line) <= WIDTH_MAX else _wrapped(line)


def _wrapped(text: str) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip()) + 2)
    return textwrap.wrap(text, WIDTH_MAX, subsequent_indent=indent, drop_whitespace=True) or [""]


def _table(table: Table) -> Iterator[str]:
    yield table.title.upper()
    if table.note:
        yield from _wrapped(table.note)
    shown = [tuple(printable(cell) for cell in row.cells) for row in table.rows]
    names = [column.name for column in table.columns]
    widths = [max(_width(name), *(_width(row[at]) for row in shown)) for at, name in enumerate(names)]
    _shorten(table, widths)
    if sum(widths) + GAP * (len(widths) - 1) > WIDTH_MAX:
        for said, row in zip(shown, table.rows, strict=True):
            yield from _below(names, said, row)
        return
    yield _line(table, tuple(names), widths)
    yield " ".join("-" * (width + GAP - 1) for width in widths).rstrip()
    for said, row in zip(shown, table.rows, strict=True):
        yield _line(table, said, widths)
        if row.why:
            yield from _wrapped(f"  {'!' if row.mark == 'differs' else ':'} {printable(row.why)}")


def _shorten(table: Table, widths: list[int]) -> None:
    """Take from the widest name as long as that helps."""
    while sum(widths) + GAP * (len(widths) - 1) > WIDTH_MAX:
        names = [at for at, column in enumerate(table.columns) if not column.is_number and widths[at] > NAME_MIN]
        if not names:
            return
        widths[max(names, key=lambda at: widths[at])] -= 1


def _line(table: Table, row: tuple[str, ...], widths: list[int]) -> str:
    parts = []
    for column, cell, width in zip(table.columns, row, widths, strict=True):
        short = cell
        if _width(cell) > width:
            short = cell[: width - 1] + "~"
            while _width(short) > width:
                short = short[:-2] + "~"
        blank = " " * (width - _width(short))
        parts.append(blank + short if column.is_number else short + blank)
    return (" " * GAP).join(parts).rstrip()


def _width(text: str) -> int:
    """Columns on a terminal: Japanese takes two for a character."""
    if text.isascii():
        return len(text)
    return len(text) + sum(1 for ch in text if east_asian_width(ch) in "WF")


def _below(names: list[str], said: tuple[str, ...], row: Row) -> Iterator[str]:
    yield from _wrapped("  ".join(f"{name}: {cell}" for name, cell in zip(names, said, strict=True)))
    if row.why:
        yield from _wrapped(f"  ! {printable(row.why)}")
