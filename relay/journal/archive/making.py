"""One archive, from rows to a durable file: temporary name, sync, read back, rename, sync of the directory.

Owns those steps and the directory. It must never change the journal. After a death at any step there is either no file of the
archive's name, or a whole one that was read back: a temporary file is thrown away by the next run, and a whole one that the
journal does not know yet is taken if it holds the same as the one that was just made. The traps: a file that is only in memory
is not durable, so it is synced before it is read and its directory after it is renamed; and the archive may share its disk with
the journal, so it stops long before that is full (law 6).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import zip_longest
from pathlib import Path
from typing import IO, Final

import msgspec

from relay.journal.archive.file import ArchiveReader, ArchiveWriter, Damaged, Header, header_of
from relay.journal.archive.record import Archived, ArchiveRecord, ArchiveTrouble, Plan
from relay.journal.crypt import Entropy
from relay.journal.keyring import KeyRing
from relay.journal.keytable import Identity

TEMPORARY: Final = ".making"  # of every archive: one is made at a time
MIB: Final = 1024 * 1024


class Owner(msgspec.Struct, frozen=True):
    """Whose archive it is. The number decides: a journal that a person gave to another center keeps its archives, and two
    journals of one center have different numbers. The center is what people read."""

    journal_id: int
    identity: Identity


class ArchiveFolder:
    """`step(name)` is called after each step: where the maker rests, and where a test ends the process."""

    def __init__(
        self,
        directory: str,
        owner: Owner,
        keys: KeyRing,
        *,
        free_mib_min: int = 0,
        entropy: Entropy = os.urandom,
        step: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.directory = Path(directory)
        self._owner = owner
        self._keys = keys
        self._free_bytes_min = free_mib_min * MIB
        self._entropy = entropy
        self._step = step

    def prepare(self) -> None:
        """The directory is there, and empty of what an earlier run left half made. Raises ArchiveTrouble."""
        with self._told("be made"):
            self.directory.mkdir(mode=0o700, exist_ok=True)
        with self._told("be written to"):
            self._temporary.unlink(missing_ok=True)

    def make(self, plan: Plan, pages: Iterable[Sequence[Archived]], now_ms: int) -> ArchiveRecord:
        """A file that is whole and durable. What `pages` raises passes through, the temporary file gone. Raises ArchiveTrouble.

        A file that is in its way is taken if it holds the same, else moved aside; nothing is ever written over.
        """
        path = self.directory / plan.file_name
        self._refuse_in_the_way(path)
        try:
            with self._told("be written to"):
                self._write(plan, pages, now_ms)
                record = self._read_back(self._temporary, plan.file_name, now_ms)
                self._step("verified")
                if path.exists():
                    if self._holds_the_same(path):  # a run died before the journal knew
                        self._temporary.unlink()
                        self._sync_directory()
                        return self._read_back(path, plan.file_name, now_ms)
                    os.rename(path, path.with_name(f"{path.name}.aside-{now_ms}"))
                os.rename(self._temporary, path)
                self._step("renamed")
                self._sync_directory()
                self._step("durable")
        except BaseException:
            with suppress(OSError):
                self._temporary.unlink(missing_ok=True)
            raise
        return record

    def check(self, record: ArchiveRecord) -> None:
        """Read all of an archive that the journal knows. Raises Damaged where it is not the file that was made."""
        path = self.directory / record.file_name
        with self._open(path) as file:
            reader = ArchiveReader(file, record.file_name)
            self._refuse_other(path, reader.header)
            for _ in reader.exchanges(self._keys):
                self._step("read")
        if reader.digest.digest() != record.digest:
            raise Damaged(
                f"{record.file_name} is not the file that the journal knows by this name.", "Bring back the file that was made."
            )

    def exchanges(self, record: ArchiveRecord) -> Iterator[list[Archived]]:
        """What is in an archive that was checked. Raises ArchiveTrouble."""
        with self._open(self.directory / record.file_name) as file:
            for found in ArchiveReader(file, record.file_name).exchanges(self._keys):
                yield list(found)

    # ---- steps -------------------------------------------------------------------------------------------------------
    @property
    def _temporary(self) -> Path:
        return self.directory / TEMPORARY

    def _write(self, plan: Plan, pages: Iterable[Sequence[Archived]], now_ms: int) -> None:
        owner = self._owner
        header, file_key = header_of(
            plan,
            self._keys,
            journal_id=owner.journal_id,
            center=owner.identity.center,
            realm=owner.identity.realm,
            made_ms=now_ms,
            entropy=self._entropy,
        )
        self._temporary.unlink(missing_ok=True)
        descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            writer = ArchiveWriter(file, header, file_key)
            self._step("begun")
            self._keep_free()
            for page in pages:
                for exchange in page:
                    if writer.add(exchange):
                        self._step("chunk")
                        self._keep_free()
            writer.end()
            file.flush()
            self._step("written")
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # so that reading back asks the disk
        self._step("synced")

    def _read_back(self, path: Path, name: str, now_ms: int) -> ArchiveRecord:
        with self._open(path) as file:
            reader = ArchiveReader(file, name)
            for _ in reader.exchanges(self._keys):
                self._step("read")
        header, end = reader.header, reader.end
        if end is None:
            raise Damaged(f"The archive {path.name} has no end.")
        return ArchiveRecord(
            kind=header.kind,
            business_date=header.business_date,
            part=header.part,
            file_name=name,
            above_id=header.above_id,
            last_id=header.last_id,
            exchange_count=end.exchange_count,
            history_count=end.history_count,
            file_bytes=reader.file_bytes,
            digest=reader.digest.digest(),
            key_id=header.key_id,
            newest_ms=end.newest_ms,
            archived_ms=now_ms,
        )

    def _refuse_in_the_way(self, path: Path) -> None:
        """Another journal's archive is neither taken nor moved."""
        if path.exists():
            with suppress(Damaged), self._open(path) as file:
                self._refuse_other(path, ArchiveReader(file, path.name).header)

    def _holds_the_same(self, path: Path) -> bool:
        """Whether an archive that was there holds, exchange by exchange, what the temporary one does."""
        with self._open(path) as old, self._open(self._temporary) as new:
            try:
                of_old = ArchiveReader(old, path.name).exchanges(self._keys)
                of_new = ArchiveReader(new, path.name).exchanges(self._keys)
                return all(one == other for one, other in zip_longest(of_old, of_new))
            except ArchiveTrouble:
                return False

    def _refuse_other(self, path: Path, header: Header) -> None:
        if header.journal_id != self._owner.journal_id:
            raise ArchiveTrouble(
                f"{path} is an archive of another journal (center {header.center}, realm {header.realm}).",
                "Give this relay a journal.archive_directory of its own.",
            )

    def _sync_directory(self) -> None:
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _keep_free(self) -> None:
        if not self._free_bytes_min:
            return
        disk = os.statvfs(self.directory)
        free = disk.f_bavail * disk.f_frsize
        if free < self._free_bytes_min:
            raise ArchiveTrouble(
                f"{self.directory} has {free // MIB} MiB free, below journal.archive_free_mib_min"
                f" ({self._free_bytes_min // MIB}).",
                "Free space there, or move older archives to where they are kept; it goes on by itself.",
            )

    def _open(self, path: Path) -> IO[bytes]:
        try:
            return path.open("rb")
        except FileNotFoundError as error:
            raise Damaged(f"The archive {path} is not there.", "Fetch it from its backup.") from error
        except OSError as error:
            raise ArchiveTrouble(
                f"The archive {path} cannot be read: {error.strerror}.", "Check its owner and disk."
            ) from error

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """What the operator reads instead of an OSError."""
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                step = "Free space there, or move older archives to where they are kept; it goes on by itself."
            elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                step = "It must belong to the relay's user, be writable, and in a unit be named by ReadWritePaths=."
            else:
                step = "Check journal.archive_directory and its disk."
            raise ArchiveTrouble(f"The archive directory {self.directory} cannot {what}: {error.strerror}.", step) from error
