"""The receiving half as transcripts: journal, number, ACK, in this order; duplicates, gaps, and telegrams nobody can read."""

from __future__ import annotations

import pytest

from protocols import parked as p
from protocols.dialect import ReplyDecided
from protocols.vocabulary import TAKEN, Refusal
from protocols.zengin.session.inward import NOT_NOW, InwardTelegram
from protocols.zengin.session.state import Inward, unpack
from protocols.zengin.telegram.message import Enquiry, EnquiryAnswer
from tests.support.zrcline import DAY, LineRig, acked, hang_ups, naked, notes, transfer


def stored(rig: LineRig) -> Inward:
    return unpack(Inward, rig.disk["zrc-01-01/in"])


def parked(rig: LineRig) -> tuple[str, ...]:
    """Names of the telegrams that wait for a person, as they are on disk."""
    prefix = "zrc-01-01/"
    names = (name for name in sorted(rig.disk) if name.startswith(prefix + p.PARKED))
    return tuple(name[len(prefix) :] for name in names if not p.unpack(rig.disk[name]).decision)


def test_the_ack_leaves_after_the_journal_and_the_number() -> None:
    rig = LineRig()
    rig.opens()
    rig.answer = None
    done = rig.info(1, transfer(1))
    assert rig.asked == [InwardTelegram(transfer(1), 0, 1)]
    assert acked(rig, done) == [], "the desk has not said that it is durable"
    rig.holds_stores = True
    reply = rig.dialect.to_reply(rig.asked[0], TAKEN, rig.wall_ms)
    assert acked(rig, rig.step(ReplyDecided(rig.asked[0], reply))) == [], "the number is not durable yet"
    assert acked(rig, rig.let_stores_go()) == [1]
    assert stored(rig).lcn(0).last == 1
    assert stored(rig).totals["1000"].amount == 1_000


def test_messages_of_one_lcn_wait_for_each_other() -> None:
    rig = LineRig()
    rig.opens()
    rig.answer = None
    rig.info(1, transfer(1))
    rig.info(2, transfer(2))
    assert len(rig.asked) == 1
    reply = rig.dialect.to_reply(rig.asked[0], TAKEN, rig.wall_ms)
    assert acked(rig, rig.step(ReplyDecided(rig.asked[0], reply))) == [1]
    assert len(rig.asked) == 2


def test_too_many_that_wait() -> None:
    rig = LineRig(line={"inbox_count_max": 2})
    rig.opens()
    rig.answer = None
    for number in (1, 2, 3):
        rig.info(number, transfer(number))
    done = rig.info(4, transfer(4))
    assert (naked(rig, done), hang_ups(done)) == ([4], ["inbox-full"])


def test_the_same_message_again_is_acknowledged_and_not_handed_up() -> None:
    rig = LineRig()
    rig.opens()
    rig.info(1, transfer(1))
    done = rig.info(1, transfer(1))
    assert (acked(rig, done), notes(done)) == ([1], ["duplicate"])
    assert len(rig.asked) == 1
    rig.crash()
    rig.opens(last_sent=1)
    assert acked(rig, rig.info(1, transfer(1))) == [1], "after a crash, too"
    assert len(rig.asked) == 1
    assert stored(rig).totals["1000"].count == 1


def test_the_same_number_with_another_body_is_refused_and_alarmed() -> None:
    rig = LineRig()
    rig.opens()
    rig.info(1, transfer(1))
    done = rig.info(1, transfer(2))
    assert naked(rig, done) == [1]
    assert "sequence-reused" in notes(done)
    assert hang_ups(done) == ["sequence-reused"]
    assert len(rig.asked) == 1


