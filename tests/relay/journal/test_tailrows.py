"""Where a lost tail begins, read from a SQLite journal that a daemon is writing."""

from __future__ import annotations

from pathlib import Path

from relay.journal.source import SqliteSource
from relay.journal.tailrows import SPAN_COUNT, TailReader, bisected
from tests.support import tailplay
from tests.support.journal_suite import T0_MS, taken
from tests.support.sqliterig import SqliteRig


def test_the_last_word_of_a_region_and_the_lines_before_a_moment(tmp_path: Path) -> None:
    rig = SqliteRig(tmp_path)
    ids = tailplay.write_rows(rig)
    reader = TailReader(SqliteSource(str(rig.path)))
    try:
        tailplay.check(reader, ids)
        tailplay.write_second_life(rig)
        tailplay.check_second_life(reader)
    finally:
        reader.close()
        rig.end()


def test_a_long_outage_does_not_hide_it(tmp_path: Path) -> None:
    rig = SqliteRig(tmp_path)
    tailplay.write_rows(rig)
    for n in range(SPAN_COUNT + 10):
        rig.journal.take(taken(rig.journal, f"refused {n}", epoch=0, recorded_ms=T0_MS + 100_000), lambda _: None)
    rig.settle()
    reader = TailReader(SqliteSource(str(rig.path)))
    try:
        assert reader.newest_confirmed_ms(tailplay.NEW) == T0_MS + 6_050
    finally:
        reader.close()
        rig.end()


def test_bisection_finds_the_first_at_or_after() -> None:
    rows = {number: number * 10 for number in range(1, 50) if number % 3}

    def first_from(number: int) -> tuple[int, int] | None:
        return next(((n, at) for n, at in sorted(rows.items()) if n >= number), None)

    for wall_ms in range(0, 520, 7):
        expected = max((n for n, at in rows.items() if at < wall_ms), default=0)
        found = bisected(1, 50, first_from, wall_ms)
        assert max((n for n in rows if n <= found), default=0) == expected
