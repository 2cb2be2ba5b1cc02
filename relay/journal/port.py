"""The journal port: what the exchange floor asks of an engine. SQLite is the embedded engine, the simulation has its own.

Owns the `Journal` protocol and its results. It must never know an engine. The rules every engine keeps: `done` is called
exactly once, on the loop's thread, after the record is durable (or will never be); records are made durable in the order
they were given; a failed commit or fsync is never retried on the same file: the engine turns FAILED for good, answers
everything with JournalFailed, and the relay fences itself (law 6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Protocol, TypeAlias

import msgspec

from relay.journal.chain import Chain
from relay.journal.outbound import OutboundExisting, OutboundState, OutboundStep, OutboundTaken, StoredOutbound
from relay.journal.records import HistoryLine, Step, StoredExchange, Taken


class JournalState(Enum):
    WRITABLE = "writable"
    FULL = "full"  # the disk is full, or no server writes: refuses, and recovers by itself when space or server returns
    FAILED = "failed"  # a commit or fsync failed, or another relay took over: never written again by this incarnation


class Fresh(msgspec.Struct, frozen=True):
    """The key was new: the exchange is durable and ours. `reversed_by` is a full reversal of this key that was durable
    before it, 0 for none: a message that its own reversal overtook."""

    reversed_by: int = 0


class Existing(msgspec.Struct, frozen=True):
    """The key was taken before, by `exchange`; nothing was written."""

    exchange: StoredExchange


class JournalFailed(msgspec.Struct, frozen=True):
    """Not durable. For a step after which something was to become visible: it must not."""

    why: str
    certain: bool = True  # False: the record may be on disk all the same (a failed fsync)


TakeResult: TypeAlias = Fresh | Existing | JournalFailed
StepResult: TypeAlias = JournalFailed | None
OutboundTakeResult: TypeAlias = Fresh | OutboundExisting | JournalFailed


class Journal(Protocol):
    @property
    def state(self) -> JournalState: ...

    @property
    def incarnation(self) -> int:
        """The life of this journal: raised durably by one at each open."""
        ...

    @property
    def epoch(self) -> int:
        """The region-epoch ratchet as last made durable."""
        ...

    def next_exchange_id(self) -> int:
        """A number never given before by this journal, over all incarnations. Not durable by itself."""
        ...

    def waiting_count(self) -> int:
        """Records given and not yet durable: the desk refuses above `journal_waiting_count_max`."""
        ...

    def take(self, record: Taken, done: Callable[[TakeResult], None]) -> None: ...

    def step(self, record: Step, done: Callable[[StepResult], None]) -> None: ...

    def find(self, key: str, done: Callable[[StoredExchange | JournalFailed | None], None]) -> None:
        """What is durable under `key`: everything given before this call, and perhaps what was given soon after it."""
        ...

    def find_chain(self, key: str, done: Callable[[Chain | JournalFailed], None]) -> None:
        """The exchange with `key` and all that name it as their original, oldest first: everything given before this call."""
        ...

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Callable[[StepResult], None]) -> None:
        """A durable link variable (sequence numbers, serials). None forgets it."""
        ...

    def variables(self, link_name: str) -> Mapping[str, bytes]:
        """A live view, as last stored: a link that is opened later may still see what an older one made durable."""
        ...

    def raise_epoch(self, epoch: int, done: Callable[[StepResult], None]) -> None:
        """Ratchet: a lower epoch than the stored one is an error of the caller (ValueError)."""
        ...

    def prune(self, done: Callable[[int | JournalFailed], None]) -> None:
        """Forget bodies and keys older than their windows, once an hour; what is open or on the person's list stays.

        `done` gets the number of exchanges deleted or blanked.
        """
        ...

    def rekey(self, done: Callable[[int | JournalFailed], None]) -> None:
        """Once after the start: seal anew with the current key what an older one sealed; then the older are needed no more.

        `done` gets the number of rows sealed anew.
        """
        ...

    def open_exchanges(self) -> Iterable[StoredExchange]:
        """All exchanges in OPEN_STATES, oldest first: read once, at recovery, before anything is served."""
        ...

    def listed(self) -> Iterable[StoredExchange]:
        """The person's list. Like every reading for people: JournalUnusable where its server is away."""
        ...

    def history(self, exchange_id: int) -> Iterable[HistoryLine]: ...

    def reasons(self, exchange_ids: Sequence[int]) -> Mapping[int, str]:
        """Of each the last thing that its history says in words, where it says any: however many, in one question."""
        ...

    def fingerprint(self, text: str) -> bytes:
        """Keyed fingerprint (HMAC-SHA-256, 16 bytes kept) with the journal's own key."""
        ...

    def close(self) -> None:
        """Make everything given durable, then close."""
        ...


class NeededKey(msgspec.Struct, frozen=True):
    """A key that the journal knows. `is_needed`: a row may name it, so no relay opens the journal without it."""

    key_id: str
    is_current: bool
    is_needed: bool
    archive_count: int = 0  # archives that cannot be read without it, where they were counted


class RekeyProgress(msgspec.Struct, frozen=True, kw_only=True):
    """Of the walk that seals rows anew, since it began in this life."""

    is_walking: bool = False
    rekeyed_count: int = 0
    left_count: int = 0  # exchanges not looked at yet, at most


class OutboundJournal(Protocol):
    """What relay/outbound asks of an engine: the same promises, for messages that the core started. An engine fulfils both."""

    @property
    def state(self) -> JournalState: ...

    def next_exchange_id(self) -> int:
        """Outbound messages draw their numbers from the same count as exchanges."""
        ...

    def waiting_count(self) -> int: ...

    def fingerprint(self, text: str) -> bytes: ...

    def take_outbound(self, record: OutboundTaken, done: Callable[[OutboundTakeResult], None]) -> None: ...

    def step_outbound(self, record: OutboundStep, done: Callable[[StepResult], None]) -> None: ...

    def find_outbound(self, key: str, done: Callable[[StoredOutbound | JournalFailed | None], None]) -> None:
        """What is durable under `key`: everything given before this call, and perhaps what was given soon after it."""
        ...

    def open_outbound(self) -> Iterable[StoredOutbound]:
        """Whatever `StoredOutbound.is_open`, in the order of its taking: read once, at recovery."""
        ...

    def newest_outbound(self, states: Sequence[OutboundState], count_max: int) -> Iterable[StoredOutbound]:
        """For people: the newest `count_max` in `states` (none given: in any), newest first."""
        ...
