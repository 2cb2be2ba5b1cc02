"""What far ends state of one business date beside what we count: which statement is in force, and who says otherwise.

Owns the lines of statements on the sheet. Pure. It must never believe one more than another, nor move money. The traps: a
terminal may have worked at the other center, too, and states its whole day to one of them, so what the core has of it in that
center's name is added to ours before anybody is blamed; and what both centers have touched is in both, and counted once.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from protocols.totals import Total, Weighed, weigh
from relay.reconcile.amounts import money
from relay.reconcile.centers import CoreTotals, InPair
from relay.reconcile.listing import Sum
from relay.reconcile.statements import Kept
from relay.reconcile.tally import Index
from relay.telemetry.mask import mask_text


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
    also: str = ""  # with what else it agrees: the terminal worked at the other center, too

    @property
    def is_judged(self) -> bool:
        return self.own_count is not None or self.own_minor is not None


def in_force(spoken: Iterable[Kept]) -> list[Kept]:
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


def stated_lines(kept: Kept, index: Index, told: CoreTotals | None, pair: InPair) -> list[StatedLine]:
    stated = kept.stated
    rows = weigh(stated.lines, lambda kinds: index.of(kept.listener, stated.party, kinds, stated.currency))
    lines = []
    for row in rows:
        has_core = told is not None and bool(row.kinds)
        core = _core_of(told or {}, kept, row, index).minor if has_core else None
        also, besides = _elsewhere(kept, row, index, pair) if has_core and not row.agrees else ("", "")
        blame = "" if row.agrees or also else _blame(row, core, "terminal" if stated.party else "partner", stated.currency)
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
                why=blame + (besides if blame else ""),
                also=also,
            )
        )
    return lines


def _elsewhere(kept: Kept, row: Weighed, index: Index, pair: InPair) -> tuple[str, str]:
    """Where a terminal's figure is ours and what the core has of it in the other center's name together: with what else it
    agrees; else the words to add to the blame. A message that both have touched is counted once."""
    others = _core_of(pair.others, kept, row, index) if kept.stated.party else Sum()
    if not others.count or row.minor is None or row.own_minor is None:
        return "", ""
    apart = {group: Sum(0, minor) for group, minor in pair.apart.items()}
    apart_minor = _core_of(apart, kept, row, index).minor
    is_counted = row.count is None or row.own_count is None or apart_minor or row.count == row.own_count + others.count
    figure = f"{_figure(others.count, others.minor, kept.stated.currency)} at {mask_text(pair.peer)}"
    if row.minor == row.own_minor + apart_minor + others.minor and is_counted:
        return f"ours, and what the core has as {figure}", ""
    return "", f"; the core has {figure} besides"


def _core_of(told: CoreTotals, kept: Kept, row: Weighed, index: Index) -> Sum:
    terminals = [kept.stated.party] if kept.stated.party else index.terminals(kept.listener)
    currency = kept.stated.currency
    wanted = frozenset(terminals)
    found = [
        sum_
        for (terminal, kind, its_currency), sum_ in told.items()
        if terminal in wanted and kind in row.kinds and (not currency or its_currency == currency)
    ]
    return Sum(sum(each.count for each in found), sum(each.minor for each in found))


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


def silent_ones(index: Index, spoken: Iterable[Kept]) -> list[str]:
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
