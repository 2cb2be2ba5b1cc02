"""Frames, who speaks, timers and the link's life, as transcripts; and any bytes at all, cut anywhere."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dialect import (
    Ask,
    BytesArrived,
    Command,
    CommandRequested,
    DrainStarted,
    HangUp,
    Identify,
    LinkClosed,
    LinkOpened,
    Note,
    OutboundOffered,
    Refuse,
    ReplyDecided,
    Send,
    Stored,
    Tell,
    Timer,
    TimerFired,
)
from protocols.ndc.asking import OpenedJournal
from protocols.ndc.dialogue import JOURNAL_AGAIN, JOURNAL_AGAIN_MS, JOURNAL_SILENT_MS, NdcDialogue
from protocols.ndc.message import JournalCommand, JournalUpload, TransactionReply
from protocols.ndc.session import State
from protocols.spread import spread_ms
from protocols.vocabulary import TAKEN, Refusal, Secret
from tests.support.ndcplay import (
    HOST,
    LINK,
    OPENED,
    PLAIN,
    READY,
    TERMINAL,
    WALL_MS,
    arrived,
    asked,
    config_status,
    framed,
    in_service,
    make_dialect,
    play,
    power_up,
    replied,
    request,
    said,
)
from tests.support.playbook import After, containing, like

VECTORS = json.loads((Path(__file__).parent / "vectors" / "ndc.json").read_text("utf-8"))
BLOCK = JournalUpload(
    machine="000001", date="261102", time="142640", previous="000000", last="000013", length="013", text=Secret("Card inserted")
)


# ---- who speaks ----------------------------------------------------------------------------------------------------------
def test_a_link_is_bound_by_its_first_message() -> None:
    with play() as book:
        book >> OPENED << Timer("identify", 5_000)
        book >> arrived(power_up()) << Identify(TERMINAL)
        book.rest()


def test_two_atms_with_luno_000_are_two_by_their_addresses() -> None:
    names = set()
    for host in ("192.0.2.1", "192.0.2.2"):
        book = in_service(opened=LinkOpened(host, 40_000, realm="bank", link_id=f"{LINK}-{host}"), luno="000")
        names.add(book.dialogue.terminal)  # type: ignore[attr-defined]  # NdcDialogue's own
    assert names == {"000@192.0.2.1", "000@192.0.2.2"}


def test_an_address_in_the_table_names_the_atm_and_its_luno_is_checked() -> None:
    table = {HOST: {"name": "ATM-TOKYO-7", "luno": "001"}}
    dialect = make_dialect(terminals=table)
    with play(dialect) as book:
        book >> OPENED << like(Timer)
        book >> arrived(power_up()) << Identify("ATM-TOKYO-7")
        book.rest()
    with play(dialect) as book:
        book >> OPENED << like(Timer)
        book >> arrived(power_up(luno="002")) << Note("luno-mismatch", "ATM-TOKYO-7") << HangUp("another-terminal", abort=True)


def test_another_luno_on_the_same_link_is_another_atm() -> None:
    with in_service() as book:
        book >> arrived(request(luno="777")) << Note("luno-mismatch", TERMINAL) << HangUp("another-terminal", abort=True)


def test_three_and_nine_characters_of_the_same_luno_are_one_atm() -> None:
    with in_service() as book:
        asked(book, request(luno="001000123"))


def test_a_link_without_a_name_of_its_own_cannot_mint_keys() -> None:
    with play() as book:
        book >> LinkOpened(HOST, 40_000, realm="bank") << like(Note, name="no-link-id") << HangUp("no-link-id")


# ---- requests that are turned away ---------------------------------------------------------------------------------------
def declined(action: Refuse) -> TransactionReply:
    message = said(action, PLAIN)
    assert isinstance(message, TransactionReply)
    return message


def test_a_request_before_service_is_declined_without_number_or_notes() -> None:
    with play() as book:
        book >> OPENED << like(Timer)
        book >> arrived(request()) << Identify(TERMINAL)
        refuse = book.take(Refuse)
        reply = declined(refuse)
        assert (refuse.reason, reply.function, reply.tsn, reply.notes) == (Refusal.NOT_SIGNED_ON, "5", "0000", "00000000")
        book << Timer("step", 30_000)


def test_the_status_of_a_refusal_must_come_before_service() -> None:
    """Its ready would pass for the command's: one more answer is owed, and only then is the ATM in service."""
    with play() as book:
        book >> OPENED << like(Timer)
        book >> arrived(power_up())
        book.rest()
        book >> arrived(request()) << like(Refuse)
        book >> arrived(READY)
        assert not any(isinstance(action, Command) for action in book.rest())
        book >> arrived(READY)
        assert any(isinstance(action, Command) for action in book.rest())


