"""予備閉局, the match, 閉局: agreed, unmatched, unanswered, by force."""

from __future__ import annotations

import msgspec
import pytest

from protocols.zengin.session.session import State
from protocols.zengin.session.state import Day, unpack
from protocols.zengin.telegram.message import NOTICE, REQUEST, RESPONSE, Control, Enquiry, Figures
from tests.support.zrcline import DAY, LineRig, acked, deliveries, hang_ups, notes, transfer, wall_of


def day_of(rig: LineRig) -> Day:
    return unpack(Day, rig.disk["zrc-01-01/day"])


def traded() -> LineRig:
    """One telegram out (5,000 yen), one in (1,000 yen), both acknowledged."""
    rig = LineRig()
    rig.opens()
    rig.offer("A")
    rig.acks(1)
    rig.info(1, transfer(1))
    return rig


def through_the_figures(rig: LineRig, first_sequence: int) -> list[Control]:
    """Acknowledge our lines until no more come; returns them."""
    lines: list[Control] = []
    sequence = first_sequence
    while True:
        said = rig.telegrams(rig.acks(sequence))
        if not said:
            return lines
        sequence, telegram = said[0]
        assert isinstance(telegram, Control)
        lines.append(telegram)


OURS = (
    Figures(direction="1", matched_subject="1000", count=1, total=5_000, first=1, last=1, line=1, lines=2),
    Figures(direction="2", matched_subject="1000", count=1, total=1_000, first=1, last=1, line=2, lines=2),
)


def center_figures(rig: LineRig, sequence: int, *lines: Figures) -> list[object]:
    done: list[object] = []
    for offset, figures in enumerate(lines):
        done += rig.info(sequence + offset, Control(rig.control("match", RESPONSE).head, figures))
    return done


def test_a_matched_day() -> None:
    rig = traded()
    done = rig.command("close")
    ((sequence, notice),) = rig.telegrams(done)
    assert (sequence, notice.head.subject, notice.head.process) == (2, "9002", NOTICE)
    assert rig.dialogue.state is State.PRE_CLOSE
    lines = through_the_figures(rig, 2)
    assert [line.figures for line in lines] == list(OURS)
    assert rig.dialogue.state is State.CLOSING
    done = center_figures(rig, 2, *OURS)
    assert "matched" in notes(done)  # type: ignore[arg-type]  # actions
    ((sequence, close),) = rig.telegrams(done)  # type: ignore[arg-type]  # actions
    assert (sequence, close.head.subject, close.head.process) == (5, "9003", REQUEST)
    rig.acks(5)
    done = rig.info(4, rig.control("close", RESPONSE))
    assert "closed" in notes(done)
    assert rig.dialogue.state is State.CLOSED
    assert (day_of(rig).phase, day_of(rig).unsigned) == ("closed", ())
    assert not rig.dialogue.is_signed_on


def test_the_end_of_the_window_closes_by_itself() -> None:
    rig = LineRig("2026-11-26 15:20", timers={"watch_silence_ms": 0, "watch_send_ms": 0})
    rig.opens()
    assert notes(rig.pass_ms(5 * 60_000 - 1)) == []
    assert "pre-closed" in notes(rig.pass_ms(1))
    rig.acks(1)
    assert rig.dialogue.state is State.PRE_CLOSE
    said = rig.telegrams(rig.pass_ms(5 * 60_000))
    assert said[0][1].head.subject == "9005", "the match begins at 15:30"
    assert rig.dialogue.state is State.CLOSING


def test_closing_waits_for_open_telegrams_but_not_for_ever() -> None:
    rig = traded()
    rig.offer("B")
    assert rig.telegrams(rig.command("close")) == [], "B has no ACK yet; the notice waits behind it"
    assert rig.dialogue.state is State.PRE_CLOSE
    done = rig.pass_ms(30_000)
    assert deliveries(done) == [("B", "unknown")]
    assert "close-wait-over" in notes(done)
    assert rig.dialogue.state is State.CLOSING


