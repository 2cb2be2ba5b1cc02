"""The character tables, against the comparison of other makers' tables and against Python's own cp932."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from protocols.zengin.tables import GAP, SAME_PLACE, TABLES, row_errors

VECTORS = json.loads((Path(__file__).parent / "vectors" / "zengin.json").read_text(encoding="utf-8"))["vectors"]
COMPARISON: dict[str, dict[str, str | None]] = next(v["expected"] for v in VECTORS if v["id"] == "ebcdic-kana-table")
PLACES = {
    name: {character: start + column for start, row in rows.items() for column, character in enumerate(row) if character != GAP}
    for name, rows in TABLES.items()
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_sound(name: str) -> None:
    assert not row_errors(TABLES[name])


def test_an_unsound_table_is_seen() -> None:
    assert row_errors({0x40: "AB" + GAP * 13}) == ["row 40: 16 characters"]
    assert row_errors({0x40: "AA" + GAP * 14}) == ["A stands at 40 and 41"]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("ibm-930", "ibm930"),
        ("ibm-939", "ibm939"),
        ("hitachi-ebcdic", "hitachi_ebcdic"),
        ("jis-x-0201", "jisx0201"),
        ("ebcdic-kana", "fujitsu_ebcdik"),
        ("ebcdic-kana", "hitachi_ebcdik"),
        ("ebcdic-kana", "nec_ebcdik"),
    ],
)
def test_every_row_of_the_comparison_table(name: str, column: str) -> None:
    """Left out where the maker's table has no such character, and the lower case on which the EBCDIK tables disagree."""
    skipped = []
    for character, row in COMPARISON.items():
        place = row[column]
        known = PLACES[name].get(character, PLACES[name].get(SAME_PLACE.get(character, "")))
        if place is None or (known is None and character in "abcxyz"):
            skipped.append(character)
            continue
        assert known == int(place, 16), character
    assert set(skipped) <= set("abcxyz¥")


def test_the_common_host_table_holds_only_what_all_agree_on() -> None:
    columns = ("ibm930", "fujitsu_ebcdik", "hitachi_ebcdik", "nec_ebcdik")
    for character, place in PLACES["ebcdic-kana"].items():
        row = COMPARISON[character]
        assert {row[column] for column in columns if row[column] is not None} == {f"{place:02x}"}, character


def test_single_bytes_of_shift_jis_are_those_of_python() -> None:
    for byte in (*range(0x20, 0x7F), *range(0xA1, 0xE0)):
        assert PLACES["shift-jis"][bytes([byte]).decode("cp932")] == byte
    assert len(PLACES["shift-jis"]) == 0x7F - 0x20 + 0xE0 - 0xA1


def test_jis_x_0201_differs_from_shift_jis_in_two_places() -> None:
    assert set(PLACES["jis-x-0201"].items()) ^ set(PLACES["shift-jis"].items()) == {
        ("¥", 0x5C),
        ("‾", 0x7E),
        ("\\", 0x5C),
        ("~", 0x7E),
    }
    assert bytes([0x5C, 0x7E]).decode("shift_jis_2004") == "¥‾"
