"""The sending half as transcripts: numbers durable before the first byte, one ACK each, and no telegram twice."""

from __future__ import annotations

import msgspec
import pytest

from protocols.dialect import OutboundOffered, OutboundQuestioned, Send, Store, Stored, Timer
from protocols.zengin.session.message import Information, Watch
from protocols.zengin.session.outward import OWN_COUNT_MAX
from protocols.zengin.session.session import State
from protocols.zengin.session.state import Outward, unpack
from protocols.zengin.telegram.message import RESPONSE, Details, Enquiry, EnquiryAnswer, Head, TransferNotice
from tests.support.zrcline import BODY, DAY, LineRig, deliveries, hang_ups, notes, transfer, wall_of


def stored(rig: LineRig) -> Outward:
    return unpack(Outward, rig.disk["zrc-01-01/out"])


def test_a_telegram_leaves_after_its_numbers_are_durable() -> None:
    rig = LineRig()
    rig.opens()
    rig.holds_stores = True
    assert rig.offer("A") == [], "not a byte before the disk has it"
    assert unpack(Outward, rig.held[-1].value).open[-1].id == "A"
    done = rig.let_stores_go()
    assert deliveries(done) == [("A", "sent")]
    ((sequence, telegram),) = rig.telegrams(done)
    assert isinstance(telegram, TransferNotice)
    assert (sequence, telegram.head.serial, telegram.head.date, telegram.head.sent_at) == (1, 1, DAY, "20261126100000")
    assert deliveries(rig.acks(1)) == [("A", "acknowledged")]
    assert stored(rig).totals["1000"].count == 1


def test_one_outstanding_telegram_and_the_next_in_hand() -> None:
    rig = LineRig()
    rig.opens()
    rig.offer("A")
    assert rig.offer("B") == [Timer("hold", 60_000)], "in hand until the ACK"
    assert deliveries(rig.offer("C")) == [("C", "deferred")]
    done = rig.acks(1)
    assert deliveries(done) == [("A", "acknowledged"), ("B", "sent")]
    assert [sequence for sequence, _ in rig.telegrams(done)] == [2]


def test_an_offer_whose_turn_does_not_come_goes_back_and_is_not_sent_later() -> None:
    rig = LineRig(timers={"ack_wait_ms": 40_000})
    rig.opens()
    rig.says(Watch())
    rig.offer("A")
    rig.offer("B")
    rig.pass_ms(39_000)
    rig.says(Watch())
    done = rig.pass_ms(1_000)  # A is unknown; an enquiry about it goes before B
    assert deliveries(done) == [("A", "unknown")]
    done = rig.pass_ms(20_000)
    assert deliveries(done) == [("B", "deferred")]
    rig.acks(2)
    assert deliveries(rig.pass_ms(1)) == []
    assert deliveries(rig.offer("B")) == [("B", "sent")]


def test_no_ack_in_time_is_unknown_is_asked_about_and_never_sent_again() -> None:
    rig = LineRig()
    rig.opens()
    rig.offer("A")
    done = rig.pass_ms(30_000)
    assert deliveries(done) == [("A", "unknown")]
    assert "delivery-unknown" in notes(done)
    ((sequence, enquiry),) = rig.telegrams(done)
    assert isinstance(enquiry, Enquiry)
    assert (sequence, enquiry.head.serial) == (2, 2)
    assert (enquiry.head.original_date, enquiry.head.original_serial) == (DAY, 1)
    assert rig.telegrams(rig.pass_ms(29_999)) == []


@pytest.mark.parametrize(("result", "state", "count"), [("0000", "acknowledged", 1), ("0101", "failed", 0)])
def test_the_answer_to_an_enquiry_settles_it(result: str, state: str, count: int) -> None:
    rig = LineRig()
    rig.opens()
    rig.offer("A")
    rig.pass_ms(30_000)
    rig.acks(2)
    assert ("A", state) in deliveries(rig.answer_enquiry(1, 1, result))
    assert ("1000" in stored(rig).totals) is bool(count)
    assert "9100" in stored(rig).totals, "the enquiry itself arrived"


def test_another_result_and_another_bank_settle_nothing() -> None:
    rig = LineRig()
    rig.opens()
    rig.offer("A")
    rig.pass_ms(30_000)
    done = rig.answer_enquiry(1, 1, "0777")
    assert deliveries(done) == []
    assert "enquiry-undecided" in notes(done)
    head = Head(subject="9200", process="1", from_bank="0005", from_branch="002", to_bank="0001", to_branch="001", date=DAY)
    forged = EnquiryAnswer(
        msgspec.structs.replace(head, serial=4, original_date=DAY, original_serial=1, result="0101"), Details()
    )
    assert deliveries(rig.info(2, forged)) == []


