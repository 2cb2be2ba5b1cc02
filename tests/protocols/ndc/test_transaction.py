"""One transaction as a transcript: asked, replied at most once, proven or not, recovered; and what happens when the ATM
misbehaves.
"""

from __future__ import annotations

import msgspec
import pytest

from protocols.dialect import (
    Ask,
    BytesArrived,
    Evidence,
    HangUp,
    LinkOpened,
    Note,
    ReplyDecided,
    Send,
    Store,
    Stored,
    Timer,
    TimerFired,
)
from protocols.ndc.asking import CashNotice, OpenedRequest
from protocols.ndc.message import (
    DeviceStatus,
    LastStatus,
    TransactionReply,
    UnsolicitedStatus,
)
from protocols.vocabulary import Approved, Declined, Refusal, Reply, Verdict
from tests.support.ndcplay import (
    HOST,
    LINK,
    PLAIN,
    READY,
    TERMINAL,
    arrived,
    asked,
    decided,
    fault,
    in_service,
    reject,
    replied,
    reply_to,
    request,
    said,
    yen,
)
from tests.support.playbook import After, Playbook, containing, like

KEY = f"bank:ndc:001%40192.0.2.1:{LINK}.1"


def sent_reply(book: Playbook) -> TransactionReply:
    message = said(book.take(Send), PLAIN)
    assert isinstance(message, TransactionReply)
    return message


# ---- the good way --------------------------------------------------------------------------------------------------------
def test_number_first_then_the_question_then_one_reply_then_its_proof() -> None:
    with in_service() as book:
        book >> arrived(request())
        book << like(Store, name=f"tsn/{TERMINAL}")
        opened = book.take(Ask).message
        assert isinstance(opened, OpenedRequest)
        assert (opened.mint, opened.tsn, opened.notes, opened.amount_minor) == (f"{LINK}.1", 1, (0, 1, 1, 0), 15_000)
        book >> Stored(f"tsn/{TERMINAL}", True) >> decided(opened)
        reply = sent_reply(book)
        assert (reply.mcn, reply.tsn, reply.function, reply.notes) == ("3", "0001", "A", "00010100")
        book << Timer("status", 90_000)
        book >> arrived(READY) << Evidence(KEY, "confirmed", None, "status 9") << Timer("status", None)


def test_a_reply_waits_until_its_number_is_durable() -> None:
    with in_service() as book:
        book >> arrived(request()) << like(Store)
        opened = book.take(Ask).message
        assert isinstance(opened, OpenedRequest)
        book >> decided(opened) >> Stored(f"tsn/{TERMINAL}", True) << like(Send) << like(Timer)


def test_a_journal_that_takes_no_number_leaves_refusals_and_no_money() -> None:
    with in_service() as book:
        book >> arrived(request()) << like(Store)
        opened = book.take(Ask).message
        assert isinstance(opened, OpenedRequest)
        book >> Stored(f"tsn/{TERMINAL}", False) << like(Note, name="serial-not-stored")
        book >> decided(opened, Refusal.NO_JOURNAL)
        assert sent_reply(book).tsn == "0000"
        book << like(Timer)
    with in_service() as book:
        book >> arrived(request()) << like(Store)
        opened = book.take(Ask).message
        assert isinstance(opened, OpenedRequest)
        book >> Stored(f"tsn/{TERMINAL}", False) << like(Note)
        (
            book
            >> decided(opened)
            << like(Evidence, key=KEY, verdict="unproven")
            << like(Note)
            << HangUp("serial-not-stored", True)
        )


def test_the_time_variant_number_and_the_coordination_number_are_echoed() -> None:
    with in_service() as book:
        opened = asked(book, request(mcn="~", tvn="01BAFC14"))
        book >> decided(opened)
        reply = sent_reply(book)
        assert (reply.mcn, reply.sequence, reply.luno) == ("~", "01BAFC14", "001")
        book << like(Timer)


