"""Telegrams to bytes and back, in both character codes; and what each kind of mistake is called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.characters.text import CharacterSettings
from protocols.errors import FieldError, LocalMisuse
from protocols.zengin.telegram.codec import Letters, TelegramCodec
from protocols.zengin.telegram.fields import build_layouts
from protocols.zengin.telegram.message import BUSINESS, Control, Details, Figures, Head, Telegram, TransferNotice

LAYOUTS = build_layouts({})
JIS = TelegramCodec(LAYOUTS, Letters())
EBCDIC = TelegramCodec(LAYOUTS, Letters(CharacterSettings(charset="ebcdic-kana")))
HEAD = Head(from_bank="0001", from_branch="001", to_bank="0005", to_branch="002", date="20261126", serial=7, subject="1000")
NOTICE = TransferNotice(HEAD, Details(amount=123_456, account_type="1", account="7654321", beneficiary="ﾔﾏﾀﾞ ﾀﾛｳ"))


def test_a_notice_is_320_bytes_in_place() -> None:
    data = JIS.encode(NOTICE)
    assert len(data) == 320
    assert data[:2] == b"KT"
    assert data[44:50] == b"000007"
    assert data[78:90] == b"000000123456"
    assert data[104:114] == bytes.fromhex("d4cfc0de20c0dbb32020"), "kana in JIS X 0201, filled with spaces"
    assert JIS.decode(data) == NOTICE


def test_the_same_telegram_in_ebcdic() -> None:
    data = EBCDIC.encode(NOTICE)
    assert data[:2] == bytes.fromhex("d2e3")
    assert EBCDIC.decode(data) == NOTICE
    with pytest.raises(FieldError):
        JIS.decode(data)


@given(
    st.sampled_from(list(BUSINESS.values())),
    st.integers(0, 999_999),
    st.integers(0, 999_999_999_999),
    st.text("ｱｶﾞﾝ 09AZ().-", max_size=48).map(str.rstrip),
)
def test_any_telegram_comes_back(made: type[TransferNotice], serial: int, amount: int, text: str) -> None:
    head = Head(from_bank="0001", from_branch="001", to_bank="0005", to_branch="002", date="20261126", serial=serial)
    telegram = made(head, Details(amount=amount, beneficiary=text, remarks=text))
    for codec in (JIS, EBCDIC):
        assert codec.decode(codec.encode(telegram)) == telegram


def test_a_control_telegram_carries_figures() -> None:
    telegram: Telegram = Control(
        HEAD, Figures(last_sent=4_294_967_295, direction="1", matched_subject="1000", count=3, total=9, line=1, lines=1)
    )
    assert JIS.decode(JIS.encode(telegram)) == telegram


@given(st.binary(max_size=330))
def test_any_bytes_are_a_telegram_or_a_field_error(data: bytes) -> None:
    for codec in (JIS, EBCDIC):
        try:
            telegram = codec.decode(data)
        except FieldError:
            continue
        assert codec.decode(codec.encode(telegram)) == telegram


def broken(offset: int, bytes_: bytes) -> bytes:
    data = bytearray(JIS.encode(NOTICE))
    data[offset : offset + len(bytes_)] = bytes_
    return bytes(data)


def test_kana_where_digits_belong_names_the_field_and_keeps_the_head() -> None:
    with pytest.raises(FieldError) as caught:
        JIS.decode(broken(78, b"\xb1"))
    assert (caught.value.field, caught.value.offset) == ("amount", 78)
    assert caught.value.partial == HEAD


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (broken(0, b"ZZ"), "telegram"),
        (broken(6, b"9"), "process"),
        (broken(7, b"5"), "resent"),
        (broken(104, b"\x80"), "characters"),
        (JIS.encode(NOTICE)[:-1], "length"),
        (JIS.encode(NOTICE) + b" ", "length"),
    ],
)
def test_mistakes_by_name(data: bytes, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        JIS.decode(data)
    assert caught.value.field == field


def test_the_head_is_read_whatever_follows_it() -> None:
    assert JIS.head_of(broken(78, b"\xb1")) == HEAD
    assert JIS.head_of(broken(44, b"\xb1")) is None
    assert JIS.head_of(b"\x80") is None


@pytest.mark.parametrize(
    "details",
    [Details(beneficiary="ｱ" * 49), Details(amount=10**12), Details(amount=-1), Details(account="12"), Details(remarks="漢")],
)
def test_what_does_not_fit_is_refused_not_cut(details: Details) -> None:
    with pytest.raises(LocalMisuse):
        JIS.encode(TransferNotice(HEAD, details))
