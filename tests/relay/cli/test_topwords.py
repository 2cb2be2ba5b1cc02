"""Both languages say everything, and Japanese is spoken only where the terminal takes its letters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relay.cli.topwords import ENGLISH, JAPANESE, language_of

CLI = Path(__file__).resolve().parents[3] / "relay" / "cli"


def test_both_have_the_same_keys_and_a_sentence_for_each() -> None:
    assert set(ENGLISH) == set(JAPANESE)
    assert all(ENGLISH.values())
    assert all(JAPANESE.values())


def test_every_key_that_a_page_asks_for_is_there() -> None:
    asked = {
        key for file in CLI.glob("top*.py") for key in re.findall(r'\bt\("([a-z0-9-]+)"\)', file.read_text(encoding="utf-8"))
    }
    asked |= {
        key for file in CLI.glob("top*.py") for key in re.findall(r"\bt\('([a-z0-9-]+)'\)", file.read_text(encoding="utf-8"))
    }
    assert len(asked) > 50
    assert asked <= set(ENGLISH)


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "ja_JP.eucJP"}, "en"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LC_MESSAGES": "ja_JP.utf8", "LANG": "en_US.UTF-8"}, "ja"),
        ({}, "en"),
    ],
)
def test_the_language_is_the_shells(environ: dict[str, str], language: str) -> None:
    assert language_of(environ) == language
