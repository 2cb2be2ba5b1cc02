"""Bodies as fields: separators, the forgiven ETX, every byte kept, and a bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import FieldError
from protocols.ndc.frame import FIELD_COUNT_MAX, cut, join


def test_one_trailing_etx_is_forgiven_and_no_more() -> None:
    assert cut(b"22\x1c001\x03").fields == ("22", "001")
    assert cut(b"22\x1c001\x03\x03").fields == ("22", "001\x03")


def test_screens_keep_their_control_characters() -> None:
    body = b"3\x1c\x1c\x1c11\x1cC00\x0c\x0f\x1b[1m\x0e\n\x0b\xff"
    assert join(list(cut(body).fields)) == body


def test_what_a_sender_left_out_is_empty_and_offsets_count_bytes() -> None:
    fields = cut(b"11\x1c001\x1c")
    assert (fields.at(1), fields.at(9), fields.offset(2)) == ("001", "", 7)
    assert str(fields.wrong(1, "luno", "three")) == "field luno at offset 3: expected three"


def test_the_number_of_fields_is_bounded() -> None:
    assert len(cut(b"\x1c" * (FIELD_COUNT_MAX - 1)).fields) == FIELD_COUNT_MAX
    with pytest.raises(FieldError):
        cut(b"\x1c" * FIELD_COUNT_MAX)


@given(st.binary(max_size=200))
def test_any_bytes_come_out_again(body: bytes) -> None:
    assert join(list(cut(body).fields)) == (body[:-1] if body.endswith(b"\x03") else body)
