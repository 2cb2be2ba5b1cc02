"""Replies that order nothing, or order notes back: what becomes of a deposit's notes, and of notes that nobody ordered."""

from __future__ import annotations

import msgspec
import pytest

from protocols.dialect import Ask, Evidence, Note, Send, Timer
from protocols.ndc.asking import CashNotice
from protocols.ndc.message import Buffer, SolicitedStatus, TransactionReply, TransactionRequest
from protocols.vocabulary import Approved, Declined, Secret
from tests.support.ndcplay import (
    LINK,
    PLAIN,
    READY,
    arrived,
    asked,
    decided,
    fault,
    in_service,
    make_dialect,
    reject,
    request,
    said,
    yen,
)
from tests.support.playbook import Playbook, like

KEY = f"bank:ndc:001%40192.0.2.1:{LINK}.1"


def sent_reply(book: Playbook) -> TransactionReply:
    message = said(book.take(Send), PLAIN)
    assert isinstance(message, TransactionReply)
    return message


NOTES = make_dialect(
    note_types={"01": 1_000},
    session={"set_clock": False, "read_counters": False, "idle_probe_ms": 0},
    configs={"*": {"operations": {"FFFFFFFF": {"kind": "deposit", "amount": "notes"}}}},
)


def deposit() -> TransactionRequest:
    return msgspec.structs.replace(request("", "FFFFFFFF"), buffers=(Buffer("w", Secret("01005")),))


@pytest.mark.parametrize(("status", "verdict"), [(READY, "undone"), (fault("w2"), "unproven"), (reject("C01"), "unproven")])
def test_a_deposit_that_was_booked_with_another_amount_goes_back_and_is_undone_by_the_machines_word(
    status: SolicitedStatus, verdict: str
) -> None:
    with in_service(NOTES) as book:
        opened = asked(book, deposit(), NOTES)
        assert opened.amount_minor == 5_000
        book >> decided(opened, Approved(amount=yen(50_000)), NOTES)
        reply = sent_reply(book)
        assert (reply.function, reply.tsn) == ("*", "0000")
        book << like(Timer)
        book >> arrived(status) << like(Evidence, key=KEY, verdict=verdict)
        left = book.rest()
        assert any(isinstance(one, Note) and one.name == "dispute" for one in left) is (verdict != "undone")


def test_notes_that_a_declined_deposit_did_not_give_back_are_a_dispute() -> None:
    with in_service(NOTES) as book:
        opened = asked(book, deposit(), NOTES)
        book >> decided(opened, Declined(reason="limit-exceeded"), NOTES)
        assert sent_reply(book).function == "*"
        book << like(Timer)
        book >> arrived(fault("w2")) << like(Note, name="dispute")
        notice = book.take(Ask).message
        assert isinstance(notice, CashNotice)
        assert notice.disputed_key == KEY
        book << like(Note, name="recovery-sent") << like(Send) << like(Timer)


def test_notes_counted_out_without_an_order_are_a_dispute() -> None:
    with in_service() as book:
        opened = asked(book)
        book >> decided(opened, Declined(reason="limit-exceeded")) << like(Send) << like(Timer)
        book >> arrived(fault("E100010000")) << like(Note, name="dispute") << like(Ask)
        book.rest()
