"""Receipt as transcripts: next, repeat, conflict, gap, 後送 in order, and numbers that are used up by a refusal."""

import msgspec
import pytest

from protocols.branch import codes
from protocols.branch.message import BranchMessage
from protocols.branch.till import unpack
from protocols.dialect import Action, Ask, BytesArrived, DrainStarted, LinkOpened, Note, Refuse, Send, Store, Stored, TimerFired
from protocols.vocabulary import Declined, Refusal
from tests.support.branchlink import (
    ACCOUNT,
    BRANCH_P1,
    DAY,
    REALM,
    BranchLink,
    code_of,
    deposit,
    make_branch,
    messages_in,
    opening,
    telegram,
    withdrawal,
)
from tests.support.playbook import Playbook

NAME = "till-9901-123-0042"


def notes(actions: list[Action]) -> list[str]:
    return [action.name for action in actions if isinstance(action, Note)]


def offline(serial: int, amount: int = 1_000) -> BranchMessage:
    body = {**ACCOUNT, "amount": f"{amount:012}", "name": "", "remark": ""}
    return telegram("40", operation="01001", serial=serial, is_offline=True, body=body)


def finding(code: str, approver: str = "", about: int = 3) -> BranchMessage:
    body = {"finding": code, "last_serial": "0", "pending_count": "0"}
    return telegram("31", body=body, approver=approver, original_date=DAY, original_serial=about)


def test_nothing_is_asked_before_its_number_is_durable() -> None:
    with Playbook(BRANCH_P1.new_dialogue()) as play:
        play >> LinkOpened("192.0.2.1", 1, realm=REALM)
        play.rest()
        play >> BytesArrived(BRANCH_P1.codec.write(opening()))
        play.rest()
        play >> Stored(NAME, True)
        play.rest()
        play >> BytesArrived(BRANCH_P1.codec.write(withdrawal(1)))
        store = play.take(Store)
        assert (unpack(store.value).last, unpack(store.value).pending[0].effect) == (1, -10_000)
        play >> Stored(NAME, True) << Ask(withdrawal(1))


def test_without_a_journal_it_is_refused_and_its_repeat_is_taken() -> None:
    link = BranchLink().open()
    data = BRANCH_P1.codec.write(withdrawal(1))
    actions = link.step(BytesArrived(data), is_writable=lambda store: False)
    assert link.codes(actions) == [f"21 {code_of(Refusal.NO_JOURNAL)}"]
    assert not link.asked
    link.say(withdrawal(1, is_repeat=True))
    assert [message.serial for message in link.asked] == [1]


def test_a_repeat_goes_to_the_desk_again_and_nothing_else_with_its_number_does() -> None:
    link = BranchLink().open()
    link.do(withdrawal(1))
    assert link.say(withdrawal(1, is_repeat=True)) == [Ask(withdrawal(1, is_repeat=True))]
    for wrong in (withdrawal(1), withdrawal(1, 20_000, is_repeat=True), withdrawal(1, 20_000), deposit(1, is_repeat=True)):
        actions = link.say(wrong)
        assert link.codes(actions) == [f"21 {code_of(codes.SERIAL_WRONG)}"]
        assert notes(actions) == ["serial-conflict"]
    assert len(link.asked) == 2


def test_a_gap_is_held_and_asked_about_and_the_missing_one_frees_it() -> None:
    link = BranchLink().open()
    actions = link.say(withdrawal(3, 3_000))
    assert notes(actions) == ["serial-gap"]
    (inquiry,) = link.sent(actions)
    assert (inquiry.message_type, inquiry.text("from_serial"), inquiry.text("to_serial")) == ("30", "000001", "000002")
    assert link.say(withdrawal(3, 3_000)) == [], "it waits already"
    assert link.say(withdrawal(4, 4_000), finding("1"))[1:] != []
    link.say(withdrawal(1, 1_000))
    assert [message.serial for message in link.asked] == [1]
    link.say(withdrawal(2, 2_000))
    assert [message.serial for message in link.asked] == [1, 2, 3, 4]


