"""One link's conversation where we ask or leave: our sign-on, commands, the idle echo, drains and closes."""

from __future__ import annotations

from protocols.dialect import (
    Ask,
    BytesArrived,
    CommandRequested,
    DrainStarted,
    HangUp,
    Identify,
    LinkClosed,
    Note,
    Refuse,
    ReplyDecided,
    Send,
    Stored,
    Tell,
    Timer,
    TimerFired,
)
from protocols.iso8583.dialect import Iso8583Dialect
from protocols.iso8583.message import IsoMessage
from protocols.vocabulary import Refusal, Reply, Verdict
from tests.support.isolink import (
    TERMINAL,
    arrived,
    make_dialect,
    network,
    reversal,
    unframed,
    withdrawal,
)
from tests.support.isoplay import DIALLED, ISO, OPENED, play, signed_on
from tests.support.playbook import After, Playbook, like

# ---- our own requests ----------------------------------------------------------------------------------------------------
SWITCH = make_dialect(session={"we_sign_on": True, "terminals_per_link": "many"})


def answer_to(iso: Iso8583Dialect, send: Send, code: str = "00") -> BytesArrived:
    asked = unframed(iso, send.data)
    return arrived(iso, IsoMessage(asked.response_mti(), {n: v for n, v in asked.fields.items() if n != 39} | {39: code}))


def dialled(iso: Iso8583Dialect = SWITCH) -> Playbook:
    book = play(iso)
    book >> DIALLED
    sign_on = book.take(Send)
    book << Timer("command-000001", 15_000)
    book >> answer_to(iso, sign_on)
    book.rest()
    assert book.dialogue.is_signed_on
    return book


def test_we_sign_on_to_a_switch() -> None:
    with play(SWITCH) as book:
        book >> DIALLED
        sign_on = book.take(Send)
        asked = unframed(SWITCH, sign_on.data)
        assert (asked.mti, asked.fields) == ("0800", {7: "1105010203", 11: "000001", 70: "001"})
        book << Timer("command-000001", 15_000)
        assert not book.dialogue.is_idle
        assert not book.dialogue.is_signed_on
        book >> arrived(SWITCH, withdrawal()) << like(Refuse, reason=Refusal.NOT_SIGNED_ON)
        book >> answer_to(SWITCH, sign_on) << Timer("command-000001", None) << like(Timer, name="sign-on")
        book << Note("signed-on", "") << Tell("session-up", {"terminal": ""})
        assert book.dialogue.is_idle
        book >> arrived(SWITCH, withdrawal()) << like(Ask)


def test_a_refused_or_unanswered_sign_on_ends_the_dialled_link() -> None:
    with play(SWITCH) as book:
        book >> DIALLED
        sign_on = book.take(Send)
        book.rest()
        (
            book
            >> answer_to(SWITCH, sign_on, "91")
            << like(Timer)
            << Note("sign-on-refused", "code '91'")
            << HangUp("sign-on-refused")
        )
    with play(SWITCH) as book:
        book >> DIALLED << like(Send) << like(Timer)
        book >> After(15_000) >> TimerFired("command-000001") << Note("command-unanswered", "sign-on")
        book << Note("sign-on-refused", "no answer") << HangUp("sign-on-refused")


def test_a_listener_does_not_sign_on() -> None:
    with play(SWITCH) as book:
        book >> OPENED << Timer("sign-on", 120_000)


def test_commands_of_an_operator() -> None:
    with signed_on() as book:
        book >> CommandRequested("echo")
        echo = book.take(Send)
        book << Timer("command-000001", 15_000)
        book >> answer_to(ISO, echo) << Timer("command-000001", None) << Note("echo-answered")
        book >> answer_to(ISO, echo) << like(Note, name="unmatched-answer")
        book >> CommandRequested("cutover", b"2026-11-06")
        cutover = book.take(Send)
        assert unframed(ISO, cutover.data).fields[15] == "1106"
        book << like(Timer)
        book >> answer_to(ISO, cutover) << like(Timer) << Note("cutover-accepted")
        book >> CommandRequested("key-exchange")
        assert unframed(ISO, book.take(Send).data).fields[70] == "101"
        book << like(Timer)
        book >> TimerFired("command-000003") << Note("command-unanswered", "key-exchange")
        book << Note("key-exchange-refused", "no answer")
        book >> CommandRequested("sing") << Note("command-impossible", "sing")


def test_an_operator_signs_a_link_off_and_on() -> None:
    with dialled() as book:
        book >> CommandRequested("sign-off")
        sign_off = book.take(Send)
        book << like(Timer)
        book >> answer_to(SWITCH, sign_off) << like(Timer) << Note("signed-off", "") << like(Tell, event="session-down")
        assert not book.dialogue.is_signed_on
        book >> CommandRequested("sign-on")
        sign_on = book.take(Send)
        book << like(Timer)
        book >> answer_to(SWITCH, sign_on) << like(Timer) << like(Timer) << like(Note, name="signed-on") << like(Tell)
        assert book.dialogue.is_signed_on


def test_our_requests_are_bounded() -> None:
    iso = make_dialect(session={"commands_waiting_max": 2})
    with signed_on(iso) as book:
        for _ in range(2):
            book >> CommandRequested("echo") << like(Send) << like(Timer)
        book >> CommandRequested("echo") << Note("command-impossible", "echo")


