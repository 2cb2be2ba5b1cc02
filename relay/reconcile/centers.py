"""Whose a line of the core's listing is: two centers reconcile out of one listing, and each line belongs to one report.

Owns the rule, and the count of what is left to the other center or was touched by both. Pure. It must never compare amounts
with a journal (matcher.py) nor make a sheet (balance.py). The essay: a line carries the name of the center whose call posted
it. A line of the other center's name that this journal does not hold is that center's to look at, and only counted here. What
this journal holds is compared here, whoever posted it. The traps: a line without a name (a core that tells none), or with a
name that is neither of the two, is nobody else's, so it is looked at here; and what both have touched stands in one center's
sum at the core and is counted by one journal or by both, so how far the sums are apart because of it is added up line by line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from protocols.vocabulary import MessageClass
from relay.core.contract import LedgerEntry
from relay.exchange import evidence
from relay.exchange.reopen import acknowledged_minor
from relay.journal.sides import Side
from relay.journal.sums import Look
from relay.reconcile.listing import Sum
from relay.reconcile.tally import claim_of

APART_COUNT_MAX: Final = 10_000  # groups of terminal, kind and currency that both touched; a row beyond is listed if it differs

Group: TypeAlias = tuple[str, str, str]  # terminal, kind, currency
CoreTotals: TypeAlias = Mapping[Group, Sum]  # what the core says that it holds


class InPair(msgspec.Struct, frozen=True):
    """What the listing had of the other center, for the sheet of totals. `others`: its share of the core's totals. `apart`: by
    how much, minor units, this center's share is above the journal because both have touched a message."""

    peer: str = ""
    others: CoreTotals = {}
    apart: Mapping[Group, int] = {}


ALONE: Final = InPair()


class OfCenter(msgspec.Struct, frozen=True):
    """What of a listing is of the other center's name. `lines`: not in this journal, and compared there. `held`: in this
    journal as well, and compared here, too."""

    center: str
    lines: int = 0
    held: int = 0


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """The same while a run goes on, with how far the sums of a group are apart, core's share less journal, because both touched
    it."""

    lines: int = 0
    held: int = 0
    apart: tuple[tuple[str, str, str, int], ...] = ()


class Centers:
    """`own` and `peer` are names; `peer` empty where there is no other center. Counts begin where `told` ended."""

    def __init__(self, own: str, peer: str = "", told: Told | None = None) -> None:
        told = told or Told()
        self.own = own
        self.peer = peer
        self.lines, self.held = told.lines, told.held
        self._apart: dict[Group, int] = {(terminal, kind, currency): minor for terminal, kind, currency, minor in told.apart}

    def is_peers(self, center: str) -> bool:
        return bool(self.peer) and center == self.peer

    def leaves(self, line: LedgerEntry, side: Side | None) -> bool:
        """The other center's report has it, and this one does not look at it."""
        return side is None and self.is_peers(line.center)

    def stranger(self, line: LedgerEntry) -> str:
        """A name that is neither of the two; empty where there is none."""
        return "" if line.center in ("", self.own, self.peer) else line.center

    def count(self, line: LedgerEntry, side: Side | None) -> None:
        """Each line once."""
        is_peers = self.is_peers(line.center)
        if side is None:
            self.lines += is_peers
            return
        self.held += is_peers
        if (is_peers or self.undid(line) or _is_taken_over(side)) and line.amount is not None and not _is_completion(side):
            standing = 0 if line.standing is None else int(line.standing.minor)
            minor = (0 if is_peers else standing) - _counted(side)
            self._add((line.terminal, line.kind, line.amount.currency), minor)

    def undid(self, line: LedgerEntry) -> bool:
        """Its terminal took it back at the other center, or completed it for less: that center's journal has the message."""
        return self.is_peers(line.reversed_by)

    @property
    def apart(self) -> Mapping[Group, int]:
        return self._apart

    def told(self) -> Told:
        apart = tuple((*group, minor) for group, minor in sorted(self._apart.items()))
        return Told(self.lines, self.held, apart)

    def shown(self) -> OfCenter | None:
        """None where there is no other center, or the core names none."""
        return OfCenter(self.peer, self.lines, self.held) if self.lines or self.held else None

    def _add(self, group: Group, minor: int) -> None:
        if minor and (group in self._apart or len(self._apart) < APART_COUNT_MAX):
            self._apart[group] = self._apart.get(group, 0) + minor


def _is_taken_over(side: Side) -> bool:
    return side.outcome is not None and evidence.unpack(side.outcome).what == "superseded"


def _is_completion(side: Side) -> bool:
    """Its amount is its original's, in both books."""
    return side.message_class == MessageClass.ADVICE and bool(side.original_key)


def _counted(side: Side) -> int:
    """What the journal's sums have of it."""
    sum_ = claim_of(
        Look(
            exchange_id=side.exchange_id,
            message_class=side.message_class,
            kind=side.kind,
            amount_minor=side.amount_minor,
            original_key=side.original_key,
            state=side.state,
            verdict=side.verdict,
            attention=0 if side.is_closed else 1,
            standing_minor=side.standing_minor,
            outcome=side.outcome,
            original_kind=None,
            original_class=None,
            key=side.key,
            reversed_to=None if side.reversal_outcome is None else acknowledged_minor(side.reversal_outcome),
        )
    )
    return sum_.minor
