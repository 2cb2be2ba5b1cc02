"""開局 as transcripts: numbers exchanged, tables judged, and everything that keeps the line shut."""

from __future__ import annotations

import pytest

from protocols.dialect import LinkOpened
from protocols.zengin.session.session import State
from protocols.zengin.session.state import Day, Inward, Outward, pack, unpack
from protocols.zengin.telegram.message import REQUEST, RESPONSE, Control
from tests.protocols.zengin.session.test_gate import files
from tests.support.zrcline import DAY, LineRig, acked, hang_ups, naked, notes, transfer, wall_of

WITH_TABLES: dict[str, object] = {"tables": {"enrichment": "on", "current": "v2", "previous": "v1"}}


def day_of(rig: LineRig) -> Day:
    return unpack(Day, rig.disk["zrc-01-01/day"])


def test_both_sides_state_their_numbers_and_the_line_is_open() -> None:
    rig = LineRig()
    ((sequence, asked),) = rig.telegrams(rig.connect())
    assert isinstance(asked, Control)
    assert (sequence, asked.head.subject, asked.head.process, asked.head.date) == (0, "9001", REQUEST, DAY)
    assert (asked.figures.last_sent, asked.figures.last_received) == (0, 0)
    assert rig.dialogue.state is State.OPENING
    rig.acks(0)
    done = rig.info(0, rig.control("open", RESPONSE))
    assert acked(rig, done) == [0]
    assert rig.dialogue.state is State.OPEN
    assert rig.dialogue.is_signed_on
    assert day_of(rig).phase == "open"


def test_the_far_end_may_dial() -> None:
    rig = LineRig()
    done = rig.step(LinkOpened("192.0.2.7", 40_000))
    assert [telegram.head.subject for _, telegram in rig.telegrams(done)] == ["9001"], "who dials is not who opens"
    assert rig.dialogue.state is State.OPENING


def test_nothing_is_said_before_the_new_days_numbers_are_durable() -> None:
    rig = LineRig()
    rig.holds_stores = True
    assert rig.sent(rig.connect()) == []
    assert len(rig.sent(rig.let_stores_go())) == 1


def test_numbers_go_on_after_a_reconnection_and_start_anew_on_another_day() -> None:
    rig = LineRig()
    rig.opens()
    rig.offer("A")
    rig.acks(1)
    rig.info(1, transfer(1))
    rig.disconnect()
    rig.link()
    ((_, asked),) = rig.telegrams(rig.connect())
    assert isinstance(asked, Control)
    assert (asked.figures.last_sent, asked.figures.last_received) == (1, 1)
    rig.disconnect()
    rig.link()
    rig.wall_ms = wall_of("2026-11-27 09:00")
    ((_, asked),) = rig.telegrams(rig.connect())
    assert isinstance(asked, Control)
    assert (asked.head.date, asked.figures.last_sent, asked.figures.last_received) == ("20261127", 0, 0)
    assert unpack(Outward, rig.disk["zrc-01-01/out"]).totals == {}


@pytest.mark.parametrize(("last_sent", "last_received"), [(0, 2), (0, 0)])
def test_a_center_that_contradicts_our_numbers_is_a_fault(last_sent: int, last_received: int) -> None:
    """It names a number we never gave, or has forgotten one that we hold."""
    rig = LineRig()
    rig.opens()
    rig.offer("A")
    rig.acks(1)
    rig.info(1, transfer(1))
    rig.disconnect()
    rig.link()
    done = rig.opens(last_sent=last_sent, last_received=last_received)
    assert "opening-fault" in notes(done)
    assert hang_ups(done) == ["opening-fault"]
    assert rig.dialogue.state is State.FAULT


def test_what_the_center_sent_and_we_never_took_is_alarmed() -> None:
    rig = LineRig()
    done = rig.opens(last_sent=2)
    assert "opening-gap" in notes(done)
    assert unpack(Inward, rig.disk["zrc-01-01/in"]).lcn(0).last == 0, "what was skipped was not taken, and is never said to be"
    assert acked(rig, rig.info(3, transfer(1, resent="1"))) == [3]
    assert unpack(Inward, rig.disk["zrc-01-01/in"]).lcn(0).last == 3


def test_every_lcn_must_agree() -> None:
    rig = LineRig(line={"lcns": [0, 1]})
    assert len(rig.telegrams(rig.connect())) == 2
    rig.info(0, rig.control("open", RESPONSE), 0)
    assert rig.dialogue.state is State.OPENING
    rig.info(0, rig.control("open", RESPONSE), 1)
    assert rig.dialogue.state is State.OPEN


