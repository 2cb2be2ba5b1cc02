"""What the journal expects of the core about one key, against what the listing says: pure comparison, row by row.

Owns `expected` (a stored exchange's claim), `compare` (a listing line against it) and `missing` (a claim that no line met). It
must never know pages, time or a connection. The traps: an exchange that is open, on a person's list, or decided by a person
claims nothing; a reversal has no line of its own, its original has; and what a terminal was told (the reply intent) outweighs
everything else, because cash followed it, but for the terminal's own reversal, which the core has acknowledged.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from protocols.vocabulary import MessageClass, Verdict
from relay.core.contract import LedgerEntry
from relay.exchange import evidence
from relay.exchange.reopen import acknowledged_minor
from relay.journal.records import StoredState
from relay.journal.sides import Side
from relay.reconcile.centers import Centers
from relay.telemetry.mask import mask_text


class What(StrEnum):
    UNKNOWN_KEY = "unknown-key"  # the core names a transaction that nobody made here
    MISSING = "missing"  # told approved or confirmed as posted, and the core holds nothing that stands
    UNEXPECTED = "unexpected"  # it stands at the core, and must not
    AMOUNT = "amount"  # another amount or currency
    IDENTITY = "identity"  # another kind or terminal
    STANDING = "standing"  # the part that stands differs
    DATE = "date"  # a business date far from the day of receipt
    LISTING = "listing"  # the listing contradicts itself, or could not be read to its end


class Ending(StrEnum):
    OPEN = "open"  # not yet decided in this run
    MENDED = "mended"  # both agree by now, or it is delivered as an advice under the same key
    REVERSED = "reversed"  # the core is told what shall stand
    LISTED = "listed"  # for a person


class Claim(StrEnum):
    STANDS = "stands"
    GONE = "gone"  # nothing stands: declined, reversed, tombstone, or no line at all
    NOTHING = "nothing"  # no opinion


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """`key`, `terminal` and `why` are shown to people, so they are masked here, once."""

    what: What
    key: str
    terminal: str = ""
    kind: str = ""
    journal_minor: int | None = None
    core_minor: int | None = None
    currency: str = ""
    exchange_id: int = 0  # 0: none
    incarnation: int = 0
    times: int = 0  # as of the row, when the difference was found
    why: str = ""
    ending: Ending = Ending.OPEN

    def ended(self, ending: Ending, why: str) -> Difference:
        return msgspec.structs.replace(self, ending=ending, why=mask_text(f"{self.why}; {why}" if self.why else why))


_NO_OPINION = frozenset({StoredState.LISTED, StoredState.UNPROVEN})


def expected(side: Side) -> Claim:
    """What the journal claims about `side.key` itself."""
    state = StoredState(side.state)
    if side.message_class == MessageClass.REVERSAL:
        return Claim.GONE  # what it did stands under its original's key
    left_minor = reversed_to(side)
    if left_minor is not None and side.is_closed and side.amount_minor is not None and not side.is_resolved:
        return Claim.STANDS if left_minor else Claim.GONE
    if not side.is_closed or side.is_resolved or state in _NO_OPINION or side.amount_minor is None:
        return Claim.NOTHING
    if state is StoredState.REFUSED:
        return Claim.GONE
    if state is StoredState.ANSWERED:
        return {Verdict.APPROVE.value: Claim.STANDS, Verdict.DECLINE.value: Claim.GONE}.get(side.verdict or "", Claim.NOTHING)
    if state is StoredState.CONFIRMED:
        return Claim.STANDS
    return _settled(side)


def reversed_to(side: Side) -> int | None:
    """What stood when the core acknowledged the terminal's own reversal; None where there is none."""
    return None if side.reversal_outcome is None else acknowledged_minor(side.reversal_outcome)


def _settled(side: Side) -> Claim:
    if side.outcome is None:
        return Claim.NOTHING
    said = evidence.unpack(side.outcome)
    if said.what in ("undone", "reversed", "declined"):
        return Claim.STANDS if side.standing_minor or said.standing_minor else Claim.GONE
    return Claim.STANDS if said.what == "approved" else Claim.NOTHING


