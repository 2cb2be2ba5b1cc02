"""Layouts: read and written back, refused with item and offset, never with the value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.branch.fields import Field
from protocols.branch.layout import BODY_BYTES_MAX, Layout
from protocols.characters import Characters, CharacterSettings
from protocols.errors import FieldError, LocalMisuse
from protocols.vocabulary import Pan, Secret

FIELDS = (Field("amount", "N", 5), Field("name", "C", 6), Field("pin", "B", 2, secret=True), Field("card", "C", 16, pan=True))
JIS = Layout(FIELDS, Characters())
EBCDIC = Layout(FIELDS, Characters(CharacterSettings(charset="ebcdic-kana")))


def test_values_come_back_without_fill() -> None:
    data = JIS.write({"amount": "42", "name": "ｶﾞｽ", "pin": "1234", "card": Pan("4000001234567899")})
    assert data == b"00042" + b"\xb6\xde\xbd   " + b"\x12\x34" + b"4000001234567899"
    values = JIS.read(data, 0)
    assert values == {"amount": "00042", "name": "ｶﾞｽ", "pin": Secret("1234"), "card": Pan("4000001234567899")}
    assert "1234567" not in repr(values)


def test_digits_are_those_of_the_code_page() -> None:
    data = EBCDIC.write({"amount": "42", "name": "ｱ"})
    assert data[:5] == bytes.fromhex("f0f0f0f4f2")
    with pytest.raises(FieldError):
        EBCDIC.read(JIS.write({"amount": "42"}), 0)


@pytest.mark.parametrize(
    ("data", "field", "offset"),
    [
        (b"0004x" + b" " * 24, "amount", 160),
        ("ｱ".encode("cp932") + b"0042" + b" " * 24, "amount", 160),  # kana where digits belong
        (b"00042" + b"\xff     " + bytes(2) + b" " * 16, "name", 165),
        (b"00042", "length", 160),
        (b"00042" + b" " * 25, "length", 160),
    ],
)
def test_a_mistake_has_item_and_offset_and_no_value(data: bytes, field: str, offset: int) -> None:
    with pytest.raises(FieldError) as caught:
        JIS.read(data, 160)
    assert (caught.value.field, caught.value.offset) == (field, offset)
    assert "0004x" not in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [{"amount": "123456"}, {"amount": "1a"}, {"name": "ｱｲｳｴｵｶｷ"}, {"name": "漢"}, {"pin": "12"}, {"pin": "zz"}, {"other": "1"}],
)
def test_what_does_not_fit_is_refused_and_never_cut(values: dict[str, str]) -> None:
    with pytest.raises(LocalMisuse):
        JIS.write(values)


@pytest.mark.parametrize(
    "fields",
    [
        (Field("a", "N", 1), Field("a", "C", 1)),
        (Field("", "N", 1),),
        (Field("a", "N", 0),),
        (Field("a", "C", BODY_BYTES_MAX), Field("b", "N", 1)),
    ],
)
def test_impossible_layouts_are_refused(fields: tuple[Field, ...]) -> None:
    with pytest.raises(LocalMisuse):
        Layout(fields, Characters())


def test_a_layout_may_be_as_long_as_the_limit() -> None:
    assert Layout((Field("a", "C", BODY_BYTES_MAX),), Characters()).length == BODY_BYTES_MAX


@given(st.binary(min_size=29, max_size=29))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        values = JIS.read(data, 0)
    except FieldError:
        return
    assert JIS.read(JIS.write(values), 0) == values


PLAIN = (Field("amount", "N", 5), Field("name", "C", 6))


@given(st.binary(min_size=11, max_size=11))
def test_the_fast_way_and_the_slow_way_read_the_same(data: bytes) -> None:
    """A binary item at the end sends a layout the slow way."""
    fast, slow = Layout(PLAIN, Characters()), Layout((*PLAIN, Field("end", "B", 1)), Characters())

    def read(layout: Layout, given: bytes) -> dict | tuple[str, int]:
        try:
            return layout.read(given, 0)
        except FieldError as error:
            return error.field, error.offset

    values = read(slow, data + b"\0")
    if isinstance(values, tuple):
        assert read(fast, data) == values
        return
    del values["end"]
    assert fast.read(data, 0) == values
    assert fast.write(values) == slow.write(values)[:-1]


def test_kanji_blocks_pass_as_they_are() -> None:
    layout = Layout(PLAIN, Characters(CharacterSettings(charset="ibm-930")))
    data = bytes.fromhex("f0f0f0f4f20e45410f4040")
    values = layout.read(data, 0)
    assert values["name"] == "⟪0e45410f⟫"
    assert layout.write(values) == data


ROW = Layout((Field("a", "N", 3), Field("b", "N", 2), Field("t", "C", 2), Field("c", "N", 4)), Characters())


@pytest.mark.parametrize("at", [0, 2, 3, 4, 7, 10])
def test_one_wrong_digit_anywhere_in_a_run_of_items_is_found_and_its_item_named(at: int) -> None:
    data = ROW.write({"a": "1", "b": "2", "t": "xy", "c": "3"})
    assert data == b"00102xy0003"
    name = next(name for name, end in (("a", 3), ("b", 5), ("c", 11)) if at < end)
    with pytest.raises(FieldError, match=name):
        ROW.read(data[:at] + b"x" + data[at + 1 :], 0)
    with pytest.raises(LocalMisuse, match=name):
        ROW.write({name: "1x"})
