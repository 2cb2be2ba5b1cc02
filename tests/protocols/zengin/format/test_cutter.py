"""Bytes into records: every kind of record end, cut at every byte, short and half records, limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import FrameError
from protocols.zengin.format.cutter import RecordCutter
from protocols.zengin.format.settings import FormatSettings

LENGTH = 12
RECORDS = [bytes([65 + number]) * LENGTH for number in range(4)]


def cutter(**settings: object) -> RecordCutter:
    return RecordCutter(FormatSettings.model_validate(settings), LENGTH, b" ")


@pytest.mark.parametrize("end", ["none", "cr", "lf", "crlf", "nl"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("eof", ["no", "1a"])
def test_every_variant_cut_at_every_byte(end: str, last: bool, eof: str) -> None:
    separator = {"none": b"", "cr": b"\r", "lf": b"\n", "crlf": b"\r\n", "nl": b"\x15"}[end]
    data = separator.join(RECORDS) + (separator if last else b"") + (b"\x1a" if eof == "1a" else b"")
    for place in range(len(data) + 1):
        one = cutter(record_end=end, eof=eof)
        found = one.feed(data[:place]) + one.feed(data[place:])
        rest, problem = one.finish()
        assert found + rest == RECORDS
        assert problem == ""
        assert one.count == 4


def test_the_last_end_as_set() -> None:
    for last_end, data, problem in (
        ("with", b"A" * LENGTH + b"\r\n", ""),
        ("with", b"A" * LENGTH, "the last record has no end"),
        ("without", b"A" * LENGTH, ""),
        ("without", b"A" * LENGTH + b"\r\n", "the last record has an end"),
    ):
        one = cutter(record_end="crlf", last_end=last_end)
        first = one.feed(data)
        rest, said = one.finish()
        assert first + rest == [b"A" * LENGTH]
        assert said == problem


def test_short_records_are_filled_where_set_and_given_out_as_they_are_where_not() -> None:
    data = b"AAAA\r\n" + b"B" * LENGTH + b"\r\n9"
    filled = cutter(record_end="crlf", short_records="fill")
    assert filled.feed(data) + filled.finish()[0] == [b"AAAA".ljust(LENGTH), b"B" * LENGTH, b"9".ljust(LENGTH)]
    exact = cutter(record_end="crlf")
    assert exact.feed(data) + exact.finish()[0] == [b"AAAA", b"B" * LENGTH, b"9"]


def test_short_records_need_record_ends() -> None:
    with pytest.raises(ValueError, match="needs a record_end"):
        FormatSettings.model_validate({"short_records": "fill"})


def test_no_end_within_the_limit() -> None:
    at_limit = cutter(record_end="lf")
    assert at_limit.feed(b"A" * LENGTH) == []
    assert at_limit.buffered_count == LENGTH
    over = cutter(record_end="lf")
    with pytest.raises(FrameError) as caught:
        over.feed(b"A" * LENGTH + b"\n" + b"B" * (LENGTH + 1))
    assert caught.value.offset == LENGTH + 1
    assert over.records_before_error == [b"A" * LENGTH]


@given(st.lists(st.binary(max_size=40), max_size=20), st.sampled_from(["none", "cr", "crlf"]))
def test_never_more_than_a_record_is_kept(pieces: list[bytes], end: str) -> None:
    one = cutter(record_end=end, eof="1a")
    for piece in pieces:
        try:
            one.feed(piece)
        except FrameError:
            return
        assert one.buffered_count <= LENGTH + 2
