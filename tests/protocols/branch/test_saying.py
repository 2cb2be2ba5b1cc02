"""A person's telegram against the real dialogue: opened, numbered, answered, masked, and what cannot be said."""

import pytest

from protocols.branch.dialect import BRANCH
from protocols.branch.saying import BranchSaying
from protocols.dialect import Action, BytesArrived, OutboundOffered, Refuse, Send
from protocols.errors import LocalMisuse
from protocols.saying import Shown, SpeakingKit, Turn, Wish
from protocols.vocabulary import Answer, Approved, Declined
from tests.support.branchlink import ACCOUNT, BRANCH_P1, BranchLink, code_of, make_branch, withdrawal

WHO = {"bank": "9901", "branch": "123", "terminal": "9999"}
BALANCE = {**WHO, "operation": "01009", "account_branch": "123", "account_type": "1", "account": "0000001"}


def said(message: str, items: dict[str, str], *, is_repeated: bool = False) -> BranchSaying:
    return BranchSaying(BRANCH_P1.rules, Wish(message=message, items=items, is_repeated=is_repeated))


def talk(conversation: BranchSaying, link: BranchLink, answer: Answer | None = None) -> tuple[str, list[Shown]]:
    """To the end: code and what was shown."""
    turn, shown = conversation.begin(), []
    for _ in range(20):
        shown += turn.shown
        actions: list[Action] = []
        before = len(link.asked)
        if turn.data:
            actions = link.step(BytesArrived(turn.data))
        if turn.code is not None:
            return turn.code, shown
        for asked in link.asked[before:]:
            actions += link.answer(asked, answer)
        turn = conversation.heard(b"".join(a.data for a in actions if isinstance(a, (Send, Refuse))))
    raise AssertionError(shown)


def names(shown: list[Shown]) -> list[str]:
    return [f"{'>' if one.is_sent else '<'}{one.name}" for one in shown]


def test_the_kit_speaks() -> None:
    assert isinstance(BRANCH, SpeakingKit)
    assert isinstance(BRANCH.conversation(BRANCH_P1, Wish(items=WHO)), BranchSaying)
    with pytest.raises(LocalMisuse):
        BRANCH.conversation(make_branch().new_dialogue(), Wish())  # type: ignore[arg-type]  # what the guard is for


def test_an_echo_needs_no_day() -> None:
    code, shown = talk(said("", WHO), BranchLink())
    assert (code, names(shown)) == ("0000", [">14", "<15"])


def test_a_telegram_is_numbered_behind_the_last_one_and_only_its_answer_counts() -> None:
    link = BranchLink()
    code, shown = talk(said("20", BALANCE), link, Approved(authorisation_id="42"))
    assert (code, names(shown)) == ("0000", [">10", "<11", ">20", "<21"])
    assert [one.is_answer for one in shown] == [False, False, False, True]
    again = BranchLink(stored=link.stored)
    talk(said("20", BALANCE), again)
    assert [message.serial for message in again.asked] == [2]


def test_a_repeat_is_the_same_number_once_more() -> None:
    link = BranchLink()
    code, shown = talk(said("20", BALANCE, is_repeated=True), link, Declined(reason="no-such-account"))
    assert [(message.serial, message.is_repeat) for message in link.asked] == [(1, False), (1, True)]
    assert (code, sum(one.is_answer for one in shown)) == ("5002", 2)


def test_card_numbers_accounts_and_pins_are_masked() -> None:
    items = {**WHO, "operation": "01012", "pan": "4000001234567899", "amount": "1000", "pin_block": "0123456789ABCDEF"}
    _, shown = talk(said("20", items), BranchLink())
    _, more = talk(said("20", BALANCE), BranchLink())
    text = repr(shown + more)
    for secret in ("4000001234567899", "0123456789ABCDEF", "0000001"):
        assert secret not in text
    assert ("pan", "400000******7899") in shown[2].items
    assert ("account", "****001") in more[2].items


def test_a_completion_ends_unanswered() -> None:
    items = {**WHO, "terminal_kind": "A", "original_serial": "1", "serial": "1", "paid": "0"}
    code, shown = talk(said("23", items), BranchLink())
    assert (code, names(shown)) == ("", [">10", "<11", ">23"])


def test_a_closing_answers_the_count_with_what_the_person_said() -> None:
    code, shown = talk(said("12", {**WHO, "opening_cash": "500", "cash": "500"}), BranchLink())
    assert (code, names(shown)) == ("0000", [">10", "<11", ">12", "<16", ">17", "<13"])
    with pytest.raises(LocalMisuse, match="till"):
        talk(said("12", WHO), BranchLink())


def test_a_day_that_does_not_open_is_the_answer() -> None:
    link = BranchLink()
    talk(said("12", {**WHO, "cash": "0"}), link)
    code, shown = talk(said("20", BALANCE), BranchLink(stored=link.stored))
    assert (code, names(shown)) == (code_of("day-closed"), [">10", "<11"])


def test_what_the_relay_asks_in_between_is_answered_or_shown() -> None:
    link = BranchLink()
    talk(said("10", WHO), link)
    notice = link.step(OutboundOffered("id", "notice", b'{"text": "A"}'))
    conversation = said("20", BALANCE)
    conversation.begin()
    (send,) = [action for action in notice if isinstance(action, Send)]
    assert conversation.heard(send.data) == Turn(b"", conversation.heard(send.data).shown), "shown, not acknowledged"
    echo = link.dialogue._rules.own(withdrawal(1, terminal="9999"), "14")  # type: ignore[attr-defined]
    assert [message.message_type for message in link.sent([Send(conversation.heard(echo).data)])] == ["15"]


def test_a_gap_says_what_to_do() -> None:
    with pytest.raises(LocalMisuse, match="照会"):
        talk(said("20", {**BALANCE, "serial": "7"}), BranchLink())


@pytest.mark.parametrize(
    ("message", "items", "path"),
    [
        ("21", WHO, "type"),
        ("14", {"bank": "9901", "branch": "123"}, "terminal"),
        ("20", {**WHO, "operation": "77777"}, "operation"),
        ("20", {**BALANCE, "colour": "red"}, "colour"),
        ("20", {**BALANCE, "serial": "one"}, "serial"),
    ],
)
def test_what_cannot_be_said_names_its_item(message: str, items: dict[str, str], path: str) -> None:
    with pytest.raises(LocalMisuse) as caught:
        said(message, items)
    assert caught.value.path == path


def test_what_does_not_fit_is_told_when_it_is_written() -> None:
    with pytest.raises(LocalMisuse):
        talk(said("20", {**BALANCE, "account": "1" * 8}), BranchLink())
    assert ACCOUNT
