"""One file on its way, in memory, and the two values that are stored of it.

Owns `Work` (its bytes, what of them is durable, how far it is read and taken), `Head` and `Done`. It must never name a
variable: archive.py does. The trap: whoever reads a large file at once keeps every other link waiting, so it is read in slices.
"""

from __future__ import annotations

from datetime import date
from hashlib import sha256

import msgspec

from protocols.zengin.file.message import FileIdentity
from protocols.zengin.format.reader import FileReader
from protocols.zengin.format.settings import FormatSettings

READ_BYTES = 262_144  # of one slice


class Head(msgspec.Struct, frozen=True):
    """A file in work, as it is stored."""

    identity: FileIdentity
    state: str  # receiving | taking
    record_bytes: int
    record_count: int  # as announced
    parts: list[tuple[int, int]]  # number and bytes of each part
    digest: str  # SHA-256 of all parts
    taken: int = 0  # data records that the journal has, without gap
    calls: str = ""  # record | batch, as it was when the file was accepted: its keys must not change under way
    settings: str = ""  # SHA-256 of the settings by which it was read when it was accepted
    refused: int = 0  # data records that were refused for good: the file does not end "ok", whoever finishes it


class Done(msgspec.Struct, frozen=True):
    """A completed file. `confirmed`: the far end acknowledged our answer; until then it may send it again in good faith."""

    identity: FileIdentity
    digest: str
    result: str
    confirmed: bool = False


class Work:
    """One file on its way: its bytes, how many of them are durable, and how far it is taken."""

    __slots__ = (
        "calls",
        "content",
        "hash",
        "identity",
        "is_run",
        "is_sure",
        "may_end_short",
        "next_part",
        "parts",
        "read_bytes",
        "reader",
        "record_bytes",
        "record_count",
        "refused",
        "slot",
        "state",
        "taken",
    )

    def __init__(
        self, slot: str, identity: FileIdentity, record_bytes: int, record_count: int, settings: FormatSettings
    ) -> None:
        self.slot = slot
        self.identity = identity
        self.record_bytes = record_bytes
        self.record_count = record_count
        self.may_end_short = settings.may_end_short
        self.content = bytearray()
        self.hash = sha256()  # of the bytes in `parts`
        self.parts: list[tuple[int, int]] = []
        self.next_part = 0
        self.is_sure = True  # False: nobody saw whether the parts became durable
        self.calls = ""
        self.state = "receiving"
        self.taken = 0
        self.refused = 0  # a record that is asked again after a lost link is counted again
        self.is_run = False  # a link receives or takes it right now
        self.reader = FileReader(settings, date.fromisoformat(identity.date))
        self.read_bytes = 0  # of the content, given to the reader

    def read(self, more: int = 0) -> bool:
        """Read on: `more` bytes that just came, and a slice of what came in an earlier life. False where still more is left."""
        end = min(len(self.content), self.read_bytes + more + READ_BYTES)
        self.reader.feed(bytes(self.content[self.read_bytes : end]))
        self.read_bytes = end
        return end == len(self.content)

    @property
    def received_count(self) -> int:
        """Records that are here; only the last of a file may be short (`may_end_short`)."""
        return -(-len(self.content) // self.record_bytes)

    @property
    def staged_bytes(self) -> int:
        return sum(size for _, size in self.parts)

    @property
    def digest(self) -> str:
        """SHA-256 of what is staged: of the whole file once it is accepted."""
        return self.hash.hexdigest()