def test_a_late_ack_settles_and_a_repeated_one_is_only_noted() -> None:
    rig = LineRig()
    rig.opens()
    rig.offer("A")
    rig.pass_ms(30_000)
    assert deliveries(rig.acks(1)) == [("A", "acknowledged")]
    done = rig.acks(1)
    assert (notes(done), hang_ups(done)) == (["ack-repeated"], [])


def test_an_ack_for_nothing_that_was_sent_releases_the_line() -> None:
    rig = LineRig()
    rig.opens()
    done = rig.acks(7)
    assert "ack-unmatched" in notes(done)
    assert hang_ups(done) == ["ack-unmatched"]


def test_an_ack_before_the_telegram_left_is_no_ack() -> None:
    rig = LineRig()
    rig.opens()
    rig.holds_stores = True
    rig.offer("A")
    assert hang_ups(rig.acks(1)) == ["ack-unmatched"]


def test_a_nak_fails_the_telegram_and_releases_the_line() -> None:
    rig = LineRig()
    rig.opens()
    rig.offer("A")
    done = rig.acks(1, is_ack=False)
    assert deliveries(done) == [("A", "failed")]
    assert hang_ups(done) == ["nak-received"]
    assert stored(rig).totals == {}


@pytest.mark.parametrize("when", ["stored", "held"])
def test_a_crash_between_the_numbers_and_the_ack_never_sends_twice(when: str) -> None:
    rig = LineRig()
    rig.opens()
    rig.holds_stores = when == "held"
    rig.offer("A")
    rig.crash()
    rig.holds_stores = False
    done = rig.opens(last_received=0)
    again = rig.offer("A")
    if when == "held":  # never durable, so never sent: sent now, for the first time
        assert deliveries(again) == [("A", "sent")]
        assert [sequence for sequence, _ in rig.telegrams(again)] == [1]
    else:
        assert ("A", "unknown") in deliveries(again)
        assert [type(telegram) for _, telegram in rig.telegrams(done + again)] == [Enquiry]


def question(rig: LineRig, id: str, order: int) -> list[tuple[str, str]]:
    return deliveries(rig.step(OutboundQuestioned(id, order)))


def test_asked_after_a_crash_the_line_says_what_it_knows_and_never_more() -> None:
    rig = LineRig()
    rig.opens()
    rig.connect()
    assert question(rig, "A", 1) == [("A", "unknown")], "a line that never gave a number cannot say that it gave none"
    rig.crash()
    rig.opens()
    rig.step(OutboundOffered("A", "interbank-transfer", BODY, 5))
    rig.acks(1)
    rig.step(OutboundOffered("B", "interbank-transfer", BODY, 6))
    rig.crash()
    rig.connect()
    assert question(rig, "A", 5) == [("A", "acknowledged")]
    assert question(rig, "B", 6) == [("B", "unknown")]
    assert question(rig, "C", 7) == [("C", "unsent")]
    assert question(rig, "before", 4) == [("before", "unknown")], "of a time before the records"
    assert question(rig, "C", 0) == [("C", "unknown")], "without an order nothing is proven"


def test_an_unreadable_state_answers_no_question() -> None:
    rig = LineRig()
    rig.opens()
    rig.step(OutboundOffered("A", "interbank-transfer", BODY, 5))
    rig.disk["zrc-01-01/out"] = b"\xc1"
    rig.crash()
    rig.connect()
    assert question(rig, "B", 6) == []


def test_the_center_names_the_telegram_as_received_at_the_next_opening() -> None:
    rig = LineRig()
    rig.opens()
    rig.offer("A")
    rig.crash()
    rig.connect()
    assert unpack(Outward, rig.disk["zrc-01-01/out"]).open[0].state == "unknown"
    rig.acks(0)
    done = rig.info(0, rig.control("open", RESPONSE, last_received=1))
    assert ("A", "acknowledged") in deliveries(done)
    assert rig.telegrams(done) == [], "nothing to enquire about"
    assert deliveries(rig.offer("A")) == [("A", "acknowledged")], "an offer that comes again is answered from the disk"
    assert [sequence for sequence, _ in rig.telegrams(rig.offer("B"))] == [2]


