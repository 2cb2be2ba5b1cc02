"""The same settings are the same dialect; anything else is another one."""

from __future__ import annotations

from typing import Any

import pytest

from relay.dialectshelf import KEPT_PER_LINK_MAX, DialectShelf
from relay.errors import ConfigurationError
from relay.settings import ListenerSettings

OVERLAYS = {"bank": 'description = "bank data"\n'}


def listener(name: str = "atm", **profile: Any) -> ListenerSettings:
    return ListenerSettings(name=name, profile=profile)


def shelf(texts: dict[str, str] | None = None) -> DialectShelf:
    return DialectShelf((OVERLAYS if texts is None else texts).__getitem__, lambda: 0)


def test_the_same_settings_are_the_very_same_dialect() -> None:
    s = shelf()
    first = s.take(listener(version="1987", encoding="bcd"))
    assert s.take(listener(encoding="bcd", version="1987")) is first
    again = ListenerSettings(name="atm", profile={"version": "1987", "encoding": "bcd"}, keepalive_count=9)
    assert s.take(again) is first, "what the dialect does not see does not count"


def test_another_profile_or_listener_is_another_dialect_and_the_first_is_not_forgotten() -> None:
    s = shelf()
    first = s.take(listener())
    assert s.take(listener(encoding="bcd")) is not first
    assert s.take(listener("branch")) is not first
    assert s.take(listener()) is first, "a reload that was refused or taken back"


def test_an_overlay_that_changed_behind_its_name_is_another_dialect() -> None:
    texts = dict(OVERLAYS)
    s = shelf(texts)
    first = s.take(listener(overlays=["bank"]))
    assert s.take(listener(overlays=["bank"])) is first
    texts["bank"] = texts["bank"].replace("bank data", "other data")
    assert s.take(listener(overlays=["bank"])) is not first


def test_only_a_few_are_kept() -> None:
    s = shelf()
    first = s.take(listener(frame_bytes_max=1_000))
    for size in range(KEPT_PER_LINK_MAX):
        s.take(listener(frame_bytes_max=2_000 + size))
    assert s.take(listener(frame_bytes_max=1_000)) is not first


def test_what_cannot_be_compiled_is_refused_and_not_kept() -> None:
    s = shelf()
    with pytest.raises(ConfigurationError):
        s.take(listener(encoding="klingon"))
    assert s.take(listener()) is s.take(listener())
