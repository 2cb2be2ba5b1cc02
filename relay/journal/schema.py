"""The file before it is served: is it ours, is it whole, is it of our version, is the key the right one.

Owns opening, the lock, the pragmas and the migrations. It must never know a record. The traps: SQLite's own locks do not
keep a second relay out (two writers take turns happily), hence the lock file beside the journal; and its automatic
checkpoint hides a failed fsync, hence wal_autocheckpoint=0 and an explicit one in writer.py. A full integrity check reads
the whole file, so it runs by itself only after an unclean end and below QUICK_CHECK_BYTES_MAX; `relay journal verify` runs
it at any size.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import suppress
from importlib import resources
from typing import Final

from relay.errors import JournalUnusable
from relay.journal.keyring import KeyRing
from relay.journal.keytable import RESTORE, Identity, prove_identity, prove_keys, settle_keys

APPLICATION_ID: Final = 0x52454C59  # "RELY"
QUICK_CHECK_BYTES_MAX: Final = 64 * 1024 * 1024
BUSY_TIMEOUT_S: Final = 5.0
CACHE_KIBIBYTES: Final = 65_536
# Every message touches a leaf of its own in the key index, so half a page is half of what is checksummed and written for it:
# measured a fifth less CPU and half the bytes per message than with 4096. Of a new file only; an old one keeps its own.
PAGE_BYTES: Final = 2_048
STATEMENTS_CACHED: Final = 128
FILE_MODE: Final = 0o640  # the log and the shared memory beside it follow

_CREATE = "Create its directory, on a local disk, writable for the relay's user."


def migrations() -> list[str]:
    """All migrations in order; the n-th takes a journal from version n-1 to n."""
    folder = resources.files("relay.journal") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(folder / name).read_text(encoding="utf-8") for name in names]


class FileLock:
    """One relay per journal. Held by the process, so the kernel lets go of it however the process ends."""

    __slots__ = ("_descriptor",)

    def __init__(self, path: str) -> None:
        """Raises JournalUnusable when another process holds it, or when the directory cannot be written."""
        lock_path = os.path.realpath(path) + ".lock"  # one file, one lock, under whatever name
        try:
            self._descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalUnusable(
                f"The journal {path} cannot be opened: {error.strerror}.",
                _CREATE,
            ) from error
        if os.geteuid() == 0:  # made by root for a command: it is the relay that has to take it next
            with suppress(OSError):
                owner = os.stat(path)
                os.fchown(self._descriptor, owner.st_uid, owner.st_gid)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise JournalUnusable(
                f"The journal {path} is in use by another relay (process {holder or 'unknown'}).",
                "Stop that relay first, or give this one a journal.path of its own.",
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._descriptor)


def open_writer(path: str, keys: KeyRing, synchronous: str = "FULL", identity: Identity | None = None) -> sqlite3.Connection:
    """The one writing connection, its file checked, migrated, keys and owner proven. Raises JournalUnusable."""
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
        connection = _connect(path, read_only=False)
    except OSError as error:
        raise JournalUnusable(f"The journal {path} cannot be created: {error.strerror}.", _CREATE) from error
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    try:
        _check_ownership(connection, path)
        if connection.execute("PRAGMA page_count").fetchone() == (0,):  # only a new file takes these two, in this order
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
        connection.execute("PRAGMA foreign_keys = ON")
        _migrate(connection)
        settle_keys(connection, path, keys)
        if identity is not None:
            prove_identity(connection, path, identity)
        _check_whole(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise _unusable(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_adoption(path: str) -> sqlite3.Connection:
    """A writing connection to a journal that is there, of this version, with full syncs. Raises JournalUnusable."""
    open_reader(path).close()
    connection = _connect(path, read_only=False)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def open_reader(path: str) -> sqlite3.Connection:
    """A connection that cannot write, safe beside a running daemon. Raises JournalUnusable."""
    try:
        connection = _connect(path, read_only=True)
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    try:
        version = _check_ownership(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise _unusable(path, error) from error
    except BaseException:
        connection.close()
        raise
    if version != len(migrations()):
        connection.close()
        raise JournalUnusable(
            f"The journal {path} has version {version}, this program reads version {len(migrations())}.",
            "Start the relay of this version once, which migrates it, or use the program that wrote it.",
        )
    return connection


def _connect(path: str, *, read_only: bool) -> sqlite3.Connection:
    quoted = "file:" + path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return sqlite3.connect(
        quoted + ("?mode=ro" if read_only else ""),
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS_CACHED,
    )


def _check_ownership(connection: sqlite3.Connection, path: str) -> int:
    """The journal's version; 0 for an empty file. Raises JournalUnusable for a newer journal and for another program's file."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if objects and application != APPLICATION_ID:
        raise JournalUnusable(
            f"{path} is a database of another program, not a journal.", "Point journal.path at the journal, or at a new file."
        )
    newest = len(migrations())
    if version > newest:
        raise JournalUnusable(
            f"The journal {path} has version {version}, written by a newer relay; this one knows versions up to {newest}.",
            "Install the newer relay again; a journal is never taken back to an older version.",
        )
    return int(version)


def _migrate(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, script in enumerate(migrations(), start=1):
        if number > version:
            mark = f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {number};"
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\n{mark}\nCOMMIT;")


def prove_key(connection: sqlite3.Connection, path: str, keys: KeyRing) -> None:
    """Raises JournalUnusable unless `keys` has every key that the journal needs, and when it is too damaged to tell."""
    try:
        prove_keys(connection, path, keys)
    except sqlite3.Error as error:
        raise _unusable(path, error) from error


def _check_whole(connection: sqlite3.Connection, path: str) -> None:
    clean = connection.execute("SELECT value FROM meta WHERE name = 'closed_clean'").fetchone()
    if clean is not None and clean[0] == 0 and os.path.getsize(path) <= QUICK_CHECK_BYTES_MAX:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise JournalUnusable(f"The journal {path} is damaged: {verdict}.", RESTORE)


def _unusable(path: str, error: sqlite3.Error) -> JournalUnusable:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return JournalUnusable(f"The journal {path} is damaged: {error}.", RESTORE)
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return JournalUnusable(
            f"The journal {path} cannot be opened: {error}.",
            "Check that the file and its directory belong to the relay's user.",
        )
    if code == sqlite3.SQLITE_FULL:
        return JournalUnusable(
            f"The journal {path} cannot be opened: the disk is full.", "Free space on its disk and start again."
        )
    if code == sqlite3.SQLITE_BUSY:
        return JournalUnusable(
            f"The journal {path} is locked by another program.", "End whatever writes to it and start again."
        )
    return JournalUnusable(f"The journal {path} cannot be opened: {error}.", "Check its disk, then run `relay journal verify`.")