def test_outside_the_hours_the_line_waits_for_the_window() -> None:
    rig = LineRig("2026-11-26 08:00", timers={"watch_silence_ms": 0, "watch_send_ms": 0})
    assert rig.sent(rig.connect()) == []
    assert "opening-refused" in notes(rig.command("open"))
    assert rig.sent(rig.pass_ms(30 * 60_000 - 1)) == []
    assert len(rig.sent(rig.pass_ms(1))) == 1
    assert rig.dialogue.state is State.OPENING


def test_no_telegram_before_the_opening() -> None:
    rig = LineRig("2026-11-26 08:00")
    rig.connect()
    done = rig.info(1, transfer(1))
    assert (naked(rig, done), notes(done)) == ([1], ["not-open"])
    assert rig.asked == []


def test_no_answer_is_a_fault_and_the_connection_is_given_back() -> None:
    rig = LineRig()
    rig.connect()
    done = rig.pass_ms(30_000)
    assert "opening-unanswered" in notes(done)
    assert hang_ups(done) == ["opening-unanswered"]


def test_a_refusal_by_the_center_is_tried_again_later() -> None:
    rig = LineRig()
    rig.connect()
    done = rig.info(0, rig.control("open", RESPONSE, result="0901"))
    assert "opening-refused" in notes(done)
    assert rig.dialogue.state is State.LINK_UP
    assert rig.telegrams(rig.pass_ms(59_999)) == []
    assert len(rig.telegrams(rig.pass_ms(1))) == 1


def test_a_broken_table_keeps_the_day_shut_and_says_which_row() -> None:
    """October 2023: the line would have opened, and the first telegrams would have met the broken rows."""
    tables = files("v1") | files("v2", break_row=13)
    rig = LineRig(tables=tables, profile=WITH_TABLES)
    done = rig.connect()
    assert rig.sent(done) == []
    assert [a.detail for a in done if getattr(a, "name", "") == "opening-refused"] == [  # type: ignore[union-attr]  # notes only
        "reference tables v2: banks: row 13 is not well formed"
    ]
    assert len(rig.telegrams(rig.command("tables-previous"))) == 1, "the previous version comes back with one command"
    rig.info(0, rig.control("open", RESPONSE))
    assert rig.dialogue.state is State.OPEN
    assert rig.dialect.rules.gate.reference is not None
    assert rig.dialect.rules.gate.reference.version == "v1"
    rig.crash()
    rig.opens()
    assert rig.dialogue.state is State.OPEN, "a restart stays with it"


def test_with_the_switch_set_no_table_can_stop_the_line() -> None:
    rig = LineRig(tables=files("v2", break_row=13))
    rig.opens()
    assert rig.dialogue.state is State.OPEN


def test_an_unsigned_day_may_block_the_next_opening() -> None:
    rig = LineRig(session={"unmatched_blocks_opening": True})
    rig.disk["zrc-01-01/day"] = pack(Day(day="20261125").closed(("differs",)))
    assert "opening-refused" in notes(rig.connect())
    assert "day-signed" in notes(rig.command("sign", "20261125 Sato Hanako"))
    assert day_of(rig).signed == ("20261125 Sato Hanako",)
    assert len(rig.telegrams(rig.command("open"))) == 1


def test_an_answer_for_another_day_is_no_agreement() -> None:
    rig = LineRig()
    rig.connect()
    done = rig.info(0, rig.control("open", RESPONSE, date="20261125"))
    assert "opening-refused" in notes(done)
    assert rig.dialogue.state is State.LINK_UP


def test_the_center_may_begin() -> None:
    rig = LineRig(session={"opens": "peer"})
    assert rig.sent(rig.connect()) == []
    done = rig.info(0, rig.control("open", REQUEST, last_sent=0, last_received=0))
    ((sequence, answer),) = rig.telegrams(done)
    assert (sequence, answer.head.process, answer.head.result) == (0, RESPONSE, "0000")
    assert rig.dialogue.state is State.OPEN
    again = rig.info(0, rig.control("open", REQUEST))
    assert rig.telegrams(again)[0][1].head.result == "0000", "asked again, answered again"


@pytest.mark.parametrize(
    ("now", "date", "result"),
    [("2026-11-26 08:00", DAY, "0902"), ("2026-11-26 10:00", "20261125", "0903")],
)
def test_the_center_is_refused_with_a_reason(now: str, date: str, result: str) -> None:
    rig = LineRig(now, session={"opens": "peer"})
    rig.connect()
    done = rig.info(0, rig.control("open", REQUEST, date=date))
    assert rig.telegrams(done)[0][1].head.result == result
    assert rig.dialogue.state is State.LINK_UP


def test_the_center_is_refused_while_tables_are_broken_or_the_day_is_closed() -> None:
    rig = LineRig(tables=files("v2", break_row=13), profile=WITH_TABLES, session={"opens": "peer"})
    rig.connect()
    assert rig.telegrams(rig.info(0, rig.control("open", REQUEST)))[0][1].head.result == "0901"
    closed = LineRig(session={"opens": "peer"})
    closed.disk["zrc-01-01/day"] = pack(Day(day=DAY).closed(()))
    closed.connect()
    assert closed.telegrams(closed.info(0, closed.control("open", REQUEST)))[0][1].head.result == "0910"


