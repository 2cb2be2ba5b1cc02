"""The fake station's own books: which files it sent and received, record by record, and what it was told about each.

Owns the lines that the conservation check (law 10) holds against the core's ledger. Imports nothing of the relay, nor the
ledger, nor the wire: parties that share code share mistakes. The traps: a file is in the books before its first byte leaves;
a file without a word may be with the other side or not, but then whole or not at all; and one that is sent again after
midnight is the same file under a second date, and stands in the ledger under one of the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class FileFate(Enum):
    """What the station knows of one file that it sent."""

    OPEN = "open"  # begun, its end was not asked for
    UNANSWERED = "unanswered"  # its end was asked for, and no word came
    DELIVERED = "delivered"  # the other side has it: it said so, or called it a duplicate
    REFUSED = "refused"  # the other side said that it does not take it


class SentFile:
    """One file: name, cycle and one of `dates` name it. Amounts in yen, of data records in order."""

    __slots__ = ("amounts", "cycle", "dates", "fate", "name", "why")

    def __init__(self, name: str, date: str, cycle: str, amounts: tuple[int, ...]) -> None:
        self.name = name
        self.dates = [date]  # of the sessions in which it was sent
        self.cycle = cycle
        self.amounts = amounts
        self.fate = FileFate.OPEN
        self.why = ""


class FileBooks:
    """All files of one station."""

    def __init__(self) -> None:
        self._sent: dict[tuple[str, str, str], SentFile] = {}
        self.received: dict[tuple[str, str], bytes] = {}  # (name, cycle) -> content

    def begin(self, name: str, date: str, cycle: str, amounts: Iterable[int]) -> SentFile:
        """The line of one file; the same one where it was begun before. Raises ValueError for other amounts under its name."""
        whole = tuple(amounts)
        line = self._sent.get((name, date, cycle))
        if line is None:
            line = self._without_word(name, cycle, whole)
            if line is None:
                line = SentFile(name, date, cycle, whole)
            else:
                line.dates.append(date)
            self._sent[name, date, cycle] = line
        if line.amounts != whole:
            raise ValueError(f"file {name} of {date}, cycle {cycle}, is in the books with other records")
        return line

    def _without_word(self, name: str, cycle: str, amounts: tuple[int, ...]) -> SentFile | None:
        """The very file, begun on another day, of which the other side never said what became of it."""
        of_it = (line for line in self.sent() if (line.name, line.cycle, line.amounts) == (name, cycle, amounts))
        return next((line for line in of_it if line.fate in (FileFate.OPEN, FileFate.UNANSWERED)), None)

    def sent(self) -> Iterable[SentFile]:
        return dict.fromkeys(self._sent.values())

    def differences(self, posted: Iterable[tuple[str, str, str, int, int]]) -> list[str]:
        """What the ledger has otherwise than these books.

        `posted` holds (name, date, cycle, number, yen) of every record that stands in the ledger, as often as it stands there.
        """
        found: list[str] = []
        by_file: dict[tuple[str, str, str], dict[int, list[int]]] = {}
        for name, date, cycle, number, yen in posted:
            by_file.setdefault((name, date, cycle), {}).setdefault(number, []).append(yen)
        for key in by_file.keys() - self._sent.keys():
            found.append(f"{key}: posted, and never sent")
        for line in self.sent():
            key = (line.name, "/".join(line.dates), line.cycle)
            there = [by_file[line.name, date, line.cycle] for date in line.dates if (line.name, date, line.cycle) in by_file]
            if len(there) > 1:
                found.append(f"{key}: posted under {len(there)} dates")
            found += [f"{key}: {problem}" for problem in _compare(line, there[0] if there else {})]
        return found


def _compare(line: SentFile, posted: dict[int, list[int]]) -> list[str]:
    wanted = {number: [yen] for number, yen in enumerate(line.amounts, 1)}
    if not posted and line.fate is not FileFate.DELIVERED:
        return []
    if line.fate is FileFate.REFUSED:
        return ["refused, and posted all the same"]
    problems = [f"record {number} lost" for number in wanted if number not in posted]
    problems += [f"record {number} posted {len(posted[number])} times" for number in posted if len(posted[number]) != 1]
    problems += [
        f"record {number}: another amount" for number in posted if number in wanted and posted[number][:1] != wanted[number]
    ]
    return problems
