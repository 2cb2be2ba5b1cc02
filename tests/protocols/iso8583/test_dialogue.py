"""One link's conversation, as transcripts: what arrives, what the dialogue wants, and nothing else."""

from __future__ import annotations

import msgspec
import pytest

from protocols.dialect import (
    Ask,
    BytesArrived,
    HangUp,
    Identify,
    Note,
    Refuse,
    ReplyDecided,
    Send,
    Tell,
    Timer,
    TimerFired,
)
from protocols.iso8583.dialogue import Iso8583Dialogue
from protocols.iso8583.hooks import Hooks
from protocols.iso8583.message import IsoMessage, Value
from protocols.iso8583.session import State
from protocols.totals import TotalsKept, TotalsStated
from protocols.vocabulary import Approved, Refusal, Reply, Verdict
from tests.support.isolink import (
    TERMINAL,
    WALL_MS,
    arrived,
    make_dialect,
    network,
    reversal,
    withdrawal,
    withdrawal_1993,
)
from tests.support.isoplay import FREE, ISO, OPENED, answer_in, play, signed_on
from tests.support.playbook import After, containing, like


# ---- sign-on and sign-off ------------------------------------------------------------------------------------------------
def test_a_terminal_signs_on_and_asks() -> None:
    with play() as book:
        book >> OPENED << Timer("sign-on", 120_000)
        assert not book.dialogue.is_signed_on
        book >> arrived(ISO, network("001")) << Identify(TERMINAL)
        answer = answer_in(ISO, book.take(Send))
        assert (answer.mti, answer.fields) == ("0810", {7: "1105010203", 11: "000001", 39: "00", 41: TERMINAL, 70: "001"})
        book << Timer("sign-on", None) << Note("signed-on", TERMINAL) << Tell("session-up", {"terminal": TERMINAL})
        assert book.dialogue.is_signed_on
        book >> arrived(ISO, withdrawal()) << Ask(withdrawal())
        (
            book
            >> arrived(ISO, withdrawal("0201"), reversal(withdrawal()))
            << Ask(withdrawal("0201"))
            << Ask(reversal(withdrawal()))
        )


def test_signing_on_again_is_welcome_and_told_once() -> None:
    with signed_on() as book:
        book >> arrived(ISO, network("001")) << like(Send) << Note("signed-on", TERMINAL)


@pytest.mark.parametrize("mti", ["0100", "0200", "0201", "0220", "0420", "0500"])
def test_no_financial_traffic_before_sign_on(mti: str) -> None:
    with play() as book:
        book >> OPENED << like(Timer)
        book >> arrived(ISO, withdrawal(mti))
        refuse = book.take(Refuse)
        assert refuse.reason is Refusal.NOT_SIGNED_ON
        answer = answer_in(ISO, refuse)
        assert (answer.mti[:3], answer.fields[39]) == (f"{mti[:2]}{int(mti[2]) + 1}", "58")


def test_sign_off_shuts_the_door_again() -> None:
    with signed_on() as book:
        book >> arrived(ISO, network("002"))
        assert answer_in(ISO, book.take(Send)).fields[39] == "00"
        book << Note("signed-off", TERMINAL) << like(Tell, event="session-down")
        book >> arrived(ISO, withdrawal()) << like(Refuse, reason=Refusal.NOT_SIGNED_ON)
        book >> arrived(ISO, network("001")) << like(Send) << like(Timer) << like(Note, name="signed-on")
        book << like(Tell, event="session-up")
        book >> arrived(ISO, withdrawal()) << like(Ask)


def test_sign_on_optional_and_never() -> None:
    with play(FREE) as book:
        book >> OPENED
        assert book.dialogue.is_signed_on
        book >> arrived(FREE, withdrawal()) << Identify(TERMINAL) << like(Ask)
        book >> arrived(FREE, network("002")) << like(Send) << like(Note)
        book >> arrived(FREE, withdrawal()) << like(Refuse, reason=Refusal.NOT_SIGNED_ON)
    never = make_dialect(session={"sign_on": "never"})
    with play(never) as book:
        book >> OPENED >> arrived(never, withdrawal()) << Identify(TERMINAL) << like(Ask)


def test_who_does_not_sign_on_in_time_is_hung_up_on() -> None:
    with play() as book:
        book >> OPENED << Timer("sign-on", 120_000)
        book >> After(120_000) >> TimerFired("sign-on") << Note("sign-on-missed") << HangUp("sign-on-missed")
    with signed_on() as book:
        book >> After(120_000) >> TimerFired("sign-on")
    patient = make_dialect(session={"sign_on_wait_ms": 0})
    with play(patient) as book:
        book >> OPENED


def test_1993_signs_on_by_function_code() -> None:
    iso = make_dialect(version="1993")
    sign_on = IsoMessage("1804", {7: "1105010203", 11: "000001", 12: "261105010203", 24: "801", 41: TERMINAL})
    with play(iso) as book:
        book >> OPENED << like(Timer)
        book >> arrived(iso, withdrawal_1993())
        assert answer_in(iso, book.take(Refuse)).fields[39] == "120"
        book >> arrived(iso, sign_on) << like(Identify)
        answer = answer_in(iso, book.take(Send))
        assert (answer.mti, answer.fields[39], answer.fields[24]) == ("1814", "800", "801")
        book.rest()
        book >> arrived(iso, withdrawal_1993()) << like(Ask)


