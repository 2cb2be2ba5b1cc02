"""Archives as people see them: what is known, what is missing, what is somebody else's, and no card number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from protocols.vocabulary import Pan
from relay.journal.archive.record import ArchiveTrouble
from relay.journal.archive.shelf import Shelf, exchanges_in
from relay.journal.keyring import KeyRing
from relay.journal.source import SqliteSource
from tests.relay.journal.archive.test_run import SqliteWorld
from tests.support.journal_suite import DAY_MS, PAN
from tests.support.sqliterig import SqliteRig


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SqliteWorld]:
    """Two archived dates, of which the first has left the journal."""
    rig = SqliteRig(tmp_path, archive_directory=str(tmp_path / "archive"))
    world = SqliteWorld(rig, tmp_path / "archive", lambda rig: SqliteSource(str(rig.path)))
    world.day(0, 4)
    world.day(1, 2)
    rig.later(5 * DAY_MS)
    world.run()
    rig.later(2 * DAY_MS)
    world.run()
    yield world
    rig.end()


@pytest.fixture
def shelf(world: SqliteWorld) -> Iterator[Shelf]:
    source = world.open_source()
    yield Shelf(world.folder, source)
    source.close()


def test_each_known_archive_says_where_its_bodies_are(world: SqliteWorld, shelf: Shelf) -> None:
    found = shelf.archives()
    assert [(each.business_date, each.exchange_count, each.bodies, each.problem) for each in found] == [
        ("2026-11-24", 4, "archive only", ""),
        ("2026-11-25", 2, "journal too", ""),
    ]
    assert found == shelf.verify(world.keys)
    assert [path.name for path in shelf.of_date("2026-11-24")] == ["2026-11-24.1.archive"]


def test_what_is_missing_cut_or_changed_is_said(world: SqliteWorld, shelf: Shelf) -> None:
    one, other = (world.folder / record.file_name for record in world.records())
    one.unlink()
    other.write_bytes(other.read_bytes()[:-1])
    assert [each.problem for each in shelf.archives()] == [
        "cannot be read: No such file or directory",
        "has another size than the one that was made",
    ]
    assert "cannot be read" in shelf.verify(world.keys)[0].problem
    assert "cut off" in shelf.verify(world.keys)[1].problem


def test_a_changed_byte_is_found_by_verifying_only(world: SqliteWorld, shelf: Shelf) -> None:
    path = world.folder / world.records()[0].file_name
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)
    assert shelf.archives()[0].problem == ""
    assert "damaged" in shelf.verify(world.keys)[0].problem


def test_files_that_the_journal_does_not_know_come_last_and_say_whose_they_are(world: SqliteWorld, shelf: Shelf) -> None:
    known = world.folder / world.records()[0].file_name
    (world.folder / "copy.archive").write_bytes(known.read_bytes())
    (world.folder / "notes.archive").write_bytes(b"nothing of ours, and nothing of anybody's")
    assert [(each.file_name, each.problem) for each in shelf.archives()[2:]] == [
        ("copy.archive", "not known to this journal"),
        ("notes.archive", "notes.archive is no archive of a relay."),
    ]


def test_another_journals_archive_is_named_as_such(world: SqliteWorld, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    rig = SqliteRig(tmp_path / "other")
    source = SqliteSource(str(rig.path))
    assert {each.problem for each in Shelf(world.folder, source).archives()} == {
        "of another journal (center tokyo, realm bank)"
    }
    source.close()
    rig.end()


def test_exchanges_are_shown_whole_and_masked(world: SqliteWorld) -> None:
    path = world.folder / world.records()[0].file_name
    details = list(exchanges_in(path, world.keys))
    assert [detail.exchange.key for detail in details] == ["k0.0", "k0.1", "k0.2", "k0.3"]
    assert {detail.exchange.pan for detail in details} == {"453957******1486"}
    assert PAN.reveal() not in str(details)
    assert (details[0].exchange.verdict, details[0].exchange.code, details[0].exchange.epoch) == ("approve", "00", 3)
    assert [line.event for line in details[0].history] == ["held", "answered"]


def test_a_key_that_opens_the_file_and_not_the_card_hides_the_card(world: SqliteWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    path = world.folder / world.records()[0].file_name

    def refuses(sealed: bytes, key: str) -> Pan:
        raise ValueError("another key")

    keys = KeyRing(bytes(range(32)))
    monkeypatch.setattr(KeyRing, "open", lambda self, sealed, key: refuses(sealed, key))
    assert {detail.exchange.pan for detail in exchanges_in(path, keys)} == {None}


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArchiveTrouble, match="cannot be read") as caught:
        list(exchanges_in(tmp_path / "x.archive", KeyRing(bytes(32))))
    assert caught.value.next_step