@pytest.mark.parametrize("answer", [Declined(reason="insufficient-funds"), Refusal.OVERLOADED, Refusal.IN_DOUBT])
def test_whatever_is_no_approval_orders_no_note_and_needs_no_proof(answer: Declined | Refusal) -> None:
    with in_service() as book:
        opened = asked(book)
        book >> decided(opened, answer)
        reply = sent_reply(book)
        assert (reply.function, reply.notes) == ("5", "00000000")
        book << like(Timer)
        book >> arrived(fault("E300000000")) << like(Note, name="recovery-sent")
        assert sent_reply(book).tsn == "0000"
        book << like(Timer)
        book >> arrived(READY) << Timer("status", None)


# ---- at most once --------------------------------------------------------------------------------------------------------
def test_the_same_request_again_while_it_is_open_is_the_same_question() -> None:
    with in_service() as book:
        opened = asked(book)
        book >> arrived(request()) << Note("repeat-joined", "TSN 0001")
        book >> decided(opened) << like(Send) << like(Timer)
        book >> decided(opened) << like(Note, name="reply-unmatched")


def test_the_same_request_that_crossed_our_reply_is_the_same_question() -> None:
    with in_service() as book:
        replied(book)
        book >> arrived(request()) << Note("repeat-joined", "TSN 0001")
        book >> arrived(READY) << like(Evidence, key=KEY, verdict="confirmed") << like(Timer)


def test_the_same_request_after_its_proof_is_another_customer() -> None:
    with in_service() as book:
        replied(book)
        book >> arrived(READY)
        book.rest()
        assert asked(book).mint == f"{LINK}.2"


def test_a_question_that_nobody_answered_in_time_does_not_stand_in_the_next_customers_way() -> None:
    """The desk says nothing where its journal could not take the answer (law 1); after the window it is too late to say it."""
    with in_service() as book:
        first = asked(book)
        book >> After(30_000)
        book >> arrived(request(mcn="5", amount="00001000")) << Note("reply-missing", "TSN 0001")
        book << like(Store, name=f"tsn/{TERMINAL}")
        second = book.take(Ask).message
        assert isinstance(second, OpenedRequest)
        assert second.mint != first.mint
        book >> decided(first)
        assert book.take(Note).name == "reply-unmatched"
        assert book.take(Evidence).verdict == "unproven"


def test_another_request_while_one_is_open_resets_the_link() -> None:
    with in_service() as book:
        asked(book)
        book >> arrived(request(amount="00001000")) << Note("request-overtaken", "TSN 0001")
        book << HangUp("request-overtaken", abort=True)
        book >> arrived(READY)  # nothing behind it is looked at


def test_a_reply_for_a_request_that_is_not_open_never_leaves() -> None:
    with in_service() as book:
        opened = asked(book)
        other = msgspec.structs.replace(opened, mint=f"{LINK}.99")
        book >> decided(other) << like(Note, name="reply-unmatched") << like(Evidence, verdict="unproven")


def test_no_reply_leaves_after_the_window() -> None:
    with in_service() as book:
        opened = asked(book)
        book >> After(PLAIN.profile.session.reply_window_ms - 1) >> decided(opened) << like(Send) << like(Timer)
    with in_service() as book:
        opened = asked(book)
        book >> After(PLAIN.profile.session.reply_window_ms) >> decided(opened) << Note("reply-late", "TSN 0001")
        book << like(Evidence, key=KEY, verdict="unproven", detail=containing("not sent"))


def test_a_reply_that_cannot_be_read_back_is_not_guessed() -> None:
    with in_service() as book:
        opened = asked(book)
        book >> ReplyDecided(opened, Reply(Verdict.APPROVE, "approved", b"\xff")) << like(Note, name="reply-unwritable")
        book << like(Evidence, verdict="unproven") << like(Note) << like(HangUp)


# ---- evidence ------------------------------------------------------------------------------------------------------------
def test_a_short_dispense_says_what_stands_and_is_recovered() -> None:
    with in_service() as book:
        replied(book)
        book >> arrived(fault("E100010000", supplies="10300"))
        book << like(Evidence, key=KEY, verdict="part", standing_minor=5_000) << like(Note, name="recovery-sent")
        recovery = sent_reply(book)
        assert (recovery.function, recovery.notes, recovery.tsn, recovery.mcn) == ("5", "00000000", "0000", "3")
        book << like(Timer)
        book >> arrived(reject("C01")) << Timer("status", None)


