"""Archives as people see them: which there are, whether each is what was made, and what is in one. Beside a running daemon.

Owns the comparison of directory and journal, and the views. It must never write, and never show a PAN unmasked. The trap: an
archive outlives its journal, so a file can be read without one, given its key; but only the journal knows whether it is the
file that was made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from relay.journal.archive.file import ArchiveReader
from relay.journal.archive.record import ArchivedExchange, ArchivedMessage, ArchiveRecord, ArchiveTrouble
from relay.journal.archive.rows import journal_id, records
from relay.journal.keyring import KeyRing
from relay.journal.reader import ExchangeDetail, ExchangeView, view
from relay.journal.records import StoredExchange
from relay.journal.rows import read_exchange, read_history
from relay.journal.source import Source
from relay.telemetry.mask import mask_text

SUFFIX: Final = ".archive"


class ArchiveView(msgspec.Struct, frozen=True, kw_only=True):
    """One archive, known to the journal or lying in its directory. `problem` is empty where nothing is wrong."""

    file_name: str
    kind: str = ""
    business_date: str = ""
    exchange_count: int = 0
    history_count: int = 0
    file_bytes: int = 0
    key_id: str = ""
    archived_ms: int = 0
    bodies: str = ""  # "journal too", "leaving", "archive only"
    problem: str = ""


class Shelf:
    """`directory` is where the archives of `source` are. Raises JournalUnusable and SourceDamaged from the source."""

    def __init__(self, directory: Path, source: Source) -> None:
        self._directory = directory
        self._records = {record.file_name: record for record in records(source)}
        self._journal_id = journal_id(source)

    def archives(self) -> list[ArchiveView]:
        """Oldest date first; what the journal does not know comes last."""
        found = [self._known(record) for record in self._records.values()]
        found.sort(key=lambda each: (each.business_date, each.file_name))
        return found + [self._stranger(path) for path in self._strangers()]

    def verify(self, keys: KeyRing) -> list[ArchiveView]:
        """As `archives`, every known file read through."""
        return [self._verified(each, keys) if each.file_name in self._records else each for each in self.archives()]

    def of_date(self, business_date: str, *, messages: bool = False) -> list[Path]:
        """The files that hold exchanges received on a date, late ones of that date's making included; or messages of the core
        taken on it."""
        found = [record for record in self._records.values() if record.business_date == business_date]
        return [self._directory / record.file_name for record in found if record.kind.is_of_messages is messages]

    # ---- one of them -------------------------------------------------------------------------------------------------
    def _known(self, record: ArchiveRecord) -> ArchiveView:
        path = self._directory / record.file_name
        problem = ""
        try:
            if path.stat().st_size != record.file_bytes:
                problem = "has another size than the one that was made"
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
        return ArchiveView(
            file_name=record.file_name,
            kind=record.kind.value,
            business_date=record.business_date,
            exchange_count=record.exchange_count,
            history_count=record.history_count,
            file_bytes=record.file_bytes,
            key_id=record.key_id,
            archived_ms=record.archived_ms,
            bodies="archive only" if record.is_released else "leaving" if record.released_id >= 0 else "journal too",
            problem=problem,
        )

    def _verified(self, each: ArchiveView, keys: KeyRing) -> ArchiveView:
        record = self._records[each.file_name]
        try:
            with (self._directory / each.file_name).open("rb") as file:
                reader = ArchiveReader(file, each.file_name)
                for _ in reader.exchanges(keys):
                    pass
            problem = "" if reader.digest.digest() == record.digest else "is not the file that was made"
        except ArchiveTrouble as error:
            problem = error.problem
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
        return msgspec.structs.replace(each, problem=problem)

    def _strangers(self) -> list[Path]:
        try:
            there = sorted(self._directory.glob(f"*{SUFFIX}*"))
        except OSError:
            return []
        return [path for path in there if path.name not in self._records]

    def _stranger(self, path: Path) -> ArchiveView:
        problem = "not known to this journal"
        try:
            with path.open("rb") as file:
                header = ArchiveReader(file, path.name).header
            if header.journal_id != self._journal_id:
                problem = f"of another journal (center {header.center}, realm {header.realm})"
        except ArchiveTrouble as error:
            problem = error.problem
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
        return ArchiveView(file_name=path.name, problem=problem)


# ---- what is in a file ---------------------------------------------------------------------------------------------------
class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """One message that the core started, for people: never its body, which may hold anything."""

    outbound_id: int
    key: str
    listener: str
    line: str
    kind: str
    state: str
    detail: str
    reported: str  # the state that the core has confirmed to have heard of
    recorded_ms: int
    updated_ms: int
    sent_ms: int | None
    expires_ms: int | None
    has_body: bool  # False: it had left the journal before the archive was made


def is_of_messages(path: Path) -> bool:
    """Whether an archive holds messages of the core, not exchanges. Raises ArchiveTrouble."""
    with _opened(path) as reader:
        return reader.header.kind.is_of_messages


def exchanges_in(path: Path, keys: KeyRing) -> Iterator[ExchangeDetail]:
    """The exchanges in an archive, masked, in the order of their numbers. Raises ArchiveTrouble."""
    with _opened(path) as reader:
        for chunk in reader.exchanges(keys):
            yield from (_detail(each, keys) for each in chunk if isinstance(each, ArchivedExchange))


def messages_in(path: Path, keys: KeyRing) -> Iterator[MessageView]:
    """The messages of the core in an archive, in the order of their numbers. Raises ArchiveTrouble."""
    with _opened(path) as reader:
        for chunk in reader.exchanges(keys):
            yield from (_message(each) for each in chunk if isinstance(each, ArchivedMessage))


@contextmanager
def _opened(path: Path) -> Iterator[ArchiveReader]:
    try:
        with path.open("rb") as file:
            yield ArchiveReader(file, path.name)
    except OSError as error:
        raise ArchiveTrouble(f"The archive {path} cannot be read: {error.strerror}.", "Check its name and owner.") from error


def _message(each: ArchivedMessage) -> MessageView:
    number, key, listener, line, kind, body, _, recorded, state, detail, updated, sent, reported, expires = each.cells
    return MessageView(
        outbound_id=number,
        key=mask_text(key),
        listener=listener,
        line=line,
        kind=kind,
        state=state,
        detail=mask_text(detail),
        reported=reported,
        recorded_ms=recorded,
        updated_ms=updated,
        sent_ms=sent,
        expires_ms=expires,
        has_body=bool(body),
    )


def _detail(each: ArchivedExchange, keys: KeyRing) -> ExchangeDetail:
    lines = read_history([(line[1], *line[2:]) for line in each.history])
    masked = tuple(msgspec.structs.replace(line, detail=mask_text(line.detail)) for line in lines)
    return ExchangeDetail(_view(each, keys), masked)


def _view(each: ArchivedExchange, keys: KeyRing) -> ExchangeView:
    _, state, _, updated_ms, verdict, code, data, outcome, standing_minor, tries, epoch = each.standing
    now = each.taken[17] if epoch is None else epoch
    row = (*each.taken, state, updated_ms, verdict, code, data, outcome, standing_minor, tries or 0, now)
    return view(_stored(row, keys))


def _stored(row: tuple[object, ...], keys: KeyRing) -> StoredExchange:
    try:
        return read_exchange(row, keys)
    except ValueError:  # its PAN wants a key that is not given: not shown
        return read_exchange(row, None)
