"""Text to bytes and back by settings: what goes, what is refused and where, and widths in bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from protocols.errors import LocalMisuse
from protocols.zengin.characters import CharacterError, Characters, CharacterSettings, UnencodableError
from protocols.zengin.tables import TABLES

CHARSETS = sorted(TABLES)


def characters(charset: str = "jis-x-0201", **more: object) -> Characters:
    return Characters(CharacterSettings.model_validate({"charset": charset, **more}))


@pytest.mark.parametrize(
    ("charset", "text", "wire"),
    [
        ("jis-x-0201", "ヤマダ ﾀﾛｳ", "d4cfc0de20c0dbb3"),
        ("jis-x-0201", "カ）ケンショー", "b629b9ddbc d62d".replace(" ", "")),
        ("shift-jis", "ガー", "b6de2d"),
        ("ebcdic-kana", "ﾔﾏﾀﾞ", "a9a491be"),
        ("ibm-930", "ﾔﾏﾀﾞ", "a9a491be"),
        ("ibm-939", "ﾔﾏﾀﾞ", "b3aa76be"),
        ("hitachi-ebcdic", "ﾔﾏﾀﾞ", "ac9e76b6"),
        ("ebcdic-kana", "ABC-019/¥", "c1c2c360f0f1f9615b"),
    ],
)
def test_worked_examples(charset: str, text: str, wire: str) -> None:
    assert characters(charset).encode(text).hex() == wire


@pytest.mark.parametrize("charset", CHARSETS)
@given(data=st.binary(max_size=60))
def test_whatever_is_read_is_written_again_byte_for_byte(charset: str, data: bytes) -> None:
    line = characters(charset)
    failure: CharacterError | None = None
    try:
        text = line.decode(data)
    except CharacterError as error:
        failure = error
    assert line.encode_exact(text) == data if failure is None else 0 <= failure.offset < len(data)


@pytest.mark.parametrize("charset", CHARSETS)
@given(text=st.text(max_size=30))
def test_a_text_goes_whole_or_names_the_character_that_cannot(charset: str, text: str) -> None:
    line = characters(charset)
    failure: UnencodableError | None = None
    try:
        data = line.encode(text)
    except UnencodableError as error:
        failure = error
    if failure is not None:
        assert text[failure.position] == failure.character
        return
    assert line.encode_exact(line.decode(data)) == data
    assert line.size(text) == len(data)
    assert line.fold(text) == line.decode(data)


@given(st.text("ｱｲｳｶﾞﾊﾟｬABC abc-019()", max_size=30))
def test_python_reads_what_we_write(text: str) -> None:
    assert characters("shift-jis").encode_exact(text).decode("cp932") == text
    assert characters("jis-x-0201").encode_exact(text).decode("shift_jis") == text


def test_an_unencodable_character_is_named_with_its_place_in_the_text_as_given() -> None:
    with pytest.raises(UnencodableError, match=r"'山' \(U\+5C71\) at position 3 is no character of jis-x-0201") as caught:
        characters().encode("ガギグ山")
    assert (caught.value.character, caught.value.position) == ("山", 3)


@pytest.mark.parametrize("text", ["\x00", "\r\n", "?", "ａ漢", "é", "あ", "ｗ\ufffd", "·"])
def test_the_common_host_table_refuses(text: str) -> None:
    with pytest.raises(UnencodableError):
        characters("ebcdic-kana").encode(text)


@pytest.mark.parametrize(
    ("charset", "data", "offset"),
    [
        ("jis-x-0201", b"\x41\x80", 1),
        ("jis-x-0201", b"\xa0", 0),
        ("jis-x-0201", b"\x41\x42\x0d", 2),
        ("shift-jis", b"\xfd", 0),
        ("shift-jis", b"\x41\x83", 1),
        ("ebcdic-kana", b"\xc1\x41", 1),
        ("ibm-930", b"\xb2", 0),
        ("ibm-939", b"\xe0", 0),
    ],
)
def test_a_byte_outside_the_table_is_an_error_with_its_offset(charset: str, data: bytes, offset: int) -> None:
    with pytest.raises(CharacterError) as caught:
        characters(charset).decode(data, 100)
    assert caught.value.offset == 100 + offset


def test_kanji_blocks_go_through_as_they_are() -> None:
    line = characters("ibm-930")
    data = bytes.fromhex("c10e4f5848f20fc2")
    assert line.decode(data) == "A⟪0e4f5848f20f⟫B"
    assert line.encode("Ａ⟪0e4f5848f20f⟫Ｂ") == data
    assert line.size("⟪0e4f5848f20f⟫") == 6
    assert characters("shift-jis").decode("ｱ漢字".encode("cp932")) == "ｱ⟪8abf8e9a⟫"


@pytest.mark.parametrize("text", ["⟪⟫", "⟪0e4f⟫", "⟪0e4f580fc1⟫", "⟪4f58⟫", "⟪0e4⟫", "⟪0e4f580f", "⟫"])
def test_what_is_no_whole_kanji_block_is_refused(text: str) -> None:
    with pytest.raises(UnencodableError):
        characters("ibm-930").encode("A" + text)


def test_a_kanji_block_without_its_end_is_refused_with_its_place() -> None:
    with pytest.raises(CharacterError) as caught:
        characters("ebcdic-kana").decode(bytes.fromhex("c10e4f58"))
    assert caught.value.offset == 1


def test_without_a_kanji_style_shift_codes_are_no_characters() -> None:
    with pytest.raises(CharacterError):
        characters("ibm-930", kanji="none").decode(bytes.fromhex("0e4f580f"))
    with pytest.raises(UnencodableError):
        characters("ibm-930", kanji="none").encode("⟪0e4f580f⟫")


def test_yen_and_backslash_are_one_place() -> None:
    for charset in ("jis-x-0201", "shift-jis", "ebcdic-kana", "ibm-939"):
        line = characters(charset)
        assert line.encode("¥") == line.encode("\\")
    assert characters("jis-x-0201").decode(b"\x5c") == "¥"
    assert characters("shift-jis").decode(b"\x5c") == "\\"


def test_a_width_is_bytes_and_nothing_is_cut() -> None:
    line = characters("ebcdic-kana")
    assert line.fit("ガ", 4) == b"\x86\xbe\x40\x40"
    assert line.fit("ガ", 2) == b"\x86\xbe"
    with pytest.raises(LocalMisuse, match="payee: 3 bytes do not fit into 2"):
        line.fit("アガ", 2, "payee")
    assert characters("ibm-930").fit("ｬ", 2, exact=True) == b"\x53\x40"


def test_settings_turn_each_folding_off() -> None:
    line = characters(small_kana="keep", long_vowel="keep", lower_case="keep", hiragana="katakana")
    assert line.decode(line.encode("ャーaあ")) == "ｬｰaｱ"


def test_a_bank_may_move_a_place() -> None:
    line = characters("ebcdic-kana", places={"ﾑ": "A0", "ﾒ": "AA", "ﾕ": "A6"})
    assert line.encode("ムメユ") == b"\xa0\xaa\xa6"
    assert line.decode(b"\xa0\xaa\xa6") == "ﾑﾒﾕ"
    with pytest.raises(CharacterError):
        line.decode(b"\xa7")


@pytest.mark.parametrize("places", [{"ab": "41"}, {"a": "4"}, {"a": "4142"}, {"a": "zz"}, {"A": "40"}])
def test_impossible_places_are_refused(places: dict[str, str]) -> None:
    with pytest.raises(LocalMisuse):
        characters("ebcdic-kana", places=places)


def test_settings_are_closed() -> None:
    with pytest.raises(ValidationError):
        CharacterSettings.model_validate({"charset": "detect"})
