"""A telegram's table: each type both ways, mistakes with item and offset, impossible tables."""

from __future__ import annotations

import pytest

from protocols.characters.text import Characters, CharacterSettings
from protocols.errors import FieldError, LocalMisuse
from protocols.zengin.file.layout import Table

HOST = Characters(CharacterSettings(charset="ebcdic-kana"))
ROWS = "kind N 2\nname C 4\ncode P 2\ncount B 2\nrest R 3"
NEEDED = ("kind", "name", "code", "count")


def table(rows: str = ROWS) -> Table:
    return Table(rows, HOST, NEEDED, "rows")


def test_both_ways() -> None:
    data = table().write({"kind": "7", "name": "AB", "code": "123", "count": 258})
    assert data.hex() == "f0f7" + "c1c24040" + "0123" + "0102" + "000000"
    assert table().read(data) == {"kind": "07", "name": "AB", "code": "0123", "count": 258}
    assert table().read_item("count", data) == 258


@pytest.mark.parametrize(
    ("data", "field", "offset"),
    [
        ("c1f7c1c24040012301 02000000", "kind", 10),
        ("f0f7c1c20040012301 02000000", "name", 14),
        ("f0f7c1c240400a2301 02000000", "code", 16),
        ("f0f7", "length", 12),
    ],
)
def test_a_mistake_names_the_item_and_its_offset(data: str, field: str, offset: int) -> None:
    with pytest.raises(FieldError) as caught:
        table().read(bytes.fromhex(data), 10)
    assert (caught.value.field, caught.value.offset) == (field, offset)


@pytest.mark.parametrize(
    ("item", "value"),
    [("kind", "123"), ("kind", "A"), ("name", "ABCDE"), ("name", "ab"), ("count", 65_536), ("count", -1), ("code", "12345")],
)
def test_what_does_not_fit_is_our_mistake(item: str, value: int | str) -> None:
    values: dict[str, int | str] = {"kind": "7", "name": "AB", "code": "123", "count": 258}
    with pytest.raises(LocalMisuse):
        table().write({**values, item: value})


@pytest.mark.parametrize(
    "rows",
    [
        "kind N 2\nname C 4\ncode P 2",
        ROWS + "\nmore N 1",
        ROWS + "\nkind N 2",
        "kind X 2\nname C 4\ncode P 2\ncount B 2",
        "kind N 0\nname C 4\ncode P 2\ncount B 2",
        "kind N\nname C 4\ncode P 2\ncount B 2",
    ],
)
def test_impossible_tables(rows: str) -> None:
    with pytest.raises(LocalMisuse):
        table(rows)
