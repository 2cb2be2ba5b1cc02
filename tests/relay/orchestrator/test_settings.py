"""The orchestrator's own file: the example is right, and a mistake is one sentence."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from relay.errors import ConfigurationError
from relay.failover.people import People
from relay.orchestrator.settings import FILE_BYTES_MAX, load_settings

EXAMPLE = Path(__file__).resolve().parents[3] / "config" / "orchestrator" / "example.toml"


def test_the_example_is_right() -> None:
    settings = load_settings(str(EXAMPLE))
    assert settings.peer is not None
    assert settings.peer.center == "osaka"
    People(settings.person, settings.code, settings.speakers)
    assert not settings.bank_days().is_bank_day(date(2027, 5, 6))


def test_days_of_the_bank_go_before_the_calendars(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace("extra_bank_days = []", 'extra_bank_days = ["2026-12-31", 2027-05-06]')
    (tmp_path / "file.toml").write_text(text, encoding="utf-8")
    days = load_settings(str(tmp_path / "file.toml")).bank_days()
    assert days.is_bank_day(date(2026, 12, 31))
    assert days.is_bank_day(date(2027, 5, 6)), "in both: a bank day"
    assert not days.is_bank_day(date(2027, 12, 31))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('center = "tokyo"', 'centre = "tokyo"'),
        ("[peer]", "[peer"),
        ('listen = "10.30.0.11:7790"', 'listen = "here"'),
        ("uids = [2001]", "uids = [-1]"),
        ('roles = ["operations"]', "roles = []"),
        ("extra_holidays = [2027-05-06]", 'extra_holidays = ["golden week"]'),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, old: str, new: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "file.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError):
        load_settings(str(tmp_path / "file.toml"))


def test_a_file_that_is_none_says_so(tmp_path: Path) -> None:
    for content in (None, b"\xff\xfe", b"#" * (FILE_BYTES_MAX + 1)):
        path = tmp_path / "file.toml"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigurationError, match=r"file\.toml"):
            load_settings(str(path))
