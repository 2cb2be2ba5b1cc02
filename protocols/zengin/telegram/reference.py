"""Reference tables: bank names, branch names and fees, as versioned files that count and hash themselves.

Owns the form of the files, the tables in use and their look-ups. It must never decide that a table is good: that is
readback.py's word, which shares nothing with this file but the form. The trap is the outage of October 2023: the generator
of such tables ended normally, and what it had written was wrong. So a table that was loaded is not yet a table that may be
used.

    #table fees
    #version 2026-11-25
    #rows 2
    #sha256 <of all rows, each with its line feed, in UTF-8>
    1<TAB>29999<TAB>52
    30000<TAB>999999999999<TAB>105

banks: code, kana, name. branches: bank code, branch code, kana, name. fees: from, to (yen, inclusive), fee.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import sha256

import msgspec

from protocols.errors import LocalMisuse
from protocols.zengin.telegram.slices import LIGHT, Pace, Slices, finish, pieces

TABLES = ("banks", "branches", "fees")
COLUMNS = {"banks": 3, "branches": 4, "fees": 3}
TABLE_BYTES_MAX = 16 * 1024 * 1024
ROWS_MAX = 200_000


class Table(msgspec.Struct, frozen=True):
    """One file as loaded: what its head says, and its rows."""

    name: str
    version: str
    row_count: int
    digest: str
    rows: tuple[tuple[str, ...], ...]


def compose(name: str, version: str, rows: Sequence[Sequence[str]]) -> str:
    """The text of a file. What it says of itself is true; whether its rows are, nobody knows yet."""
    body = "".join("\t".join(row) + "\n" for row in rows)
    digest = sha256(body.encode()).hexdigest()
    return f"#table {name}\n#version {version}\n#rows {len(rows)}\n#sha256 {digest}\n{body}"


def load(text: str, name: str) -> Table:
    """A file as a table. Raises LocalMisuse where it cannot be one at all."""
    return finish(loading(text, name, Pace()))


def loading(text: str, name: str, pace: Pace) -> Slices[Table]:
    """The same, in slices."""
    if len(text) > TABLE_BYTES_MAX:
        raise LocalMisuse(f"larger than {TABLE_BYTES_MAX} characters", name)
    head: dict[str, str] = {}
    lines = text.split("\n")
    while lines and lines[0].startswith("#"):
        word, _, value = lines.pop(0)[1:].partition(" ")
        head[word] = value.strip()
    if lines and not lines[-1]:
        lines.pop()
    if head.get("table") != name:
        raise LocalMisuse(f"the file says it is the table {head.get('table', 'without a name')!r:.40}", name)
    if len(lines) > ROWS_MAX:
        raise LocalMisuse(f"more than {ROWS_MAX} rows", name)
    rows: list[tuple[str, ...]] = []
    for some in pieces(lines):
        rows += [tuple(line.split("\t")) for line in some]
        if pace.is_due(len(some) // LIGHT):
            yield
    try:
        return Table(name, head["version"], int(head["rows"]), head["sha256"], tuple(rows))
    except (KeyError, ValueError):
        raise LocalMisuse("the head names no version, rows and sha256", name) from None


class Reference:
    """The three tables in use, indexed. Rows that do not fit are left out: readback.py has refused such a table before."""

    def __init__(self, banks: Table, branches: Table, fees: Table) -> None:
        self.version = banks.version
        self._banks: dict[str, str] = {}
        self._branches: dict[tuple[str, str], str] = {}
        self._fees: list[tuple[int, int, int]] = []
        self._starts: list[int] = []
        finish(self._indexing(banks, branches, fees, Pace()))

    @classmethod
    def making(cls, banks: Table, branches: Table, fees: Table, pace: Pace) -> Slices[Reference]:
        """One with these tables, in slices."""
        made = cls(*(msgspec.structs.replace(table, rows=()) for table in (banks, branches, fees)))
        yield from made._indexing(banks, branches, fees, pace)
        return made

    def _indexing(self, banks: Table, branches: Table, fees: Table, pace: Pace) -> Slices[None]:
        for some in pieces(banks.rows):
            self._banks.update((row[0], row[2]) for row in some if len(row) == COLUMNS["banks"])
            if pace.is_due(len(some) // LIGHT):
                yield
        for some in pieces(branches.rows):
            self._branches.update(((row[0], row[1]), row[3]) for row in some if len(row) == COLUMNS["branches"])
            if pace.is_due(len(some) // LIGHT):
                yield
        for some in pieces(fees.rows):
            bands = [row for row in some if len(row) == COLUMNS["fees"] and all(cell.isdecimal() for cell in row)]
            self._fees += [(int(row[0]), int(row[1]), int(row[2])) for row in bands]
            if pace.is_due(len(some) // LIGHT):
                yield
        self._fees.sort()
        self._starts = [band[0] for band in self._fees]

    def bank_name(self, code: str) -> str:
        """The name, "" for an unknown code."""
        return self._banks.get(code, "")

    def branch_name(self, bank: str, branch: str) -> str:
        """The name, "" for an unknown pair."""
        return self._branches.get((bank, branch), "")

    def fee(self, amount: int) -> int | None:
        """Yen for a telegram over `amount` yen; None where no band covers it."""
        at = bisect_right(self._starts, amount) - 1
        if at < 0 or amount > self._fees[at][1]:
            return None
        return self._fees[at][2]

    def row(self, table: str, cells: Sequence[str]) -> bool:
        """Does a look-up with this row's own key give this row back? What an independent reader asks for each row."""
        if table == "banks":
            return self.bank_name(cells[0]) == cells[2]
        if table == "branches":
            return self.branch_name(cells[0], cells[1]) == cells[3]
        return self.fee(int(cells[0])) == int(cells[2]) == self.fee(int(cells[1]))
