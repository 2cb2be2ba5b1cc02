"""What `[hours]` must be: spans that can be read, lines that exist, days that are one thing."""

from __future__ import annotations

import pytest

from relay.configuration.hours import check_hours
from relay.hourssettings import HoursSettings
from relay.settings import DialerSettings, ListenerSettings, Settings

LINKS = {
    "listener": (ListenerSettings(name="convenience"),),
    "dialer": (DialerSettings(name="switch", endpoint="tcp:host=10.0.0.1:port=1"),),
}


def found(hours: HoursSettings) -> list[tuple[str, str]]:
    settings = Settings.model_validate({**LINKS, "hours": hours})
    return [(".".join(map(str, wrong.path)), wrong.suggestion) for wrong in check_hours(settings)]


def test_nothing_and_everything_that_is_right() -> None:
    assert found(HoursSettings()) == []
    spans = ("07:00-21:00", "bank-days 09:00-15:00")
    lines = ("convenience=00:00-24:00", "switch=07:00-21:00", "switch=22:00-23:00")
    days = {"extra_holidays": ("2026-12-30",), "extra_bank_days": ("2026-12-31",)}
    assert found(HoursSettings(atm=spans, branch=spans, partner=spans, inquiry=spans, lines=lines, **days)) == []


@pytest.mark.parametrize("name", ["atm", "branch", "partner", "inquiry"])
def test_the_span_that_cannot_be_read_is_named(name: str) -> None:
    settings = HoursSettings.model_validate({name: ("07:00-21:00", "9-5")})
    assert [where for where, _ in found(settings)] == [f"hours.{name}.1"]


def test_a_line_must_exist() -> None:
    wrong = found(HoursSettings(lines=("convenience=00:00-24:00", "convenienec=00:00-24:00", "switch")))
    assert wrong == [("hours.lines.1", "convenience, switch"), ("hours.lines.2", "")]


def test_a_day_is_a_day_and_one_thing() -> None:
    both = HoursSettings(extra_holidays=("2026-12-30", "x"), extra_bank_days=("2026-12-30", "2026-13-01"))
    assert found(both) == [
        ("hours.extra_holidays.1", ""),
        ("hours.extra_bank_days.0", "one of both"),
        ("hours.extra_bank_days.1", ""),
    ]
