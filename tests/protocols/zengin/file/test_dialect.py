"""The kit: one profile compiled, and what is wrong with it found at start."""

from __future__ import annotations

import pytest

from protocols.dialects import DIALECTS
from protocols.errors import LocalMisuse
from protocols.vocabulary import TAKEN, Refusal, Secret
from protocols.zengin.file.dialect import ZENGIN_FILE
from protocols.zengin.file.dialogue import FileDialogue
from protocols.zengin.file.profile import FileProfile
from tests.support.zenginlink import BANK, COMPANY, PASSWORDS, RECEIVED, WALL_MS, profile

NAMED = {name: f"credential:{name}" for name in PASSWORDS}
STATIONS = [{"name": "COMPANY", "centre_code": COMPANY, **NAMED}]
FILES = [{"name": "MEISAI", "format": {"formats": ["03"]}, "access_key": "credential:key"}]


def read(name: str) -> str:
    return {**PASSWORDS, "key": "KEY1", "too-long": "THIRTEENCHARS"}[name.removeprefix("credential:")]


def settings(**changes: object) -> FileProfile:
    return profile(BANK, COMPANY, **{"stations": STATIONS, "files": FILES, **changes})


def build(settings: object) -> object:
    return ZENGIN_FILE.build(settings, read, lambda: WALL_MS)


def test_it_is_listed_and_builds_dialogues() -> None:
    assert DIALECTS["zengin-file"] is ZENGIN_FILE
    assert ZENGIN_FILE.profile_model is FileProfile
    dialect = ZENGIN_FILE.build(settings(), read, lambda: WALL_MS)
    assert dialect.profile.stations[0].secret("close_answer") == Secret("CLOSE2")
    assert isinstance(dialect.new_dialogue(), FileDialogue)
    assert not dialect.answers_on_new_link
    assert dialect.to_request("nothing", RECEIVED) is Refusal.INTERNAL
    assert dialect.to_reply("nothing", TAKEN, 0).code == "taken"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"stations": [{**STATIONS[0], "open_password": "OPEN01"}]}, "never stands in the file"),
        ({"files": [{**FILES[0], "access_key": "credential:too-long"}]}, "access_key"),
        ({"text_bytes_max": 199}, "hold no record of MEISAI"),
        ({"station_rows": ["kind N 2"]}, "station_rows"),
        ({"files": [{"name": "A", "format": {"formats": ["21"], "characters": {"places": {"ab": "41"}}}}]}, "places"),
    ],
)
def test_what_is_found_at_start(change: dict[str, object], word: str) -> None:
    with pytest.raises(LocalMisuse, match=word):
        build(settings(**change))


def test_another_dialects_profile_is_our_mistake() -> None:
    with pytest.raises(LocalMisuse):
        build(object())
