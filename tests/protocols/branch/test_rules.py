"""What links share: refusals with and without an answer, telegrams of our own, and which way notes move."""

import pytest

from protocols.branch import codes
from protocols.branch.message import BranchMessage
from protocols.vocabulary import Refusal
from tests.support.branchlink import BRANCH_P1, cancel, completion, correct, deposit, messages_in, telegram, withdrawal

RULES = BRANCH_P1.rules


def test_a_refusal_is_answered_where_an_answer_is_due() -> None:
    refuse = RULES.refusal(withdrawal(3), codes.SERIAL_WRONG, "why", 1)
    (answer,) = messages_in(refuse.data)
    assert (answer.message_type, answer.code, answer.serial, answer.confirmed_serial) == ("21", "1001", 3, 1)
    assert refuse.reason is Refusal.KEY_CONFLICT
    assert RULES.refusal(completion(1, 1), codes.DATE_WRONG, "why").data == b""


def test_a_telegram_of_our_own_has_no_number() -> None:
    data = RULES.own(withdrawal(3), "16")
    assert data is not None
    (asked,) = messages_in(data)
    assert (asked.message_type, asked.serial, asked.terminal_name) == ("16", 0, "9901-123-0042")
    assert asked.sent_at == "20261118200640", "our own time, in Tokyo"
    assert RULES.own(withdrawal(3), "99") is None


@pytest.mark.parametrize(
    ("message", "effect"),
    [
        (withdrawal(1), -10_000),
        (deposit(1), 10_000),
        (cancel(2, 1), 10_000),
        (cancel(2, 1, operation="01001"), -10_000),
        (correct(2, 1, 10_000, 4_000), 6_000),
        (telegram("20", operation="01009", serial=1), 0),
        (telegram("20", operation="77777", serial=1), 0),
    ],
)
def test_which_way_notes_move(message: BranchMessage, effect: int) -> None:
    assert RULES.effect(message) == effect


def test_who_completes() -> None:
    assert RULES.awaits_completion(withdrawal(1))
    assert not RULES.awaits_completion(withdrawal(1, terminal_kind="T"))
    assert not RULES.awaits_completion(cancel(2, 1))
