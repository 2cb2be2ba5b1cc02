"""One record, both ways: values, places of mistakes, kanji kept, and what a writer refuses."""

from __future__ import annotations

import pytest

from protocols.characters.text import Characters, CharacterSettings
from protocols.errors import LocalMisuse
from protocols.zengin.format.layout import layout_of
from protocols.zengin.format.record import Mistake, Record, read_record, write_record

DATA = layout_of("21").records["2"]
JIS = Characters()
HOST = Characters(CharacterSettings(charset="ebcdic-kana"))
FIELDS = {"bank_code": "0001", "branch_code": "001", "account_type": "1", "account_no": "1234567", "amount": "5000"}


@pytest.mark.parametrize("characters", [JIS, HOST])
def test_a_record_both_ways(characters: Characters) -> None:
    data = write_record(DATA, {**FIELDS, "payee_name": "カ)ヤマガタ", "customer_code1": "ABC"}, characters)
    record, mistakes = read_record(DATA, data, characters)
    assert len(data) == 120
    assert not mistakes
    assert record.kind == "2"
    assert record.fields["payee_name"] == "ｶ)ﾔﾏｶﾞﾀ"
    assert record.fields["amount"] == "0000005000"
    assert record.number("amount") == 5_000
    assert record.fields["customer_code1"] == "ABC"
    assert write_record(DATA, record.fields, characters) == data


def test_every_mistake_of_a_record_with_its_column() -> None:
    data = bytearray(write_record(DATA, {**FIELDS, "payee_name": "ヤマダ"}, JIS))
    data[42:43] = b"7"  # account type
    data[50:51] = b"\xb0"  # ｰ
    data[80:90] = b"00000000ZZ"
    data[119:120] = b"X"
    found = read_record(DATA, bytes(data), JIS, 7)[1]
    assert [(mistake.record, mistake.column, mistake.field) for mistake in found] == [
        (7, 43, "account_type"),
        (7, 51, "payee_name"),
        (7, 89, "amount"),
        (7, 120, "dummy"),
    ]
    assert str(found[0]) == "record 7, column 43: account_type: expected one of 1, 2, 4, 9"


def test_a_byte_that_is_no_character_is_a_mistake_of_its_field_only() -> None:
    data = bytearray(write_record(DATA, {**FIELDS, "payee_name": "ヤマダ"}, JIS))
    data[52:53] = b"\x80"
    record, found = read_record(DATA, bytes(data), JIS)
    assert found == [Mistake(1, 53, "payee_name", "byte 80 is no character of jis-x-0201")]
    assert record.fields["payee_name"] == ""
    assert record.fields["amount"] == "0000005000"


def test_kanji_in_a_name_are_kept_and_written_again() -> None:
    block = bytes.fromhex("0e4f5848f20f")
    data = bytearray(write_record(DATA, FIELDS, HOST))
    data[50:56] = block
    record, found = read_record(DATA, bytes(data), HOST)
    assert not found
    assert record.fields["payee_name"] == "⟪0e4f5848f20f⟫"
    assert write_record(DATA, record.fields, HOST) == bytes(data)


@pytest.mark.parametrize(
    ("start", "data", "place"),
    [
        (50, "0e4f5848f20f" + "6b", (57, "payee_name")),  # a comma behind the block
        (113, "0e4f5848f20f40", (114, "dummy")),
        (80, "0e4f5848f248f248f20f", (81, "amount")),
    ],
)
def test_what_stands_beside_kanji_is_checked_and_where_they_may_not_stand(
    start: int, data: str, place: tuple[int, str]
) -> None:
    given = bytearray(write_record(DATA, FIELDS, HOST))
    given[start : start + len(data) // 2] = bytes.fromhex(data)
    record, found = read_record(DATA, bytes(given), HOST)
    assert [(mistake.column, mistake.field) for mistake in found] == [place]
    with pytest.raises(LocalMisuse) as caught:
        write_record(DATA, record.fields, HOST)
    assert caught.value.path == place[1]


def test_a_kanji_block_that_a_field_cuts_is_a_mistake() -> None:
    data = bytearray(write_record(DATA, FIELDS, HOST))
    data[78:84] = bytes.fromhex("0e4f5848f20f")
    found = read_record(DATA, bytes(data), HOST)[1]
    assert {mistake.field for mistake in found} == {"payee_name", "amount"}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"payee_name": "ア" * 31}, "payee_name"),
        ({"payee_name": "ガ" * 16}, "payee_name"),
        ({"payee_name": "山田"}, "payee_name"),
        ({"payee_name": "A,B"}, "payee_name"),
        ({"amount": "0"}, "amount"),
        ({"amount": "12345678901"}, "amount"),
        ({"account_type": "3"}, "account_type"),
        ({"nothing": "1"}, "nothing"),
        ({"id_mark": "N"}, "id_mark"),
    ],
)
def test_what_a_writer_refuses_names_the_field(change: dict[str, str], path: str) -> None:
    with pytest.raises(LocalMisuse) as caught:
        write_record(DATA, {**FIELDS, **change}, JIS)
    assert caught.value.path == path


def test_a_number_that_is_blank_stays_blank() -> None:
    data = write_record(DATA, {**FIELDS, "new_code": " "}, JIS)
    assert data[90:91] == b" "
    assert Record("2", {"new_code": " "}).number("new_code") == 0