# ---- other network management --------------------------------------------------------------------------------------------
def test_their_echo_is_answered_signed_on_or_not() -> None:
    with play() as book:
        book >> OPENED << like(Timer)
        book >> arrived(ISO, network("301"))
        assert answer_in(ISO, book.take(Send)).fields[39] == "00"
        book << Note("echo-received")
    with signed_on() as book:
        book >> arrived(ISO, network("301", "0820"))
        assert answer_in(ISO, book.take(Send)).mti == "0830"
        book << Note("echo-received")


def test_cutover_tells_the_business_date() -> None:
    with signed_on() as book:
        said = TotalsStated(
            id="cutover/000001/2026-11-05", party="ATM00001", business_date="2026-11-05", source="0800", closes=True
        )
        book >> arrived(ISO, network("201", changes={15: "1106"})) << said
        book >> TotalsKept(said.id, "kept") << like(Send) << Note("cutover", "2026-11-06")
        book << Tell("cutover", {"terminal": TERMINAL, "business_date": "2026-11-06"})
        unnamed = msgspec.structs.replace(said, id="cutover/000001/", business_date="")
        book >> arrived(ISO, network("201")) << unnamed
        book >> arrived(ISO, network("201"))  # said again before the first was on disk: one answer
        book >> TotalsKept(unnamed.id, "kept") << like(Send) << Note("cutover", "")
        book << like(Tell, detail={"terminal": TERMINAL, "business_date": ""})
    with signed_on() as book:  # the end of a date that the journal did not take is not acknowledged
        book >> arrived(ISO, network("201", changes={15: "1106"})) << said
        book >> TotalsKept(said.id, "failed") << like(Refuse, reason=Refusal.NO_JOURNAL)
    with play() as book:
        book >> OPENED << like(Timer)
        book >> arrived(ISO, network("201")) << like(Refuse, reason=Refusal.NOT_SIGNED_ON)


@pytest.mark.parametrize("code", ["101", "161"])
def test_key_exchange_is_refused_unless_a_hook_takes_it(code: str) -> None:
    with signed_on() as book:
        book >> arrived(ISO, network(code))
        refuse = book.take(Refuse)
        assert (refuse.reason, answer_in(ISO, refuse).fields[39]) == (Refusal.UNSUPPORTED, "40")
    for given_key in (b"ABCDEFGH", None):
        hooks = Hooks(key_exchange=lambda message, key=given_key: None if key is None else {96: key})
        iso = make_dialect(hooks, session={"key_exchange": "hook"})
        with signed_on(iso) as book:
            book >> arrived(iso, network(code))
            if given_key is None:
                book << like(Refuse, reason=Refusal.UNSUPPORTED)
            else:
                answer = answer_in(iso, book.take(Send))
                assert (answer.fields[39], answer.fields[96]) == ("00", given_key)
                book << Note("key-exchanged", TERMINAL)


def test_a_hook_that_answers_nonsense_costs_only_its_answer() -> None:
    hooks = Hooks(key_exchange=lambda message: {96: "not bytes"})
    iso = make_dialect(hooks, session={"key_exchange": "hook"})
    with signed_on(iso) as book:
        book >> arrived(iso, network("101")) << Note("reply-unwritable", "0800") << like(Note, name="key-exchanged")


@pytest.mark.parametrize("answers", [True, False])
def test_a_hook_that_fails_refuses_the_key_exchange_and_its_error_is_not_told(answers: bool) -> None:
    def fails(message: IsoMessage) -> dict[int, Value]:
        if answers:
            return 7  # type: ignore[return-value]  # no mapping
        raise RuntimeError("key 0123456789ABCDEF")

    iso = make_dialect(Hooks(key_exchange=fails), session={"key_exchange": "hook"})
    with signed_on(iso) as book:
        book >> arrived(iso, network("101"))
        refuse = book.take(Refuse)
        assert (refuse.reason, answer_in(iso, refuse).fields[39]) == (Refusal.UNSUPPORTED, "40")
        assert "the hook failed (" in refuse.detail
        assert "0123456789ABCDEF" not in refuse.detail


def test_unknown_network_codes() -> None:
    with signed_on() as book:
        book >> arrived(ISO, network("999"))
        refuse = book.take(Refuse)
        assert (refuse.reason, answer_in(ISO, refuse).fields[39]) == (Refusal.UNSUPPORTED, "40")
        assert "999" in refuse.detail
        book >> arrived(ISO, network("001", changes={70: None})) << like(Refuse, detail=containing("missing"))


