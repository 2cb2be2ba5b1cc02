"""The disk: durable on return, a torn end cut off, dead after a failed fsync, and one orchestrator per folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relay.failover.chain import LOG_BYTES_MAX, ROOT, ChainBroken, seal_line
from relay.failover.events import Entry, Held
from relay.failover.store import FileShelf, FileStore, StoreFailed


def line(number: int, before: str = ROOT) -> bytes:
    return seal_line(Entry(number=number, at_ms=1, term=1, before=before, event=Held(why="x")))


def test_what_was_appended_is_read_again(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "one.run")
    assert store.read().entries == ()
    store.append(first := line(1))
    store.append(line(2, first[:64].decode()))
    store.close()
    again = FileStore(tmp_path / "one.run").read()
    assert [entry.number for entry in again.entries] == [1, 2]
    assert (tmp_path / "one.run").stat().st_mode & 0o077 == 0


def test_a_torn_end_is_cut_off_and_written_over(tmp_path: Path) -> None:
    path = tmp_path / "one.run"
    path.write_bytes(torn := (first := line(1)) + line(2, first[:64].decode())[:40])
    store = FileStore(path)
    assert store.read().torn_bytes == 40
    assert path.read_bytes() == torn  # looking changes nothing
    store.append(line(2, first[:64].decode()))
    assert len(FileStore(path).read().entries) == 2


def test_a_log_that_got_shorter_since_it_was_read_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "one.run"
    path.write_bytes((first := line(1)) + line(2, first[:64].decode()))
    store = FileStore(path)
    store.read()
    path.write_bytes(first)
    with pytest.raises(StoreFailed, match="shorter than it was"):
        store.append(line(3))
    assert path.read_bytes() == first


def test_each_append_and_each_new_file_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    store = FileStore(tmp_path / "one.run")
    store.read()
    assert synced == []
    store.append(first := line(1))
    assert synced == [str(tmp_path / "one.run.new"), str(tmp_path)]  # whole, and only then by its name
    store.append(line(2, first[:64].decode()))
    assert synced[2:] == [str(tmp_path), str(tmp_path / "one.run")]  # the life before may have ended before its folder was


def test_after_a_failed_fsync_the_file_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileStore(tmp_path / "one.run")
    store.read()
    store.append(line(1))

    def fsync(handle: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StoreFailed, match="Input/output"):
        store.append(line(1))
    monkeypatch.undo()
    with pytest.raises(StoreFailed, match="not written any more"):
        store.append(line(1))


def test_damage_before_the_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.run"
    path.write_bytes(b"0" + line(1)[1:])
    with pytest.raises(ChainBroken):
        FileStore(path).read()
    with path.open("wb") as file:
        file.truncate(LOG_BYTES_MAX + 1)
    with pytest.raises(StoreFailed, match="bytes"):
        FileStore(path).read()


@pytest.mark.parametrize("data", [b"", line(1)[:-1], b"\0" * 4096])
def test_a_log_without_one_whole_line_was_damaged(tmp_path: Path, data: bytes) -> None:
    """It comes to be with its first line whole, so no crash leaves this."""
    (tmp_path / "one.run").write_bytes(data)
    with pytest.raises(ChainBroken, match="not one whole line"):
        FileStore(tmp_path / "one.run").read()


def test_a_first_line_that_is_not_durable_leaves_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = FileShelf(tmp_path)
    store = shelf.open("one")
    store.read()

    def fsync(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StoreFailed, match="No space"):
        store.append(line(1))
    assert shelf.names() == ()
    monkeypatch.undo()
    again = FileShelf(tmp_path).open("one")
    again.read()
    again.append(line(1))
    assert shelf.names() == ("one",)


def test_a_log_is_written_anew_in_the_place_of_one_that_the_disk_did_not_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a byte more goes into the file whose fsync failed: another one takes its place, whole."""
    shelf, path = FileShelf(tmp_path), tmp_path / "one.run"
    store = shelf.open("one")
    store.read()
    first, second = line(1), line(2, line(1)[:64].decode())
    store.append(first)
    before, real, failed = path.stat().st_ino, os.fsync, []

    def fsync(handle: int) -> None:
        if os.fstat(handle).st_ino == before:
            failed.append(handle)
            raise OSError(5, "Input/output error")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StoreFailed):
        store.append(second)
    fresh = shelf.renew("one", [first])
    fresh.append(second)
    assert len(failed) == 1
    assert path.stat().st_ino != before
    assert path.read_bytes() == first + second
    assert shelf.open("one") is fresh


def test_the_register_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = FileShelf(tmp_path)
    assert shelf.read_register() == b""
    shelf.write_register(b"one\n")
    assert shelf.read_register() == b"one\n"
    assert shelf.names() == ()

    def replace(old: str, new: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(StoreFailed, match="cannot be written"):
        shelf.write_register(b"two\n")
    assert shelf.read_register() == b"one\n"


def test_one_orchestrator_per_folder(tmp_path: Path) -> None:
    first, second = FileShelf(tmp_path / "runs"), FileShelf(tmp_path / "runs")
    first.lock()
    with pytest.raises(StoreFailed, match="another orchestrator"):
        second.lock()
    first.close()
    second.lock()
    second.close()


def test_a_name_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    shelf = FileShelf(tmp_path)
    for name in ("../x", "a/b", "", ".", "x" * 65, "a\n"):
        with pytest.raises(StoreFailed):
            shelf.open(name)
    store = shelf.open("x" * 64)
    store.read()
    store.append(line(1))
    (tmp_path / "notes.txt").write_text("nothing of ours")
    assert shelf.names() == ("x" * 64,)
    assert FileShelf(tmp_path / "none").names() == ()
