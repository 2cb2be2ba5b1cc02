"""A file on its way: counted in records, read in slices."""

from __future__ import annotations

from protocols.zengin.file.message import FileIdentity
from protocols.zengin.file.work import READ_BYTES, Work
from protocols.zengin.format.settings import FormatSettings
from tests.support.zenginfiles import sound_file

ONE = FileIdentity("COMPANY", "SOUFURI", "20261125", "01")


def test_a_file_of_an_earlier_life_is_read_in_slices() -> None:
    content = sound_file("21", 3 * READ_BYTES // 120)
    work = Work("slot", ONE, 120, len(content) // 120, FormatSettings())
    work.content += content
    slices = 1
    while not work.read():
        assert work.read_bytes == slices * READ_BYTES
        slices += 1
    assert slices == -(-len(content) // READ_BYTES)
    work.reader.finish()
    assert not work.reader.mistakes


def test_what_just_came_is_read_beside_the_slice() -> None:
    content = sound_file("21", 2 * READ_BYTES // 120)
    work = Work("slot", ONE, 120, len(content) // 120, FormatSettings())
    work.content += content
    assert work.read(len(content) - READ_BYTES)


def test_a_last_record_that_is_short_counts() -> None:
    work = Work("slot", ONE, 120, 2, FormatSettings())
    work.content += bytes(121)
    assert work.received_count == 2