def test_a_number_that_was_skipped_is_not_proven_by_a_later_one() -> None:
    """The center named 0, so number 1 is not there. That it names 3 later says nothing about 1."""
    rig = LineRig()
    rig.opens()
    rig.offer("A")
    for received in (0, 2):
        rig.crash()
        done = rig.opens(last_received=received)
        assert deliveries(done) == [], "an enquiry decides"
    (unknown,) = (i for i in stored(rig).open if i.id)
    assert (unknown.id, unknown.sequence, unknown.denied) == ("A", 1, True)


def test_enquiries_that_never_arrived_do_not_pile_up() -> None:
    rig = LineRig()
    rig.opens()
    rig.offer("A")
    for _ in range(5):
        rig.crash()
        done = rig.opens(last_received=0)
        assert [type(telegram) for _, telegram in rig.telegrams(done)] == [Enquiry]
    assert [i.id for i in stored(rig).open] == ["A", ""]


def test_one_bad_message_fails_alone() -> None:
    rig = LineRig()
    rig.opens()
    done = rig.offer("A", b'{"to_bank":"0005"}')
    assert deliveries(done) == [("A", "failed")]
    assert deliveries(rig.offer("B")) == [("B", "sent")]
    too_long = msgspec.json.encode({**msgspec.json.decode(BODY), "beneficiary": "ガ" * 25})
    rig.acks(1)
    assert deliveries(rig.offer("C", too_long)) == [("C", "failed")]
    assert stored(rig).serial == 1, "a message that cannot be written costs no number"


def test_not_before_the_opening_nor_after_the_pre_close() -> None:
    rig = LineRig()
    rig.connect()
    assert deliveries(rig.offer("A")) == [("A", "deferred")]
    rig.acks(0)
    rig.info(0, rig.control("open", RESPONSE))
    rig.command("pre-close")
    assert deliveries(rig.offer("A")) == [("A", "deferred")]


def test_serials_of_the_line_end() -> None:
    rig = LineRig(telegram={"serial_first": 500, "serial_last": 501})
    rig.opens()
    for number in (1, 2):
        done = rig.offer(str(number))
        assert rig.telegrams(done)[0][1].head.serial == 499 + number
        rig.acks(number)
    assert deliveries(rig.offer("3")) == [("3", "failed")]


def test_what_was_only_in_hand_goes_back_when_the_link_is_lost() -> None:
    rig = LineRig()
    rig.opens()
    rig.offer("A")
    rig.offer("B")
    assert deliveries(rig.disconnect()) == [("B", "deferred")]
    rig.link()
    done = rig.opens(last_received=0)
    assert deliveries(done + rig.offer("B")) == []  # an enquiry about A goes first
    assert [i.id for i in stored(rig).open] == ["A", ""]


def test_too_many_of_unknown_delivery_hold_the_line() -> None:
    rig = LineRig(session={"unknown_count_max": 1})
    rig.opens()
    rig.offer("A")
    rig.pass_ms(30_000)
    assert deliveries(rig.offer("B")) == [("B", "deferred")]
    rig.crash()
    rig.wall_ms = wall_of("2026-11-27 09:00")
    rig.connect()
    rig.info(0, rig.control("open", RESPONSE, date="20261127"))
    rig.acks(1)
    assert deliveries(rig.offer("B")) == [("B", "sent")], "yesterday's is a matter for a person, and holds nobody up today"


def test_telegrams_go_on_the_lcn_of_their_kind_each_with_its_own_numbers() -> None:
    rig = LineRig(line={"lcns": [0, 3], "lcn_of": {"1000": 3}})
    rig.connect()
    for lcn in (0, 3):
        rig.acks(0, lcn)
        rig.info(0, rig.control("open", RESPONSE), lcn)
    (message,) = rig.sent(rig.offer("A"))
    assert (message.path.lcn, message.sequence) == (3, 1)  # type: ignore[union-attr]  # an information message
    assert stored(rig).sequences == {3: 1}


def test_what_waited_when_the_day_was_closed_by_force_is_not_said_the_next_day() -> None:
    rig = LineRig()
    rig.opens()
    rig.offer("A")
    rig.command("close")  # its notice waits behind A
    rig.command("force-close", "Sato")
    rig.acks(1)
    rig.wall_ms = wall_of("2026-11-27 09:00")
    rig.command("open")
    rig.acks(0)
    done = rig.info(0, rig.control("open", RESPONSE, date="20261127"))
    assert rig.dialogue.state is State.OPEN
    assert rig.telegrams(done) == []


