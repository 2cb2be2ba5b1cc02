"""The tables themselves, item by item against the layouts that the facts were compiled into."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from protocols.zengin.format.layout import layout_of
from protocols.zengin.format.layouts import CLASSES, EVERYWHERE, LAYOUTS, NAMES

TABLES = json.loads((Path(__file__).parents[1] / "vectors" / "zengin.json").read_text(encoding="utf-8"))["layouts"]


@pytest.mark.parametrize("code", sorted(TABLES))
def test_every_item_of_every_record(code: str) -> None:
    for kind, rows in TABLES[code].items():
        ours = [
            {"name": field.name, "type": "N" if field.is_number else "C", "len": field.width}
            for field in layout_of(code).records[kind].fields
        ]
        assert ours == rows, kind


@pytest.mark.parametrize("code", sorted(LAYOUTS))
def test_records_add_up(code: str) -> None:
    layout = layout_of(code)
    assert {record.length for record in layout.records.values()} == {200 if code in ("01", "03") else 120}
    assert code in NAMES


def test_no_list_allows_small_kana_the_long_vowel_a_comma_or_lower_case() -> None:
    for characters in (EVERYWHERE, *CLASSES.values()):
        assert not set(characters) & set("ｧｨｩｪｫｬｭｮｯｰ,abc")
    assert len(set(EVERYWHERE)) == len(EVERYWHERE) == 11 + 45 + 2
