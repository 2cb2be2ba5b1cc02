"""A framing whose parts cannot go together is refused when it is made, with the part's name."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from protocols.errors import LocalMisuse
from protocols.framing import FRAMINGS, Framing


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ({"length": "decimal"}, "length"),
        ({"header": "http"}, "header"),
        ({"zero": "maybe"}, "zero"),
        ({"order": "middle"}, "order"),
        ({"size": 0}, "size"),
        ({"size": 7}, "size"),
        ({"max_bytes": 0}, "max_bytes"),
        ({"max_bytes": 16 * 1024 * 1024 + 1}, "max_bytes"),
        ({"length": "ascii", "order": "little"}, "order"),
        ({"length": "none"}, "trailer"),
        ({"length": "none", "trailer": b"\3", "inclusive": True}, "length"),
        ({"trailer_counted": True}, "trailer_counted"),
        ({"header": "fixed"}, "header_bytes"),
        ({"header": "none", "header_bytes": 5}, "header_bytes"),
        ({"tpdu_swap": True}, "tpdu_swap"),
        ({"header": "tpdu", "default_header": b"abc"}, "default_header"),
        ({"header": "tpdu", "max_bytes": 5}, "max_bytes"),
        ({"after_mask": b"\xff"}, "after_mask"),
        ({"control_mask": b"\xff"}, "control_mask"),
        ({"adjust": 65}, "adjust"),
        ({"size": 1, "header": "base1"}, "size"),
    ],
)
def test_impossible_combinations(parts: dict[str, Any], path: str) -> None:
    with pytest.raises(LocalMisuse) as caught:
        Framing(**parts)
    assert caught.value.path == f"framing.{path}"


def test_a_changed_copy_is_checked_too() -> None:
    with pytest.raises(LocalMisuse):
        replace(FRAMINGS["ascii4"], size=9)


def test_limits_are_inside() -> None:
    assert Framing(size=6, max_bytes=16 * 1024 * 1024).number_max == 999_999
    assert Framing(length="bcd", size=3).field_bytes == 2
    assert Framing(length="binary", size=2, after_length=b"\0\0", prefix=b"\1").lead_bytes == 5


def test_named_says_why_not() -> None:
    assert Framing.named("nac") is FRAMINGS["nac"]
    with pytest.raises(LocalMisuse, match="uncompressed"):
        Framing.named("gzip")
    with pytest.raises(LocalMisuse, match="known are"):
        Framing.named("carrier-pigeon")
