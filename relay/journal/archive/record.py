"""What is known of an archive, and what is in one.

Owns the values that travel between reading, file, journal and people; pure. It must never know a disk, a key or an engine. The
trap: an archive is read for years, by programs with other columns, so its header names the columns of its rows. What is said
of exchanges holds for messages that the core started, whose numbers are of the same count; each has its own files.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from relay.errors import RelayError

Cells = tuple[Any, ...]  # whole numbers, texts, bytes, None

TAKEN_COLUMNS: Final = (
    "exchange_id",
    "key",
    "listener",
    "realm",
    "terminal",
    "message_class",
    "kind",
    "policy",
    "fingerprint",
    "recorded_ms",
    "request",
    "pan",
    "pan_hash",
    "amount_minor",
    "currency",
    "business_date",
    "original_key",
    "epoch",
    "incarnation",
)
STANDING_COLUMNS: Final = (
    "exchange_id",
    "state",
    "attention",
    "updated_ms",
    "verdict",
    "code",
    "data",
    "outcome",
    "standing_minor",
    "tries",
    "epoch",
)
HISTORY_COLUMNS: Final = ("line_id", "exchange_id", "at_ms", "event", "state", "detail")
MESSAGE_COLUMNS: Final = (  # of a message that the core started
    "outbound_id",
    "key",
    "listener",
    "line",
    "kind",
    "body",
    "fingerprint",
    "recorded_ms",
    "state",
    "detail",
    "updated_ms",
    "sent_ms",
    "reported",
    "expires_ms",
)


class ArchiveTrouble(RelayError):
    """An archive cannot be made, read or trusted. The journal is as it was."""

    exit_code = 3


class ArchiveKind(StrEnum):
    DAY = "day"  # every exchange that was received on one business date
    LATE = "late"  # exchanges that changed after their date was archived, or closed too late for it
    OUTBOUND = "outbound"  # every message of the core that was taken on one business date

    @property
    def is_of_messages(self) -> bool:
        return self is ArchiveKind.OUTBOUND


class ArchivedExchange(msgspec.Struct, frozen=True, array_like=True):
    """One exchange as its rows stood. The PAN is sealed in it as in its row."""

    taken: Cells
    standing: Cells
    history: tuple[Cells, ...] = ()

    @property
    def exchange_id(self) -> int:
        return int(self.taken[0])

    @property
    def recorded_ms(self) -> int:
        return int(self.taken[9])

    @property
    def number(self) -> int:
        return self.exchange_id

    def released(self) -> ReleasedRow:
        """How its rows must still stand for its body to leave the journal."""
        last_line_id = max((int(line[0]) for line in self.history), default=0)
        return ReleasedRow(self.exchange_id, str(self.standing[1]), int(self.standing[3]), last_line_id)


class ArchivedMessage(msgspec.Struct, frozen=True, array_like=True):
    """One message that the core started, as its row stood. The body is sealed in it as in its row."""

    cells: Cells

    @property
    def number(self) -> int:
        return int(self.cells[0])

    @property
    def recorded_ms(self) -> int:
        return int(self.cells[7])

    @property
    def history(self) -> tuple[Cells, ...]:
        """It has none: its row says what became of it."""
        return ()

    def released(self) -> ReleasedMessage:
        """How its row must still stand for its body to leave the journal."""
        return ReleasedMessage(self.number, str(self.cells[8]), str(self.cells[12]), int(self.cells[10]))


class ReleasedRow(msgspec.Struct, frozen=True):
    exchange_id: int
    state: str
    updated_ms: int
    last_line_id: int  # of its history, 0 for none

    @property
    def number(self) -> int:
        return self.exchange_id


class ReleasedMessage(msgspec.Struct, frozen=True):
    outbound_id: int
    state: str
    reported: str
    updated_ms: int

    @property
    def number(self) -> int:
        return self.outbound_id


Archived = ArchivedExchange | ArchivedMessage
Released = ReleasedRow | ReleasedMessage


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """An archive to be made: of all exchanges (or messages) above `above_id`, up to `last_id`, or of `exchange_ids` alone."""

    kind: ArchiveKind
    business_date: str
    part: int
    above_id: int
    last_id: int
    exchange_ids: tuple[int, ...] = ()

    @property
    def file_name(self) -> str:
        kind = "" if self.kind is ArchiveKind.DAY else f"{self.kind.value}."
        return f"{self.business_date}.{kind}{self.part}.archive"


class ArchiveRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An archive as the journal knows it: verified and durable before this was written."""

    kind: ArchiveKind
    business_date: str
    part: int
    file_name: str
    above_id: int
    last_id: int
    exchange_count: int  # or messages
    history_count: int
    file_bytes: int
    digest: bytes  # SHA-256 of the file
    key_id: str  # of the journal key that seals the file's own
    newest_ms: int  # when the youngest of its exchanges was recorded, UTC epoch milliseconds
    archived_ms: int
    released_id: int = -1  # bodies and histories are gone from the journal up to this exchange
    is_released: bool = False
