"""A 通知 of the core: sent to an open terminal, one at a time, acknowledged by its own 受領 and by no other."""

from __future__ import annotations

import pytest

from protocols.branch.message import BranchMessage
from protocols.branch.notices import KIND, RECEIPT, TIMER
from protocols.dialect import Action, Delivery, DrainStarted, OutboundOffered, Timer, TimerFired
from tests.support.branchlink import BranchLink, telegram

PLAIN = '{"text": "ｹｲｻﾝ ｼﾃｸﾀﾞｻｲ"}'


def offer(link: BranchLink, id: str = "k1", body: str = PLAIN, kind: str = KIND) -> list[Action]:
    return link.step(OutboundOffered(id, kind, body.encode()))


def deliveries(actions: list[Action]) -> list[tuple[str, str]]:
    return [(action.id, action.state) for action in actions if isinstance(action, Delivery)]


def receipt(serial: int, code: str = "0000") -> BranchMessage:
    return telegram(RECEIPT, center_serial=f"{serial:010}", code=code)


def test_it_is_sent_after_the_word_that_it_may_have_left_and_the_receipt_ends_it() -> None:
    link = BranchLink().open()
    actions = offer(link, body=PLAIN)
    assert isinstance(actions[0], Delivery)
    assert deliveries(actions) == [("k1", "sent")]
    (notice,) = link.sent(actions)
    assert (notice.message_type, notice.text("text"), notice.serial, notice.center_serial) == (
        "50",
        "ｹｲｻﾝ ｼﾃｸﾀﾞｻｲ",
        0,
        "0000000001",
    )
    assert not link.dialogue.is_idle
    actions = link.say(receipt(1))
    assert deliveries(actions) == [("k1", "acknowledged")]
    assert Timer(TIMER, None) in actions
    assert link.dialogue.is_idle


def test_a_refusal_fails_and_silence_is_unknown() -> None:
    link = BranchLink().open()
    offer(link, body=PLAIN)
    assert deliveries(link.say(receipt(1, "5099"))) == [("k1", "failed")]
    offer(link, "k2", PLAIN)
    assert deliveries(link.step(TimerFired(TIMER))) == [("k2", "unknown")]
    assert deliveries(link.step(TimerFired(TIMER))) == []
    assert deliveries(link.say(receipt(2))) == [], "late: a person or nobody settles it"


def test_one_at_a_time_and_a_receipt_of_another_ends_nothing() -> None:
    link = BranchLink().open()
    offer(link, body=PLAIN)
    assert deliveries(offer(link, "k2", PLAIN)) == [("k2", "deferred")]
    assert deliveries(link.say(receipt(7))) == []
    assert deliveries(link.say(receipt(1))) == [("k1", "acknowledged")]
    assert deliveries(offer(link, "k2", PLAIN)) == [("k2", "sent")]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("atm-command", PLAIN),
        (KIND, "{}"),
        (KIND, "[]"),
        (KIND, '{"text": 1}'),
        (KIND, '{"text": "a", "more": "b"}'),
        (KIND, '{"text": "' + "A" * 121 + '"}'),
        (KIND, '{"text": "\\u2603"}'),
    ],
)
def test_what_cannot_be_said_fails_alone(kind: str, body: str) -> None:
    link = BranchLink().open()
    assert deliveries(offer(link, body=body, kind=kind)) == [("k1", "failed")]
    assert deliveries(offer(link, "k2", PLAIN)) == [("k2", "sent")]


def test_before_the_opening_and_while_it_closes_it_waits() -> None:
    link = BranchLink()
    assert deliveries(offer(link, body=PLAIN)) == [("k1", "deferred")]
    link.open()
    link.say(telegram("12"))
    assert deliveries(offer(link, body=PLAIN)) == [("k1", "deferred")]
    drained = BranchLink().open()
    drained.step(DrainStarted())
    assert deliveries(offer(drained, body=PLAIN)) == [("k1", "deferred")]