def test_answers_are_still_taken_after_the_pre_close() -> None:
    rig = traded()
    rig.command("pre-close")
    assert acked(rig, rig.info(2, transfer(2))) == [2]


@pytest.mark.parametrize("rematches", [0, 1])
def test_an_unmatched_day_waits_for_a_signature(rematches: int) -> None:
    rig = LineRig(session={"rematch_count_max": rematches})
    rig.opens()
    rig.info(1, transfer(1))
    rig.command("close")
    through_the_figures(rig, 1)
    theirs = Figures(direction="2", matched_subject="1000", count=2, total=3_000, first=1, last=2, line=1, lines=1)
    done = center_figures(rig, 2, theirs)
    assert "unmatched" in notes(done)  # type: ignore[arg-type]  # actions
    ((sequence, said),) = rig.telegrams(done)  # type: ignore[arg-type]  # actions
    if rematches:  # 照会 for the 受信通番 that never came, and one more match
        assert isinstance(said, Enquiry)
        assert said.head.receipt_serial == 2
        through_the_figures(rig, sequence)
        enquiry = Figures(direction="1", matched_subject="9100", count=1, total=0, first=1, last=1, line=2, lines=2)
        done = center_figures(
            rig, 3, msgspec.structs.replace(theirs, lines=2), msgspec.structs.replace(enquiry, matched_subject="9101")
        )
        ((sequence, said),) = rig.telegrams(done)  # type: ignore[arg-type]  # actions
    assert said.head.subject == "9003"
    rig.acks(sequence)
    done = rig.info(5 if rematches else 3, rig.control("close", RESPONSE))
    assert "closed-unmatched" in notes(done)
    (unsigned,) = day_of(rig).unsigned
    assert unsigned.differences == ("RC to host, 種目 1000: 1 over 1000 yen (1-1) here, 2 over 3000 yen (1-2) at the center",)
    rig.command("sign", f"{DAY} Sato")
    assert day_of(rig).unsigned == ()


def test_no_answer_to_the_close_is_asked_at_the_next_opening() -> None:
    rig = traded()
    rig.command("close")
    through_the_figures(rig, 2)
    done = rig.pass_ms(30_000)
    assert "close-unanswered" in notes(done)
    assert hang_ups(done) == ["close-unanswered"]
    assert day_of(rig).phase == "closing"
    rig.disconnect()
    rig.link()
    rig.connect()
    rig.acks(0)
    rig.info(0, rig.control("open", RESPONSE, last_sent=1, last_received=4))
    assert rig.dialogue.state in (State.CLOSING, State.PRE_CLOSE), "it goes on where the day stood"
    rig.disconnect()
    rig.link()
    rig.connect()
    done = rig.info(0, rig.control("open", RESPONSE, result="0910"))
    assert "closed-unmatched" in notes(done)
    assert day_of(rig).unsigned[0].differences == ("closed at the center; its figures were not seen",)


def test_a_refused_close_is_a_fault() -> None:
    rig = traded()
    rig.command("close")
    through_the_figures(rig, 2)
    center_figures(rig, 2, *OURS)
    rig.acks(5)
    done = rig.info(4, rig.control("close", RESPONSE, result="0999"))
    assert hang_ups(done) == ["close-refused"]


@pytest.mark.parametrize("by", ["us", "center"])
def test_a_forced_close_compares_nothing(by: str) -> None:
    rig = traded()
    if by == "us":
        done = rig.command("force-close", "Sato")
        assert rig.telegrams(done)[0][1].head.subject == "9004"
    else:
        done = rig.info(2, rig.control("forced-close", NOTICE))
    assert "closed-unmatched" in notes(done)
    assert rig.dialogue.state is State.CLOSED
    assert day_of(rig).unsigned[0].day == DAY


