"""The tables of profile zfile-p1: lengths as documented, codes that differ."""

from __future__ import annotations

from protocols.zengin.file import fields
from protocols.zengin.file.codec import Codec
from protocols.zengin.file.profile import FileProfile


def test_lengths_of_the_profile() -> None:
    widths = {
        name: sum(int(row.split()[2]) for row in rows.strip().splitlines())
        for name, rows in (("header", fields.HEADER), ("station", fields.STATION), ("file", fields.FILE), ("data", fields.DATA))
    }
    assert widths == {"header": 4, "station": 64, "file": 64, "data": 6}


def test_codes_differ_and_every_kind_has_a_table() -> None:
    for table in (fields.TTC, fields.KINDS, fields.RESULTS):
        assert len(set(table.values())) == len(table)
    assert {*fields.STATION_KINDS, *fields.FILE_KINDS, "data"} == set(fields.KINDS)


def test_the_frame_limit_follows_from_the_longest_telegram() -> None:
    assert Codec(FileProfile(text_bytes_max=2048)).framing.max_bytes == 4 + 6 + 2048
    assert Codec(FileProfile(text_bytes_max=120)).framing.max_bytes == 4 + 6 + 120
