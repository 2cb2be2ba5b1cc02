"""The loop's half of an engine: groups of bounded size, and an answer for everything, also after the close."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from relay.journal.face import JournalFace
from relay.journal.port import JournalFailed
from tests.support.journal_suite import taken
from tests.support.sqliterig import SqliteRig


def test_a_group_is_handed_over_when_the_last_one_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = SqliteRig(tmp_path, group_count_max=3)
    sizes: list[int] = []
    hand = rig.journal._hand
    monkeypatch.setattr(rig.journal, "_hand", lambda items: (sizes.append(len(items)), hand(items)))
    for number in range(8):
        rig.journal.take(taken(rig.journal, f"k{number}"), lambda _: None)
    assert sizes == [], "not before the loop has read what came with it"
    rig.settle()
    assert sizes == [3, 3, 2]
    rig.end()


def test_after_the_close_everything_is_refused_and_answered(tmp_path: Path) -> None:
    rig = SqliteRig(tmp_path)
    rig.journal.close()
    results: list[Any] = []
    rig.journal.take(taken(rig.journal, "k"), results.append)
    rig.journal.prune(results.append)
    rig.settle()
    assert [type(each) for each in results] == [JournalFailed, JournalFailed]


def test_an_engine_gives_what_the_face_has_not() -> None:
    assert JournalFace.__abstractmethods__ == {"_hand", "_why_failed", "close"}
