"""The guide's example keeps the port: transcripts, bad input, translation, and the guide quotes it as it runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from protocols.dialect import (
    Ask,
    BytesArrived,
    DialectKit,
    HangUp,
    Identify,
    Note,
    Refuse,
    ReplyDecided,
    Send,
    Timer,
    TimerFired,
)
from protocols.errors import LocalMisuse
from protocols.vocabulary import Approved, Declined, Received, Refusal, Request, Verdict
from tests.support.playbook import Playbook, like
from tests.support.tinydialect import LINE_BYTES_MAX, TINY, TinyMessage, TinyProfile

ROOT = Path(__file__).parents[2]
DIALECT = TINY.build(TinyProfile(), lambda name: "", lambda: 0)
LINE = b"PAY T1 20261125 17 acc-1 5000\n"
MESSAGE = TinyMessage("T1", "20261125", "17", "acc-1", 5_000)


def play() -> Playbook:
    return Playbook(DIALECT.new_dialogue())


def test_it_fulfils_the_port() -> None:
    assert isinstance(TINY, DialectKit)
    assert issubclass(TINY.profile_model, BaseModel)
    with pytest.raises(LocalMisuse):
        TINY.build(TinyProfile(approved="05"), lambda name: "", lambda: 0)


def test_a_line_is_asked_and_answered() -> None:
    with play() as book:
        book >> BytesArrived(LINE) << Identify("T1") << Ask(MESSAGE) << Timer("partial", None)
        book >> ReplyDecided(MESSAGE, DIALECT.to_reply(MESSAGE, Approved(), 0)) << Send(b"17 00\n")


def test_a_bad_line_costs_nothing_but_itself() -> None:
    with play() as book:
        book >> BytesArrived(b"PAY T1 20261125 17 acc-1 0\n" + LINE)
        book << like(Refuse, reason=Refusal.FORMAT_ERROR, data=b"") << Identify("T1") << Ask(MESSAGE) << Timer("partial", None)


def test_half_a_line_is_hung_up_on() -> None:
    with play() as book:
        book >> BytesArrived(b"PAY") << Timer("partial", 5_000)
        book >> TimerFired("partial") << Note("partial-frame") << HangUp("partial-frame")


@pytest.mark.parametrize(("size", "is_refused"), [(LINE_BYTES_MAX - 1, False), (LINE_BYTES_MAX, True)])
def test_the_limit(size: int, is_refused: bool) -> None:
    book = play()
    book >> BytesArrived(b"x" * size)
    assert any(isinstance(action, HangUp) for action in book.rest()) is is_refused


def test_the_same_line_has_the_same_key() -> None:
    received = Received(0, "tiny", "bank")
    first, again = DIALECT.to_request(MESSAGE, received), DIALECT.to_request(MESSAGE, received)
    assert isinstance(first, Request)
    assert first == again
    assert first.key == "bank:tiny:T1:20261125:17"


def test_only_an_approval_says_approved() -> None:
    answers = [Approved(), Declined(reason="approved"), *Refusal]
    codes = {str(answer): DIALECT.to_reply(MESSAGE, answer, 0) for answer in answers}
    assert [reply.code for reply in codes.values()].count("00") == 1
    assert codes[str(Refusal.IN_DOUBT)].verdict is Verdict.DOUBT


@given(st.lists(st.one_of(st.binary(max_size=200), st.just(LINE)), max_size=8))
def test_any_bytes_cut_anywhere_never_raise_and_never_pile_up(pieces: list[bytes]) -> None:
    dialogue = DIALECT.new_dialogue()
    for piece in pieces:
        dialogue.step(BytesArrived(piece), 0)
        assert dialogue._cutter.buffered_count <= LINE_BYTES_MAX  # type: ignore[attr-defined]  # the example's own


def test_the_guide_quotes_the_example_as_it_runs() -> None:
    def bare(text: str) -> str:
        return "\n".join(line.strip() for line in text.splitlines()).strip()

    source = bare((ROOT / "tests" / "support" / "tinydialect.py").read_text("utf-8"))
    guide = (ROOT / "docs" / "adding-a-dialect.md").read_text("utf-8")
    quoted = re.findall(r"```(?:python|text)\n(.*?)```", guide, re.DOTALL)
    assert len(quoted) >= 4
    for block in quoted:
        for part in bare(block).split("\n..."):
            assert part in source, part
