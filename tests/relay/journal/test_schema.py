"""Every file that is not a journal of ours to open: what the operator reads, and that the file is left as it was."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from relay.errors import JournalUnusable
from relay.journal import schema
from relay.journal.keyring import KeyRing
from tests.support.journal_suite import taken
from tests.support.sqliterig import KEY, SqliteRig


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with a few hundred exchanges, closed cleanly."""
    rig = SqliteRig(tmp_path)
    for number in range(300):
        rig.journal.take(taken(rig.journal, f"k{number}"), lambda _: None)
    rig.settle()
    rig.end()
    return rig.path


def refuse(folder: Path) -> JournalUnusable:
    before = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file() and file.suffix == ".sqlite"}
    with pytest.raises(JournalUnusable) as caught:
        SqliteRig(folder)
    assert {name: (folder / name).read_bytes() for name in before} == before, "a refused file is not touched"
    assert caught.value.next_step, "the operator is told what to do"
    schema.FileLock(str(folder / "journal.sqlite")).release()  # and the lock was given back
    return caught.value


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def test_migrations_are_numbered_without_a_gap() -> None:
    names = sorted(file.name for file in (Path(schema.__file__).parent / "migrations").glob("*.sql"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    assert len(schema.migrations()) == len(names)


def test_a_new_file_gets_the_newest_version_and_our_mark(path: Path) -> None:
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(schema.migrations()),)
    assert connection.execute("PRAGMA application_id").fetchone() == (schema.APPLICATION_ID,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_newer_journal_is_left_to_the_newer_relay(path: Path) -> None:
    change(path, f"PRAGMA user_version = {len(schema.migrations()) + 1}")
    error = refuse(path.parent)
    assert "written by a newer relay" in error.problem
    assert "newer relay" in error.next_step
    assert error.exit_code == 3


def test_the_database_of_another_program(tmp_path: Path) -> None:
    change(tmp_path / "journal.sqlite", "CREATE TABLE theirs (x)")
    assert "another program" in refuse(tmp_path).problem


@pytest.mark.parametrize(
    "garbage", [b"not a database at all, but long enough to have a header" * 100, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_garbage(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / "journal.sqlite").write_bytes(garbage)
    error = refuse(tmp_path)
    assert "damaged" in error.problem
    assert "Restore after a journal failure" in error.next_step


def test_a_cut_file(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    change_unclean(path)
    assert "damaged" in refuse(path.parent).problem


def change_unclean(path: Path) -> None:
    """Make the file say that its relay died; written by hand where SQLite would refuse to."""
    try:
        change(path, "UPDATE meta SET value = 0 WHERE name = 'closed_clean'")
    except sqlite3.DatabaseError:
        return


def test_a_damaged_page_is_found_after_an_unclean_end(path: Path) -> None:
    change_unclean(path)
    content = bytearray(path.read_bytes())
    for page in range(len(content) // schema.PAGE_BYTES - 3, len(content) // schema.PAGE_BYTES):
        content[page * schema.PAGE_BYTES : page * schema.PAGE_BYTES + 64] = b"\xff" * 64
    path.write_bytes(content)
    assert "damaged" in refuse(path.parent).problem


def test_a_big_file_is_not_read_through_at_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit: above it the check is left to `relay journal verify`."""
    change_unclean(path)
    checked: list[str] = []
    connection = sqlite3.connect(path, isolation_level=None)
    connection.set_trace_callback(checked.append)
    monkeypatch.setattr(schema, "QUICK_CHECK_BYTES_MAX", path.stat().st_size)
    schema._check_whole(connection, str(path))
    assert any("quick_check" in statement for statement in checked)
    checked.clear()
    monkeypatch.setattr(schema, "QUICK_CHECK_BYTES_MAX", path.stat().st_size - 1)
    schema._check_whole(connection, str(path))
    assert not any("quick_check" in statement for statement in checked)
    connection.close()


def test_the_wrong_key_is_named_without_being_shown(path: Path) -> None:
    change(
        path,
        "UPDATE meta SET value = zeroblob(32) WHERE name = 'key_check'",
        "UPDATE meta SET value = 'beef' WHERE name = 'key_id'",
    )
    error = refuse(path.parent)
    assert "beef" in error.problem
    assert KeyRing(KEY).key_id in error.problem
    assert KEY.hex() not in str(error)
    assert "key_credential" in error.next_step


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable, match="cannot be opened") as caught:
        SqliteRig(tmp_path / "nowhere")
    assert "directory" in caught.value.next_step


def test_a_directory_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").mkdir()
    with pytest.raises(JournalUnusable, match="cannot be opened"):
        SqliteRig(tmp_path)


def test_a_name_with_marks_of_a_uri(tmp_path: Path) -> None:
    folder = tmp_path / "odd ?#%41 name"
    folder.mkdir()
    SqliteRig(folder).end()
    assert (folder / "journal.sqlite").exists()


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    rig = SqliteRig(tmp_path)
    rig.journal.take(taken(rig.journal, "k1"), lambda _: None)
    rig.settle()
    assert {oct(file.stat().st_mode & 0o007) for file in tmp_path.iterdir()} == {"0o0"}
    rig.end()


def test_another_name_of_the_same_file_is_the_same_journal(tmp_path: Path) -> None:
    rig = SqliteRig(tmp_path)
    link = tmp_path / "link.sqlite"
    link.symlink_to(rig.path)
    with pytest.raises(JournalUnusable, match="in use"):
        schema.FileLock(str(link))
    rig.end()


def test_an_empty_file_becomes_a_journal(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").touch()
    SqliteRig(tmp_path).end()


def test_the_lock_names_its_holder_and_dies_with_it(tmp_path: Path) -> None:
    """A relay that was killed keeps nobody out."""
    path = str(tmp_path / "journal.sqlite")
    program = (
        "import sys; from relay.journal.schema import FileLock; lock = FileLock(sys.argv[1]);"
        " print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(JournalUnusable, match=f"process {holder.pid}") as caught:
            schema.FileLock(path)
        assert "Stop that relay" in caught.value.next_step
        holder.kill()
        holder.wait(timeout=30)
    schema.FileLock(path).release()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (sqlite3.SQLITE_FULL, "disk is full"),
        (sqlite3.SQLITE_BUSY, "locked by another program"),
        (sqlite3.SQLITE_READONLY, "cannot be opened"),
        (sqlite3.SQLITE_IOERR_READ, "cannot be opened"),
        (sqlite3.SQLITE_NOTADB, "damaged"),
    ],
)
def test_each_error_at_opening_has_its_next_step(code: int, said: str) -> None:
    cause = sqlite3.OperationalError("x")
    cause.sqlite_errorcode = code
    error = schema._unusable("/j", cause)
    assert said in error.problem
    assert error.next_step


def test_another_version_is_not_read(path: Path) -> None:
    change(path, "PRAGMA user_version = 0")
    with pytest.raises(JournalUnusable, match="this program reads version") as caught:
        schema.open_reader(str(path))
    assert "migrates" in caught.value.next_step
    assert os.path.exists(path)


def test_a_new_journal_has_small_pages_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "old").mkdir()
    new, old = tmp_path / "new" / "journal.sqlite", tmp_path / "old" / "journal.sqlite"
    connection = sqlite3.connect(old, isolation_level=None)
    connection.execute("PRAGMA page_size = 4096")
    connection.execute("VACUUM")
    connection.close()
    for path, page_bytes in ((new, schema.PAGE_BYTES), (old, 4_096)):
        schema.open_writer(str(path), KeyRing(KEY)).close()
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA page_size").fetchone() == (page_bytes,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.close()


def test_a_journal_of_the_first_version_is_migrated_with_what_waits_for_a_person(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    connection = sqlite3.connect(path, isolation_level=None)
    mark = f"PRAGMA application_id = {schema.APPLICATION_ID}; PRAGMA user_version = 1;"
    connection.executescript(f"{schema.migrations()[0]}; {mark}")
    connection.execute(
        "INSERT INTO taken VALUES"
        " (7, 'k', 'atm', 'bank', 't', 'financial', 'w', 'undo', x'00', 1, x'', NULL, NULL, 1, 'JPY', '', '', 0, 1)"
    )
    connection.execute("INSERT INTO standing VALUES (7, 'unproven', 0, 1, NULL, NULL, NULL, NULL, NULL, 0, 1)")
    connection.close()
    writer = schema.open_writer(str(path), KeyRing(KEY))
    assert writer.execute("PRAGMA user_version").fetchone() == (len(schema.migrations()),)
    assert writer.execute("SELECT exchange_id, attention FROM standing").fetchall() == [(7, 2)]
    writer.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_a_lock_that_root_takes_for_a_command_is_the_journals_owners(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.touch()
    os.chown(path, 65_534, 65_534)
    schema.FileLock(str(path)).release()
    assert os.stat(f"{path}.lock").st_uid == 65_534
