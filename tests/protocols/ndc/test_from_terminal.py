"""What terminals say, read liberally and never beyond what is there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import FieldError
from protocols.ndc.codec import decode_terminal, encode
from protocols.ndc.from_terminal import last_status
from protocols.ndc.message import JournalUpload, LastStatus, SolicitedStatus, TransactionRequest, UnsolicitedStatus
from protocols.vocabulary import Secret

HEAD = b"11\x1c001\x1c\x1c\x1c13\x1c;4000001234567899=3012?\x1c\x1c DA   AD\x1c00010000\x1c0412:4;=<>?99999"


def read(body: bytes, has_request_mac: bool = False) -> TransactionRequest:
    message = decode_terminal(body, has_request_mac)
    assert isinstance(message, TransactionRequest)
    return message


def test_a_request_with_everything() -> None:
    body = HEAD + b"\x1cB\x1cC\x1c1TRACK1\x1c20007100005000010000000000\x1dCAM\x1d9B026000\x1c5CAM00009F0601\x1cU0123"
    message = read(body)
    assert (message.luno, message.top_of_receipt, message.mcn, message.operation) == ("001", "1", "3", " DA   AD")
    assert message.last == LastStatus("0007", "1", (5, 1, 0, 0), "\x1dCAM\x1d9B026000")
    assert [one.id for one in message.buffers] == ["5", "U"]
    assert message.track1 == Secret("TRACK1")
    assert encode(message) == body


def test_a_request_may_end_early_and_trailing_empty_fields_are_ignored() -> None:
    short = read(HEAD)
    assert short.buffer_b == Secret("")
    assert read(HEAD + b"\x1c\x1c\x1c\x1c\x1c") == short  # as electron-atm writes it


def test_tagged_fields_come_in_any_order() -> None:
    one = read(HEAD + b"\x1c\x1c\x1c1T\x1c200071\x1cW9")
    other = read(HEAD + b"\x1c\x1c\x1cW9\x1c200071\x1c1T")
    assert (one.track1, one.last, one.buffers) == (other.track1, other.last, other.buffers)


def test_eight_characters_at_the_end_are_a_mac_only_with_security() -> None:
    tail = b"\x1c\x1c\x1c\x1cA1B2C3D4"
    assert (read(HEAD + tail).mac, len(read(HEAD + tail).buffers)) == ("", 1)
    assert read(HEAD + tail, has_request_mac=True).mac == "A1B2C3D4"
    secured = HEAD.replace(b"\x1c\x1c\x1c13", b"\x1c\x1c01A2E1C0\x1c13", 1)
    assert (read(secured + tail).mac, read(secured + tail).tvn) == ("A1B2C3D4", "01A2E1C0")


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (b"001", b"01", "luno"),
        (b"\x1c13\x1c", b"\x1c1\x1c", "mcn"),
        (b"\x1c13\x1c", b"\x1c10\x1c", "mcn"),
        (b"\x1c\x1c\x1c13", b"\x1c\x1c1234\x1c13", "tvn"),
        (b" DA   AD", b" DE   AD", "operation"),
        (b" DA   AD", b"DA", "operation"),
        (b"00010000", b"0001000X", "amount"),
        (b"00010000", b"0000000000001", "amount"),
        (b"3012", b"3" * 200, "track2"),
    ],
)
def test_a_malformed_request_names_its_field_and_shows_no_value(old: bytes, new: bytes, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        decode_terminal(HEAD.replace(old, new, 1))
    assert caught.value.field == field
    assert "4000001234567899" not in str(caught.value)


def test_solicited_status_in_its_three_shapes() -> None:
    bare = decode_terminal(b"22\x1c001\x1c\x1c9")
    slot = decode_terminal(b"22\x1c001\x1c\x1c\x1c9")
    full = decode_terminal(b"22\x1c001\x1c\x1c01A2E1C0\x1cF\x1c60022\x1cA1B2C3D4")
    assert [(m.tvn, m.descriptor, m.mac) for m in (bare, slot, full) if isinstance(m, SolicitedStatus)] == [
        (None, "9", ""),
        ("", "9", ""),
        ("01A2E1C0", "F", "A1B2C3D4"),
    ]


def test_completion_data_of_eight_characters_is_no_time_variant_number() -> None:
    message = decode_terminal(b"22\x1c001\x1c\x1cB\x1dCAM\x1d9B")
    assert isinstance(message, SolicitedStatus)
    assert (message.descriptor, message.detail, message.tvn) == ("B", ("CAM", "9B"), None)


SAYS_NOTHING = (b"22\x1c001", b"22\x1c001\x1c\x1cZ", b"22\x1c001\x1c\x1c", b"12\x1c001\x1c\x1c", b"23\x1c001\x1c\x1c")


@pytest.mark.parametrize("body", SAYS_NOTHING)
def test_a_status_that_says_nothing_is_malformed(body: bytes) -> None:
    with pytest.raises(FieldError):
        decode_terminal(body)


def test_unsolicited_status_may_be_short() -> None:
    message = decode_terminal(b"12\x1c001000001\x1c\x1cE5")
    assert isinstance(message, UnsolicitedStatus)
    assert (message.device.device, message.device.status, message.device.supplies) == ("E", "5", "")


def block(text: str, length: int | None = None) -> bytes:
    return f"61\x1c\x1c\x1c\x1c000001261102142640000000{len(text):06}{len(text) if length is None else length:03}{text}".encode(
        "latin-1"
    )


def test_a_journal_block_is_not_capped_and_may_hold_separators() -> None:
    message = decode_terminal(block("A\x1cB" * 300))
    assert isinstance(message, JournalUpload)
    assert (message.previous, message.last, len(message.text.reveal())) == ("000000", "000900", 900)


def test_a_journal_block_that_lacks_text_is_malformed_and_so_never_acknowledged() -> None:
    with pytest.raises(FieldError):
        decode_terminal(block("short", 900))
    with pytest.raises(FieldError):
        decode_terminal(b"61\x1c\x1c\x1c\x1cnonsense")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00071", LastStatus("0007", "1")),
        ("00072" + "00001" * 7, LastStatus("0007", "2", (1,) * 7)),
        ("00072" + "00001" * 9, LastStatus("0007", "2", (1,) * 7, "0000100001")),
        ("00072X", LastStatus("0007", "2", (), "X")),
        ("0007", None),
        ("00X71", None),
    ],
)
def test_last_status_is_read_as_far_as_it_goes(text: str, expected: LastStatus | None) -> None:
    found = last_status(text)
    if expected is None or found is None:
        assert found is expected
    else:
        assert (found.tsn, found.status, found.notes) == (expected.tsn, expected.status, expected.notes)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_field_error(body: bytes) -> None:
    try:
        message = decode_terminal(body)
    except FieldError:
        return
    assert decode_terminal(encode(message)) == message