def compare(line: LedgerEntry, side: Side | None, centers: Centers) -> Difference | None:
    """One line of the listing against its exchange. None: they agree, nothing can be said yet, or the other center's report
    has it."""
    amount = None if line.amount is None else int(line.amount.minor)
    stands = line.state in ("posted", "reversed") and line.standing is not None and int(line.standing.minor) > 0
    standing = int(line.standing.minor) if line.standing is not None else 0
    if side is None:
        if line.state in ("declined", "tombstone") or not stands:
            return None  # no money moved
        if centers.leaves(line, side):
            return None
        stranger = centers.stranger(line)
        return Difference(
            what=What.UNKNOWN_KEY,
            key=mask_text(line.key),
            terminal=mask_text(line.terminal),
            kind=line.kind,
            core_minor=standing,
            currency="" if line.amount is None else line.amount.currency,
            why=mask_text(f"posted by center {stranger}: " if stranger else "") + "the journal holds no such key",
        )
    claim = expected(side)
    if claim is Claim.GONE and stands:
        if line.kind != side.kind or line.terminal != side.terminal:
            return difference(What.IDENTITY, side, standing, f"the core has {line.kind} of {line.terminal}, and nothing is due")
        if _is_other_amount(line, side):
            return difference(What.AMOUNT, side, amount, "the core has another amount, and nothing is due")
        word = "reversed by its terminal" if side.reversal_key else side.verdict or side.state
        return difference(What.UNEXPECTED, side, standing, f"stands at the core, {word} here")
    reversed_minor = reversed_to(side)
    if claim is Claim.STANDS and stands and reversed_minor is not None and standing > reversed_minor:
        return difference(What.STANDING, side, standing, f"its terminal's reversal left {reversed_minor}")
    is_undone_there = centers.undid(line) and standing < (side.standing_minor or side.amount_minor or 0)
    # Posted with nothing standing is a kind that moves no money, or a completion whose original holds the amount.
    if claim is Claim.STANDS and not stands and line.state != "posted" and not is_undone_there:
        return difference(What.MISSING, side, standing, f"the core says {line.state}")
    if claim is Claim.NOTHING or line.state == "tombstone":
        return None
    if line.kind != side.kind or line.terminal != side.terminal:
        return difference(What.IDENTITY, side, standing, f"the core has {line.kind} of {line.terminal}")
    if line.amount is not None and _is_other_amount(line, side):
        return difference(What.AMOUNT, side, amount, f"the core has {amount} {line.amount.currency}")
    is_other_part = bool(side.standing_minor) and stands and standing != side.standing_minor and not is_undone_there
    if claim is Claim.STANDS and not side.is_related and is_other_part:
        return difference(What.STANDING, side, standing, f"{side.standing_minor} stands here")
    if claim is Claim.STANDS and standing > (side.amount_minor or 0):
        return difference(What.STANDING, side, standing, "more stands at the core than was asked")
    return None


def missing(side: Side) -> Difference | None:
    """A row of the day that no line of a listing read to its end has named."""
    return difference(What.MISSING, side, None, "not in the listing") if expected(side) is Claim.STANDS else None


def _is_other_amount(line: LedgerEntry, side: Side) -> bool:
    """Another one than was asked, and than was approved where that was less."""
    if line.amount is None:
        return False
    said = None if side.outcome is None else evidence.unpack(side.outcome)
    ours = {side.amount_minor, None if said is None else said.approved_minor}
    return int(line.amount.minor) not in ours or line.amount.currency != side.currency


def difference(what: What, side: Side, core_minor: int | None, why: str) -> Difference:
    return Difference(
        what=what,
        key=mask_text(side.key),
        terminal=mask_text(side.terminal),
        kind=side.kind,
        journal_minor=side.standing_minor or side.amount_minor,
        core_minor=core_minor,
        currency=side.currency,
        exchange_id=side.exchange_id,
        incarnation=side.incarnation,
        times=side.times,
        why=mask_text(why),
    )
