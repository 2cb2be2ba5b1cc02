"""Looking through the live sessions, a slice at a time, so that nobody's message waits for somebody's search.

Owns the search, its order and its pages. It must never hold the loop for longer than one slice: between two it gives way. The
traps: sessions come and go while it walks, so a page is asked for by the name that it follows and not by a number that shifts;
and sorting fifty thousand names at once would hold the loop for a tenth of a second, so only what fits on the page is kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from heapq import nlargest, nsmallest
from operator import itemgetter
from typing import Final, Protocol

import msgspec

from relay.exchange.ports import ListenerFacts
from relay.exchange.traffic import branch_of
from relay.wire.roster import RosterEntry

SLICE_COUNT: Final = 500  # links looked at in one turn of the loop: well under a millisecond
PAGE_COUNT: Final = 50
TEXT_CHARS_MAX: Final = 64
BRANCHES_COUNT_MAX: Final = 500  # told apart in the list of branches


class RollLink(Protocol):
    """What is looked at of a link."""

    terminal: str
    peer: str

    @property
    def listener(self) -> ListenerFacts: ...

    @property
    def is_signed_on(self) -> bool: ...

    def entry(self) -> RosterEntry: ...


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Empty texts match every session. `text` is looked for in terminal and address; `after` or `before` is the mark of the row
    that the page follows or precedes."""

    text: str = ""
    listener: str = ""
    dialect: str = ""
    branch: str = ""
    is_signed_on: bool | None = None
    after: str = ""
    before: str = ""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    mark: str
    entry: RosterEntry
    dialect: str
    branch: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """`matching` of `total` sessions; `rows` by terminal. `first` and `last`: whether there is something before and after."""

    at_ms: int = 0
    total: int = 0
    matching: int = 0
    rows: tuple[Row, ...] = ()
    has_before: bool = False
    has_after: bool = False
    branches: tuple[tuple[str, int], ...] = ()  # of what matches but for the branch, with how many
    dialects: tuple[tuple[str, int], ...] = ()  # of all, with how many
    slices: int = 0


async def look_through(
    links: Sequence[RollLink],
    wanted: Wanted,
    dialects: Mapping[str, str],
    at_ms: int,
    turn: Callable[[], Awaitable[None]],
) -> Page:
    """One page of the sessions that match. `dialects` names each listener's, `turn` lets everybody else have the loop."""
    text = wanted.text.lower()
    kept: list[tuple[str, RollLink]] = []
    matching = before_page = after_page = slices = 0
    branches: dict[str, int] = {}
    by_dialect: dict[str, int] = {}
    worst = ""  # of a full page: what stands beyond it is counted only
    for start in range(0, len(links), SLICE_COUNT):
        slices += 1
        for link in links[start : start + SLICE_COUNT]:
            facts = link.listener
            dialect = dialects.get(facts.name, "")
            by_dialect[dialect] = by_dialect.get(dialect, 0) + 1
            if not _is_of(link, wanted, text, dialect):
                continue
            branch = branch_of(facts, link.terminal)
            if branch and (branch in branches or len(branches) < BRANCHES_COUNT_MAX):
                branches[branch] = branches.get(branch, 0) + 1
            if wanted.branch and branch != wanted.branch:
                continue
            matching += 1
            mark = mark_of(link)
            if wanted.after and mark <= wanted.after:
                before_page += 1
            elif wanted.before and mark >= wanted.before:
                after_page += 1
            elif not worst or (mark > worst if wanted.before else mark < worst):
                kept.append((mark, link))
        best = nlargest if wanted.before else nsmallest
        kept = best(PAGE_COUNT, kept, key=itemgetter(0))
        worst = kept[-1][0] if len(kept) == PAGE_COUNT else ""
        await turn()
    kept.sort(key=itemgetter(0))
    outside = matching - len(kept) - before_page - after_page
    if wanted.before:
        before_page += outside
    else:
        after_page += outside
    return Page(
        at_ms=at_ms,
        total=len(links),
        matching=matching,
        rows=tuple(_row(mark, link, dialects) for mark, link in kept),
        has_before=before_page > 0,
        has_after=after_page > 0,
        branches=tuple(sorted(branches.items())),
        dialects=tuple(sorted(by_dialect.items())),
        slices=slices,
    )


def mark_of(link: RollLink) -> str:
    """Where a session stands in the list: by terminal, those without a name last; no two links have one peer."""
    return f"{link.terminal or chr(0x7F)} {link.peer}"


def _is_of(link: RollLink, wanted: Wanted, text: str, dialect: str) -> bool:
    if wanted.listener and link.listener.name != wanted.listener:
        return False
    if wanted.dialect and dialect != wanted.dialect:
        return False
    if wanted.is_signed_on is not None and link.is_signed_on is not wanted.is_signed_on:
        return False
    return not text or text in link.terminal.lower() or text in link.peer


def _row(mark: str, link: RollLink, dialects: Mapping[str, str]) -> Row:
    facts = link.listener
    return Row(mark=mark, entry=link.entry(), dialect=dialects.get(facts.name, ""), branch=branch_of(facts, link.terminal))