def test_a_malformed_request_is_declined_when_its_head_can_be_read() -> None:
    with in_service() as book:
        book >> arrived(request(operation="XX")) << like(Refuse, reason=Refusal.FORMAT_ERROR, detail=containing("operation"))
        book << Timer("step", 30_000)
        book >> arrived(READY) << Timer("step", None)
        book >> BytesArrived(b"\x00\x0511\x1c00") << like(Refuse, reason=Refusal.FORMAT_ERROR, data=b"")
        book >> BytesArrived(b"\x00\x0202") << like(Refuse, reason=Refusal.FORMAT_ERROR, data=b"")
        asked(book)


def test_while_draining_what_is_open_goes_on_and_nothing_new_is_taken() -> None:
    with in_service() as book:
        opened = replied(book)
        book >> DrainStarted() << like(Tell, event="session-down") << Note("draining")
        assert not book.dialogue.is_idle
        book >> arrived(READY)
        book.rest()
        assert book.dialogue.is_idle
        book >> arrived(request(mcn="4")) << like(Refuse, reason=Refusal.DRAINING) << like(Timer)
        assert opened.tsn == 1


def test_a_refusal_whose_status_never_comes_ends_the_link() -> None:
    """Else every reply to come would wait behind it, approved and never sent."""
    with in_service() as book:
        book >> arrived(request(operation="XX")) << like(Refuse) << Timer("step", 30_000)
        book >> TimerFired("step") << Note("refusal-unanswered", "1 answers") << HangUp("command-unanswered", abort=True)


def test_a_request_before_the_status_of_a_refusal_is_not_asked() -> None:
    with in_service() as book:
        book >> arrived(request(operation="XX")) << like(Refuse) << like(Timer)
        book >> arrived(request(mcn="4")) << Note("status-missing", "of a refusal") << HangUp("status-missing", abort=True)


# ---- the journal ---------------------------------------------------------------------------------------------------------
def test_a_journal_block_is_acknowledged_only_when_it_is_durable() -> None:
    with in_service() as book:
        book >> arrived(BLOCK)
        asked_for = book.take(Ask).message
        assert isinstance(asked_for, OpenedJournal)
        book << Timer(JOURNAL_AGAIN, JOURNAL_SILENT_MS)
        (
            book
            >> ReplyDecided(asked_for, PLAIN.to_reply(asked_for, Refusal.NO_JOURNAL, WALL_MS))
            << like(Note, name="journal-refused")
            << Timer(JOURNAL_AGAIN, JOURNAL_AGAIN_MS)
        )
        # It stays connected and never repeats it: the relay offers it to its journal again.
        book >> TimerFired(JOURNAL_AGAIN) << Ask(asked_for) << Timer(JOURNAL_AGAIN, JOURNAL_SILENT_MS)
        book >> ReplyDecided(asked_for, PLAIN.to_reply(asked_for, TAKEN, WALL_MS)) << Timer(JOURNAL_AGAIN, None)
        assert said(book.take(Send), PLAIN) == JournalCommand("1", "000013")
        book >> TimerFired(JOURNAL_AGAIN)
        book.rest()


def test_a_journal_block_that_nobody_says_a_word_about_is_offered_again_and_acknowledged_once() -> None:
    """The core has not confirmed it in time and the copy is away: the desk waits for a repeat that never comes."""
    with in_service() as book:
        book >> arrived(BLOCK) << like(Ask) << like(Timer)
        book >> TimerFired(JOURNAL_AGAIN)
        asked_for = book.take(Ask).message
        book << Timer(JOURNAL_AGAIN, JOURNAL_SILENT_MS)
        book >> ReplyDecided(asked_for, PLAIN.to_reply(asked_for, TAKEN, WALL_MS)) << like(Timer) << like(Send)
        book >> ReplyDecided(asked_for, PLAIN.to_reply(asked_for, TAKEN, WALL_MS))


