"""The codec: every mistake with its item, the header kept for the answer, and authentication over the bytes as they came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.branch.codec import MacError
from protocols.branch.hooks import HmacMac, Hooks
from protocols.branch.message import BranchMessage
from protocols.errors import FieldError, LocalMisuse
from protocols.framing import Frame
from tests.support.branchlink import ACCOUNT, BRANCH_P1, cancel, completion, deposit, make_branch, opening, telegram, withdrawal

CODEC = BRANCH_P1.codec
KEYS = {"0001": b"k" * 16, "0002": b"n" * 16}
SIGNED = make_branch(Hooks(HmacMac(KEYS)), mac="required").codec


def changed(message: BranchMessage, offset: int, data: bytes) -> Frame:
    """The frame of `message` with bytes replaced at an offset of the documents."""
    raw = bytearray(CODEC.write(message))
    raw[offset : offset + len(data)] = data
    return Frame(b"", bytes(raw[4:]))


@pytest.mark.parametrize(
    ("message", "offset", "data", "field"),
    [
        (opening(), 4, b"02", "version"),
        (opening(), 95, b"1", "charset"),
        (opening(), 77, b"2", "repeat"),
        (opening(), 47, b"20261301", "business_date"),
        (opening(), 41, "ｱ".encode("cp932") + b"00001", "serial"),
        (withdrawal(1), 78, b"1", "correction"),
        (withdrawal(1), 78, b"7", "correction"),
        (withdrawal(1), 41, b"000000", "serial"),
        (withdrawal(1), 93, b"1", "offline"),
        (cancel(2, 1), 79, b"00000000000000", "original_serial"),
        (completion(1, 1), 79, b"00000000000000", "original_serial"),
        (opening(), 6, b"99", "message_type"),
        (withdrawal(1), 36, b"77777", "operation"),
    ],
)
def test_a_mistake_in_the_header_names_its_item(message: BranchMessage, offset: int, data: bytes, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        CODEC.read(changed(message, offset, data))
    assert caught.value.field == field


def test_a_wrong_body_leaves_the_header_readable() -> None:
    with pytest.raises(FieldError) as caught:
        CODEC.read(changed(withdrawal(9), 160, b"x"))
    assert caught.value.field == "account_branch"
    assert caught.value.offset == 160
    assert caught.value.partial.serial == 9


@pytest.mark.parametrize("size", [0, 1, 156, 163])
def test_a_frame_without_room_for_header_and_code_is_refused(size: int) -> None:
    with pytest.raises(FieldError) as caught:
        CODEC.read(Frame(b"", b"0" * size))
    assert caught.value.field == "length"


def test_a_refusal_has_no_body_and_an_approval_has() -> None:
    refused = withdrawal(1).answered("5001")
    assert CODEC.read(Frame(b"", CODEC.write(refused)[4:])) == refused
    body = {"authorisation": "000123", "balance_sign": "+", "balance": "000000000042"}
    approved = withdrawal(1).answered("0000", {**body})
    assert CODEC.read(Frame(b"", CODEC.write(approved)[4:])) == approved


def test_what_cannot_be_written_is_ours() -> None:
    for message in (
        telegram("99"),
        withdrawal(1, operation="77777"),
        opening(operator="ABCDEFGHI"),
        opening(key_version="12345"),
    ):
        with pytest.raises(LocalMisuse):
            CODEC.write(message)


def test_authentication_covers_header_and_body_under_the_named_key() -> None:
    message = withdrawal(1, key_version="0002")
    raw = SIGNED.write(message)
    assert SIGNED.read(Frame(b"", raw[4:])).serial == 1
    for at in (20, 47, 161, len(raw) - 1):
        broken = bytearray(raw)
        broken[at] ^= 1
        with pytest.raises((MacError, FieldError)):
            SIGNED.read(Frame(b"", bytes(broken[4:])))
    tampered = raw.replace(b"000000010000", b"000000090000")
    with pytest.raises(MacError) as caught:
        SIGNED.read(Frame(b"", tampered[4:]))
    assert not caught.value.is_key_unknown
    assert caught.value.message.serial == 1


def test_an_unknown_key_is_told_apart() -> None:
    with pytest.raises(MacError) as caught:
        SIGNED.read(Frame(b"", CODEC.write(withdrawal(1, key_version="0009"))[4:]))
    assert caught.value.is_key_unknown
    with pytest.raises(LocalMisuse):
        SIGNED.write(withdrawal(1, key_version="0009"))


def test_a_banks_own_widths_are_an_overlay() -> None:
    overlay = {
        "bodies": {"deposit": [{"name": "account", "type": "N", "length": 10}, {"name": "amount", "type": "N", "length": 9}]}
    }
    codec = make_branch(overlay=overlay).codec
    message = deposit(1, body={"account": "0000000001", "amount": "000010000"})
    raw = codec.write(message)
    assert len(raw) == 160 + 19 + 8
    assert codec.read(Frame(b"", raw[4:])) == message


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        CODEC.read(Frame(b"", data))
    except FieldError:
        return


@given(st.data())
def test_any_one_change_is_read_or_refused_and_what_is_read_is_written_again(data: st.DataObject) -> None:
    raw = bytearray(CODEC.write(deposit(1, body={**ACCOUNT, "amount": "1", "name": "ｱ", "remark": ""})))
    at = data.draw(st.integers(4, len(raw) - 9))
    raw[at] = data.draw(st.integers(0, 255))
    try:
        message = CODEC.read(Frame(b"", bytes(raw[4:])))
    except FieldError:
        return
    assert CODEC.read(Frame(b"", CODEC.write(message)[4:])) == message
