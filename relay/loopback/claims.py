"""Conservation for books that keep one line per thing: each line claims what the ledger must have moved under its name.

Owns the comparison of claims with ledger lines. It must never know a dialect: a troupe names things (terminal, trace) on both
sides. The traps: money in the ledger that no claim names is lost money too; a claim that stands twice is a double even where
the sum of the day fits; and a line on a person's list excuses its own claim only.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from relay.loopback.report import DIFFERENCES_KEPT, Conservation, Difference, LedgerLine, Listed

IN_NO_BOOK = "in no book"


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger must have moved for one thing. `may_miss`: nobody was told that it arrived, so nothing is right too."""

    terminal: str
    trace: str
    kind: str
    fate: str
    minor: int
    may_miss: bool = False


def hold(
    claims: Iterable[Claim], lines: Iterable[LedgerLine], listed: Iterable[Listed], posted_twice: Iterable[str] = ()
) -> Conservation:
    """Hold claims against lines of the same (terminal, trace). Claims of one name are summed, and may have as many lines."""
    listed = list(listed)
    keys = {item.key for item in listed}
    names = {(item.terminal, item.trace) for item in listed if item.trace}
    twice = set(posted_twice)
    claimed: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims:
        claimed.setdefault((claim.terminal, claim.trace), []).append(claim)
    there: dict[tuple[str, str], list[LedgerLine]] = {}
    for line in lines:
        there.setdefault((line.terminal, line.trace), []).append(line)
    differences: list[Difference] = []
    books = ledger = excused = lost = 0
    for name in {**claimed, **there}:
        mine, moves = claimed.get(name, []), [line for line in there.get(name, []) if line.delta_minor]
        is_listed = name in names or any(line.key in keys for line in there.get(name, []))
        wanted, moved = sum(claim.minor for claim in mine), sum(line.delta_minor for line in moves)
        if mine and len(moves) > len(mine):
            twice.add(moves[0].key)
        is_missing = not moves and all(claim.may_miss for claim in mine)
        books += 0 if is_missing else wanted
        ledger += moved
        if moved == wanted or is_missing:
            continue
        excused += moved - wanted if is_listed else 0
        lost += not is_listed
        kind, fate = (mine[0].kind, mine[0].fate) if mine else (IN_NO_BOOK, "")
        differences.append(Difference(*name, kind, fate, wanted, moved, is_listed))
    differences.sort(key=lambda difference: difference.is_listed)
    return Conservation(
        holds=not lost and not twice and ledger - books == excused,
        accounts=len(claimed),
        books_minor=books,
        ledger_minor=ledger,
        listed_minor=excused,
        lost=lost,
        doubled=len(twice),
        differences=tuple(differences[:DIFFERENCES_KEPT]),
    )
