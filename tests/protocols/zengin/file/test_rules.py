"""What links share: time in Japan, lengths and codes of a file, passwords that cannot be written."""

from __future__ import annotations

import pytest

from protocols.errors import LocalMisuse
from protocols.zengin.file.rules import POSITIONS_MAX, LinkRules
from tests.support.zenginlink import BANK, COMPANY, WALL_MS, profile


def test_time_is_japans() -> None:
    rules = LinkRules(profile(COMPANY, BANK), lambda: 1_793_635_199_000)
    assert rules.now() == "20261103005959"


def test_lengths_and_codes_of_a_file() -> None:
    settings = profile(
        COMPANY,
        BANK,
        files=[
            {"name": "A", "format": {"formats": ["21", "03"], "record_end": "crlf"}},
            {"name": "B", "format": {"formats": ["21"], "characters": {"charset": "ebcdic-kana"}}},
            {"name": "C", "format": {"formats": ["21"], "record_end": "cr", "short_records": "fill"}},
        ],
    )
    rules = LinkRules(settings, lambda: WALL_MS)
    assert rules.record_lengths(settings.files[0]) == {122, 202}
    assert [length for length in (0, 120, 121, 122, 202) if rules.may_be_length(settings.files[0], length)] == [122, 202]
    assert [length for length in (0, 1, 120, 256, 257) if rules.may_be_length(settings.files[2], length)] == [1, 120, 256]
    assert [rules.code_of(rule) for rule in settings.files] == ["0", "1", "0"]


def test_a_password_that_the_control_charset_lacks() -> None:
    station = {"name": "BANK", "centre_code": BANK, "close_password": "small"}
    with pytest.raises(LocalMisuse, match=r"stations\.0\.close_password"):
        LinkRules(profile(COMPANY, BANK, stations=[station]), lambda: WALL_MS)


def test_places_remembered_are_limited() -> None:
    rules = LinkRules(profile(COMPANY, BANK), lambda: WALL_MS)
    for number in range(POSITIONS_MAX + 5):
        rules.remember(str(number), number)
    assert len(rules.positions) == POSITIONS_MAX
    assert "4" not in rules.positions