def test_an_unknown_dispense_is_unproven_and_its_number_stays_taken() -> None:
    with in_service() as book:
        replied(book)
        book >> arrived(fault("E300010100")) << like(Evidence, key=KEY, verdict="unproven") << like(Note)
        book << like(Send) << like(Timer)
        book >> arrived(READY)
        book.rest()
        book >> arrived(request(last=LastStatus("0001", "0"))) << like(Evidence, key=KEY, verdict="unproven") << like(Store)
        opened = book.take(Ask).message
        assert isinstance(opened, OpenedRequest)
        assert opened.tsn == 2


def test_a_rejected_reply_is_undone_and_a_key_reject_is_an_alarm() -> None:
    with in_service() as book:
        replied(book)
        book >> arrived(reject("1")) << like(Evidence, key=KEY, verdict="undone") << like(Note, name="key-alarm") << like(Timer)


def test_more_notes_than_ordered_is_a_dispute_for_a_person() -> None:
    with in_service() as book:
        replied(book)
        book >> arrived(fault("E100010200")) << like(Evidence, key=KEY, verdict="confirmed") << like(Note, name="dispute")
        notice = book.take(Ask).message
        assert isinstance(notice, CashNotice)
        assert (notice.what, notice.disputed_key) == ("dispute", KEY)
        book.rest()


def test_retracted_notes_are_a_dispute_and_no_verdict() -> None:
    with in_service() as book:
        replied(book)
        book >> arrived(READY)
        book.rest()
        book >> arrived(UnsolicitedStatus(luno="001", device=DeviceStatus("E", "500000100")))
        left = book.rest()
        notices = [action.message for action in left if isinstance(action, Ask)]
        assert [one.disputed_key for one in notices if isinstance(one, CashNotice)] == [KEY]
        assert not [action for action in left if isinstance(action, Evidence)]


def test_an_approval_of_what_cannot_be_paid_orders_nothing_and_is_undone() -> None:
    with in_service() as book:
        opened = asked(book)
        book >> decided(opened, Approved(amount=yen(14_999)))
        assert sent_reply(book).function == "5"
        book << like(Timer) << like(Evidence, key=KEY, verdict="undone")
        book >> arrived(READY) << Timer("status", None)


def test_the_good_end_of_a_reply_that_ordered_nothing_never_passes_for_a_dispense() -> None:
    """A restart between that reply and its evidence: the number is open in the book, so the reply must not carry it."""
    with in_service() as book:
        opened = asked(book)
        book >> decided(opened, Approved(amount=yen(14_999)))
        assert sent_reply(book).tsn == "0000"
        book << like(Timer) << like(Evidence, verdict="undone")
        book >> arrived(request(mcn="4", last=LastStatus("0001", "1"))) << like(Note, name="status-missing") << like(HangUp)


def test_an_approval_of_less_is_paid_as_approved() -> None:
    with in_service() as book:
        opened = asked(book)
        book >> decided(opened, Approved(amount=yen(6_000)))
        assert sent_reply(book).notes == "01010000"
        book << like(Timer)
        book >> arrived(fault("E100010000")) << like(Evidence, verdict="part", standing_minor=5_000)
        book.rest()


# ---- silence and confusion -----------------------------------------------------------------------------------------------
def test_no_status_in_time_resets_the_link_and_says_nothing_of_money() -> None:
    with in_service() as book:
        replied(book)
        book >> TimerFired("status") << Note("status-missing", "TSN 0001") << HangUp("status-missing", abort=True)


def test_a_request_instead_of_a_status_resets_the_link_unless_it_proves_the_reply() -> None:
    with in_service() as book:
        replied(book)
        book >> arrived(request(mcn="4")) << Note("status-missing", "TSN 0001") << HangUp("status-missing", abort=True)
    with in_service() as book:
        replied(book)
        book >> arrived(request(mcn="4", last=LastStatus("0001", "1"))) << Note("status-inferred", "TSN 0001")
        book << like(Evidence, key=KEY, verdict="confirmed") << Timer("status", None) << like(Store) << like(Ask)


