"""The values that a decoder gives: small, frozen, and short as JSON."""

from __future__ import annotations

import msgspec

from relay.cli.reading import Item, Reading, Row


def test_what_is_empty_is_left_out() -> None:
    assert msgspec.json.encode(Item("ack 1")) == b'{"title":"ack 1"}'
    reading = Reading("zengin-file", ("all read",), (Item("data", (Row(0, 2, "kind", "50"),)),), True)
    assert msgspec.json.decode(msgspec.json.encode(reading), type=Reading) == reading
