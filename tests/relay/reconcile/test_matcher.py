"""What the journal claims, and what a listing line makes of it."""

from __future__ import annotations

import msgspec
import pytest

from protocols.vocabulary import Approved, Declined, Money
from relay.core.contract import Amount, LedgerEntry
from relay.core.port import Superseded, Undone
from relay.exchange import evidence
from relay.journal.sides import Side
from relay.reconcile.centers import Centers
from relay.reconcile.matcher import Claim, Ending, What, compare, expected, missing

APPROVED = Side(
    exchange_id=1,
    key="k1",
    terminal="ATM1",
    message_class="financial",
    kind="withdrawal",
    policy="undo",
    state="answered",
    is_closed=True,
    verdict="approve",
    amount_minor=5_000,
    currency="JPY",
    business_date="2025-11-26",
    recorded_ms=0,
    updated_ms=0,
)
LINE = LedgerEntry(
    key="k1", kind="withdrawal", terminal="ATM1", state="posted", amount=Amount("5000", "JPY"), standing=Amount("5000", "JPY")
)
replace = msgspec.structs.replace
PAIR = Centers("tokyo", "osaka")
TAKEN_BACK = replace(LINE, state="reversed", standing=Amount("0", "JPY"), reversed_by="osaka")


def settled(outcome: object, **changes: object) -> Side:
    packed = evidence.pack(outcome)  # type: ignore[arg-type]
    return replace(APPROVED, state="settled", verdict="doubt", outcome=packed, **changes)


def reversed_to(standing_minor: int, **changes: object) -> Side:
    packed = evidence.pack(Undone("reversed", standing_minor))
    return replace(APPROVED, reversal_key="r1", reversal_outcome=packed, is_related=True, **changes)


PART = replace(APPROVED, outcome=evidence.pack(Approved(amount=Money(3_000, "JPY"))))


def test_agreement() -> None:
    assert compare(LINE, APPROVED, PAIR) is None


@pytest.mark.parametrize(
    ("side", "claim"),
    [
        (APPROVED, Claim.STANDS),
        (replace(APPROVED, verdict="decline"), Claim.GONE),
        (replace(APPROVED, state="refused"), Claim.GONE),
        (replace(APPROVED, state="confirmed"), Claim.STANDS),
        (replace(APPROVED, message_class="reversal"), Claim.GONE),
        (replace(APPROVED, is_closed=False, state="undoing"), Claim.NOTHING),
        (replace(APPROVED, state="unproven"), Claim.NOTHING),
        (replace(APPROVED, is_resolved=True), Claim.NOTHING),
        (settled(Undone("reversed")), Claim.GONE),
        (settled(Undone("reversed", 2_000)), Claim.STANDS),
        (settled(Approved()), Claim.STANDS),
        (settled(Declined(reason="x")), Claim.GONE),
        (settled(Superseded()), Claim.NOTHING),
        (replace(APPROVED, state="settled", outcome=None), Claim.NOTHING),
    ],
)
def test_what_the_journal_claims(side: Side, claim: Claim) -> None:
    assert expected(side) is claim


@pytest.mark.parametrize(
    ("line", "side", "what"),
    [
        (LINE, None, What.UNKNOWN_KEY),
        (LINE, replace(APPROVED, verdict="decline"), What.UNEXPECTED),
        (LINE, settled(Undone("reversed")), What.UNEXPECTED),
        (replace(LINE, state="declined", standing=None), APPROVED, What.MISSING),
        (replace(LINE, state="reversed", standing=Amount("0", "JPY")), APPROVED, What.MISSING),
        (replace(LINE, state="reversed", standing=Amount("0", "JPY")), reversed_to(0), None),
        (LINE, reversed_to(0), What.UNEXPECTED),
        (LINE, reversed_to(0, verdict="decline"), What.UNEXPECTED),
        (LINE, reversed_to(2_000), What.STANDING),
        (replace(LINE, state="reversed", standing=Amount("2000", "JPY")), reversed_to(2_000), None),
        (LINE, reversed_to(0, is_resolved=True), None),
        (replace(LINE, terminal="ATM2"), replace(APPROVED, verdict="decline"), What.IDENTITY),
        (replace(LINE, amount=Amount("5001", "JPY")), replace(APPROVED, verdict="decline"), What.AMOUNT),
        (replace(LINE, amount=Amount("3000", "JPY"), standing=Amount("3000", "JPY")), PART, None),
        (replace(LINE, amount=Amount("5001", "JPY")), APPROVED, What.AMOUNT),
        (replace(LINE, amount=Amount("5000", "USD")), APPROVED, What.AMOUNT),
        (replace(LINE, terminal="ATM2"), APPROVED, What.IDENTITY),
        (replace(LINE, kind="deposit"), APPROVED, What.IDENTITY),
        (replace(LINE, standing=Amount("6000", "JPY")), APPROVED, What.STANDING),
        (replace(LINE, standing=Amount("0", "JPY")), APPROVED, None),
        (replace(LINE, state="tombstone", standing=None), None, None),
        # Of two centers, of which this is tokyo's journal.
        (replace(LINE, center="tokyo"), None, What.UNKNOWN_KEY),
        (replace(LINE, center="osaka"), None, None),
        (replace(LINE, center="kyoto"), None, What.UNKNOWN_KEY),
        (replace(LINE, center="osaka"), APPROVED, None),
        (replace(LINE, center="osaka"), replace(APPROVED, verdict="decline"), What.UNEXPECTED),
        (replace(LINE, center="osaka", amount=Amount("5001", "JPY")), APPROVED, What.AMOUNT),
        (TAKEN_BACK, APPROVED, None),
        (replace(TAKEN_BACK, reversed_by="tokyo"), APPROVED, What.MISSING),
        (replace(TAKEN_BACK, reversed_by=""), APPROVED, What.MISSING),
        (replace(TAKEN_BACK, reversed_by="kyoto"), APPROVED, What.MISSING),
        (replace(TAKEN_BACK, terminal="ATM2"), APPROVED, What.IDENTITY),
        (replace(TAKEN_BACK, standing=Amount("2000", "JPY")), replace(APPROVED, standing_minor=5_000), None),
        (replace(TAKEN_BACK, standing=Amount("6000", "JPY")), APPROVED, What.STANDING),
        (replace(LINE, state="tombstone", standing=None), settled(Undone("tombstone")), None),
    ],
)
def test_what_a_line_makes_of_it(line: LedgerEntry, side: Side | None, what: What | None) -> None:
    found = compare(line, side, PAIR)
    assert (None if found is None else found.what) is what


def test_a_name_that_is_neither_of_the_two_is_said() -> None:
    found = compare(replace(LINE, center="kyoto 4111111111111111"), None, PAIR)
    assert found is not None
    assert found.why.startswith("posted by center kyoto")
    assert "4111111111111111" not in found.why
    alone = compare(replace(LINE, center="osaka"), None, Centers("tokyo"))
    assert alone is not None, "without a pair nobody else looks at it"
    assert alone.why.startswith("posted by center osaka")


def test_a_row_that_no_line_named() -> None:
    found = missing(APPROVED)
    assert found is not None
    assert found.what is What.MISSING
    assert missing(replace(APPROVED, verdict="decline")) is None
    assert missing(reversed_to(0)) is None
    assert missing(reversed_to(2_000)) is not None, "a part of it stands"


def test_no_pan_in_a_difference() -> None:
    found = compare(replace(LINE, key="pan/4111111111111111"), None, PAIR)
    assert found is not None
    assert "4111111111111111" not in str(found.ended(Ending.LISTED, "card 4111111111111111"))
