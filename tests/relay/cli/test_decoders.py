"""How readings of other dialects are found and shown; the dialects have tests of their own."""

from __future__ import annotations

import json

from relay.cli.decoders import DECODERS, as_json, find, shown
from relay.cli.reading import Item, Reading, Row
from relay.cli.screen import Paint

READING = Reading(
    "zengin-format",
    ("21", "2 records"),
    (
        Item("record 1", (Row(0, 1, "kind", "1"), Row(1, 30, "name", "ﾔﾏﾀﾞ\x1b[2J")), ("column 3: expected a digit",), "a > b"),
        Item("record 2"),
    ),
    False,
)


def test_for_people() -> None:
    lines = list(shown(READING, Paint(False)))
    assert lines == [
        "zengin-format: 21; 2 records",
        "",
        "record 1  a > b",
        "      0    1  kind  1",
        "      1   30  name  ﾔﾏﾀﾞ?[2J",
        "  column 3: expected a digit",
        "",
        "record 2",
    ]


def test_for_programs() -> None:
    first, second = (json.loads(line) for line in as_json(READING))
    assert first["fields"]["kind"] == "1"
    assert first["offsets"]["name"] == [1, 30]
    assert first["mistakes"] == ["column 3: expected a digit"]
    assert second["title"] == "record 2"


def test_each_is_listed_under_its_own_name() -> None:
    assert all(name == decoder.name for name, decoder in DECODERS.items())
    assert find("no such name", []) is None
