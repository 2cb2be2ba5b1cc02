"""The record's one form: what is read back, what each malformed text is called, and whose signature counts."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.region.record import (
    EPOCH_MAX,
    KEY_BYTES,
    RUN_CHARS_MAX,
    STRING_BYTES_MAX,
    TEXT_BYTES_MAX,
    Malformed,
    RegionRecord,
    canonical_name,
    format_record,
    parse_record,
)

NAME = "_active.core.example"
KEY = bytes(range(KEY_BYTES))
OTHER = bytes(range(1, KEY_BYTES + 1))
RECORD = RegionRecord(8, "osaka", "7f3c")


def text(record: RegionRecord = RECORD, key: bytes = KEY, name: str = NAME) -> bytes:
    return format_record(record, name, key).encode()


def signed(body: str, key: bytes = KEY) -> bytes:
    """`body` with a MAC that is right, made here and not by the code under test."""
    said = b"relay region record 1\0" + NAME.encode() + b"\0" + body.encode()
    mac = urlsafe_b64encode(hmac.new(key, said, hashlib.sha256).digest()).rstrip(b"=")
    return body.encode() + b";mac=" + mac


def test_the_text_and_its_signature() -> None:
    assert text() == signed("v=1;epoch=8;region=osaka;run=7f3c")


RECORDS = st.builds(
    RegionRecord,
    st.integers(1, EPOCH_MAX),
    st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,62}\Z"),
    st.from_regex(r"\A[A-Za-z0-9-]{1,64}\Z"),
)


@given(RECORDS, st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES))
def test_what_is_written_is_read_back_and_fits_one_string(record: RegionRecord, key: bytes) -> None:
    written = text(record, key)
    assert len(written) <= STRING_BYTES_MAX
    assert parse_record([written], NAME, [key]) == record


@given(st.integers(1, 400))
def test_it_may_be_cut_into_two_strings_anywhere(cut: int) -> None:
    written = text()
    assert parse_record([written[:cut], written[cut:]], NAME, [KEY]) == RECORD


@pytest.mark.parametrize(
    ("strings", "why"),
    [
        ([], Malformed.VERSION),
        ([b""], Malformed.VERSION),
        ([b"v=spf1 -all"], Malformed.VERSION),
        ([signed("v=2;epoch=8;region=osaka;run=7f3c")], Malformed.VERSION),
        ([signed("v=1;region=osaka;epoch=8;run=7f3c")], Malformed.FIELDS),
        ([signed("v=1;epoch=8;region=osaka")], Malformed.FIELDS),
        ([signed("v=1;epoch=8;region=osaka;run=7f3c;epoch=9")], Malformed.FIELDS),
        ([text() + b";x=1"], Malformed.FIELDS),
        ([signed("v=1; epoch=8;region=osaka;run=7f3c")], Malformed.FIELDS),
        ([signed("v=1;epoch=;region=osaka;run=7f3c")], Malformed.EPOCH),
        ([signed("v=1;epoch=0;region=osaka;run=7f3c")], Malformed.EPOCH),
        ([signed("v=1;epoch=08;region=osaka;run=7f3c")], Malformed.EPOCH),
        ([signed("v=1;epoch=-1;region=osaka;run=7f3c")], Malformed.EPOCH),
        ([signed("v=1;epoch=8.0;region=osaka;run=7f3c")], Malformed.EPOCH),
        ([signed(f"v=1;epoch={2**63};region=osaka;run=7f3c")], Malformed.EPOCH),
        ([signed(f"v=1;epoch={2**53};region=osaka;run=7f3c")], Malformed.EPOCH),
        ([signed(f"v=1;epoch={10**30};region=osaka;run=7f3c")], Malformed.EPOCH),
        ([signed("v=1;epoch=8;region=;run=7f3c")], Malformed.REGION),
        ([signed("v=1;epoch=8;region=Osaka;run=7f3c")], Malformed.REGION),
        ([signed("v=1;epoch=8;region=-osaka;run=7f3c")], Malformed.REGION),
        ([signed("v=1;epoch=8;region=osaka\n;run=7f3c")], Malformed.REGION),
        ([signed("v=1;epoch=8;region=osaka;run=")], Malformed.RUN),
        ([signed("v=1;epoch=8;region=osaka;run=" + "a" * (RUN_CHARS_MAX + 1))], Malformed.RUN),
        ([signed("v=1;epoch=8;region=osaka;run=a=b")], Malformed.RUN),
        ([b"v=1;epoch=8;region=osaka;run=7f3c;mac=abc"], Malformed.MAC_FORM),
        ([text()[:-1] + b"="], Malformed.MAC_FORM),
        ([text(key=OTHER)], Malformed.BAD_MAC),
        ([text(name="_active.test.example")], Malformed.BAD_MAC),
        ([text().replace(b"epoch=8", b"epoch=9")], Malformed.BAD_MAC),
        ([text().replace(b"osaka", b"tokyo")], Malformed.BAD_MAC),
        ([b"v=1;epoch=\xef\xbc\x98;region=osaka;run=7f3c;mac=" + b"a" * 43], Malformed.NOT_TEXT),
        ([b"x" * TEXT_BYTES_MAX], Malformed.VERSION),
        ([b"x" * (TEXT_BYTES_MAX + 1)], Malformed.TOO_LONG),
        ([b"x" * 255] * 16, Malformed.TOO_LONG),
        ([b"", b"", text()], Malformed.TOO_LONG),
    ],
)
def test_what_is_no_record_has_a_name(strings: list[bytes], why: Malformed) -> None:
    assert parse_record(strings, NAME, [KEY]) is why


def test_the_largest_epoch_is_a_record() -> None:
    largest = RegionRecord(EPOCH_MAX, "osaka", "1")
    assert parse_record([text(largest)], NAME, [KEY]) == largest


@given(st.binary(max_size=600))
def test_garbage_is_never_a_record_and_never_an_error(garbage: bytes) -> None:
    assert isinstance(parse_record([garbage], NAME, [KEY]), Malformed)


@given(st.integers(0, len(text()) - 1), st.integers(1, 255))
def test_no_byte_can_be_changed(place: int, change: int) -> None:
    written = bytearray(text())
    written[place] ^= change
    assert isinstance(parse_record([bytes(written)], NAME, [KEY]), Malformed)


def test_keys_rotate_one_signs_and_several_are_accepted() -> None:
    assert parse_record([text(key=OTHER)], NAME, [KEY, OTHER]) == RECORD
    assert parse_record([text(key=KEY)], NAME, [KEY, OTHER]) == RECORD
    assert parse_record([text()], NAME, []) is Malformed.BAD_MAC


def test_names_are_compared_as_dns_does() -> None:
    assert parse_record([text(name="_Active.CORE.example.")], NAME, [KEY]) == RECORD
    assert canonical_name("Osa.Core.Example.") == "osa.core.example"


@pytest.mark.parametrize(
    ("epoch", "region", "run"),
    [
        (0, "osaka", "1"),
        (2**63, "osaka", "1"),
        (-1, "osaka", "1"),
        (1, "", "1"),
        (1, "a;b", "1"),
        (1, "osaka", ""),
        (1, "o", "é"),
    ],
)
def test_what_cannot_be_written_is_refused(epoch: int, region: str, run: str) -> None:
    with pytest.raises(ValueError, match=r"epoch|region|run"):
        RegionRecord(epoch, region, run)


def test_a_short_key_signs_nothing() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        format_record(RECORD, NAME, b"short")
