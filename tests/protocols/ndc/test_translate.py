"""To the core and back: what is kept holds no card data, an approval is dispensed as approved, a doubt like a decline."""

from __future__ import annotations

import msgspec
import pytest

from protocols.ndc.asking import CashNotice, OpenedJournal, OpenedRequest
from protocols.ndc.dialect import NdcDialect
from protocols.ndc.fields import DISPENSING
from protocols.ndc.message import Buffer, JournalUpload
from protocols.ndc.replies import parts_of
from protocols.vocabulary import (
    TAKEN,
    Approved,
    Balance,
    Declined,
    DoubtPolicy,
    MessageClass,
    Received,
    Refusal,
    Request,
    Secret,
    Verdict,
)
from relay.journal.records import pack_request
from tests.support.ndcplay import NDC, OPENED, PLAIN, WALL_MS, asked, in_service, make_dialect, reply_to, request, yen

RECEIVED = Received(WALL_MS, "ndc", "bank")
PAN = "4000001234567899"


def opened(operation: str = " DA   AD", dialect: NdcDialect = PLAIN, **parts: str) -> OpenedRequest:
    return asked(in_service(dialect), request(operation=operation, **parts), dialect)  # type: ignore[arg-type]  # texts only


def to_request(message: object, dialect: NdcDialect = PLAIN) -> Request:
    made = dialect.to_request(message, RECEIVED)
    assert isinstance(made, Request)
    return made


def test_a_withdrawal_as_the_core_sees_it() -> None:
    made = to_request(opened())
    assert made.key == "bank:ndc:001%40192.0.2.1:tokyo-7-1.1"
    assert (made.kind, made.message_class, made.doubt_policy) == ("withdrawal", MessageClass.FINANCIAL, DoubtPolicy.UNDO)
    assert (made.terminal, made.trace, made.amount, made.needs_completion) == ("001@192.0.2.1", "0001", yen(15_000), True)
    assert made.extra == {"luno": "001", "operation": " DA   AD", "mcn": "3", "config_id": "0001"}
    card = made.card
    assert card is not None
    assert card.pan is not None
    assert card.track2 is not None
    assert (card.pan.reveal(), card.expiry, card.track2.reveal()) == (PAN, "3012", f"{PAN}=30122010000012300")


def test_two_equal_requests_are_two_keys_and_one_message_is_one() -> None:
    book = in_service()
    first = asked(book)
    assert to_request(first).key == to_request(first).key
    assert to_request(opened(amount="00015000")).key == to_request(first).key, "minted from the link's name"
    other = asked(in_service(opened=msgspec.structs.replace(OPENED, link_id="tokyo-7-2")))
    assert to_request(other).key != to_request(first).key


def test_a_transfer_names_the_account_that_was_typed() -> None:
    made = to_request(opened("CDI   AD", buffer_b="1234567"))
    assert (made.kind, made.to_account, made.needs_completion) == ("transfer", "1234567", False)


def test_what_cannot_be_served_never_reaches_the_core() -> None:
    assert PLAIN.to_request(opened("IIIIIIII"), RECEIVED) is Refusal.UNSUPPORTED
    assert PLAIN.to_request(opened(amount="00000500"), RECEIVED) is Refusal.UNSUPPORTED


def test_chip_data_is_passed_on_without_its_flags() -> None:
    chip = msgspec.structs.replace(request(), buffers=(Buffer("5", Secret("CAM00009F0601")),))
    message = msgspec.structs.replace(opened(), request=chip)
    card = to_request(message).card
    assert card is not None
    assert card.emv == Secret("9F0601")


def test_nothing_of_the_card_is_stored() -> None:
    stored = pack_request(to_request(opened(buffer_b="TYPED")))
    for canary in (PAN, "30122010000012300", "0412:4;=<>?99999", "TYPED"):
        assert canary.encode() not in stored


def test_a_journal_block_is_an_advice_with_its_own_identity_and_no_card_number() -> None:
    block = JournalUpload(
        machine="000001",
        date="261102",
        time="142640",
        previous="000000",
        last="000020",
        length="020",
        text=Secret(f"C {PAN} I"),
    )
    made = to_request(OpenedJournal(block, "T"))
    assert (made.message_class, made.kind, made.amount) == (MessageClass.ADVICE, "journal-upload", None)
    assert made.key == "bank:ndc:T:journal:000001:261102142640:000000-000020"
    assert made.extra["text"] == "C 400000******7899 I"
    changed = to_request(OpenedJournal(msgspec.structs.replace(block, text=Secret("else")), "T"))
    assert changed.key == made.key
    assert changed.fingerprint_text != made.fingerprint_text, "another text under the same numbers is a conflict"


