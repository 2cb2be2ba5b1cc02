"""What the archive asks of an engine: two records, each made durable in slices between the groups of the message path.

Owns the protocol. It must never know an engine. Both engines fulfil it by relay/journal/face.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from relay.journal.archive.record import ArchiveRecord, Released
from relay.journal.port import JournalFailed


class ArchiveJournal(Protocol):
    def note_archive(self, record: ArchiveRecord, done: Callable[[int | JournalFailed], None]) -> None:
        """A verified and durable archive is known from now on."""
        ...

    def release(
        self, file_name: str, rows: Sequence[Released], is_last: bool, done: Callable[[int | JournalFailed], None]
    ) -> None:
        """Bodies and histories of `rows` leave the journal, of those that stand as they do in that archive. `done` gets how
        many that were; of the others exchanges stay whole and are archived anew, messages stay as they are. With `is_last`,
        the archive is done with."""
        ...


class Hand(Protocol):
    """The same for the thread that archives: each call blocks until it is durable.

    Raises ArchiveTrouble where the journal did not take it, and Stopped when the relay stops meanwhile.
    """

    def note_archive(self, record: ArchiveRecord) -> None: ...

    def release(self, file_name: str, rows: Sequence[Released], is_last: bool) -> int: ...


class Stopped(Exception):
    """The relay stops: what was begun is taken up by the next run."""