def test_the_center_closes_of_its_own() -> None:
    rig = traded()
    rig.info(2, rig.control("pre-close", NOTICE))
    assert rig.dialogue.state is State.PRE_CLOSE
    done = rig.info(3, rig.control("close", REQUEST))
    assert [(t.head.subject, t.head.process) for _, t in rig.telegrams(done)] == [("9003", RESPONSE)]
    assert rig.dialogue.state is State.CLOSED
    assert day_of(rig).unsigned[0].differences == ("the center's figures were not seen",)


def test_figures_on_demand_in_the_middle_of_the_day() -> None:
    rig = traded()
    done = rig.info(2, Control(rig.control("match", REQUEST).head, msgspec.structs.replace(OURS[0], lines=1)))
    assert "unmatched" in notes(done)
    said = [rig.telegrams(done)[0][1], *through_the_figures(rig, 2)]
    assert [(t.figures.line, t.head.process) for t in said if isinstance(t, Control)] == [(1, RESPONSE), (2, RESPONSE)]
    assert rig.dialogue.state is State.OPEN


def test_malformed_figures_and_unknown_control_telegrams_are_noted() -> None:
    rig = traded()
    head = rig.control("match", RESPONSE).head
    assert "match-malformed" in notes(rig.info(2, Control(head, Figures(line=3, lines=2))))
    assert "control-unknown" in notes(rig.info(3, Control(msgspec.structs.replace(head, subject="9999"), Figures())))
    assert "out-of-turn" in notes(rig.info(4, rig.control("close", RESPONSE)))


def test_the_next_day_opens_by_itself_on_the_same_connection() -> None:
    rig = LineRig(timers={"watch_silence_ms": 0, "watch_send_ms": 0})
    rig.opens()
    rig.command("force-close", "Sato")
    until_morning = wall_of("2026-11-27 08:30") - rig.wall_ms
    assert rig.telegrams(rig.pass_ms(until_morning - 1)) == []
    ((sequence, asked),) = rig.telegrams(rig.pass_ms(2))
    assert (sequence, asked.head.subject, asked.head.date) == (0, "9001", "20261127")


def test_the_next_window_opens_on_the_same_connection_by_hand() -> None:
    rig = traded()
    rig.command("force-close", "Sato")
    rig.wall_ms = wall_of("2026-11-27 09:00")
    ((sequence, asked),) = rig.telegrams(rig.command("open"))
    assert (sequence, asked.head.date) == (0, "20261127")


def test_a_comparison_in_the_middle_of_the_day_is_not_the_days_match() -> None:
    """It agreed at noon; what moved afterwards nobody compared, so the center's own 閉局 leaves the day to a person."""
    rig = traded()
    head = rig.control("match", REQUEST).head
    rig.info(2, Control(head, OURS[0]))
    done = rig.info(3, Control(head, OURS[1]))
    assert "matched" in notes(done)
    through_the_figures(rig, 2)
    rig.info(4, transfer(2))
    done = rig.info(5, rig.control("close", REQUEST))
    assert "closed-unmatched" in notes(done)
    assert day_of(rig).unsigned[0].differences == ("telegrams were counted after the figures were compared",)


def test_a_center_that_compares_and_closes_leaves_a_matched_day() -> None:
    rig = traded()
    head = rig.control("match", REQUEST).head
    rig.info(2, Control(head, OURS[0]))
    rig.info(3, Control(head, OURS[1]))
    through_the_figures(rig, 2)
    assert "closed" in notes(rig.info(4, rig.control("close", REQUEST)))
    assert day_of(rig).unsigned == ()


def test_the_centers_close_is_answered_though_its_lcn_is_busy() -> None:
    rig = traded()
    rig.command("pre-close")  # our notice has no ACK yet
    assert rig.telegrams(rig.info(2, rig.control("close", REQUEST))) == []
    assert rig.dialogue.state is State.CLOSED
    ((_, answer),) = rig.telegrams(rig.acks(2))
    assert (answer.head.subject, answer.head.process) == ("9003", RESPONSE)
