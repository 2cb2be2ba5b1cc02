"""Format settings: what contradicts itself is refused with the name at fault."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from protocols.zengin.format.settings import FormatSettings


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"formats": ["21", "99"]}, "99"),
        ({"short_records": "fill"}, "record_end"),
        ({"mistakes_max": 0}, "mistakes_max"),
        ({"record_end": "tab"}, "record_end"),
        ({"nothing": 1}, "nothing"),
    ],
)
def test_what_is_refused(settings: dict[str, object], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        FormatSettings.model_validate(settings)


def test_rules_that_are_loosened_reach_the_layout() -> None:
    rules = FormatSettings(wo_in_names=True, long_vowel=True, dummy_free=True).rules()
    assert rules.wo_in_names
    assert rules.long_vowel
    assert rules.dummy_free


@pytest.mark.parametrize(
    ("settings", "may"),
    [
        ({}, False),
        ({"record_end": "none", "last_end": "without"}, False),
        ({"record_end": "crlf", "last_end": "with"}, False),
        ({"record_end": "crlf"}, True),
        ({"record_end": "crlf", "last_end": "without"}, True),
        ({"record_end": "cr", "last_end": "with", "short_records": "fill"}, True),
        ({"eof": "1a"}, True),
    ],
)
def test_which_files_may_end_short(settings: dict[str, object], may: bool) -> None:
    assert FormatSettings.model_validate(settings).may_end_short is may