def test_a_closed_day_is_not_opened_again_but_by_hand() -> None:
    rig = LineRig()
    rig.disk["zrc-01-01/day"] = pack(Day(day=DAY).closed(()))
    assert rig.sent(rig.connect()) == []
    assert len(rig.telegrams(rig.command("open"))) == 1


def test_what_else_comes_with_sequence_0_releases_the_line() -> None:
    for body in (b"garbage", None):
        rig = LineRig()
        rig.connect()
        done = rig.info(0, transfer(1) if body is None else body)
        assert hang_ups(done) == ["header-error"]
    rig = LineRig()
    rig.connect()
    assert hang_ups(rig.acks(0, is_ack=False)) == ["opening-refused"]


def test_an_answer_to_no_opening_is_only_noted() -> None:
    rig = LineRig()
    rig.opens()
    assert notes(rig.info(0, rig.control("open", RESPONSE))) == ["out-of-turn"]


def test_a_later_window_of_the_same_business_date_opens_too() -> None:
    """More Time by day on a weekend: Saturday's and Sunday's telegrams are both Monday's, and their numbers go on."""
    hours = [{"opens": "09:00", "closes": "18:00", "days": "rest-days"}]
    rig = LineRig(
        "2026-11-28 10:00",
        calendar={"service": "more-time", "more_time": hours},
        timers={"watch_silence_ms": 0, "watch_send_ms": 0},
    )
    rig.connect()
    rig.info(0, rig.control("open", RESPONSE, "20261130"))
    rig.offer("A")
    rig.acks(1)
    rig.command("force-close", "Sato")
    assert rig.telegrams(rig.pass_ms(3_600_000)) == [], "closed by a person: not opened again in this window"
    done = rig.pass_ms(wall_of("2026-11-29 09:00") - rig.wall_ms + 2)
    ((sequence, asked),) = rig.telegrams(done)
    assert isinstance(asked, Control)
    assert (sequence, asked.head.subject, asked.head.date, asked.figures.last_sent) == (0, "9001", "20261130", 2)


def test_the_tables_are_judged_once_though_the_center_opens_each_lcn() -> None:
    tables = files("v1") | files("v2")
    rig = LineRig(tables=tables, profile=WITH_TABLES, line={"lcns": [0, 1]}, session={"opens": "peer"})
    rig.connect()
    rig.info(0, rig.control("open", REQUEST))
    assert rig.dialogue.state is State.OPENING
    tables.clear()  # gone in the middle: the next 開局 will say so, this one goes on with what it judged
    rig.info(0, rig.control("open", REQUEST), lcn=1)
    assert rig.dialogue.state is State.OPEN
    assert rig.dialect.rules.gate.reference is not None


@pytest.mark.parametrize("moment", ["2026-11-26 15:40", "2026-11-27 08:40"])
def test_a_day_that_was_never_closed_goes_to_a_person(moment: str) -> None:
    """The line was down at its end; without this the next 開局 would begin a new day and nobody would have matched the old."""
    rig = LineRig("2026-11-26 15:20", session={"unmatched_blocks_opening": True})
    rig.opens()
    rig.info(1, transfer(1))
    rig.disconnect()
    rig.wall_ms = wall_of(moment)
    rig.link()
    done = rig.connect()
    assert "closed-unmatched" in notes(done)
    assert rig.telegrams(done) == []
    (unsigned,) = day_of(rig).unsigned
    assert (unsigned.day, unsigned.differences[0]) == (DAY, "never closed, no figures were compared")
    assert unsigned.differences[1:] == ("RC to host, 種目 1000: 1 over 1000 yen (1-1) here",)
    assert "closed-unmatched" not in notes(rig.command("open")), "said once"
    rig.command("sign", f"{DAY} Sato")
    rig.wall_ms = wall_of("2026-11-27 09:00")
    ((_, asked),) = rig.telegrams(rig.command("open"))
    assert asked.head.date == "20261127"


def test_the_center_opens_the_next_day_and_the_one_before_was_never_closed() -> None:
    rig = LineRig(session={"opens": "peer"})
    rig.connect()
    rig.info(0, rig.control("open", REQUEST))
    rig.info(1, transfer(1))
    rig.disconnect()
    rig.wall_ms = wall_of("2026-11-27 08:40")
    rig.link()
    assert "closed-unmatched" in notes(rig.connect())
    rig.info(0, rig.control("open", REQUEST, "20261127"))
    assert rig.dialogue.state is State.OPEN
    assert [unsigned.day for unsigned in day_of(rig).unsigned] == [DAY]
