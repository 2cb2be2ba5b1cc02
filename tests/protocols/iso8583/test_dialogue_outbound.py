"""Messages of the core on an ISO 8583 link: said once, acknowledged by their answer, given back or left open."""

from __future__ import annotations

import pytest

from protocols.dialect import (
    CommandRequested,
    Delivery,
    DrainStarted,
    HangUp,
    LinkClosed,
    Note,
    OutboundOffered,
    Send,
    Timer,
    TimerFired,
)
from protocols.iso8583.message import IsoMessage
from tests.protocols.iso8583.test_dialogue_asking import SWITCH, answer_to, dialled
from tests.support.isolink import arrived, make_dialect, network, unframed
from tests.support.isoplay import FREE, ISO, OPENED, play, signed_on
from tests.support.playbook import After, like


def offered(kind: str, body: bytes = b"{}", id: str = "k1") -> OutboundOffered:
    return OutboundOffered(id, kind, body)


def test_the_answer_is_the_acknowledgement() -> None:
    with signed_on() as book:
        book >> offered("cutover", b'{"business_date":"2026-11-06"}') << Delivery("k1", "sent")
        said = book.take(Send)
        message = unframed(ISO, said.data)
        assert (message.mti, message.fields[70], message.fields[15]) == ("0800", "201", "1106")
        book << Timer("command-000001", 15_000)
        assert not book.dialogue.is_idle
        book >> answer_to(ISO, said) << Timer("command-000001", None) << Delivery("k1", "acknowledged")
        book << Note("cutover-accepted")
        assert book.dialogue.is_idle
        book >> answer_to(ISO, said) << like(Note, name="unmatched-answer")


def test_a_refusal_of_the_far_end_is_failed_with_its_code() -> None:
    with signed_on() as book:
        book >> offered("key-exchange", b'{"data":"0011223344556677"}') << Delivery("k1", "sent")
        said = book.take(Send)
        book << like(Timer)
        book >> answer_to(ISO, said, "91") << like(Timer) << Delivery("k1", "failed", "refused with code '91'")
        book << like(Note, name="key-exchange-refused")


def test_no_answer_is_unknown_and_never_said_again() -> None:
    with signed_on() as book:
        book >> offered("echo") << Delivery("k1", "sent") << like(Send) << like(Timer)
        book >> After(15_000) >> TimerFired("command-000001") << Delivery("k1", "unknown", "no answer within 15000 ms")
        book << Note("command-unanswered", "echo") << like(Note, name="echo-refused")
        book >> After(60_000) >> LinkClosed("peer-closed")
        assert not [action for action in book.rest() if isinstance(action, (Delivery, Send))]


def test_a_link_that_closes_leaves_every_one_open() -> None:
    with signed_on() as book:
        for number in (1, 2):
            book >> offered("echo", id=f"k{number}") << Delivery(f"k{number}", "sent") << like(Send) << like(Timer)
        book >> CommandRequested("echo") << like(Send) << like(Timer)
        book >> LinkClosed("peer-lost")
        why = "the link closed before an answer"
        book << Delivery("k1", "unknown", why) << Delivery("k2", "unknown", why)
        book.rest()


def test_before_the_sign_on_only_a_sign_on_is_said() -> None:
    with play() as book:
        book >> OPENED
        book.rest()
        book >> offered("echo") << Delivery("k1", "deferred", "not signed on")
        book >> offered("sign-on", id="k2") << Delivery("k2", "sent")
        sign_on = book.take(Send)
        book << like(Timer)
        book >> answer_to(ISO, sign_on) << like(Timer) << Delivery("k2", "acknowledged")
        book.rest()
        assert book.dialogue.is_signed_on
        book >> offered("echo") << Delivery("k1", "sent") << like(Send) << like(Timer)


def test_where_no_sign_on_is_required_a_message_is_said_at_once() -> None:
    with play(FREE) as book:
        book >> OPENED
        book.rest()
        book >> offered("echo") << Delivery("k1", "sent") << like(Send) << like(Timer)


def test_a_refused_sign_on_is_told_before_the_link_ends() -> None:
    with dialled() as book:
        book >> offered("sign-on") << Delivery("k1", "sent")
        sign_on = book.take(Send)
        book << like(Timer)
        book >> answer_to(SWITCH, sign_on, "91") << like(Timer) << Delivery("k1", "failed", "refused with code '91'")
        book << like(Note, name="sign-on-refused") << HangUp("sign-on-refused")
        book >> offered("echo", id="k2") << Delivery("k2", "deferred", "the link is ending")


def test_a_link_that_drains_gives_it_back() -> None:
    with signed_on() as book:
        book >> DrainStarted()
        book.rest()
        book >> offered("echo") << Delivery("k1", "deferred", "the link is ending")


def test_the_limit_of_waiting_requests_gives_it_back() -> None:
    iso = make_dialect(session={"commands_waiting_max": 2})
    with signed_on(iso) as book:
        for number in (1, 2):
            book >> offered("echo", id=f"k{number}") << like(Delivery, state="sent") << like(Send) << like(Timer)
        book >> offered("echo", id="k3") << Delivery("k3", "deferred", "too many requests wait for their answers")


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("sing", b"{}", "no such kind"),
        ("echo", b"[]", "the body is not one of echo"),
        ("cutover", b'{"business_date":"2026-13-99"}', "the profile of this line cannot say it"),
    ],
)
def test_what_cannot_be_said_has_failed_unsent(kind: str, body: bytes, why: str) -> None:
    with signed_on() as book:
        book >> offered(kind, body) << like(Delivery, id="k1", state="failed", detail=lambda said: said.startswith(why))


def test_an_answer_without_a_code_is_no_acknowledgement() -> None:
    with signed_on() as book:
        book >> offered("echo") << Delivery("k1", "sent")
        asked = unframed(ISO, book.take(Send).data)
        book << like(Timer)
        bare = IsoMessage(asked.response_mti(), {n: v for n, v in asked.fields.items() if n != 39})
        book >> arrived(ISO, bare) << like(Timer) << like(Delivery, state="failed")
        book.rest()


def test_the_far_ends_own_messages_acknowledge_nothing() -> None:
    with signed_on() as book:
        book >> offered("echo") << Delivery("k1", "sent") << like(Send) << like(Timer)
        book >> arrived(ISO, network("301"))
        assert not [action for action in book.rest() if isinstance(action, Delivery)]