# ---- one terminal or many ------------------------------------------------------------------------------------------------
def test_a_link_of_one_terminal_refuses_every_other() -> None:
    other = withdrawal("0200", {41: "ATM00002"})
    with signed_on() as book:
        book >> arrived(ISO, other)
        refuse = book.take(Refuse)
        assert (refuse.reason, answer_in(ISO, refuse).fields[39]) == (Refusal.UNKNOWN_TERMINAL, "58")
        book >> arrived(ISO, network("002", changes={41: "ATM00002"})) << like(Refuse, reason=Refusal.UNKNOWN_TERMINAL)
        assert book.dialogue.is_signed_on
        book >> arrived(ISO, withdrawal()) << like(Ask)


def test_a_switch_speaks_for_many() -> None:
    iso = make_dialect(session={"terminals_per_link": "many"})
    with play(iso) as book:
        book >> OPENED << like(Timer)
        book >> arrived(iso, network("001", changes={41: None})) << like(Send) << like(Timer) << Note("signed-on", "")
        book << like(Tell)
        book >> arrived(iso, withdrawal(), withdrawal("0200", {41: "ATM00002"})) << like(Ask) << like(Ask)


def test_a_message_without_a_terminal_goes_to_the_desk_which_refuses_it() -> None:
    with signed_on() as book:
        book >> arrived(ISO, withdrawal("0200", {41: None})) << like(Ask)


# ---- replies -------------------------------------------------------------------------------------------------------------
def test_a_reply_goes_out_as_it_was_decided() -> None:
    with signed_on() as book:
        book >> arrived(ISO, withdrawal())
        message = book.take(Ask).message
        reply = ISO.to_reply(message, Approved(authorisation_id="A1B2C3"), WALL_MS)
        book >> ReplyDecided(message, reply)
        first = book.take(Send)
        assert answer_in(ISO, first).fields[38] == "A1B2C3"
        book >> ReplyDecided(message, reply) << first


def test_a_tpdu_goes_back_to_where_it_came_from() -> None:
    iso = make_dialect(framing="nac", session={"sign_on": "never"})
    header = bytes.fromhex("6000010002")
    with play(iso) as book:
        book >> OPENED
        book >> BytesArrived(iso.speaker.write(IsoMessage("0200", withdrawal().fields, header))) << like(Identify)
        message = book.take(Ask).message
        book >> ReplyDecided(message, iso.to_reply(message, Approved(), WALL_MS))
        assert answer_in(iso, book.take(Send)).header == bytes.fromhex("6000020001")


def test_a_reply_that_cannot_be_written_is_the_code_alone() -> None:
    with signed_on() as book:
        for data in (b"\xc1", b"\x81\x26\xa1x"):  # no msgpack; DE 38 of one character
            book >> ReplyDecided(withdrawal(), Reply(Verdict.APPROVE, "00", data))
            answer = answer_in(ISO, book.take(Send))
            assert (answer.fields[39], 38 in answer.fields) == ("00", False)
        book >> ReplyDecided(withdrawal(), Reply(Verdict.APPROVE, "much too long")) << Note("reply-unwritable", "0200")
        book >> ReplyDecided(withdrawal("0210"), Reply(Verdict.APPROVE, "00")) << Note("reply-unwritable", "0210")
        book >> ReplyDecided("of another dialect", Reply(Verdict.APPROVE, "00"))


# ---- answers and notifications -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mti", ["0210", "0211", "0230", "0410", "0430", "0110", "0510", "0530", "0250", "0270", "1210"])
def test_an_answer_is_never_answered(mti: str) -> None:
    with signed_on() as book:
        book >> arrived(ISO, withdrawal(mti)) << Note("unmatched-answer", f"{mti}: this link asks nothing of that class")


@pytest.mark.parametrize("mti", ["0240", "0440", "0840", "0280", "0290"])
def test_a_notification_is_never_answered(mti: str) -> None:
    with signed_on() as book:
        book >> arrived(ISO, withdrawal(mti)) << like(Note, name="unmatched-answer", detail=containing("notification"))


def test_an_answer_to_nothing_says_why() -> None:
    with signed_on() as book:
        book >> arrived(ISO, network("301", "0810")) << like(Note, detail=containing("nothing waits for trace 000001"))


@pytest.mark.parametrize("mti", ["0300", "0600", "0620", "0720", "0202", "0422", "1200", "9800", "0060"])
def test_an_unknown_question_is_refused(mti: str) -> None:
    with signed_on() as book:
        book >> arrived(ISO, withdrawal(mti))
        refuse = book.take(Refuse)
        assert refuse.reason is Refusal.UNSUPPORTED
        answer = answer_in(ISO, refuse)
        assert (answer.mti, answer.fields[39]) == (withdrawal(mti).response_mti(), "40")


def test_state_and_terminal_are_visible() -> None:
    dialogue = ISO.new_dialogue()
    assert isinstance(dialogue, Iso8583Dialogue)
    assert (dialogue.state, dialogue.terminal) == (State.CONNECTED, "")
    dialogue.step(OPENED, 0)
    dialogue.step(arrived(ISO, network("001")), 0)
    assert (dialogue.state, dialogue.terminal) == (State.SIGNED_ON, TERMINAL)