def test_a_gap_in_the_journal_is_noted_and_the_block_is_kept() -> None:
    with in_service() as book:
        book >> arrived(BLOCK)
        first = book.take(Ask).message
        book << like(Timer)
        book >> ReplyDecided(first, PLAIN.to_reply(first, TAKEN, WALL_MS)) << like(Timer) << like(Send)
        book >> arrived(msgspec.structs.replace(BLOCK, previous="000013", last="000026")) << like(Ask) << like(Timer)
        book >> arrived(msgspec.structs.replace(BLOCK, previous="000030", last="000043"))
        book << Note("journal-gap", "000030 follows 000013") << like(Ask) << like(Timer)


def test_a_journal_block_of_nobody_is_not_taken() -> None:
    with play() as book:
        book >> OPENED << like(Timer)
        book >> arrived(BLOCK) << like(Note, name="unidentified")


# ---- frames and timers ---------------------------------------------------------------------------------------------------
def test_half_a_frame_is_timed_from_its_first_byte() -> None:
    data = framed(power_up())
    with play() as book:
        book >> OPENED << like(Timer)
        book >> BytesArrived(data[:3]) << Timer("partial", 10_000)
        book >> After(6_000) >> BytesArrived(data[3:4]) >> After(4_000)
        book >> TimerFired("partial") << like(Note, name="partial-frame") << HangUp("partial-frame")


def test_a_frame_that_is_too_long_ends_the_link_and_what_came_before_is_read() -> None:
    with play() as book:
        book >> OPENED << like(Timer)
        book >> BytesArrived(framed(power_up()) + b"\xff\xff\x00") << like(Identify)
        assert book.rest()[-1] == HangUp("frame-error")


def test_a_silent_atm_is_asked_for_its_configuration_id() -> None:
    with play() as book:
        book >> OPENED << Timer("identify", 5_000)
        book >> TimerFired("identify") << like(Command, name="send-configuration-id") << Timer("step", 30_000)
        book >> arrived(config_status()) << Identify(TERMINAL)
        book.rest()
        book >> TimerFired("identify")


def test_a_line_that_is_silent_in_service_is_probed_once() -> None:
    own_ms = spread_ms(60_000, "tokyo-7-1")  # a period of this link's own
    assert 48_000 <= own_ms < 60_000
    dialect = make_dialect(session={"set_clock": False, "read_counters": False, "idle_probe_ms": 60_000})
    with in_service(dialect) as book:
        book >> After(30_000) >> TimerFired("idle")
        book.rest()
        book >> After(60_000) >> TimerFired("idle") << Timer("idle", own_ms) << like(Command, name="send-configuration-id")
        book << Timer("step", 30_000)
        book >> TimerFired("step") << Note("command-unanswered", "send-configuration-id")
        book << HangUp("command-unanswered", abort=True)


def test_a_reply_waits_for_the_answer_to_a_probe() -> None:
    dialect = make_dialect(session={"set_clock": False, "read_counters": False, "idle_probe_ms": 60_000})
    with in_service(dialect) as book:
        book >> After(60_000) >> TimerFired("idle")
        book.rest()
        opened = asked(book, dialect=dialect)
        book >> ReplyDecided(opened, dialect.to_reply(opened, Refusal.OVERLOADED, WALL_MS))
        book >> arrived(config_status(), dialect=dialect)
        assert any(isinstance(action, Send) for action in book.rest())


def test_a_closed_link_says_nothing_more() -> None:
    with in_service() as book:
        book >> LinkClosed("peer-lost") << like(Tell, event="session-down")
        book >> arrived(request())
        assert book.dialogue.step(TimerFired("step"), 0) == ()


