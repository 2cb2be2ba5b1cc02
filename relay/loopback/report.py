"""Conservation: what the ledger moved against what the terminals' books say about the notes (law 10).

Owns the comparison, act by act and summed per terminal and account. It must never know how either side came to its figures.
The traps: a line on a person's list excuses a difference in that act
only, never a neighbour's; and a difference that two acts of one account cancel out is found, because acts are compared too.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from relay.loopback.books import Act, Books, Fate
from relay.loopback.entries import MOVES, Entry

DIFFERENCES_KEPT = 50


class LedgerLine(msgspec.Struct, frozen=True):
    """One key of the ledger. `delta_minor` is what the account gained in the end; `account` is empty where not told."""

    key: str
    terminal: str
    trace: str
    delta_minor: int
    account: str = ""
    kind: str = ""


class Listed(msgspec.Struct, frozen=True):
    """One exchange on the relay's list for a person. `trace` is empty where only the key is known; `why` is for people."""

    key: str
    terminal: str = ""
    trace: str = ""
    why: str = ""


class Difference(msgspec.Struct, frozen=True):
    """One act whose two sides disagree."""

    terminal: str
    trace: str
    kind: str
    fate: str
    books_minor: int
    ledger_minor: int
    is_listed: bool


class Conservation(msgspec.Struct, frozen=True):
    """`lost`: acts whose difference nobody lists, or that were neither answered, reversed nor listed. `doubled`: acts that
    the ledger booked more than once, under one key or several."""

    holds: bool
    accounts: int  # pairs of terminal and account compared; single acts where the books are held act by act
    books_minor: int
    ledger_minor: int
    listed_minor: int
    lost: int
    doubled: int
    differences: tuple[Difference, ...]


def lines_of(entries: Iterable[Entry]) -> list[LedgerLine]:
    """A ledger in this process as lines. Entries that never moved anything are lines too: they may be somebody's act."""
    return [LedgerLine(e.key, e.terminal, e.trace, MOVES.get(e.kind, 0) * e.standing_minor, e.account, e.kind) for e in entries]


def compare(
    books: Books, lines: Iterable[LedgerLine], listed: Iterable[Listed], posted_twice: Iterable[str] = ()
) -> Conservation:
    """Hold the two against each other. `posted_twice` are keys that the ledger itself saw booked more than once."""
    by_act: dict[tuple[str, str], list[LedgerLine]] = {}
    for line in lines:
        by_act.setdefault((line.terminal.strip(), line.trace), []).append(line)
    listed_keys = {item.key for item in listed}
    listed_acts = {(item.terminal.strip(), item.trace) for item in listed if item.trace}
    twice = set(posted_twice)
    sums: dict[tuple[str, str], list[int]] = {}
    differences: list[Difference] = []
    lost = 0
    for act in books.acts():
        where = (act.terminal, act.trace)
        mine = by_act.pop(where, [])
        if sum(line.delta_minor != 0 for line in mine) > 1:
            twice.add(mine[0].key)
        is_listed = where in listed_acts or any(line.key in listed_keys for line in mine)
        moved = sum(line.delta_minor for line in mine)
        wanted = act.owed_by_ledger
        elsewhere = [line for line in mine if line.delta_minor and line.account and line.account != act.account]
        sides = sums.setdefault((act.terminal, act.account), [0, 0, 0])
        sides[0] += wanted
        sides[1] += moved
        if moved != wanted or elsewhere or (_is_open(act) and not is_listed):
            sides[2] += (moved - wanted) if is_listed else 0
            lost += not is_listed
            differences.append(_difference(act, moved, is_listed))
    for (terminal, trace), rest in by_act.items():
        moved = sum(line.delta_minor for line in rest)
        if not moved:
            continue
        is_listed = (terminal, trace) in listed_acts or any(line.key in listed_keys for line in rest)
        sides = sums.setdefault((terminal, rest[0].account), [0, 0, 0])
        sides[1] += moved
        sides[2] += moved if is_listed else 0
        lost += not is_listed
        differences.append(Difference(terminal, trace, "in no book", "", 0, moved, is_listed))
    balanced = all(ledger - own == excused for own, ledger, excused in sums.values())
    differences.sort(key=lambda difference: difference.is_listed)
    return Conservation(
        holds=balanced and not lost and not twice,
        accounts=len(sums),
        books_minor=sum(own for own, _, _ in sums.values()),
        ledger_minor=sum(ledger for _, ledger, _ in sums.values()),
        listed_minor=sum(excused for _, _, excused in sums.values()),
        lost=lost,
        doubled=len(twice),
        differences=tuple(differences[:DIFFERENCES_KEPT]),
    )


def united(parts: Iterable[Conservation]) -> Conservation:
    """The whole, from the parts of several troupes: it holds when every part does."""
    parts = list(parts)
    differences = sorted((d for part in parts for d in part.differences), key=lambda difference: difference.is_listed)
    return Conservation(
        holds=all(part.holds for part in parts),
        accounts=sum(part.accounts for part in parts),
        books_minor=sum(part.books_minor for part in parts),
        ledger_minor=sum(part.ledger_minor for part in parts),
        listed_minor=sum(part.listed_minor for part in parts),
        lost=sum(part.lost for part in parts),
        doubled=sum(part.doubled for part in parts),
        differences=tuple(differences[:DIFFERENCES_KEPT]),
    )


def _is_open(act: Act) -> bool:
    """Neither answered nor reversed: the terminal still waits, or nobody took over its reversal."""
    return act.fate in (Fate.OPEN, Fate.REVERSAL_OWED)


def _difference(act: Act, moved: int, is_listed: bool) -> Difference:
    return Difference(act.terminal, act.trace, act.kind, act.fate.value, act.owed_by_ledger, moved, is_listed)
