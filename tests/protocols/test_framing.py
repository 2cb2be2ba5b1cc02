"""Frames cut out of a stream in pieces of any size, wrapped and answered; the same for every variant of the table."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from protocols.errors import FrameError, LocalMisuse
from protocols.framing import FRAMINGS, Frame, FrameCutter, Framing, reply_header, wrap, zero_frame

NAMES = sorted(FRAMINGS)
names = st.sampled_from(NAMES)
# No ETX inside: without a length it would end the frame.
bodies = st.binary(min_size=1, max_size=90).map(lambda body: body.replace(b"\x03", b"\x04"))


def feed_in_pieces(framing: Framing, stream: bytes, cuts: list[int]) -> tuple[list[Frame], str, bool]:
    """All frames, the error's text, and whether something is left over."""
    cutter = FrameCutter(framing)
    frames: list[Frame] = []
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for first, last in pairwise(edges):
        try:
            frames += cutter.feed(stream[first:last])
        except FrameError as error:
            return frames + cutter.frames_before_error, str(error), cutter.has_partial
        assert cutter.buffered_count <= framing.max_bytes + framing.lead_bytes
    return frames, "", cutter.has_partial


@given(names, st.lists(bodies, max_size=5), st.lists(st.integers(0, 700), max_size=12), st.data())
def test_the_pieces_make_no_difference(name: str, parts: list[bytes], cuts: list[int], data: st.DataObject) -> None:
    framing = FRAMINGS[name]
    stream = b"".join(wrap(framing, part) for part in parts)
    if data.draw(st.booleans()) and framing.zero != "error":
        stream = zero_frame(framing) + stream + zero_frame(framing)
    whole = feed_in_pieces(framing, stream, [])
    assert feed_in_pieces(framing, stream, list(range(len(stream)))) == whole
    assert feed_in_pieces(framing, stream, cuts) == whole
    frames, error, is_partial = whole
    assert not error
    assert not is_partial
    assert [frame.body for frame in frames if not frame.is_zero] == parts


@given(names, st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=8))
@settings(max_examples=300)
def test_any_bytes_give_frames_or_a_frame_error_whatever_the_pieces(name: str, stream: bytes, cuts: list[int]) -> None:
    framing = replace(FRAMINGS[name], max_bytes=min(200, FRAMINGS[name].max_bytes))
    whole = feed_in_pieces(framing, stream, [])
    assert feed_in_pieces(framing, stream, list(range(len(stream)))) == whole
    assert feed_in_pieces(framing, stream, cuts) == whole


@pytest.mark.parametrize("name", NAMES)
def test_sixty_four_kibibytes_at_once(name: str) -> None:
    framing = FRAMINGS[name]
    one = wrap(framing, b"A" * 60)
    count = 65536 // len(one)
    assert len(FrameCutter(framing).feed(one * count)) == count


@pytest.mark.parametrize("name", NAMES)
def test_the_longest_frame_passes_and_one_byte_more_does_not(name: str) -> None:
    framing = replace(FRAMINGS[name], max_bytes=min(90, FRAMINGS[name].max_bytes))
    room = 90 - framing.least_header_bytes - len(framing.trailer)
    frames = FrameCutter(framing).feed(wrap(framing, b"A" * room))
    assert [len(frame.body) for frame in frames] == [room]
    with pytest.raises(LocalMisuse, match="more than 90 bytes"):
        wrap(framing, b"A" * (room + 1))
    wider = replace(framing, max_bytes=200)
    cutter = FrameCutter(framing)
    with pytest.raises(FrameError):
        cutter.feed(wrap(wider, b"A" * (room + 1)))
    assert cutter.buffered_count == 0


def test_the_maximum_is_checked_before_a_byte_of_the_frame_is_kept() -> None:
    cutter = FrameCutter(Framing(length="binary", size=4, max_bytes=100))
    with pytest.raises(FrameError, match="more than 100 bytes"):
        cutter.feed(b"\x00\x00\x00\x65")
    assert cutter.buffered_count == 0
    with pytest.raises(FrameError):
        cutter.feed(b"more")
    assert cutter.frames_before_error == []


def test_frames_before_the_error_are_kept() -> None:
    framing = FRAMINGS["ascii4"]
    cutter = FrameCutter(framing)
    with pytest.raises(FrameError) as caught:
        cutter.feed(wrap(framing, b"one") + wrap(framing, b"two") + b"garbage")
    assert [frame.body for frame in cutter.frames_before_error] == [b"one", b"two"]
    assert caught.value.offset == 0


def test_half_a_frame_is_partial_until_it_is_whole() -> None:
    cutter = FrameCutter(FRAMINGS["binary2"])
    assert not cutter.has_partial
    assert cutter.feed(b"\0") == []
    assert cutter.has_partial
    assert cutter.feed(b"\3ab") == []
    assert (cutter.has_partial, cutter.buffered_count) == (True, 4)
    assert cutter.feed(b"c") == [Frame(b"", b"abc")]
    assert not cutter.has_partial