def test_numbers_never_used_need_an_approver() -> None:
    link = BranchLink().open()
    link.say(withdrawal(3))
    actions = link.say(finding("2"))
    assert link.codes(actions) == [f"21 {code_of(codes.SERIAL_WRONG)}"]
    link.say(withdrawal(3))
    actions = link.say(finding("2", approver="MGR00001"))
    assert "serial-gap-accepted" in notes(actions)
    assert [message.serial for message in link.asked] == [3]
    actions = link.say(withdrawal(2, is_repeat=True))
    assert link.codes(actions) == [f"21 {code_of(codes.SERIAL_WRONG)}"], "what was declared unused is not taken afterwards"


def test_never_used_is_believed_of_the_number_it_names_only() -> None:
    """A late answer about another gap would skip numbers that were used: their telegrams would be refused for ever."""
    link = BranchLink().open()
    (inquiry,) = link.sent(link.say(withdrawal(3)))
    assert (inquiry.original_date, inquiry.original_serial) == (DAY, 3)
    link.step(TimerFired("gap"))
    link.say(withdrawal(9))
    assert notes(link.say(finding("2", approver="MGR00001", about=3))) == ["unmatched-answer"]
    assert not link.asked
    link.say(offline(1))
    assert [message.serial for message in link.asked] == [1]


@pytest.mark.parametrize("ending", ["timer", "unknown"])
def test_a_gap_that_nobody_explains_refuses_what_is_held(ending: str) -> None:
    link = BranchLink().open()
    link.say(withdrawal(3), withdrawal(4))
    actions = link.step(TimerFired("gap")) if ending == "timer" else link.say(finding("3"))
    assert link.codes(actions) == [f"21 {code_of(codes.SERIAL_WRONG)}"] * 2
    assert not link.asked
    link.say(withdrawal(1))
    assert [message.serial for message in link.asked] == [1]


def test_more_than_may_be_held_is_refused() -> None:
    link = BranchLink(make_branch(session={"held_count_max": 2})).open()
    actions = [link.say(withdrawal(serial)) for serial in (5, 6, 7)]
    assert [link.codes(said)[-1:] for said in actions] == [["30 0000"], [], [f"21 {code_of(codes.SERIAL_WRONG)}"]]


def test_another_body_with_a_held_number_is_refused() -> None:
    link = BranchLink().open()
    link.say(withdrawal(3))
    assert link.codes(link.say(withdrawal(3, 99_000))) == [f"21 {code_of(codes.SERIAL_WRONG)}"]


def test_an_answer_to_no_inquiry_is_counted() -> None:
    assert notes(BranchLink().open().say(finding("2", approver="MGR00001"))) == ["unmatched-answer"]


def test_what_was_done_offline_is_drained_in_order_before_what_comes_after() -> None:
    link = BranchLink().open()
    link.say(withdrawal(4), offline(2), offline(1), offline(3))
    assert [(message.message_type, message.serial) for message in link.asked] == [
        ("40", 1),
        ("40", 2),
        ("40", 3),
        ("20", 4),
    ]


@pytest.mark.parametrize(
    ("message", "word"),
    [
        (withdrawal(1, is_training=True), codes.TRAINING),
        (withdrawal(1, 1_000_000), codes.APPROVER_WANTED),
    ],
)
def test_a_refusal_uses_its_number_up(message: BranchMessage, word: str) -> None:
    rule = {"kind": "withdrawal", "body": "withdrawal", "cash": "out", "doubt": "undo", "approver_from": 1_000_000}
    link = BranchLink(make_branch(operations={"01002": rule})).open()
    assert link.codes(link.say(message)) == [f"21 {code_of(word)}"]
    link.say(withdrawal(2, 1_000_000, approver="MGR00001"), withdrawal(3, 999_999))
    assert [message.serial for message in link.asked] == [2, 3]


def test_a_malformed_body_uses_its_number_up_and_its_repeat_is_refused_again() -> None:
    link = BranchLink().open()
    raw = bytearray(BRANCH_P1.codec.write(withdrawal(1)))
    raw[160] = ord("x")
    for _ in range(2):
        actions = link.step(BytesArrived(bytes(raw)))
        assert link.codes(actions) == [f"21 {code_of(Refusal.FORMAT_ERROR)}"]
    link.say(withdrawal(2))
    assert [message.serial for message in link.asked] == [2]


