"""Times typed by a person in Tokyo, on a host that may stand elsewhere."""

from __future__ import annotations

import argparse
from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.cli.when import parse_moment, show_moment

TOKYO = timezone(timedelta(hours=9))
NOW_MS = 1_795_500_000_000


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("30s", NOW_MS - 30_000),
        ("5m", NOW_MS - 300_000),
        ("5 min", NOW_MS - 300_000),
        ("2h", NOW_MS - 7_200_000),
        ("3d", NOW_MS - 3 * 86_400_000),
        ("1970-01-01T09:00", 0),
        ("1970-01-02", 15 * 3_600_000),
        ("1970-01-01T00:00:01Z", 1_000),
        ("1970-01-01T01:00+01:00", 0),
    ],
)
def test_what_people_type(text: str, expected_ms: int) -> None:
    assert parse_moment(text, NOW_MS, TOKYO) == expected_ms


@pytest.mark.parametrize("text", ["", "yesterday", "2h ago", "2026-13-01", "9999999d", "-2h"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="write 2026-11-24"):
        parse_moment(text, NOW_MS, TOKYO)


def test_what_is_shown_says_its_offset() -> None:
    assert show_moment(0, TOKYO) == "1970-01-01 09:00:00.000 +0900"
    assert show_moment(NOW_MS + 7, TOKYO).endswith(".007 +0900")


@given(st.integers(0, 4_000_000_000_000))
def test_what_is_shown_can_be_typed_again(wall_ms: int) -> None:
    assert parse_moment(show_moment(wall_ms, TOKYO), NOW_MS) == wall_ms
    assert parse_moment(show_moment(wall_ms), NOW_MS) == wall_ms
