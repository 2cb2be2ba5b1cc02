"""What a far end says of its own day: counts and amounts per kind, and how they are weighed against our own.

Owns the shared words for stated totals (`Total`, `TotalsStated`, its answer `TotalsKept`, our own `OwnSum`) and `weigh`, the
one place where a statement meets our sums. Pure; it must never know a dialect, a journal or a clock. The traps: far ends count
what they took back in different ways (not at all, or once among the done and once among the undone), so only what is left over,
done less undone, is compared; and a line that names no kinds is shown and never judged, because nobody here counted the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, TypeAlias

import msgspec

LINES_MAX = 64  # lines of one statement
TEXT_MAX = 255  # characters of an id, a party or a source


class Total(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a statement. `minor` is in minor units of the statement's currency; None: not said.

    `kinds`: of the exchanges that the line counts, in the words of requests; none where no exchange here is counted by it, as
    of notes in a cassette. `undone`: the line counts what was taken back. `ours_count` and `ours_minor`: what the dialect's own
    durable count says, where it keeps one (telegrams sent, a till book); it then speaks instead of the journal.
    """

    name: str
    count: int | None = None
    minor: int | None = None
    kinds: tuple[str, ...] = ()
    undone: bool = False
    ours_count: int | None = None
    ours_minor: int | None = None


class TotalsStated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Action: the far end states its totals of a business date, or says that the date is over (`closes`), or both.

    Asked of the relay: make it durable, once, and say `TotalsKept`. `id` is the sender's own name for this statement, so that
    the same one again is counted once. `party` is the terminal it is about, or "" where it is about the whole line (a partner).
    `business_date` is YYYY-MM-DD, or "" for the day of receipt. With `mode`

    * "final", a later statement of the party for the same date takes the place of the earlier one;
    * "adds", each counts since the one before, so that they are summed;
    * "running", it is a figure that goes on (counters of a machine): the newest is kept under its `id`, whatever it says.

    `wants_ours`: what our own journal counts is wanted with the answer.
    """

    id: str
    party: str
    business_date: str
    source: str  # for people: "0500", "予備閉局", ...
    currency: str = ""
    lines: tuple[Total, ...] = ()
    mode: Literal["final", "adds", "running"] = "final"
    closes: bool = False
    wants_ours: bool = False


class OwnSum(msgspec.Struct, frozen=True, array_like=True):
    """What the journal counts. Done: told or taken as approved. Undone: given back since, whole or in part. In doubt: open, or
    on the person's list; it may be among the done as well, and is never subtracted."""

    done_count: int = 0
    done_minor: int = 0
    undone_count: int = 0
    undone_minor: int = 0
    doubt_count: int = 0
    doubt_minor: int = 0

    @property
    def count(self) -> int:
        return self.done_count - self.undone_count

    @property
    def minor(self) -> int:
        """What stands, minor units."""
        return self.done_minor - self.undone_minor

    def plus(self, other: OwnSum) -> OwnSum:
        return OwnSum(
            self.done_count + other.done_count,
            self.done_minor + other.done_minor,
            self.undone_count + other.undone_count,
            self.undone_minor + other.undone_minor,
            self.doubt_count + other.doubt_count,
            self.doubt_minor + other.doubt_minor,
        )


KeptResult: TypeAlias = Literal["kept", "known", "conflict", "full", "failed", "off"]


class TotalsKept(msgspec.Struct, frozen=True):
    """Event: what became of a statement.

    "kept" and "known" (the same was there): it is durable. "conflict": another statement has this id, nothing was changed.
    "full": over a limit, it is not kept and the report says so. "failed": the journal did not take it; nothing may be
    acknowledged. "off": nobody keeps statements here. `ours` has one sum per line, in their order; None where it was not wanted
    or could not be had in time.
    """

    id: str
    result: KeptResult
    ours: tuple[OwnSum, ...] | None = None

    @property
    def may_acknowledge(self) -> bool:
        """Not where the far end must say it again: the journal failed, or it contradicts itself."""
        return self.result not in ("failed", "conflict")


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """A statement's lines of the same kinds, done less undone, beside ours. None: not said, or not counted here."""

    name: str
    kinds: tuple[str, ...]
    count: int | None
    minor: int | None
    own_count: int | None
    own_minor: int | None
    doubt_count: int = 0
    doubt_minor: int = 0

    @property
    def is_judged(self) -> bool:
        return self.own_count is not None or self.own_minor is not None

    @property
    def agrees(self) -> bool:
        """True also where there is nothing to compare."""
        return _same(self.count, self.own_count) and _same(self.minor, self.own_minor)


def weigh(lines: Iterable[Total], own_of: Callable[[tuple[str, ...]], OwnSum | None]) -> tuple[Weighed, ...]:
    """One row for each set of kinds, and for each line without kinds, in the order of their first lines."""
    groups: dict[tuple[str, ...], list[Total]] = {}
    for number, line in enumerate(lines):
        groups.setdefault((*line.kinds, "") if line.kinds else (f"#{number}",), []).append(line)
    return tuple([_weighed(group, own_of) for group in groups.values()])


def _weighed(group: Sequence[Total], own_of: Callable[[tuple[str, ...]], OwnSum | None]) -> Weighed:
    first = next((line for line in group if not line.undone), group[0])
    own = own_of(first.kinds) if first.kinds else None
    own_count = None if own is None else own.count
    own_minor = None if own is None else own.minor
    if first.ours_count is not None or first.ours_minor is not None:
        own_count, own_minor = first.ours_count, first.ours_minor
    count = _left((line.count, line.undone) for line in group)
    minor = _left((line.minor, line.undone) for line in group)
    return Weighed(
        name=first.name,
        kinds=first.kinds,
        count=count,
        minor=minor,
        own_count=None if count is None else own_count,
        own_minor=None if minor is None else own_minor,
        doubt_count=0 if own is None else own.doubt_count,
        doubt_minor=0 if own is None else own.doubt_minor,
    )


def _left(said: Iterable[tuple[int | None, bool]]) -> int | None:
    """Done less undone; None where nobody said how much was done. An undone line that does not say is nothing undone."""
    total: int | None = None
    for value, is_undone in said:
        if value is not None:
            total = (total or 0) + (-value if is_undone else value)
    return total


def _same(one: int | None, other: int | None) -> bool:
    return one is None or other is None or one == other
