"""The completion table, row by row: what confirms, what undoes in part or whole, and that everything else is a line on a
list.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.ndc import fields as f
from protocols.ndc.evidence import (
    CONFIRMED,
    PART,
    UNDONE,
    UNPROVEN,
    Sent,
    judge,
    judge_counters,
    judge_last,
    judge_unordered,
    worth,
)
from protocols.ndc.message import LastStatus, SolicitedStatus
from protocols.ndc.status import SupplyCounters

DENOMINATIONS = (1_000, 5_000, 10_000, 0)
SENT = Sent("key", 7, "2", 15_000, (0, 1, 1, 0))
CARD_FIRST = Sent("key", 7, "A", 15_000, (0, 1, 1, 0))
DEPOSIT = Sent("key", 7, "-", 15_000)
REFUND = Sent("key", 7, "*", 0)


def status(descriptor: str, *data: str) -> SolicitedStatus:
    return SolicitedStatus(luno="001", descriptor=descriptor, data=data)


ROWS = [
    # what came, for which reply, verdict, what stands, alarm, recovery
    (status("9"), SENT, CONFIRMED, None, "", False),
    (status("B"), SENT, CONFIRMED, None, "", False),
    (status("8", "E100010000"), SENT, PART, 5_000, "", True),
    (status("8", "E115000000"), SENT, CONFIRMED, None, "cash-exception", True),  # other notes, the same worth
    (status("8", "E100010100"), SENT, CONFIRMED, None, "cash-exception", True),
    (status("8", "E100010200"), SENT, CONFIRMED, None, "dispute", True),
    (status("8", "E100000000"), SENT, UNPROVEN, None, "cash-exception", True),  # "short" by everything has a word of its own
    (status("8", "E1"), SENT, UNPROVEN, None, "cash-exception", True),
    (status("8", "E100000001"), SENT, UNPROVEN, None, "cash-exception", True),  # a cassette without a value
    (status("8", "E1000101"), SENT, UNPROVEN, None, "cash-exception", True),  # fewer than four counts
    (status("8", "d100010000"), SENT, PART, 5_000, "", True),
    (status("8", "E200000000"), SENT, UNDONE, None, "", True),
    (status("8", "E2"), SENT, UNDONE, None, "", True),
    (status("8", "E200010000"), SENT, UNPROVEN, None, "", True),  # none dispensed, and a count: a contradiction
    (status("8", "E400000000"), CARD_FIRST, UNDONE, None, "", True),
    (status("8", "E400000000"), SENT, UNPROVEN, None, "", True),
    (status("8", "E400010100"), CARD_FIRST, UNPROVEN, None, "", True),
    (status("8", "E000010100"), SENT, CONFIRMED, None, "cash-exception", True),
    (status("8", "E00001010000"), SENT, CONFIRMED, None, "cash-exception", True),  # a fifth type, unused
    (status("8", "E000010000"), SENT, UNPROVEN, None, "cash-exception", True),
    (status("8", "E300010100"), SENT, UNPROVEN, None, "", True),
    (status("8", "E300000000"), SENT, UNPROVEN, None, "", True),
    (status("8", "E500010100"), SENT, UNPROVEN, None, "", True),
    (status("8", "D1"), SENT, UNPROVEN, None, "", True),
    (status("8", "D2"), CARD_FIRST, UNPROVEN, None, "", True),
    (status("8", "G2"), SENT, UNPROVEN, None, "", True),
    (status("8"), SENT, UNPROVEN, None, "", True),
    (status("A"), SENT, UNDONE, None, "", False),
    (status("A", "A01"), SENT, UNDONE, None, "", False),
    (status("C", "B09"), SENT, UNDONE, None, "", False),
    (status("C", "C01"), SENT, UNDONE, None, "", False),
    (status("C", "1"), SENT, UNDONE, None, "key", False),
    (status("C", "2"), SENT, UNDONE, None, "key", False),
    (status("C", "C10"), SENT, UNPROVEN, None, "", False),
    (status("9"), DEPOSIT, CONFIRMED, None, "", False),
    (status("8", "E200000000"), DEPOSIT, UNPROVEN, None, "", True),
    (status("8", "w2"), DEPOSIT, UNPROVEN, None, "", True),
    (status("C", "C01"), DEPOSIT, UNPROVEN, None, "", False),  # the notes are still in escrow, and where they go is not said
    (status("9"), REFUND, UNDONE, None, "", False),
    (status("8", "w2"), REFUND, UNPROVEN, None, "dispute", True),
    (status("C", "C01"), REFUND, UNPROVEN, None, "dispute", False),
    (status("F", "60001"), SENT, "", None, "", False),
    (status("F", "60001"), REFUND, "", None, "", False),
]


@pytest.mark.parametrize(("came", "sent", "verdict", "standing", "alarm", "recovery"), ROWS)
def test_the_completion_table(
    came: SolicitedStatus, sent: Sent, verdict: str, standing: int | None, alarm: str, recovery: bool
) -> None:
    found = judge(sent, came, DENOMINATIONS)
    assert (found.verdict, found.standing_minor, found.alarm, found.needs_recovery) == (verdict, standing, alarm, recovery)
    assert found.why


@given(
    text=st.text(st.sampled_from("0123456789ABDE"), max_size=16),
    descriptor=st.sampled_from("89ABCF"),
    sent=st.sampled_from([SENT, CARD_FIRST, DEPOSIT]),
)
def test_only_a_positive_statement_ever_undoes(text: str, descriptor: str, sent: Sent) -> None:
    """Whatever a status holds: undone needs a reject or T-code 2 or 4 without counts, part needs T-code 1 with counts below."""
    found = judge(sent, status(descriptor, text), DENOMINATIONS)
    if found.verdict == UNDONE:
        assert sent.notes
        assert descriptor in "AC" or (text[:2] in ("E2", "E4", "d2", "d4", "e2", "e4") and not text[2:].strip("0"))
    if found.verdict == PART:
        assert descriptor == "8"
        assert text[1] == f.CASH_SHORT
        assert found.standing_minor is not None
        assert 0 < found.standing_minor < sent.amount_minor


@pytest.mark.parametrize("text", ["E21", "E2000100", "E4000X", "E2" + "01" * 8])
def test_none_dispensed_with_counts_that_cannot_be_read_contradicts_itself(text: str) -> None:
    assert judge(CARD_FIRST, status("8", text), DENOMINATIONS).verdict == UNPROVEN


@pytest.mark.parametrize("code", ["3", "5", "6", "7", "9", "X"])
@pytest.mark.parametrize("sent", [SENT, CARD_FIRST])
def test_a_dispense_of_unknown_end_is_never_undone(code: str, sent: Sent) -> None:
    for counts in ("", "00000000", "00010100"):
        assert judge(sent, status("8", f"E{code}{counts}"), DENOMINATIONS).verdict == UNPROVEN


LAST = [
    (LastStatus("0007", "1"), CONFIRMED),
    (LastStatus("0007", "1", (0, 0, 0, 0)), CONFIRMED),
    (LastStatus("0007", "1", (0, 1, 1, 0)), CONFIRMED),
    (LastStatus("0007", "1", (0, 1, 0, 0)), UNPROVEN),  # good, and other notes than ordered: a contradiction
    (LastStatus("0007", "2", (0, 1, 1, 0)), UNPROVEN),  # as also after a dispense of unknown end
    (LastStatus("0007", "2", (0, 1, 0, 0)), UNPROVEN),
    (LastStatus("0007", "2"), UNPROVEN),
    (LastStatus("0007", "0"), UNPROVEN),
    (LastStatus("0007", "3"), UNPROVEN),
    (LastStatus("0008", "1"), ""),
    (LastStatus("0000", "1"), ""),
]


@pytest.mark.parametrize(("last", "verdict"), LAST)
def test_a_later_request_confirms_or_notes_and_never_undoes(last: LastStatus, verdict: str) -> None:
    assert judge_last(SENT, last).verdict == verdict


def counters(tsn: str, last: tuple[int, ...]) -> SupplyCounters:
    return SupplyCounters(tsn, 1, (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), last)


def test_supply_counters_are_a_note_and_no_proof() -> None:
    whole = judge_counters(SENT, counters("0007", (0, 1, 1, 0, 0, 0, 0)))
    assert whole.verdict == UNPROVEN
    assert "all notes" in whole.why
    assert judge_counters(SENT, counters("0007", (0, 0, 0, 0))).verdict == UNPROVEN
    assert judge_counters(SENT, counters("0006", (0, 1, 1, 0))).verdict == ""
    assert judge_counters(DEPOSIT, counters("0007", (0, 0, 0, 0))).verdict == UNPROVEN


UNORDERED = [
    # what came, for which function, alarm, recovery
    ("5", status("9"), "", False),
    ("5", status("C", "B09"), "", False),
    ("5", status("8", "G2"), "", True),
    ("5", status("8", "E300000000"), "", True),
    ("5", status("8", "E100010000"), "dispute", True),  # it paid, and nobody ordered it to
    ("*", status("B"), "", False),
    ("*", status("8", "w2"), "dispute", True),  # a customer's notes are in the machine, and not on his account
    ("*", status("A"), "dispute", False),
]


@pytest.mark.parametrize(("function", "came", "alarm", "recovery"), UNORDERED)
def test_a_reply_without_an_order_has_no_verdict_and_may_be_a_dispute(
    function: str, came: SolicitedStatus, alarm: str, recovery: bool
) -> None:
    found = judge_unordered(function, came)
    assert (found.verdict, found.alarm, found.needs_recovery) == ("", alarm, recovery)


def test_worth_knows_only_notes_that_have_a_value() -> None:
    assert worth((2, 1, 1), DENOMINATIONS) == 17_000
    assert worth((0, 0, 0, 0, 0), DENOMINATIONS) == 0
    assert worth((0, 0, 0, 1), DENOMINATIONS) is None
    assert worth((0, 0, 0, 0, 1), DENOMINATIONS) is None


def test_every_verdict_is_a_word_of_the_port() -> None:
    words = {CONFIRMED, PART, UNDONE, UNPROVEN, ""}
    for descriptor, code in itertools.product("89ABCF", "0123456789"):
        assert judge(SENT, status(descriptor, f"E{code}00000000"), DENOMINATIONS).verdict in words
