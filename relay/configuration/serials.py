"""Whose serial numbers may be taken for whose: links, and relay centers, that give the same terminal numbers out of one range.

Owns the comparison. It must never know a dialect: a kit says where its range stands. The traps: a terminal says nothing but the
number when it tells how a transaction ended, so a number that two books gave is taken for the wrong one's end, and cash is
undone that was paid; and two links share nothing as long as each names its terminals and no terminal is named by both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from relay.configuration.lines import Path
from relay.configuration.relations import Finding


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers that a link gives, `first` to `last`. `path` is that of the setting; `terminals` empty: any."""

    path: Path
    link: str
    dialect: str
    terminals: tuple[str, ...]
    first: int
    last: int


def check_serials(ranges: Sequence[Range]) -> Iterator[Finding]:
    """Of one file: a terminal that comes to one link today and to the other tomorrow."""
    for number, one in enumerate(ranges):
        for other in ranges[:number]:
            if _clash(one, other):
                yield Finding(
                    one.path,
                    f"serials {_shared(one, other)} are given by {other.link}, too: a terminal that comes to both would prove "
                    "one transaction by the number of another",
                    "ranges apart, or the terminals of each in `terminals`",
                    also=(other.path,),
                    is_warning=True,
                )


def check_centers(ours: Sequence[Range], theirs: Sequence[Range], peer: str) -> Iterator[Finding]:
    """Of a pair's two files: terminals come to either center."""
    for one in ours:
        clashing = [other for other in theirs if _clash(one, other)]
        for other in clashing[:1]:
            yield Finding(
                one.path,
                f"serials {_shared(one, other)} are given at {peer} ({other.link}), too: the number of one center would prove "
                "something about the other's transaction",
                "ranges apart, for instance [1, 4_999] at one center and [5_000, 9_999] at the other",
            )


def _clash(one: Range, other: Range) -> bool:
    overlap = one.first <= other.last and other.first <= one.last
    may_share = not one.terminals or not other.terminals or bool(set(one.terminals) & set(other.terminals))
    return one.dialect == other.dialect and overlap and may_share


def _shared(one: Range, other: Range) -> str:
    return f"{max(one.first, other.first)} to {min(one.last, other.last)}"