def test_a_crash_after_the_journal_and_before_the_number_loses_and_doubles_nothing() -> None:
    """The journal has it, our number does not: the center sends it again under a new number, and it is counted once."""
    rig = LineRig()
    rig.opens()
    rig.holds_stores = True
    rig.info(1, transfer(1))
    rig.crash()
    rig.holds_stores = False
    done = rig.opens(last_sent=1)
    assert "opening-gap" in notes(done)
    again = transfer(1, resent="1")
    assert acked(rig, rig.info(2, again)) == [2]
    assert rig.asked[-1].telegram.head.identity == transfer(1).head.identity  # type: ignore[attr-defined]  # the journal knows it
    assert stored(rig).totals["1000"].count == 1


def test_the_same_telegram_under_two_numbers_counts_once() -> None:
    rig = LineRig()
    rig.opens()
    rig.info(1, transfer(1))
    rig.info(2, transfer(1, resent="1"))
    assert stored(rig).totals["1000"].count == 1
    assert stored(rig).lcn(0).last == 2


def test_a_gap_is_naked_alarmed_and_asked_about_and_the_line_lives() -> None:
    rig = LineRig()
    rig.opens()
    done = rig.info(3, transfer(3))
    assert naked(rig, done) == [3]
    assert "sequence-gap" in notes(done)
    assert hang_ups(done) == []
    ((_, enquiry),) = rig.telegrams(done)
    assert isinstance(enquiry, Enquiry)
    assert enquiry.details.remarks == "LCN00 SEQ1-2"
    assert rig.asked == []
    for number in (1, 2, 3):
        assert acked(rig, rig.info(number, transfer(number))) == [number]


def test_gaps_in_a_row_end_the_connection() -> None:
    rig = LineRig(line={"gap_naks_max": 2})
    rig.opens()
    assert [hang_ups(rig.info(number, transfer(number))) for number in (3, 4, 5)] == [[], [], ["sequence-gap"]]


@pytest.mark.parametrize("refusal", sorted(NOT_NOW))
def test_what_the_relay_cannot_take_now_stays_with_the_center(refusal: Refusal) -> None:
    rig = LineRig()
    rig.opens()
    rig.answer = refusal
    done = rig.info(1, transfer(1))
    assert (naked(rig, done), acked(rig, done), hang_ups(done)) == ([1], [], ["not-taken"])
    assert stored(rig).lcn(0).last == 0


def test_a_telegram_nobody_can_read_is_parked_and_the_session_lives() -> None:
    rig = LineRig()
    rig.opens()
    body = bytearray(rig.dialect.rules.telegrams.encode(transfer(1)))
    body[78] = 0xB1  # kana where the amount is
    done = rig.info(1, bytes(body))
    name = f"parked/{DAY}-00-1"
    assert acked(rig, done) == [1]
    assert "telegram-parked" in notes(done)
    kept = p.unpack(rig.disk[f"zrc-01-01/{name}"])
    assert kept.body == bytes(body), "nothing of it is changed"
    assert kept.reason.startswith("field amount at offset 78")
    assert parked(rig) == (name,)
    assert stored(rig).runs == ((1, 1),), "its head could be read, so it is counted"
    assert acked(rig, rig.info(2, transfer(2))) == [2]


@pytest.mark.parametrize("refusal", [Refusal.UNSUPPORTED, Refusal.KEY_CONFLICT, Refusal.FORMAT_ERROR, Refusal.INTERNAL])
def test_a_telegram_the_desk_refuses_is_parked_with_the_reason(refusal: Refusal) -> None:
    rig = LineRig()
    rig.opens()
    rig.answer = refusal
    assert acked(rig, rig.info(1, transfer(1, amount=77))) == [1]
    kept = p.unpack(rig.disk[f"zrc-01-01/parked/{DAY}-00-1"])
    assert kept.reason == refusal.value
    assert stored(rig).totals["1000"].amount == 77


def test_the_parked_value_is_durable_before_the_ack() -> None:
    rig = LineRig()
    rig.opens()
    rig.holds_stores = True
    assert acked(rig, rig.info(1, b"no telegram at all")) == []
    assert rig.held[0].name.startswith("zrc-01-01/parked/")
    assert acked(rig, rig.let_stores_go()) == [1]


