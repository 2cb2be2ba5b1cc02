"""What reconciliation reads of a SQLite journal that a daemon is writing."""

from __future__ import annotations

from pathlib import Path

from relay.journal.sides import SideReader
from relay.journal.source import SqliteSource
from tests.support import sidesplay
from tests.support.sqliterig import SqliteRig


def test_rows_by_key_in_order_and_from_a_day_on(tmp_path: Path) -> None:
    rig = SqliteRig(tmp_path)
    ids = sidesplay.write_rows(rig)
    reader = SideReader(SqliteSource(str(rig.path)))
    try:
        sidesplay.check(reader, ids)
    finally:
        reader.close()
        rig.end()


def test_each_life_has_its_own_order(tmp_path: Path) -> None:
    rig = SqliteRig(tmp_path)
    ids = sidesplay.write_rows(rig)
    sidesplay.write_second_life(rig)
    reader = SideReader(SqliteSource(str(rig.path)))
    try:
        sidesplay.check_second_life(reader, ids)
    finally:
        reader.close()
        rig.end()
