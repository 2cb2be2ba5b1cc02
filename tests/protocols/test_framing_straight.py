"""The straight way of framing and the precise one never differ: same frames, same bytes, same words for the same mistake."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from protocols.errors import FrameError, LocalMisuse
from protocols.framing import FRAMINGS, STRAIGHT_BYTES_MAX, Frame, FrameCutter, Framing, compile_wrap, leads_of, wrap

ODD = {
    "adjusted": Framing(length="ascii", size=4, adjust=4),
    "adjusted-down": Framing(length="binary", size=2, adjust=-3, max_bytes=50),
    "two-digits": Framing(length="ascii", size=2, inclusive=True, zero="ignore"),
    "odd-bcd": Framing(length="bcd", size=3, prefix=b"\x02", zero="echo"),
    "masked": Framing(length="binary", size=2, after_length=b"\0\x81", after_mask=b"\xff\x80"),
    "fixed": Framing(length="hexascii", size=4, header="fixed", header_bytes=3, default_header=b"ISO"),
    "little": Framing(length="binary", size=2, order="little"),
}
ALL = FRAMINGS | ODD
STRAIGHT = sorted(name for name, framing in ALL.items() if leads_of(framing))
framings = st.sampled_from(sorted(ALL)).map(ALL.__getitem__)


def heard(framing: Framing, pieces: list[bytes], *, straight: bool) -> list[object]:
    """What comes of each piece: frames, or the error's text; and what is left over."""
    cutter = FrameCutter(framing)
    if not straight:
        cutter._leads = ()
    told: list[object] = []
    for piece in pieces:
        try:
            told.append(cutter.feed(piece))
        except FrameError as error:
            told.append((str(error), error.offset, cutter.frames_before_error))
        told.append(cutter.buffered_count)
    return told


def wrapped(call: object, *arguments: object) -> object:
    try:
        return call(*arguments)  # type: ignore[operator]  # wrap or what compile_wrap made
    except LocalMisuse as problem:
        return str(problem)


@st.composite
def reads(draw: st.DrawFn, framing: Framing) -> list[bytes]:
    """Pieces of a stream: mostly good frames, some with a byte changed, some halved or joined."""
    pieces: list[bytes] = []
    for _ in range(draw(st.integers(1, 4))):
        try:
            frame = wrap(framing, draw(st.binary(min_size=1, max_size=40)))
        except LocalMisuse:
            frame = draw(st.binary(max_size=12))
        how = draw(st.sampled_from(["whole", "whole", "whole", "changed", "cut", "joined", "any"]))
        if how == "changed" and frame:
            at = draw(st.integers(0, min(len(frame) - 1, framing.lead_bytes + 2)))
            frame = frame[:at] + draw(st.binary(min_size=1, max_size=1)) + frame[at + 1 :]
        elif how == "any":
            frame = draw(st.binary(max_size=20))
        at = draw(st.integers(0, len(frame))) if how == "cut" else len(frame)
        pieces += [frame[:at], frame[at:]] if how == "cut" else [frame * 2] if how == "joined" else [frame]
    return pieces


@given(framings, st.data())
@settings(max_examples=400)
def test_both_ways_cut_alike(framing: Framing, data: st.DataObject) -> None:
    framing = replace(framing, max_bytes=min(framing.max_bytes, data.draw(st.sampled_from([40, 8192]))))
    pieces = data.draw(reads(framing))
    assert heard(framing, pieces, straight=True) == heard(framing, pieces, straight=False)


@given(
    framings, st.binary(max_size=60), st.sampled_from([b"", b"", b"ISO", b"\x60\0\1\0\2", b"h"]), st.sampled_from([40, 8192])
)
@settings(max_examples=400)
def test_both_ways_wrap_alike(framing: Framing, body: bytes, header: bytes, most: int) -> None:
    framing = replace(framing, max_bytes=min(framing.max_bytes, most))
    assert wrapped(compile_wrap(framing), body, header) == wrapped(wrap, framing, body, header)


@pytest.mark.parametrize("name", STRAIGHT)
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_table_ends_without_a_seam(name: str, more: int) -> None:
    framing = ALL[name]
    body = b"A" * (min(STRAIGHT_BYTES_MAX, framing.max_bytes) - framing.least_header_bytes + more)
    told = wrapped(compile_wrap(framing), body, b"")
    assert told == wrapped(wrap, framing, body)
    if isinstance(told, bytes):
        assert heard(framing, [told], straight=True) == heard(framing, [told], straight=False)


@pytest.mark.parametrize("name", STRAIGHT)
def test_one_usual_frame_does_go_the_straight_way(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    framing = ALL[name]
    header = b"\x60\0\1\0\2"[: framing.least_header_bytes]
    frame = compile_wrap(framing)(b"ABCDEF", header)
    cutter = FrameCutter(framing)
    monkeypatch.setattr(FrameCutter, "_feed_counted", lambda *_: pytest.fail("the precise way"))
    assert cutter.feed(frame) == [Frame(header, b"ABCDEF")]


def test_which_framings_have_a_straight_way() -> None:
    assert {"ascii4", "nac", "binary2", "hex4", "ncc", "bcd2", "gicc", *ODD} <= set(STRAIGHT)
    assert not {"vap", "base24", "base24-tcp"} & set(STRAIGHT)
    assert all(leads_of(ALL[name])[0] is None for name in STRAIGHT)  # a keep-alive is never cut here