def test_parked_telegrams_are_bounded() -> None:
    rig = LineRig(session={"parked_count_max": 1})
    rig.opens()
    rig.info(1, b"x")
    done = rig.info(2, b"y")
    assert (naked(rig, done), hang_ups(done)) == ([2], ["parked-limit"])
    assert stored(rig).lcn(0).last == 1


def test_a_parked_telegram_is_resubmitted_after_a_restart() -> None:
    rig = LineRig()
    rig.opens()
    rig.answer = Refusal.UNSUPPORTED
    rig.info(1, transfer(1))
    name = parked(rig)[0]
    rig.crash()
    rig.opens(last_sent=1)
    assert "resubmit-refused" in notes(rig.command("resubmit", name)), "still not supported"
    assert parked(rig) == (name,)
    rig.answer = TAKEN
    done = rig.command("resubmit", name)
    assert "parked-resubmitted" in notes(done)
    assert acked(rig, done) == [], "the center had its ACK when the telegram was parked"
    assert parked(rig) == ()
    assert p.unpack(rig.disk[f"zrc-01-01/{name}"]).decision == p.SUBMITTED
    assert stored(rig).totals["1000"].count == 1


def test_a_parked_telegram_is_answered_or_dropped_by_a_person() -> None:
    rig = LineRig()
    rig.opens()
    rig.answer = Refusal.UNSUPPORTED
    rig.info(1, transfer(1))
    rig.info(2, transfer(2))
    first, second = parked(rig)
    ((_, answer),) = rig.telegrams(rig.command("answer-parked", f"{first} 0202 Sato"))
    assert isinstance(answer, EnquiryAnswer)
    assert (answer.head.to_bank, answer.head.original_serial, answer.head.result) == ("0005", 1, "0202")
    rig.command("drop-parked", f"{second} Sato")
    assert parked(rig) == ()
    dropped = p.unpack(rig.disk[f"zrc-01-01/{second}"])
    assert (dropped.decision, dropped.who) == (p.DROPPED, "Sato")


def test_a_telegram_parked_as_the_connection_went_can_be_decided_about() -> None:
    """The telegram is on disk, its number is not: it will come again, and a person sees it twice rather than never."""
    rig = LineRig()
    rig.opens()
    rig.holds_stores = True
    rig.info(1, b"no telegram at all")
    (kept, number) = rig.held
    rig.disk[kept.name] = kept.value
    rig.disconnect()
    rig.link()
    rig.holds_stores = False
    rig.opens(last_sent=1)
    assert stored(rig).lcn(0).last == 0
    name = kept.name.removeprefix("zrc-01-01/")
    assert "parked-dropped" in notes(rig.command("drop-parked", f"{name} Sato"))
    assert p.unpack(rig.disk[kept.name]).decision == p.DROPPED
    assert number.name == "zrc-01-01/in"


def test_what_cannot_be_decided_is_said() -> None:
    rig = LineRig()
    rig.opens()
    rig.info(1, b"unreadable")
    name = parked(rig)[0]
    assert notes(rig.command("resubmit", name)) == ["resubmit-refused"]
    assert notes(rig.command("resubmit", "parked/no")) == ["parked-unknown"]
    assert notes(rig.command("answer-parked", f"{name} 0202 Sato")) == ["command-impossible"], "nobody knows whom to answer"
    assert notes(rig.command("drop-parked", "parked/no Sato")) == ["parked-unknown"]
    assert parked(rig) == (name,)


def test_the_desks_word_for_an_earlier_connection_is_not_acknowledged_here() -> None:
    rig = LineRig()
    rig.opens()
    rig.answer = None
    rig.info(1, transfer(1))
    old = rig.asked[0]
    rig.disconnect()
    rig.link()
    rig.opens(last_sent=1)
    reply = rig.dialect.to_reply(old, TAKEN, rig.wall_ms)
    assert rig.step(ReplyDecided(old, reply)) == []
