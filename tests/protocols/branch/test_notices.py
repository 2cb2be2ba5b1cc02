"""Notices as transcripts: one number each, durable first, acknowledged, refused, lost, and found again later."""

import json

import pytest

from protocols.branch.notices import NUMBER_MAX, RECENT_COUNT, NoticeBook
from protocols.dialect import (
    Action,
    BytesArrived,
    Delivery,
    DrainStarted,
    LinkClosed,
    Note,
    OutboundOffered,
    Send,
    Store,
    Stored,
    Timer,
    TimerFired,
)
from tests.support.branchlink import BRANCH_P1, BranchLink, make_branch, opening, telegram

NAME = "notices-9901-123-0042"


def notice(id: str = "id-1", kind: str = "notice", **body: str) -> OutboundOffered:
    return OutboundOffered(id, kind, json.dumps(body or {"subject": "0001", "text": "ガイコク カワセ テイシ"}).encode())


def receipt(number: int, code: str = "0000") -> object:
    return telegram("51", center_serial=f"{number:010}", code=code)


def deliveries(actions: list[Action]) -> list[tuple[str, str]]:
    return [(action.id, action.state) for action in actions if isinstance(action, Delivery)]


def test_its_number_is_durable_before_it_leaves() -> None:
    link = BranchLink().open()
    (store,) = link.dialogue.step(notice(), 0)
    assert isinstance(store, Store)
    assert (store.name, json.loads(store.value)) == (NAME, {"last": 1, "recent": [[1, "id-1"]]})
    assert not link.dialogue.is_idle
    sent, send, timer = link.dialogue.step(Stored(NAME, True), 0)
    assert (sent, timer) == (Delivery("id-1", "sent"), Timer("notice", 30_000))
    (telegram_,) = link.sent([send])
    assert (telegram_.message_type, telegram_.center_serial, telegram_.serial) == ("50", "0000000001", 0)
    assert (telegram_.text("subject"), telegram_.text("text")) == ("0001", "ｶﾞｲｺｸ ｶﾜｾ ﾃｲｼ")


def test_the_terminals_word_is_the_acknowledgement() -> None:
    link = BranchLink().open()
    link.step(notice())
    actions = link.say(receipt(1))
    assert deliveries(actions) == [("id-1", "acknowledged")]
    assert Timer("notice", None) in actions
    assert link.dialogue.is_idle
    assert deliveries(link.step(TimerFired("notice"))) == []


def test_a_terminal_may_refuse_it() -> None:
    link = BranchLink().open()
    link.step(notice())
    (delivery,) = [one for one in link.say(receipt(1, "2002")) if isinstance(one, Delivery)]
    assert (delivery.state, "2002" in delivery.detail) == ("failed", True)


def test_a_lost_acknowledgement_is_unknown_and_a_late_one_still_counts() -> None:
    link = BranchLink().open()
    link.step(notice())
    assert deliveries(link.step(TimerFired("notice"))) == [("id-1", "unknown")]
    assert not [one for one in link.step(notice("id-2")) if isinstance(one, Send) and b"0000000001" in one.data]
    assert deliveries(link.say(receipt(1))) == [("id-1", "acknowledged")]
    assert deliveries(link.say(receipt(2))) == [("id-2", "acknowledged")]


def test_a_late_acknowledgement_on_another_link_counts_and_numbers_go_on() -> None:
    old = BranchLink().open()
    old.step(notice())
    assert deliveries(old.step(LinkClosed("peer-lost"))) == [], "it left: unknown by itself"
    link = BranchLink(stored=old.stored).open()
    assert deliveries(link.say(receipt(1))) == [("id-1", "acknowledged")]
    (sent,) = link.sent(link.step(notice("id-2")))
    assert sent.center_serial == "0000000002"


def test_the_opening_names_the_last_notice_that_was_shown_and_proves_no_other() -> None:
    link = BranchLink().open()
    for number in (1, 2):
        link.step(notice(f"id-{number}"))
        link.step(TimerFired("notice"))
    again = BranchLink(stored=link.stored)
    assert deliveries(again.say(opening(center_serial="0000000002"))) == [("id-2", "acknowledged")]
    assert deliveries(BranchLink(stored=link.stored).say(opening())) == []


@pytest.mark.parametrize("problem", ["closed", "before", "draining", "busy"])
def test_what_cannot_be_said_now_is_given_back(problem: str) -> None:
    link = BranchLink()
    if problem != "before":
        link.open()
    if problem == "draining":
        link.step(DrainStarted())
    if problem == "busy":
        link.step(notice("other"))
    if problem == "closed":
        link.say(telegram("12"))
        link.say(telegram("17", body={"cash": "000001000000"}))
    assert deliveries(link.step(notice())) == [("id-1", "deferred")]


def test_what_the_journal_does_not_take_or_the_link_does_not_outlive_has_not_left() -> None:
    link = BranchLink().open()
    assert deliveries(link.step(notice(), is_writable=lambda store: False)) == [("id-1", "deferred")]
    link.dialogue.step(notice(), 0)
    assert deliveries(link.step(LinkClosed("peer-lost"))) == [("id-1", "deferred")]


@pytest.mark.parametrize(
    "offered",
    [
        notice(kind="reboot"),
        notice(text="漢字"),
        notice(text="A" * 201),
        notice(text="A", subject="12345"),
        notice(wrong="A"),
        OutboundOffered("id-1", "notice", b"["),
        OutboundOffered("id-1", "notice", b"[" * 100_000),
    ],
)
def test_what_can_never_be_said_fails_without_a_number_and_without_its_text(offered: OutboundOffered) -> None:
    link = BranchLink().open()
    (delivery,) = link.step(offered)
    assert isinstance(delivery, Delivery)
    assert delivery.state == "failed"
    assert "漢" not in delivery.detail
    (sent,) = link.sent(link.step(notice("id-2", text="A" * 200, subject="1234")))
    assert sent.center_serial == "0000000001"


def test_an_answer_to_no_notice_is_counted() -> None:
    link = BranchLink().open()
    assert [one.name for one in link.say(receipt(7)) if isinstance(one, Note)] == ["unmatched-answer"]
    link.dialogue.step(notice(), 0)
    actions = link.dialogue.step(BytesArrived(BRANCH_P1.codec.write(receipt(1))), 0)
    assert deliveries(list(actions)) == [], "it cannot have been seen: it has not left"


def test_a_book_that_cannot_be_read_never_gives_an_old_number_again() -> None:
    link = BranchLink(stored={NAME: b"?"})
    assert "notice-book-unreadable" in [one.name for one in link.say(opening()) if isinstance(one, Note)]
    (sent,) = link.sent(link.step(notice()))
    assert int(sent.center_serial) > 1_000_000_000


def test_the_limits() -> None:
    link = BranchLink(make_branch(session={"notice_ms": 1})).open()
    for number in range(1, RECENT_COUNT + 2):
        link.step(notice(f"id-{number}"))
        link.step(TimerFired("notice"))
    assert deliveries(link.say(receipt(1))) == []
    assert deliveries(link.say(receipt(2))) == [("id-2", "acknowledged")]
    full = json.dumps({"last": NUMBER_MAX, "recent": []}).encode()
    assert deliveries(BranchLink(stored={NAME: full}).open().step(notice())) == [("id-1", "failed")]
    assert NoticeBook().last == 0
