"""The totals of one business date on one sheet: what we count, what the core counts, what far ends state, and who says what.

Owns `DayTotals` (a part of the signed report) and `balance`, which makes it. Pure; it must never move money nor ask anybody.
The traps: names come from strangers and are masked here, once; a sum that differs is only named, for the row-by-row comparison
says which message it is; core and relay may file a message without a date of its own under neighbouring days, so such a
difference is marked and not listed, as is one that is just what both centers have touched; and the sheet is signed and kept for
years, so it has limits, and says what it left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from protocols.totals import OwnSum
from relay.reconcile.amounts import money
from relay.reconcile.centers import ALONE, CoreTotals, InPair
from relay.reconcile.farends import StatedLine, in_force, silent_ones, stated_lines
from relay.reconcile.listing import Sum
from relay.reconcile.statements import Kept
from relay.reconcile.tally import NONE, Closed, Index, Tally, by_terminal
from relay.telemetry.mask import mask_text

TERMINAL_LINES_MAX: Final = 1_000
STATED_LINES_MAX: Final = 1_000
OTHER_LINES_MAX: Final = 200  # kinds, partners, late, closed, silent: each


class TotalLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row. Counts and minor units, absent where zero; `core_*` None where the core's totals are not at hand."""

    name: str  # a terminal, a line, or "" in the table of kinds
    kind: str
    currency: str = ""
    count: int = 0
    minor: int = 0
    undone_count: int = 0
    undone_minor: int = 0
    doubt_count: int = 0
    doubt_minor: int = 0
    late_count: int = 0
    core_count: int | None = None
    core_minor: int | None = None
    why: str = ""  # core and journal differ

    @property
    def differs(self) -> bool:
        return self.core_minor is not None and self.core_minor != self.minor


class ClosedLine(msgspec.Struct, frozen=True):
    line: str
    party: str
    business_date: str
    at_ms: int


class DayTotals(msgspec.Struct, frozen=True, kw_only=True):
    """The sheet. `differs` counts what is listed for a person: statements, and sums of the core that nothing else explains."""

    kinds: tuple[TotalLine, ...] = ()
    partners: tuple[TotalLine, ...] = ()
    terminals: tuple[TotalLine, ...] = ()
    stated: tuple[StatedLine, ...] = ()
    late: tuple[TotalLine, ...] = ()
    late_dates: tuple[tuple[str, int], ...] = ()
    closed: tuple[ClosedLine, ...] = ()
    silent: tuple[str, ...] = ()  # terminals with movement that stated nothing, on lines where others did
    silent_count: int = 0
    terminals_left_out: int = 0  # rows over the limit, all of them without a difference if possible
    stated_left_out: int = 0
    statements: int = 0
    statements_refused: int = 0  # over a limit when they came: acknowledged, delivered to the core, not compared
    has_core: bool = False
    differs: int = 0
    trouble: str = ""


def balance(
    tally: Tally,
    told: CoreTotals | None,
    kept: Iterable[Kept],
    closed: Iterable[Closed] = (),
    statements_refused: int = 0,
    explained: frozenset[tuple[str, str]] = frozenset(),
    pair: InPair = ALONE,
) -> DayTotals:
    """`told`: the core's totals, less the other center's; None where they are not at hand. `explained`: (masked terminal, kind)
    that a difference of the row-by-row comparison speaks of already."""
    index = Index(tally.sums)
    statements = list(kept)
    spoken = [each for each in statements if each.stated.lines]
    terminals = _terminals(tally, told, explained, pair)
    stated = [line for each in in_force(spoken) for line in stated_lines(each, index, told, pair)]
    stated.sort(key=lambda line: not line.why)
    silent = silent_ones(index, spoken)
    listed = sum(1 for line in stated if line.why) + sum(1 for line in terminals if line.why.startswith(_LISTED))
    return DayTotals(
        kinds=tuple(_by_kind(tally, told)[:OTHER_LINES_MAX]),
        partners=tuple(_by_partner(tally)[:OTHER_LINES_MAX]),
        terminals=tuple(terminals[:TERMINAL_LINES_MAX]),
        stated=tuple(stated[:STATED_LINES_MAX]),
        late=tuple(_late(tally)[:OTHER_LINES_MAX]),
        late_dates=tuple(sorted(tally.late_dates.items())[-OTHER_LINES_MAX:]),
        closed=tuple(
            ClosedLine(mask_text(each.listener), mask_text(each.party), each.business_date, each.at_ms)
            for each in sorted(closed, key=lambda each: each.at_ms)
            if each.business_date == tally.business_date
        )[:OTHER_LINES_MAX],
        silent=tuple(silent[:OTHER_LINES_MAX]),
        silent_count=len(silent),
        terminals_left_out=max(0, len(terminals) - TERMINAL_LINES_MAX),
        stated_left_out=max(0, len(stated) - STATED_LINES_MAX),
        statements=len(spoken),
        statements_refused=statements_refused,
        has_core=told is not None,
        differs=listed,
        trouble=f"{tally.left_out} exchanges are in no sum: too many terminals and kinds" if tally.left_out else "",
    )


