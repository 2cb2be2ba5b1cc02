"""Taking over a journal: only of a relay that is stopped, and only a journal. The signature is seen in test_rekey.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.errors import JournalUnusable
from relay.journal.adopt import adopt
from relay.journal.keytable import Identity
from tests.support.sqliterig import SqliteRig

MINE = Identity("osaka", "bank")


def test_a_journal_in_use_is_not_adopted(tmp_path: Path) -> None:
    rig = SqliteRig(tmp_path)
    with pytest.raises(JournalUnusable, match="in use"):
        adopt(str(rig.path), MINE, "Sato", "new host", 1)
    rig.end()
    assert adopt(str(rig.path), MINE, "Sato", "new host", 1) is None
    assert adopt(str(rig.path), MINE, "Sato", "again", 2) == MINE


def test_where_there_is_no_journal_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable):
        adopt(str(tmp_path / "none.sqlite"), MINE, "Sato", "new host", 1)
    assert not (tmp_path / "none.sqlite").exists()
