"""One link's conversation with bad input: malformed, half, late, forged and hostile, and nobody else notices."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.dialect import (
    Action,
    Ask,
    BytesArrived,
    CommandRequested,
    DrainStarted,
    HangUp,
    Identify,
    LinkClosed,
    LinkOpened,
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
from protocols.iso8583.hooks import Hooks
from protocols.vocabulary import Refusal, Reply, Verdict
from tests.support.isolink import (
    OLD_KEY,
    SumMac,
    arrived,
    framed,
    make_dialect,
    network,
    reversal,
    withdrawal,
    withdrawal_1993,
)
from tests.support.isoplay import DIALLED, ISO, OPENED, answer_in, malformed, play, signed_on
from tests.support.playbook import After, like


# ---- malformed input -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("version", "code"), [("1987", "30"), ("1993", "904")])
def test_a_format_error_is_answered_where_the_sender_is_known(version: str, code: str) -> None:
    iso = make_dialect(version=version)
    message = withdrawal() if version == "1987" else withdrawal_1993()
    with play(iso) as book:
        book >> OPENED << like(Timer)
        book >> malformed(message, iso)
        refuse = book.take(Refuse)
        assert refuse.reason is Refusal.FORMAT_ERROR
        assert refuse.detail.startswith("field end at offset ")
        answer = answer_in(iso, refuse)
        assert answer.fields[39] == code
        assert answer.fields[11] == message.fields[11]
        assert answer.fields.keys().isdisjoint({2, 3, 4, 49})


def test_a_format_error_of_an_unknown_sender_is_not_answered() -> None:
    anonymous = withdrawal("0200", {41: None})
    with play() as book:
        book >> OPENED << like(Timer)
        book >> malformed(anonymous) << like(Refuse, reason=Refusal.FORMAT_ERROR, data=b"")
        book >> malformed(withdrawal("0200", {11: None})) << like(Refuse, data=b"")
        book >> malformed(withdrawal("0210")) << like(Refuse, data=b"")
    with signed_on() as book:
        book >> malformed(anonymous) << like(Refuse, data=lambda data: answer_in(ISO, Send(data)).fields[39] == "30")


@pytest.mark.parametrize("body", [b"0", b"02", b"ABCD", b"0200", b"0200XYZ", b"0200" + b"F" * 32, b"\xff" * 40])
def test_garbage_in_a_frame_is_refused_and_the_link_goes_on(body: bytes) -> None:
    with signed_on() as book:
        book >> BytesArrived(f"{len(body):04}".encode() + body) << like(Refuse, reason=Refusal.FORMAT_ERROR, data=b"")
        book >> arrived(ISO, withdrawal()) << like(Ask)


def test_a_lost_frame_boundary_ends_the_link_after_what_came_before() -> None:
    with signed_on() as book:
        book >> BytesArrived(framed(ISO, withdrawal()) + b"GET / HTTP/1.1\r\n") << like(Ask)
        book << like(Note, name="frame-error") << HangUp("frame-error")
        book >> arrived(ISO, withdrawal())  # nothing more is believed
        book >> LinkClosed("we hung up") << like(Tell, event="session-down")


def test_a_frame_over_the_limit_is_refused_before_it_is_read() -> None:
    iso = make_dialect(frame_bytes_max=200, session={"sign_on": "never"})
    with play(iso) as book:
        book >> OPENED >> BytesArrived(b"0201") << like(Note, name="frame-error") << HangUp("frame-error")


@pytest.mark.parametrize(("policy", "answer"), [("ignore", None), ("echo", Send(b"0000"))])
def test_frames_of_length_zero(policy: str, answer: Action | None) -> None:
    iso = make_dialect(zero_frames=policy)
    with signed_on(iso) as book:
        book >> BytesArrived(b"0000")
        if answer is not None:
            book << answer
    strict = make_dialect(zero_frames="error")
    with signed_on(strict) as book:
        book >> BytesArrived(b"0000") << like(Note, name="frame-error") << like(HangUp)


# ---- half a frame --------------------------------------------------------------------------------------------------------
def test_half_a_frame_and_silence() -> None:
    data = framed(ISO, withdrawal())
    with signed_on() as book:
        book >> BytesArrived(data[:50]) << Timer("partial", 10_000)
        assert not book.dialogue.is_idle
        book >> After(10_000) >> TimerFired("partial") << Note("partial-frame", "50 bytes") << HangUp("partial-frame")


def test_one_byte_per_second_buys_no_time() -> None:
    data = framed(ISO, withdrawal())
    with signed_on() as book:
        book >> BytesArrived(data[:1]) << Timer("partial", 10_000)
        for at in range(1, 10):
            book >> After(1_000) >> BytesArrived(data[at : at + 1])
        book >> After(1_000) >> TimerFired("partial") << like(Note) << HangUp("partial-frame")


def test_a_frame_completed_in_time_is_taken_and_a_new_half_gets_its_own_time() -> None:
    data = framed(ISO, withdrawal())
    with signed_on() as book:
        book >> BytesArrived(data[:50]) << Timer("partial", 10_000)
        book >> After(9_000) >> BytesArrived(data[50:] + data[:10]) << like(Ask)
        book >> After(1_000) >> TimerFired("partial") << Timer("partial", 9_000)
        book >> After(8_000) >> BytesArrived(data[10:]) << like(Ask)
        assert book.dialogue.is_idle
        book >> After(1_000) >> TimerFired("partial")
        book >> BytesArrived(data[:1]) << Timer("partial", 10_000)


# ---- message authentication ----------------------------------------------------------------------------------------------
def test_a_wrong_mac_does_no_business() -> None:
    iso = make_dialect(Hooks(mac=SumMac()), mac="required", version="1993", session={"sign_on": "never"})
    with play(iso) as book:
        book >> OPENED
        book >> arrived(iso, withdrawal_1993()) << like(Identify) << like(Ask)
        for mac, code in ((b"wrongmac", "916"), (OLD_KEY, "917")):
            body = iso.codec.encode(withdrawal_1993("1200", {64: mac}))
            book >> BytesArrived(f"{len(body):04}".encode() + body)
            refuse = book.take(Refuse)
            assert answer_in(iso, refuse).fields[39] == code
            assert 64 in answer_in(iso, refuse).fields


# ---- hostile input -------------------------------------------------------------------------------------------------------
SAMPLES = [
    framed(ISO, withdrawal()),
    framed(ISO, network("001")),
    framed(ISO, network("301")),
    framed(ISO, network("101")),
    framed(ISO, reversal(withdrawal())),
    framed(ISO, withdrawal("0210")),
    framed(ISO, withdrawal("0300")),
    framed(ISO, network("301", "0810")),
    malformed(withdrawal()).data,
    b"0000",
    b"0004ABCD",
]
PIECES = st.one_of(
    st.sampled_from(SAMPLES), st.binary(max_size=60), st.sampled_from(SAMPLES).flatmap(lambda s: st.just(s[:-3]))
)
DIALECTS = {
    "ascii": ISO,
    "bcd": make_dialect(encoding="bcd", framing="binary2", session={"sign_on": "never"}),
    "ebcdic": make_dialect(encoding="ebcdic", framing="nac", version="1993", session={"sign_on": "optional"}),
    "trailer": make_dialect(framing="base24", version="2003", session={"terminals_per_link": "many"}),
}


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_no_bytes_break_the_dialogue(name: str) -> None:
    iso = DIALECTS[name]

    @settings(max_examples=150)
    @given(st.lists(PIECES, max_size=6), st.lists(st.integers(0, 400), max_size=8))
    def check(pieces: list[bytes], cuts: list[int]) -> None:
        stream = b"".join(pieces)
        at_once = run(iso, [stream])
        places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
        in_pieces = run(iso, [stream[a:b] for a, b in pairwise(places)])
        assert [a for a in in_pieces if not isinstance(a, Timer)] == [a for a in at_once if not isinstance(a, Timer)]

    check()


def run(iso: Iso8583Dialect, pieces: Sequence[bytes]) -> list[Action]:
    dialogue = iso.new_dialogue()
    actions = list(dialogue.step(OPENED, 0))
    for piece in pieces:
        actions += dialogue.step(BytesArrived(piece), 1)
    return actions


EVENTS = st.one_of(
    st.sampled_from(SAMPLES).map(BytesArrived),
    st.binary(max_size=30).map(BytesArrived),
    st.sampled_from(["partial", "idle", "echo-reply", "sign-on", "command-000001", ""]).map(TimerFired),
    st.sampled_from(["echo", "sign-on", "sign-off", "cutover", "key-exchange", "?"]).map(CommandRequested),
    st.just(DrainStarted()),
    st.just(LinkClosed("gone")),
    st.just(ReplyDecided(withdrawal(), Reply(Verdict.DECLINE, "91"))),
    st.just(Stored("x", False)),
)


@pytest.mark.parametrize("opening", [OPENED, DIALLED])
@pytest.mark.parametrize("session", [{"idle_echo_ms": 1_000, "we_sign_on": True}, {"sign_on": "optional"}])
def test_no_order_of_events_breaks_the_dialogue(opening: LinkOpened, session: dict[str, object]) -> None:
    iso = make_dialect(session=session)

    @given(st.lists(EVENTS, max_size=30))
    def check(
        events: list[BytesArrived | TimerFired | CommandRequested | DrainStarted | LinkClosed | ReplyDecided | Stored],
    ) -> None:
        dialogue = iso.new_dialogue()
        dialogue.step(opening, 0)
        for now_ms, event in enumerate(events):
            was_barred = not dialogue.is_signed_on
            actions = dialogue.step(event, now_ms * 700)
            if isinstance(event, BytesArrived) and was_barred and not dialogue.is_signed_on:
                assert not any(isinstance(action, Ask) for action in actions)
            answers = [a for a in actions if isinstance(a, Refuse | Send) and a.data]
            assert len(answers) <= 1  # one frame, one answer at most

    check()