# ---- our sums and the core's ---------------------------------------------------------------------------------------------
_LISTED = "the core"


def _terminals(tally: Tally, told: CoreTotals | None, explained: frozenset[tuple[str, str]], pair: InPair) -> list[TotalLine]:
    """Differing rows first."""
    own = by_terminal(tally.sums)
    undated = by_terminal({key: OwnSum(count) for key, count in tally.undated.items()})
    late = by_terminal(tally.late)
    rows = []
    for key in sorted(set(own) | (set(told) if told is not None else set())):
        terminal, kind, currency = key
        sum_ = own.get(key, NONE)
        line = _line(mask_text(terminal), kind, currency, sum_, None if told is None else told.get(key, Sum()))
        line = msgspec.structs.replace(line, late_count=late.get(key, NONE).done_count)
        if line.differs:
            said = _why_core(line, (line.name, kind) in explained, bool(undated.get(key)), pair.apart.get(key, 0))
            line = msgspec.structs.replace(line, why=said)
        rows.append(line)
    rows.sort(key=lambda line: not line.why)
    return rows


def _why_core(line: TotalLine, is_explained: bool, has_undated: bool, apart_minor: int) -> str:
    if is_explained:
        return "see the differences"
    if line.core_minor is not None and line.core_minor - line.minor == apart_minor:
        return "both centers have touched it, and one of the two books it: apart by just that"
    if line.doubt_count:
        return f"{line.doubt_count} still in work or on the list here"
    if has_undated:
        return "without a date of their own: perhaps filed under another day"
    return f"{_LISTED} says {money(line.core_minor, line.currency)}, the journal {money(line.minor, line.currency)}"


def _line(name: str, kind: str, currency: str, own: OwnSum, core: Sum | None) -> TotalLine:
    return TotalLine(
        name=name,
        kind=kind,
        currency=currency,
        count=own.count,
        minor=own.minor,
        undone_count=own.undone_count,
        undone_minor=own.undone_minor,
        doubt_count=own.doubt_count,
        doubt_minor=own.doubt_minor,
        core_count=None if core is None else core.count,
        core_minor=None if core is None else core.minor,
    )


def _by_kind(tally: Tally, told: CoreTotals | None) -> list[TotalLine]:
    own: dict[tuple[str, str], OwnSum] = {}
    for (_, _, kind, currency), sum_ in tally.sums.items():
        own[kind, currency] = own.get((kind, currency), NONE).plus(sum_)
    core: dict[tuple[str, str], Sum] = {}
    for (_, kind, currency), theirs in (told or {}).items():
        before = core.get((kind, currency), Sum())
        core[kind, currency] = Sum(before.count + theirs.count, before.minor + theirs.minor)
    rows = []
    for key in sorted(set(own) | set(core)):
        line = _line("", *key, own.get(key, NONE), None if told is None else core.get(key, Sum()))
        rows.append(msgspec.structs.replace(line, why="differs, see the terminals") if line.differs else line)
    return rows


def _by_partner(tally: Tally) -> list[TotalLine]:
    """The core knows no lines, so it has no figures here."""
    own: dict[tuple[str, str, str], OwnSum] = {}
    for (listener, _, kind, currency), sum_ in tally.sums.items():
        own[listener, kind, currency] = own.get((listener, kind, currency), NONE).plus(sum_)
    return [_line(mask_text(listener), kind, currency, sum_, None) for (listener, kind, currency), sum_ in sorted(own.items())]


def _late(tally: Tally) -> list[TotalLine]:
    return [
        _line(mask_text(terminal), kind, currency, sum_, None)
        for (_, terminal, kind, currency), sum_ in sorted(tally.late.items())
    ]