def test_a_request_that_says_how_a_decline_ended_is_the_next_customers() -> None:
    with in_service() as book:
        opened = asked(book)
        book >> decided(opened, Declined(reason="limit-exceeded")) << like(Send) << like(Timer)
        book >> arrived(request(mcn="4", last=LastStatus("0001", "1"))) << Note("status-inferred", "TSN 0001")
        book << Timer("status", None) << like(Store) << like(Ask)


def test_a_status_before_the_reply_belongs_to_nothing() -> None:
    """An ATM that answers the previous question: the late ready is not the proof of a dispense that has not been ordered."""
    with in_service() as book:
        opened = asked(book)
        book >> arrived(READY) << Note("unmatched-status", "9")
        book >> decided(opened) << like(Send) << like(Timer)


def test_a_terminal_state_is_no_answer_to_a_reply() -> None:
    with in_service() as book:
        replied(book)
        book >> BytesArrived(b"\x00\x0f22\x1c001\x1c\x1cF\x1c60001") << like(Note, name="unmatched-status")
        book >> arrived(READY) << like(Evidence, verdict="confirmed") << like(Timer)


# ---- the next session ----------------------------------------------------------------------------------------------------
def cut_off() -> dict[str, bytes]:
    """What is durable of a session that was cut after its approval left."""
    with in_service() as book:
        book >> arrived(request())
        store = book.take(Store)
        opened = book.take(Ask).message
        assert isinstance(opened, OpenedRequest)
        book >> Stored(store.name, True) >> decided(opened) << like(Send) << like(Timer)
    return {store.name: store.value}


NEXT = f"{LINK}9"


def reopened(stored: dict[str, bytes]) -> Playbook:
    return in_service(opened=LinkOpened(HOST, 40_001, stored=stored, realm="bank", link_id=NEXT))


def test_the_next_request_of_another_session_confirms_what_it_names() -> None:
    with reopened(cut_off()) as book:
        book >> arrived(request(last=LastStatus("0001", "1")))
        book << like(Evidence, key=KEY, verdict="confirmed") << like(Store)
        opened = book.take(Ask).message
        assert isinstance(opened, OpenedRequest)
        assert (opened.tsn, opened.mint) == (2, f"{NEXT}.1")


@pytest.mark.parametrize("last", [LastStatus("0001", "0"), LastStatus("0001", "3"), LastStatus("0001", "2", (0, 0, 0, 0))])
def test_what_does_not_confirm_only_adds_a_note_and_once(last: LastStatus) -> None:
    with reopened(cut_off()) as book:
        book >> arrived(request(last=last)) << like(Evidence, key=KEY, verdict="unproven") << like(Store)
        opened = book.take(Ask).message
        assert isinstance(opened, OpenedRequest)
        book >> Stored(f"tsn/{TERMINAL}", True) >> ReplyDecided(opened, reply_to(opened, Declined(reason="limit-exceeded")))
        book.rest()
        book >> arrived(READY)
        book.rest()
        book >> arrived(request(last=last)) << like(Store) << like(Ask)


def test_another_serial_says_nothing_about_an_open_one() -> None:
    with reopened(cut_off()) as book:
        book >> arrived(request(last=LastStatus("0009", "1"))) << like(Store) << like(Ask)


def test_the_approval_of_the_old_session_is_never_sent_on_the_new_one() -> None:
    with in_service() as old:
        opened = asked(old)
    with reopened({}) as book:
        book >> decided(opened) << like(Note, name="reply-unmatched") << like(Evidence, key=KEY, verdict="unproven")


def test_a_number_whose_end_is_unknown_is_not_given_again() -> None:
    stored = cut_off()
    with reopened(stored) as book:
        seen = set()
        for _ in range(3):
            opened = asked(book)
            seen.add(opened.tsn)
            book >> decided(opened)
            book.rest()
            book >> arrived(READY)
            book.rest()
        assert seen == {2, 3, 4}


def test_the_serial_that_the_atm_reports_as_its_last_is_not_given() -> None:
    """A new journal begins at 1, and another host's last reply may have been 1: lost, ours would look proven by it."""
    with in_service() as book:
        assert asked(book, request(last=LastStatus("0001", "1"))).tsn == 2