@pytest.mark.parametrize(
    ("name", "wire", "header", "body"),
    [
        ("ascii4", b"0003abc", b"", b"abc"),
        ("nac", b"\x00\x08\x60\x00\x01\x00\x02abc", b"\x60\x00\x01\x00\x02", b"abc"),
        ("nac-inclusive", b"\x00\x0a\x60\x00\x01\x00\x02abc", b"\x60\x00\x01\x00\x02", b"abc"),
        ("ncc", b"\x00\x08\x60\x00\x01\x00\x02abc", b"\x60\x00\x01\x00\x02", b"abc"),
        ("bcd2", b"\x00\x12" + b"x" * 12, b"", b"x" * 12),
        ("hex4", b"000Aabcdefghij", b"", b"abcdefghij"),
        ("cs", b"\x00\x03\x00\x00abc", b"", b"abc"),
        ("gicc", b"\x00\x00\x00\x03abc", b"", b"abc"),
        ("raw", b"\x00\x00\x00\x03abc", b"", b"abc"),
        ("post", b"\x00\x03abc", b"", b"abc"),
        ("amex", b"\x00\x05abc", b"", b"abc"),
        ("vmlh", b"\x00\x03\x00\x00abc", b"", b"abc"),
        ("cmf", b"\x00\x00\x03abc", b"", b"abc"),
        ("rbp", b"\xd0\x4a\x00\x03\x00\x00abc", b"", b"abc"),
        ("base24", b"abc\x03", b"", b"abc"),
        ("base24-tcp", b"\x00\x04abc\x03", b"", b"abc"),
        ("binary2-little", b"\x03\x00abc", b"", b"abc"),
    ],
)
def test_rows_of_the_table_byte_for_byte(name: str, wire: bytes, header: bytes, body: bytes) -> None:
    assert FrameCutter(FRAMINGS[name]).feed(wire) == [Frame(header, body)]
    assert wrap(FRAMINGS[name], body, header) == wire


def test_hex_lengths_are_read_in_both_cases() -> None:
    assert FrameCutter(FRAMINGS["hex4"]).feed(b"000aabcdefghij")[0].body == b"abcdefghij"


@pytest.mark.parametrize("name", [name for name in NAMES if FRAMINGS[name].zero == "echo"])
def test_keep_alives_come_out_to_be_echoed_as_they_are(name: str) -> None:
    zero = zero_frame(FRAMINGS[name])
    (frame,) = FrameCutter(FRAMINGS[name]).feed(zero)
    assert (frame.is_zero, frame.raw, frame.body) == (True, zero, b"")


def test_keep_alives_that_count_themselves() -> None:
    """Amex style: both 0000 and 0002 mean nothing follows; BASE24: 0000, and a trailer alone."""
    assert FrameCutter(FRAMINGS["amex"]).feed(b"\0\0\0\2") == [
        Frame(b"", b"", True, b"\0\0"),
        Frame(b"", b"", True, b"\0\2"),
    ]
    assert [frame.raw for frame in FrameCutter(FRAMINGS["base24-tcp"]).feed(b"\0\0\0\1\3")] == [b"\0\0", b"\0\1\3"]


def test_zero_lengths_by_policy() -> None:
    assert FrameCutter(FRAMINGS["ascii4"]).feed(b"00000001a") == [Frame(b"", b"a")]
    with pytest.raises(FrameError, match="length zero"):
        FrameCutter(FRAMINGS["binary2"]).feed(b"\0\0")
    with pytest.raises(LocalMisuse):
        zero_frame(FRAMINGS["binary2"])


def test_visa_session_control_is_a_keep_alive() -> None:
    (frame,) = FrameCutter(FRAMINGS["vmlh"]).feed(b"\x00\x02\x00\x21zz")
    assert (frame.is_zero, frame.raw) == (True, b"\x00\x02\x00\x21zz")


def test_continued_frames_are_refused_not_cut_wrong() -> None:
    with pytest.raises(FrameError, match="reserved bytes"):
        FrameCutter(FRAMINGS["rbp"]).feed(b"\xd0\x4a\x00\x03\x01\x00abc")


def test_tpdu_addresses_change_places_in_an_answer() -> None:
    header = bytes.fromhex("6000010002")
    assert reply_header(FRAMINGS["nac"], header) == bytes.fromhex("6000020001")
    assert reply_header(FRAMINGS["ncc"], header) == header
    assert reply_header(FRAMINGS["ascii4"], b"") == b""


BASE1 = bytes.fromhex("16010200190000010000020000000000000000000000")


