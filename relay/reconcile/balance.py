"""The totals of one business date on one sheet: what we count, what the core counts, what far ends state, and who says what.

Owns `DayTotals` (a part of the signed report) and `balance`, which makes it. Pure; it must never move money nor ask anybody.
The traps: names come from strangers and are masked here, once; a sum that differs is only named, for the row-by-row comparison
says which message it is; core and relay may file a message without a date of its own under neighbouring days, so such a
difference is marked and not listed; and the sheet is signed and kept for years, so it has limits, and says what it left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from protocols.errors import LocalMisuse
from protocols.primitives import by_alpha
from protocols.totals import OwnSum, Total, Weighed, weigh
from relay.reconcile.listing import Sum
from relay.reconcile.statements import Kept
from relay.reconcile.tally import NONE, Closed, Index, Tally, by_terminal
from relay.telemetry.mask import mask_text

TERMINAL_LINES_MAX: Final = 1_000
STATED_LINES_MAX: Final = 1_000
DASH: Final = "-"  # a figure that nobody stated; never a zero
OTHER_LINES_MAX: Final = 200  # kinds, partners, late, closed, silent: each

CoreTotals = Mapping[tuple[str, str, str], Sum]  # terminal, kind, currency


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


class StatedLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a far end's statement beside ours. None: not said, or not counted here."""

    line: str  # listener or dialer
    party: str  # a terminal, or "" for the whole line
    source: str
    name: str
    currency: str = ""
    count: int | None = None
    minor: int | None = None
    own_count: int | None = None
    own_minor: int | None = None
    core_minor: int | None = None
    doubt_count: int = 0
    doubt_minor: int = 0
    why: str = ""  # who says what, where they differ; empty: they agree, or there is nothing to compare

    @property
    def is_judged(self) -> bool:
        return self.own_count is not None or self.own_minor is not None


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
) -> DayTotals:
    """`told`: the core's totals, None where they are not at hand. `explained`: (masked terminal, kind) that a difference of the
    row-by-row comparison speaks of already."""
    index = Index(tally.sums)
    statements = list(kept)
    spoken = [each for each in statements if each.stated.lines]
    terminals = _terminals(tally, told, explained)
    stated = [line for each in _in_force(spoken) for line in _stated(each, index, told)]
    stated.sort(key=lambda line: not line.why)
    silent = _silent(index, spoken)
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


def money(minor: int | None, currency: str) -> str:
    """With the decimals of ISO 4217; minor units as they are where the currency is not known."""
    if minor is None:
        return DASH
    try:
        decimals = (by_alpha(currency)[1] or 0) if currency else 0
    except LocalMisuse:
        decimals = 0
    sign = "-" if minor < 0 else ""
    whole, rest = divmod(abs(minor), 10**decimals)
    return f"{sign}{whole:,}.{rest:0{decimals}}" if decimals else f"{sign}{whole:,}"


# ---- our sums and the core's ---------------------------------------------------------------------------------------------
_LISTED = "the core"


def _terminals(tally: Tally, told: CoreTotals | None, explained: frozenset[tuple[str, str]]) -> list[TotalLine]:
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
            line = msgspec.structs.replace(line, why=_why_core(line, (line.name, kind) in explained, bool(undated.get(key))))
        rows.append(line)
    rows.sort(key=lambda line: not line.why)
    return rows


def _why_core(line: TotalLine, is_explained: bool, has_undated: bool) -> str:
    if is_explained:
        return "see the differences"
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


# ---- what far ends state -------------------------------------------------------------------------------------------------
def _in_force(spoken: Iterable[Kept]) -> list[Kept]:
    """The last "final" of each far end, the sum of its "adds", and each "running" figure as it was last told."""
    final: dict[tuple[str, str], Kept] = {}
    added: dict[tuple[str, str], Kept] = {}
    running: list[Kept] = []
    for each in spoken:
        party = each.listener, each.stated.party
        if each.stated.mode == "final":
            final[party] = each
        elif each.stated.mode == "adds":
            added[party] = _added(added.get(party), each)
        else:
            running.append(each)
    found = [*final.values(), *added.values(), *running]
    return sorted(found, key=lambda each: (each.listener, each.stated.party, each.order))