def test_an_enquiry_never_overtakes_the_telegram_it_is_about() -> None:
    """Not even where enquiries have an LCN of their own: a center that answers "not here" too early makes a double."""
    rig = LineRig(line={"lcns": [0, 3], "lcn_of": {"KS": 3}})
    rig.connect()
    for lcn in (0, 3):
        rig.acks(0, lcn)
        rig.info(0, rig.control("open", RESPONSE), lcn)
    rig.offer("A")
    (enquiry,) = (message for message in rig.sent(rig.pass_ms(30_000)) if isinstance(message, Information))
    assert (enquiry.path.lcn, enquiry.sequence) == (0, 2)


def test_own_telegrams_are_bounded() -> None:
    rig = LineRig()
    rig.opens()
    sending = rig.dialogue._sending
    said: list[object] = []
    for number in range(OWN_COUNT_MAX + 2):
        actions: list[object] = []
        sending.say(rig.dialect.rules.enquiry(DAY, number + 1, DAY), 0, actions)  # type: ignore[arg-type]  # a list of actions
        said += actions
    assert [type(action) for action in said[:1]] == [Store]
    assert notes(said) == ["own-telegrams-limit"]  # type: ignore[arg-type]  # actions


def test_a_journal_that_fails_says_nothing_more() -> None:
    rig = LineRig()
    rig.opens()
    rig.journal_ok = False
    done = rig.offer("A")
    assert hang_ups(done) == ["no-journal"]
    assert not any(isinstance(action, Send) for action in done)
    assert rig.step(Stored("zrc-01-01/out", True)) == []


def test_a_late_ack_does_not_end_the_wait_for_what_is_under_way() -> None:
    """Else a lost ACK of the enquiry would leave its LCN waiting for ever."""
    rig = LineRig()
    rig.opens()
    rig.offer("A")
    rig.pass_ms(30_000)  # A is unknown, the enquiry about it (number 2) is under way
    assert deliveries(rig.acks(1)) == [("A", "acknowledged")]
    assert "ack-0" in rig.timers
    rig.pass_ms(30_000)
    assert deliveries(rig.offer("B")) == [("B", "sent")]


def test_no_lcn_waits_for_another() -> None:
    """照会 about a gap waits for its LCN, which is busy; what the core posts on another one goes at once."""
    rig = LineRig(line={"lcns": [0, 1, 2], "lcn_of": {"KT": 1, "KS": 1, "KI": 2}})
    rig.connect()
    for lcn in (0, 1, 2):
        rig.info(0, rig.control("open", RESPONSE), lcn=lcn)
    rig.offer("A")
    assert rig.telegrams(rig.info(3, transfer(1))) == [], "a gap on LCN 00; the enquiry waits behind A"
    body = msgspec.json.encode({"to_bank": "0005", "to_branch": "002"})
    done = rig.offer("B", body, "interbank-request")
    assert deliveries(done) == [("B", "sent")]
    assert [(m.path.lcn, m.sequence) for m in rig.sent(done) if isinstance(m, Information)] == [(2, 1)]
    ((sequence, enquiry),) = rig.telegrams(rig.acks(1, lcn=1))
    assert (sequence, enquiry.head.subject) == (2, "9102")


def test_unknown_in_the_pre_close_is_asked_about_at_once() -> None:
    rig = LineRig()
    rig.opens()
    rig.offer("A")
    rig.command("pre-close")
    done = rig.pass_ms(30_000)
    assert deliveries(done) == [("A", "unknown")]
    said = [*rig.telegrams(done), *rig.telegrams(rig.acks(2))]
    assert Enquiry in [type(telegram) for _, telegram in said]


def test_an_lcn_that_is_no_longer_in_use_is_not_spoken_on() -> None:
    before = LineRig(line={"lcns": [0, 1], "lcn_of": {"KT": 1}})
    before.connect()
    for lcn in (0, 1):
        before.info(0, before.control("open", RESPONSE), lcn=lcn)
    before.offer("A")
    rig = LineRig()
    rig.disk = before.disk
    rig.opens()
    (message,) = (m for m in rig.sent() if isinstance(m, Information) and m.sequence)
    assert (message.path.lcn, message.sequence) == (0, 1)
    assert ("A", "acknowledged") in deliveries(rig.answer_enquiry(1, 1, "0000"))