@pytest.mark.parametrize(("limit", "count"), [(1, 1), (3, 3)])
def test_the_pending_list_has_a_limit(limit: int, count: int) -> None:
    link = BranchLink(make_branch(session={"pending_count_max": limit})).open()
    for serial in range(1, limit + 1):
        link.do(withdrawal(serial))
    assert link.codes(link.say(withdrawal(limit + 1))) == [f"21 {code_of(codes.PENDING_FULL)}"]
    assert len(link.asked) == count


def test_a_drain_refuses_what_is_new_and_takes_what_happened() -> None:
    link = BranchLink().open()
    link.do(withdrawal(1))
    link.step(DrainStarted())
    assert link.codes(link.say(withdrawal(2))) == [f"21 {code_of(Refusal.DRAINING)}"]
    link.say(offline(3))
    link.say(withdrawal(1, is_repeat=True))
    assert [(message.message_type, message.serial) for message in link.asked] == [("20", 1), ("40", 3), ("20", 1)]


def test_a_refused_answer_stays_the_same_for_its_repeat() -> None:
    link = BranchLink().open()
    actions = link.do(withdrawal(1), Declined(reason="insufficient-funds"))
    again = link.do(withdrawal(1, is_repeat=True), Declined(reason="insufficient-funds"))
    assert [action.data for action in actions if isinstance(action, Send)] == [
        action.data for action in again if isinstance(action, Send)
    ]
    assert not [action for action in again if isinstance(action, Refuse)]
    assert messages_in(b"".join(a.data for a in again if isinstance(a, Send)))[0].code == code_of("insufficient-funds")


def refused_at_the_door() -> list[tuple[BranchLink, BranchMessage, str]]:
    draining = BranchLink().open()
    draining.step(DrainStarted())
    full = BranchLink(make_branch(session={"pending_count_max": 1})).open()
    full.do(withdrawal(1))
    rule = {"kind": "withdrawal", "body": "withdrawal", "cash": "out", "doubt": "undo", "completion": "A", "approver_from": 1}
    unapproved = BranchLink(make_branch(operations={"01002": rule})).open()
    return [
        (draining, withdrawal(1), code_of(Refusal.DRAINING)),
        (full, withdrawal(2), code_of(codes.PENDING_FULL)),
        (unapproved, withdrawal(1), code_of(codes.APPROVER_WANTED)),
    ]


@pytest.mark.parametrize(("link", "message", "code"), refused_at_the_door())
def test_a_number_refused_before_anybody_was_asked_stays_refused_also_on_a_later_link(
    link: BranchLink, message: BranchMessage, code: str
) -> None:
    """Taken after all, its cash would not be in the till book, and the count would be read as another transaction's."""
    asked = len(link.asked)
    assert link.codes(link.say(message)) == [f"21 {code}"]
    later = BranchLink(link.branch, link.stored).open()
    again = msgspec.structs.replace(message, is_repeat=True, approver="MGR00001")
    assert later.codes(later.say(again)) == [f"21 {code}"]
    assert (len(link.asked), later.asked) == (asked, [])


def test_a_number_that_the_journal_did_not_take_keeps_nobody_from_closing() -> None:
    link = BranchLink().open()
    link.step(BytesArrived(BRANCH_P1.codec.write(withdrawal(1))), is_writable=lambda store: False)
    assert [message.message_type for message in link.sent(link.say(telegram("12")))] == ["16"]


def test_a_repeat_after_a_full_journal_is_durable_before_it_is_asked() -> None:
    link = BranchLink().open()
    link.step(BytesArrived(BRANCH_P1.codec.write(withdrawal(1))), is_writable=lambda store: False)
    (store,) = link.dialogue.step(BytesArrived(BRANCH_P1.codec.write(withdrawal(1, is_repeat=True))), 0)
    assert isinstance(store, Store)
    assert unpack(store.value).last == 1
    assert link.dialogue.step(Stored(NAME, True), 0) == [Ask(withdrawal(1, is_repeat=True))]
