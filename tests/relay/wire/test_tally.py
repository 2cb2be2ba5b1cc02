"""What is owed is forgotten in time, and a re-sent command silences replies until all are answered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.wire.tally import AskWindow, CommandTally

WINDOW_MS = 1_000


def test_asks_and_answers_cancel_out() -> None:
    window = AskWindow(0)
    assert window.asked(0, WINDOW_MS) == 1
    assert window.asked(10, WINDOW_MS) == 2
    window.answered()
    assert window.owed(20, WINDOW_MS) == 1
    window.answered()
    window.answered()  # more answers than questions: never below none
    assert window.owed(30, WINDOW_MS) == 0


@given(st.lists(st.tuples(st.sampled_from(["ask", "answer"]), st.integers(0, 900)), max_size=80))
def test_an_ask_counts_for_one_to_two_windows(steps: list[tuple[str, int]]) -> None:
    window = AskWindow(0)
    now_ms = 0
    asked_ms: list[int] = []
    answered = 0
    for verb, pause_ms in steps:
        now_ms += pause_ms
        if verb == "ask":
            asked_ms.append(now_ms)
            owed = window.asked(now_ms, WINDOW_MS)
        else:
            owed = window.owed(now_ms, WINDOW_MS)
            if owed:
                window.answered()
                answered += 1
                owed -= 1
        young = sum(1 for at_ms in asked_ms if now_ms - at_ms < WINDOW_MS)
        alive = sum(1 for at_ms in asked_ms if now_ms - at_ms < 2 * WINDOW_MS)
        assert max(0, young - answered) <= owed <= alive


def test_one_unanswered_command_does_not_silence() -> None:
    tally = CommandTally()
    tally.sent("eject")
    assert tally.may_reply
    tally.sent("status")
    assert tally.may_reply


def test_a_resent_command_silences_until_every_command_is_answered() -> None:
    tally = CommandTally()
    tally.sent("status")
    tally.sent("eject")
    tally.sent("eject")
    assert not tally.may_reply
    tally.answered("eject")
    tally.answered("eject")
    assert not tally.may_reply  # "status" is still out
    tally.answered("status")
    assert tally.may_reply
    assert (tally.sent_count, tally.answered_count) == (3, 3)


def test_an_answer_nobody_asked_for_proves_nothing() -> None:
    tally = CommandTally()
    tally.sent("eject")
    tally.sent("eject")
    tally.answered("other")
    tally.answered("other")
    assert not tally.may_reply


def test_sent_again_after_its_answer_is_no_resend() -> None:
    tally = CommandTally()
    for _ in range(3):
        tally.sent("eject")
        tally.answered("eject")
        assert tally.may_reply