# ---- anything at all -----------------------------------------------------------------------------------------------------
FRAMES = [framed(request()), framed(power_up()), framed(READY), framed(config_status()), framed(BLOCK)]
FRAMES += [len(bytes.fromhex(v["hex"])).to_bytes(2, "big") + bytes.fromhex(v["hex"]) for v in VECTORS]
WORDS = st.sampled_from([b"11", b"22", b"12", b"23", b"61", b"001", b"", b"F", b"8", b"03", b" DA   AD"])
PIECES = st.one_of(
    st.sampled_from(FRAMES),
    st.binary(max_size=40),
    st.builds(lambda body: len(body).to_bytes(2, "big") + body, st.binary(min_size=1, max_size=80)),
    st.builds(
        lambda fields: (lambda body: len(body).to_bytes(2, "big") + body)(b"\x1c".join(fields)),
        st.lists(
            st.one_of(WORDS, st.binary(max_size=9)),
            min_size=1,
            max_size=16,
        ),
    ),
)
OTHERS = st.sampled_from(
    [
        TimerFired("identify"), TimerFired("step"), TimerFired("status"), TimerFired("idle"), TimerFired("partial"),
        TimerFired("nobody's"), CommandRequested("echo"), CommandRequested("sign-off"), CommandRequested("sign-on"),
        CommandRequested("no such thing"), OutboundOffered("o1", "atm-command", b'{"command": "send-tallies"}'),
        OutboundOffered("o2", "atm-command", b"\xff"), OutboundOffered("o3", "other", b"{}"), Stored(f"tsn/{TERMINAL}", True),
        Stored(f"tsn/{TERMINAL}", False), Stored("x", True), DrainStarted(),
    ]
)  # fmt: skip


@given(st.binary(max_size=2_000), st.lists(st.integers(1, 60), max_size=80))
def test_any_bytes_cut_anywhere_never_raise_and_never_pile_up(data: bytes, cuts: list[int]) -> None:
    dialogue = PLAIN.new_dialogue()
    assert isinstance(dialogue, NdcDialogue)
    dialogue.step(OPENED, 0)
    at = 0
    for count in [*cuts, len(data)]:
        dialogue.step(BytesArrived(data[at : at + count]), at)
        at += count
        assert dialogue.buffered_count <= PLAIN.profile.frame_bytes_max + 2


@given(st.lists(st.one_of(PIECES, OTHERS), max_size=30), st.integers(1, 50), st.booleans())
def test_any_conversation_cut_anywhere_never_raises(steps: list[bytes | object], cut_at: int, starts_in_service: bool) -> None:
    """Frames in any order, garbage between them, timers and commands at any moment; replies are decided at once."""
    dialogue = in_service().dialogue if starts_in_service else PLAIN.new_dialogue()
    assert isinstance(dialogue, NdcDialogue)
    if not starts_in_service:
        dialogue.step(OPENED, 0)
    now_ms = 1_000_000
    pending = b""
    for step in steps:
        now_ms += 7
        if not isinstance(step, bytes):
            actions = list(dialogue.step(step, now_ms))  # type: ignore[arg-type]  # an event
        else:
            pending += step
            actions = []
            while pending:
                actions += dialogue.step(BytesArrived(pending[:cut_at]), now_ms)
                pending = pending[cut_at:]
        assert dialogue.buffered_count <= PLAIN.profile.frame_bytes_max + 2
        for action in actions:
            if isinstance(action, Ask):
                reply = PLAIN.to_reply(action.message, Refusal.OVERLOADED, WALL_MS)
                dialogue.step(ReplyDecided(action.message, reply), now_ms)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_split_and_merged_frames_read_the_same(count: int) -> None:
    data = framed(power_up()) + framed(READY) + framed(READY) + framed(request())
    dialogue = PLAIN.new_dialogue()
    assert isinstance(dialogue, NdcDialogue)
    dialogue.step(OPENED, 0)
    actions = [
        action
        for at in range(0, len(data), count)
        for action in dialogue.step(BytesArrived(data[at : at + count]), 0)
        if not isinstance(action, Timer)
    ]
    whole = PLAIN.new_dialogue()
    whole.step(OPENED, 0)
    assert [a for a in whole.step(BytesArrived(data), 0) if not isinstance(a, Timer)] == actions
    assert dialogue.state is State.IN_SERVICE
    assert any(isinstance(action, Ask) for action in actions)