# ---- idle echo -----------------------------------------------------------------------------------------------------------
QUIET = make_dialect(session={"idle_echo_ms": 60_000, "echo_reply_ms": 5_000, "echo_misses_max": 2, "sign_on": "never"})


def test_an_idle_line_is_asked_and_answers() -> None:
    with play(QUIET) as book:
        book >> OPENED << Timer("idle", 60_000)
        book >> After(60_000) >> TimerFired("idle")
        echo = book.take(Send)
        assert unframed(QUIET, echo.data).fields[70] == "301"
        book << Timer("echo-reply", 5_000)
        book >> answer_to(QUIET, echo, "91") << Timer("echo-reply", None) << Timer("idle", 60_000) << Note("echo-answered")


def test_a_busy_line_is_not_asked() -> None:
    with play(QUIET) as book:
        book >> OPENED << like(Timer)
        book >> After(40_000) >> arrived(QUIET, withdrawal()) << like(Identify) << like(Ask)
        book >> After(20_000) >> TimerFired("idle") << Timer("idle", 40_000)
        book >> After(40_000) >> TimerFired("idle") << like(Send) << like(Timer, name="echo-reply")


def test_echoes_that_nobody_answers() -> None:
    with play(QUIET) as book:
        book >> OPENED << like(Timer)
        book >> After(60_000) >> TimerFired("idle") << like(Send) << like(Timer)
        (
            book
            >> After(5_000)
            >> TimerFired("echo-reply")
            << Note("echo-missed", "1 of 2")
            << like(Send)
            << Timer("echo-reply", 5_000)
        )
        book >> After(5_000) >> TimerFired("echo-reply") << Note("echo-missed", "2 of 2") << HangUp("echo-missed", abort=True)


def test_traffic_counts_as_life_when_an_echo_is_not_answered() -> None:
    with play(QUIET) as book:
        book >> OPENED << like(Timer)
        book >> After(60_000) >> TimerFired("idle") << like(Send) << like(Timer)
        book >> After(1_000) >> arrived(QUIET, withdrawal()) << like(Identify) << like(Ask)
        book >> After(4_000) >> TimerFired("echo-reply") << Timer("idle", 60_000)


def test_nobody_is_asked_before_sign_on() -> None:
    iso = make_dialect(session={"idle_echo_ms": 60_000})
    with play(iso) as book:
        book >> OPENED << Timer("idle", 60_000) << like(Timer, name="sign-on")
        book >> After(60_000) >> TimerFired("idle") << Timer("idle", 60_000)


# ---- draining and closing ------------------------------------------------------------------------------------------------
def test_a_draining_link_leaves_money_to_the_desk_and_finishes_the_rest() -> None:
    """Only the journal knows whether it was taken before: a "no" from here to a repeat would be a second answer."""
    with signed_on() as book:
        book >> DrainStarted() << Note("draining")
        book >> arrived(ISO, withdrawal(), withdrawal("0201")) << like(Ask) << like(Ask)
        book >> arrived(ISO, reversal(withdrawal()), withdrawal("0220")) << like(Ask) << like(Ask)
        book >> arrived(ISO, network("301")) << like(Send) << Note("echo-received")
        book >> arrived(ISO, network("001")) << like(Refuse, reason=Refusal.DRAINING)
        book >> ReplyDecided(withdrawal(), Reply(Verdict.APPROVE, "00")) << like(Send)
        book >> DrainStarted() << Note("draining")
        book >> LinkClosed("drained") << like(Tell, event="session-down")


def test_a_drain_signs_off_where_we_signed_on() -> None:
    with dialled() as book:
        book >> DrainStarted() << Note("draining")
        sign_off = book.take(Send)
        assert unframed(SWITCH, sign_off.data).fields[70] == "002"
        book << like(Timer)
        assert not book.dialogue.is_idle
        book >> answer_to(SWITCH, sign_off) << like(Timer) << like(Note, name="signed-off") << like(Tell, event="session-down")
        assert book.dialogue.is_idle
        book >> LinkClosed("drained")


def test_a_sign_on_answered_while_draining_changes_nothing() -> None:
    with play(SWITCH) as book:
        book >> DIALLED
        sign_on = book.take(Send)
        book.rest()
        book >> DrainStarted() << Note("draining")
        book >> answer_to(SWITCH, sign_on) << like(Timer)
        assert not book.dialogue.is_signed_on


def test_a_closed_link_says_nothing_more() -> None:
    with signed_on() as book:
        book >> LinkClosed("peer-closed") << Tell("session-down", {"terminal": TERMINAL, "reason": "peer-closed"})
        assert not book.dialogue.is_signed_on
        book >> arrived(ISO, withdrawal()) >> DrainStarted() >> TimerFired("idle") >> LinkClosed("again")
    with play() as book:
        book >> OPENED << like(Timer)
        book >> LinkClosed("peer-closed")


def test_events_of_other_dialects_are_nothing() -> None:
    with signed_on() as book:
        book >> Stored("serial", True) >> TimerFired("unheard of") >> TimerFired("command-000077")
        book >> TimerFired("echo-reply") >> TimerFired("partial")
