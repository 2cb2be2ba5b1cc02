"""The tables of the three versions against the sheet of facts that they were made from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from protocols.iso8583.fields import TABLES

SHEET = json.loads((Path(__file__).parent / "vectors" / "iso8583_fields.json").read_text("utf-8"))
LENGTHS = {0: "fixed", 2: "LL", 3: "LLL", 4: "LLLL"}


@pytest.mark.parametrize("version", sorted(TABLES))
def test_rows_are_those_of_the_sheet(version: str) -> None:
    table = TABLES[version]
    assert list(table) == list(range(2, 129))
    differing = {}
    for number, row in table.items():
        fact = SHEET[f"iso8583_{version}"][str(number)]
        if (row.kind, row.max, row.length) != (fact["type"], fact["max"], LENGTHS[fact["len_digits"]]):
            differing[number] = (row.kind, row.max, row.length)
    # The one row that departs on purpose: ICC data is binary whatever 1987 reserved it for.
    assert differing == ({55: ("b", 999, "LLL")} if version == "1987" else {})


def test_names_are_short_and_there() -> None:
    for table in TABLES.values():
        for row in table.values():
            assert 3 <= len(row.name) <= 90, row
