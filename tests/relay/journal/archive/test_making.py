"""The directory of archives: what is in the way is taken if it is the same, moved aside if not, and never written over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.journal.archive.making import TEMPORARY, ArchiveFolder, Owner
from relay.journal.archive.record import ArchivedExchange, ArchiveKind, ArchiveTrouble, Plan
from relay.journal.keyring import KeyRing
from relay.journal.keytable import Identity
from tests.relay.journal.archive.test_record import exchange

KEYS = KeyRing(bytes(range(32)))
PLAN = Plan(kind=ArchiveKind.DAY, business_date="2026-11-24", part=1, above_id=0, last_id=9)
PAGES = [[exchange(1), exchange(2, (1,))], [exchange(3)]]


def folder_in(path: Path, *, journal_id: int = 7, **more: int) -> ArchiveFolder:
    made = ArchiveFolder(str(path / "archive"), Owner(journal_id, Identity("tokyo", "bank")), KEYS, **more)
    made.prepare()
    return made


@pytest.fixture
def folder(tmp_path: Path) -> ArchiveFolder:
    return folder_in(tmp_path)


def names(folder: ArchiveFolder) -> list[str]:
    return sorted(path.name for path in folder.directory.iterdir())


def test_a_file_is_made_for_its_owner_only_and_counted(folder: ArchiveFolder) -> None:
    record = folder.make(PLAN, PAGES, 5)
    path = folder.directory / "2026-11-24.1.archive"
    assert (record.exchange_count, record.history_count, record.newest_ms, record.archived_ms) == (3, 1, 1_003, 5)
    assert (record.file_bytes, record.key_id) == (path.stat().st_size, KEYS.key_id)
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder.directory.stat().st_mode & 0o777 == 0o700
    assert [each for page in folder.exchanges(record) for each in page] == [each for page in PAGES for each in page]
    assert names(folder) == ["2026-11-24.1.archive"]


def test_what_pages_raise_passes_and_leaves_nothing(folder: ArchiveFolder) -> None:
    def pages() -> Iterator[list[ArchivedExchange]]:
        yield PAGES[0]
        raise KeyError("not closed")

    with pytest.raises(KeyError):
        folder.make(PLAN, pages(), 5)
    assert names(folder) == []


def test_a_half_made_file_is_thrown_away(folder: ArchiveFolder) -> None:
    (folder.directory / TEMPORARY).write_bytes(b"half")
    folder.prepare()
    assert names(folder) == []


def test_the_same_content_is_taken_as_it_is(folder: ArchiveFolder) -> None:
    first = folder.make(PLAN, PAGES, 5)
    again = folder.make(PLAN, PAGES, 6)
    assert again.digest == first.digest
    assert names(folder) == ["2026-11-24.1.archive"]


@pytest.mark.parametrize("how", ["other content", "damaged", "no archive"])
def test_what_is_not_the_same_is_moved_aside(folder: ArchiveFolder, how: str) -> None:
    path = folder.directory / "2026-11-24.1.archive"
    folder.make(PLAN, PAGES[:1], 5)
    if how == "damaged":
        path.write_bytes(path.read_bytes()[:-9])
    elif how == "no archive":
        path.write_bytes(b"somebody's notes")
    kept = path.read_bytes()
    record = folder.make(PLAN, PAGES, 6)
    assert record.exchange_count == 3
    assert names(folder) == ["2026-11-24.1.archive", "2026-11-24.1.archive.aside-6"]
    assert (folder.directory / "2026-11-24.1.archive.aside-6").read_bytes() == kept
    folder.check(record)


def test_another_journals_file_of_that_name_is_refused_before_anything_is_written(
    folder: ArchiveFolder, tmp_path: Path
) -> None:
    folder.make(PLAN, PAGES, 5)
    kept = (folder.directory / "2026-11-24.1.archive").read_bytes()
    other = folder_in(tmp_path, journal_id=8)
    with pytest.raises(ArchiveTrouble, match="another journal") as caught:
        other.make(PLAN, PAGES, 6)
    assert "of its own" in caught.value.next_step
    assert (names(folder), (folder.directory / "2026-11-24.1.archive").read_bytes()) == (["2026-11-24.1.archive"], kept)


def test_the_reserve_of_the_disk_is_kept(tmp_path: Path) -> None:
    free_mib = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize // (1024 * 1024)
    folder_in(tmp_path, free_mib_min=max(0, free_mib - 1_000)).make(PLAN, PAGES, 5)
    full = folder_in(tmp_path / "archive", free_mib_min=free_mib + 1_000)
    with pytest.raises(ArchiveTrouble, match="MiB free"):
        full.make(PLAN, PAGES, 5)
    assert names(full) == []


def test_a_directory_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for where in (tmp_path / "file" / "archive", tmp_path / "missing" / "archive"):
        folder = ArchiveFolder(str(where), Owner(7, Identity("tokyo", "bank")), KEYS)
        with pytest.raises(ArchiveTrouble, match="cannot be made") as caught:
            folder.prepare()
        assert caught.value.next_step