def test_base1_header_is_counted_its_length_kept_and_its_addresses_swapped() -> None:
    framing = FRAMINGS["vap"]
    wire = wrap(framing, b"abc", BASE1)
    assert wire[:4] == b"\x00\x19\x00\x00"
    (frame,) = FrameCutter(framing).feed(wire)
    assert (frame.header, frame.body) == (BASE1, b"abc")
    answer = reply_header(framing, frame.header)
    assert (answer[5:8], answer[8:11]) == (BASE1[8:11], BASE1[5:8])
    assert wrap(framing, b"abcd", answer)[7:9] == b"\x00\x1a"


def test_base1_rejects_carry_two_headers() -> None:
    reject = bytes([26, 0x81]) + BASE1[2:] + b"\x80\0\x05\x01"
    (frame,) = FrameCutter(FRAMINGS["vap"]).feed(b"\x00\x33\x00\x00" + reject + BASE1 + b"abc")
    assert (frame.header, frame.body) == (reject + BASE1, b"abc")
    assert len(reply_header(FRAMINGS["vap"], frame.header)) == 22
    assert not reply_header(FRAMINGS["vap"], frame.header)[1] & 0x80


@pytest.mark.parametrize("header", [b"\x15" + BASE1[1:], b"\xff" + BASE1[1:], bytes([22, 0x81]) + BASE1[2:]])
def test_impossible_base1_headers(header: bytes) -> None:
    with pytest.raises(FrameError, match="BASE I"):
        FrameCutter(FRAMINGS["vap"]).feed(b"\x00\x19\x00\x00" + header + b"abc")


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("ascii4", b"GET / HTTP/1.1\r\n"),
        ("ascii4", b"+003abc"),
        ("ascii4", b" 003abc"),
        ("bcd2", b"\x0a\x00"),
        ("hex4", b"0x0A"),
        ("nac", b"\x00\x03abc"),
        ("gicc", b"\x00\x01\x00\x03abc"),
        ("base24-tcp", b"\x00\x04abcd"),
        ("amex", b"\x00\x01"),
        ("base24", b"A" * 4096),
    ],
)
def test_streams_that_are_not_framed_so(name: str, stream: bytes) -> None:
    with pytest.raises(FrameError):
        FrameCutter(FRAMINGS[name]).feed(stream)


def test_wrap_refuses_what_cannot_be_said() -> None:
    with pytest.raises(LocalMisuse, match="keep-alive"):
        wrap(FRAMINGS["ascii4"], b"")
    with pytest.raises(LocalMisuse, match="no header"):
        wrap(FRAMINGS["ascii4"], b"a", b"h")
    with pytest.raises(LocalMisuse, match="header of 5 bytes"):
        wrap(FRAMINGS["nac"], b"a", b"h")
    with pytest.raises(LocalMisuse, match="trailer"):
        wrap(FRAMINGS["base24"], b"a\3b")
    with pytest.raises(LocalMisuse, match="does not fit"):  # jPOS NCC would take it modulo 10000
        wrap(Framing(length="bcd", size=4, max_bytes=20_000), b"a" * 10_000)
    with pytest.raises(LocalMisuse, match="must be given"):
        wrap(Framing(header="fixed", header_bytes=3), b"a")
    assert wrap(Framing(header="fixed", header_bytes=3, default_header=b"ISO"), b"a") == b"0004ISOa"
    with pytest.raises(LocalMisuse, match="BASE I"):
        wrap(FRAMINGS["vap"], b"a", b"\x17" + BASE1[1:])


def test_hex_length_of_65535_is_not_written_as_zero() -> None:
    framing = Framing(length="hexascii", size=4, max_bytes=70_000)
    assert wrap(framing, b"a" * 65535)[:4] == b"FFFF"
    with pytest.raises(LocalMisuse):
        wrap(framing, b"a" * 65536)


def test_adjust_counts_what_the_peer_leaves_out() -> None:
    framing = Framing(length="ascii", size=4, adjust=4)
    assert wrap(framing, b"abcdef") == b"0002abcdef"
    assert FrameCutter(framing).feed(b"0002abcdef") == [Frame(b"", b"abcdef")]


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=4), st.lists(st.integers(0, 100), max_size=8))
def test_a_trailer_of_two_bytes_may_be_split_between_reads(parts: list[bytes], cuts: list[int]) -> None:
    framing = Framing(length="none", trailer=b"\r\n", max_bytes=64)
    parts = [part.replace(b"\r", b"a").replace(b"\n", b"b") for part in parts]
    stream = b"".join(wrap(framing, part) for part in parts)
    for edges in (cuts, list(range(len(stream)))):
        frames, error, is_partial = feed_in_pieces(framing, stream, edges)
        assert ([frame.body for frame in frames], error, is_partial) == (parts, "", False)
