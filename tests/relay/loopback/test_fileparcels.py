"""Every file is sound, none is like another, and names and cycles last for a day."""

from __future__ import annotations

import pytest

from protocols.zengin.format.reader import read_file
from relay.loopback import fileparcels as made


def test_files_are_sound_and_all_different() -> None:
    contents = {made.content_of(number, 5, "1125") for number in range(50)}
    assert len(contents) == 50
    for content in contents:
        read = read_file(content, made.SETTINGS)
        assert not read.mistakes
        assert sum(record.kind == "2" for record in read.records) == 5


def test_names_and_cycles_are_used_once() -> None:
    assert made.name_of("X", 0) == ("X0", "01")
    assert made.name_of("X", made.CYCLES) == ("X1", "01")
    every = {made.name_of("X", number) for number in range(made.FILES_MAX)}
    assert len(every) == made.FILES_MAX
    assert {name for name, _ in every} == set(made.names("X"))
    for beyond in (-1, made.FILES_MAX):
        with pytest.raises(ValueError, match="a day has"):
            made.name_of("X", beyond)
