"""Settings of a file transfer link: defaults, contradictions, and secrets that stay secret."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from protocols.errors import LocalMisuse
from protocols.vocabulary import Secret
from protocols.zengin.file.profile import FileProfile, with_secrets
from tests.support.zenginlink import BANK, COMPANY, PASSWORDS, profile


def test_passwords_are_masked_and_can_be_used() -> None:
    settings = profile(COMPANY, BANK)
    assert not any(password in repr(settings) + settings.model_dump_json() for password in PASSWORDS.values())
    assert settings.stations[0].secret("close_answer") == Secret("CLOSE2")
    assert settings.files[0].secret_key() == Secret("KEY1")
    assert "KEY1" not in repr(settings)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"centre_code": "123"}, "centre_code"),
        ({"stations": [{"name": "A", "centre_code": BANK}, {"name": "A", "centre_code": COMPANY}]}, "names must differ"),
        ({"stations": [{"name": "A", "centre_code": BANK}, {"name": "B", "centre_code": BANK}]}, "codes must differ"),
        ({"files": [{"name": "A"}, {"name": "A"}]}, "files: names"),
        ({"files": [{"name": "lower"}]}, "files"),
        ({"files": [{"name": "THIRTEENCHARS"}]}, "files"),
        ({"calls_station": "NOBODY"}, "NOBODY"),
        ({"send_count": 16}, "send_count"),
        ({"text_bytes_max": 32_768}, "text_bytes_max"),
        ({"ttc": {"hello": 1}}, "hello"),
        ({"kinds": {"hello": "1"}}, "hello"),
        ({"results": {"hello": "1"}}, "hello"),
        ({"kind_of": {"99": "x"}}, "99"),
        ({"duplicate_days": 34}, "duplicate_days"),
    ],
)
def test_what_is_refused(change: dict[str, object], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        FileProfile.model_validate(change)


def test_the_called_station() -> None:
    two = [{"name": "A", "centre_code": BANK}, {"name": "B", "centre_code": COMPANY}]
    assert FileProfile.model_validate({"stations": two}).called() is None
    named = FileProfile.model_validate({"stations": two, "calls_station": "B"}).called()
    assert named is not None
    assert named.centre_code == COMPANY
    assert profile(COMPANY, BANK).called() is not None


def test_secrets_are_named_in_the_file_and_read_from_credentials() -> None:
    named = {"open_password": "credential:first", "close_password": ""}
    settings = FileProfile.model_validate(
        {
            "stations": [{"name": "A", "centre_code": BANK, **named}],
            "files": [{"name": "F", "access_key": "credential:key"}],
        }
    )
    whole = with_secrets(settings, {"credential:first": "OPEN01", "credential:key": "KEY1"}.__getitem__)
    assert whole.stations[0].secret("open") == Secret("OPEN01")
    assert whole.stations[0].secret("close") == Secret("")
    assert whole.files[0].secret_key() == Secret("KEY1")
    for part, place in (
        ({"stations": [{"name": "A", "centre_code": BANK, "open_password": "OPEN01"}]}, "stations.0.open_password"),
        ({"files": [{"name": "F", "access_key": "KEY1"}]}, "files.0.access_key"),
    ):
        with pytest.raises(LocalMisuse) as caught:
            with_secrets(FileProfile.model_validate(part), lambda name: "")
        assert caught.value.path == place
        assert "OPEN01" not in str(caught.value)