def _added(before: Kept | None, each: Kept) -> Kept:
    if before is None:
        return each
    lines: dict[tuple[str, tuple[str, ...], bool], Total] = {}
    for line in (*before.stated.lines, *each.stated.lines):
        key = line.name, line.kinds, line.undone
        known = lines.get(key)
        lines[key] = line if known is None else _summed(known, line)
    return msgspec.structs.replace(each, stated=msgspec.structs.replace(each.stated, lines=tuple(lines.values())))


def _summed(one: Total, other: Total) -> Total:
    return msgspec.structs.replace(
        one,
        count=_plus(one.count, other.count),
        minor=_plus(one.minor, other.minor),
        ours_count=_plus(one.ours_count, other.ours_count),
        ours_minor=_plus(one.ours_minor, other.ours_minor),
    )


def _plus(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other


def _stated(kept: Kept, index: Index, told: CoreTotals | None) -> list[StatedLine]:
    stated = kept.stated
    rows = weigh(stated.lines, lambda kinds: index.of(kept.listener, stated.party, kinds, stated.currency))
    lines = []
    for row in rows:
        has_core = told is not None and bool(row.kinds)
        core = _core_of(told or {}, kept, row, index) if has_core else None
        lines.append(
            StatedLine(
                line=mask_text(kept.listener),
                party=mask_text(stated.party),
                source=mask_text(stated.source),
                name=mask_text(row.name),
                currency=stated.currency,
                count=row.count,
                minor=row.minor,
                own_count=row.own_count,
                own_minor=row.own_minor,
                core_minor=core,
                doubt_count=row.doubt_count,
                doubt_minor=row.doubt_minor,
                why="" if row.agrees else _blame(row, core, "terminal" if stated.party else "partner", stated.currency),
            )
        )
    return lines


def _core_of(told: CoreTotals, kept: Kept, row: Weighed, index: Index) -> int:
    terminals = [kept.stated.party] if kept.stated.party else index.terminals(kept.listener)
    currency = kept.stated.currency
    wanted = frozenset(terminals)
    return sum(
        sum_.minor
        for (terminal, kind, its_currency), sum_ in told.items()
        if terminal in wanted and kind in row.kinds and (not currency or its_currency == currency)
    )


def _blame(row: Weighed, core: int | None, who: str, currency: str) -> str:
    """Who says what. Words only: nobody is believed more than the others."""
    theirs, ours = _figure(row.count, row.minor, currency), _figure(row.own_count, row.own_minor, currency)
    said = f"the {who} says {theirs}, the journal {ours}"
    if core is not None and row.minor is not None:
        if core == row.own_minor != row.minor:
            said += f"; journal and core agree, the {who} stands alone"
        elif core == row.minor != row.own_minor:
            said += f"; {who} and core agree, the journal stands alone"
        elif row.minor != row.own_minor:
            said += f"; the core says {money(core, currency)}: three different sums"
        else:
            said += "; the amounts agree, the counts do not"
    if row.doubt_count:
        said += f"; in doubt here: {_figure(row.doubt_count, row.doubt_minor, currency)}"
    return said


def _figure(count: int | None, minor: int | None, currency: str) -> str:
    amount = "" if minor is None else f"{money(minor, currency)} {currency}".rstrip()
    return " of ".join(part for part in ("" if count is None else f"{count:,}", amount) if part) or "nothing"


def _silent(index: Index, spoken: Iterable[Kept]) -> list[str]:
    """Terminals with movement and no statement, on lines where some terminal made one."""
    heard: dict[str, set[str]] = {}
    for each in spoken:
        if each.stated.party and each.stated.mode != "running":
            heard.setdefault(each.listener, set()).add(each.stated.party)
    return sorted(
        mask_text(terminal)
        for listener, parties in heard.items()
        for terminal in index.terminals(listener)
        if terminal not in parties
    )
