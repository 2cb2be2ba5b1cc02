"""What is durable about the regions: whose epoch the ratchet's is, where each was found, a pin, a seal, what is blocked,
and who did what.

Owns the names and the packing of these values in the journal, which is the one place where they are (docs/decisions/010 has the
reason). It must never decide anything. The trap: epoch and region are two records, and a crash may part them. The region is
written first: a claim above the ratchet says after the crash what was to be raised, and a ratchet above its claim could not
say whose it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeVar

import msgspec

from relay.journal.port import JournalFailed, StepResult
from relay.region.record import RegionRecord

LINK_NAME: Final = "@region"  # beside the listeners, whose names have no such sign
DEED_COUNT_MAX: Final = 200  # beyond it the oldest is forgotten; the log has them all
_CLAIM, _PIN, _SEAL, _BLOCKED, _DEED, _ADDRESSES = "claim", "pin", "sealed", "blocked", "deed/", "addresses/"
FOLLOWED: Final = ((LINK_NAME, _SEAL), (LINK_NAME, _BLOCKED))  # by every worker beyond the first

T = TypeVar("T")
Done = Callable[[StepResult], None]


class Pin(msgspec.Struct, frozen=True):
    """Two people hold the relay at `region` under `epoch` until `until_ms` (wall clock, UTC epoch milliseconds)."""

    region: str
    epoch: int
    until_ms: int
    who: str
    second: str
    why: str
    made_ms: int


class Deed(msgspec.Struct, frozen=True):
    """Something that people did about a region; `what` is the command with its argument."""

    at_ms: int
    what: str
    who: str
    why: str
    second: str = ""


class Variables(Protocol):
    """What the book needs of a journal."""

    @property
    def epoch(self) -> int: ...

    def variables(self, link_name: str) -> Mapping[str, bytes]: ...

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Done) -> None: ...

    def raise_epoch(self, epoch: int, done: Done) -> None: ...


class Book:
    def __init__(self, journal: Variables) -> None:
        self._journal = journal

    # ---- whose epoch it is -------------------------------------------------------------------------------------------
    def claim(self) -> RegionRecord | None:
        """Who has the ratchet's epoch, or a higher one that was to be raised; None where nobody wrote it down."""
        claim = self._read(_CLAIM, RegionRecord)
        return claim if claim is not None and claim.epoch >= self._journal.epoch else None

    def begin(self, record: RegionRecord, done: Done) -> None:
        """Make the epoch and its region durable; `done` gets the first failure. An epoch below the ratchet is one, for another
        worker may have raised it since who asks has looked."""
        failures: list[StepResult] = []

        def written(result: StepResult) -> None:
            failures.append(result)
            if len(failures) == 2:
                done(next((failure for failure in failures if failure is not None), None))

        if record.epoch < self._journal.epoch:
            done(JournalFailed(f"the epoch never goes back: {self._journal.epoch} -> {record.epoch}"))
            return
        self._write(_CLAIM, record, written)
        self._journal.raise_epoch(record.epoch, written)

    # ---- where it is ---------------------------------------------------------------------------------------------------
    def addresses(self, region: str) -> tuple[str, ...]:
        """Where `region` was last found: for a start without a word from DNS."""
        return self._read(_ADDRESSES + region, tuple[str, ...]) or ()

    def keep_addresses(self, region: str, addresses: tuple[str, ...]) -> None:
        """One that is not kept is no harm: it is asked for again."""
        if addresses and addresses != self.addresses(region):
            self._write(_ADDRESSES + region, addresses, _ignore)

    # ---- what people decided -----------------------------------------------------------------------------------------
    def pin(self) -> Pin | None:
        return self._read(_PIN, Pin)

    def keep_pin(self, pin: Pin | None, done: Done) -> None:
        self._write(_PIN, pin, done)

    def sealed(self) -> int:
        """Nothing is said any more in this epoch, or in any below it; 0 where none is sealed."""
        return self._read(_SEAL, int) or 0

    def keep_sealed(self, epoch: int, done: Done) -> None:
        self._write(_SEAL, epoch or None, done)

    def blocked(self) -> frozenset[str]:
        """Classes of messages that are answered "service suspended"."""
        return frozenset(self._read(_BLOCKED, tuple[str, ...]) or ())

    def keep_blocked(self, classes: frozenset[str], done: Done) -> None:
        self._write(_BLOCKED, tuple(sorted(classes)) or None, done)

    # ---- who did it --------------------------------------------------------------------------------------------------
    def deeds(self) -> list[Deed]:
        """Oldest first."""
        return [msgspec.msgpack.decode(value, type=Deed) for _, value in self._numbered()]

    def note(self, deed: Deed, done: Done) -> None:
        kept = self._numbered()
        number = kept[-1][0] + 1 if kept else 1
        for old, _ in kept[: max(0, len(kept) + 1 - DEED_COUNT_MAX)]:
            self._write(f"{_DEED}{old:012}", None, _ignore)
        self._write(f"{_DEED}{number:012}", deed, done)

    def _numbered(self) -> list[tuple[int, bytes]]:
        stored = self._journal.variables(LINK_NAME)
        return sorted((int(name.removeprefix(_DEED)), value) for name, value in stored.items() if name.startswith(_DEED))

    def _read(self, name: str, kind: type[T]) -> T | None:
        stored = self._journal.variables(LINK_NAME).get(name)
        return None if stored is None else msgspec.msgpack.decode(stored, type=kind)

    def _write(self, name: str, value: object, done: Done) -> None:
        packed = None if value is None else msgspec.msgpack.encode(value)
        self._journal.store_variable(LINK_NAME, name, packed, done)


def _ignore(_: StepResult) -> None:
    """One deed more than the limit is no harm, and no more are addresses that are not written down."""