def test_a_notice_about_cash_names_the_disputed_key_without_confirming_it() -> None:
    made = to_request(CashNotice("T", "L.9", "retracted", "E5", "bank:ndc:T:L.8"))
    assert (made.message_class, made.original_key, made.extra["disputed_key"]) == (MessageClass.ADVICE, None, "bank:ndc:T:L.8")


# ---- back ----------------------------------------------------------------------------------------------------------------
def test_an_approval_orders_what_was_asked() -> None:
    reply = reply_to(opened())
    parts = parts_of(reply)
    assert (reply.verdict, reply.code) == (Verdict.APPROVE, "approved")
    assert (parts.function, parts.notes, parts.amount_minor, parts.nothing_ordered) == ("A", (0, 1, 1, 0), 15_000, False)


@pytest.mark.parametrize(("granted", "notes"), [(6_000, (1, 1, 0, 0)), (15_000, (0, 1, 1, 0))])
def test_an_approval_of_another_amount_is_dispensed_as_approved(granted: int, notes: tuple[int, ...]) -> None:
    assert parts_of(reply_to(opened(), Approved(amount=yen(granted)))).notes == notes


@pytest.mark.parametrize("answer", [Approved(amount=yen(14_999)), Approved(amount=yen(0))])
def test_what_was_approved_and_cannot_be_paid_is_not_ordered(answer: Approved) -> None:
    reply = reply_to(opened(), answer)
    parts = parts_of(reply)
    assert (reply.verdict, parts.notes, parts.nothing_ordered) == (Verdict.APPROVE, (), True)
    assert parts.function not in DISPENSING


@pytest.mark.parametrize("answer", [*Refusal, Declined(reason="no such word"), Declined(reason="approved:withdrawal")])
def test_no_refusal_and_no_decline_orders_notes(answer: Refusal | Declined) -> None:
    reply = reply_to(opened(), answer)
    assert parts_of(reply).function not in DISPENSING
    assert parts_of(reply).notes == ()
    assert reply.verdict is (Verdict.DOUBT if answer is Refusal.IN_DOUBT else Verdict.DECLINE)


def test_a_retained_card_needs_an_explicit_word() -> None:
    assert parts_of(reply_to(opened(), Declined(reason="stolen-card"))).card_flag == "1"
    assert parts_of(reply_to(opened(), Declined(reason="do-not-honour"))).card_flag == "0"


def test_the_fault_is_said_not_the_refusal() -> None:
    message = opened(amount="00000500")
    assert reply_to(message, Refusal.UNSUPPORTED).code == "amount-not-dispensable"


def test_receipts_are_filled_and_what_the_core_says_cannot_break_the_frame() -> None:
    prints = {"prints": [{"printer": "2", "text": "{tsn} {amount} {currency} {authorisation} {balance}\n"}]}
    row = {"function": "A", "next_state": "125", **prints}
    tables = {"*": {"replies": {"approved:withdrawal": row}}}
    dialect = make_dialect(configs=tables, session={"set_clock": False, "read_counters": False})
    message = opened(dialect=dialect)
    answer = Approved(authorisation_id="A\x1c1\x1d", balances=(Balance("00", "02", yen(1_234_567)),))
    parts = parts_of(reply_to(message, answer, dialect))
    assert parts.prints == (("2", "0001 15,000 JPY A?1? 1,234,567\n"),)


def test_chip_data_of_the_issuer_goes_back_in_its_buffer() -> None:
    assert parts_of(reply_to(opened(), Approved(reply_data={"emv": "8A023030"}))).buffers == (("5", "CAM8A023030"),)
    assert parts_of(reply_to(opened(), Approved(reply_data={"emv": "8A\x1c"}))).buffers == ()


def test_what_is_taken_is_taken() -> None:
    assert NDC.to_reply(CashNotice("T", "L.1", "x", "y"), TAKEN, WALL_MS).verdict is Verdict.APPROVE
    assert NDC.to_reply(CashNotice("T", "L.1", "x", "y"), Refusal.NO_JOURNAL, WALL_MS).verdict is Verdict.DECLINE
