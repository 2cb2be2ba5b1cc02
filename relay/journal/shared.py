"""A journal that several workers share: which worker an exchange belongs to, and how it comes to another one.

Owns the words for it, the port `SharedJournal`, and the items that an engine is given. It must never know an engine, nor when
something is to be taken over (relay/exchange/handover.py). The rules every engine keeps: an open exchange belongs to exactly
one worker, at first to that whose life took it; whoever was taken over writes nothing any more, which the engine's own
transaction finds out and no clock of the worker's; and what comes to a worker without its doing is in its next beat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias

import msgspec

from relay.journal.port import JournalFailed
from relay.journal.records import OPEN_STATES, StoredExchange

FIRST: Final = 1  # the worker that does what is done once, and that nobody takes over


class Share(msgspec.Struct, frozen=True):
    """Which worker this is, and how long it is believed to live after it was last seen to write."""

    worker: int  # from 1
    lease_ms: int
    begins_run: bool = False  # the relay as a whole starts: its workers speak to the core with a new relay epoch
    followed: tuple[tuple[str, str], ...] = ()  # link variables, by link name and name, that another worker writes


class Sibling(msgspec.Struct, frozen=True):
    """Another worker as the journal knows it. `incarnation` 0: it was taken over, and has not come back."""

    worker: int
    incarnation: int
    is_lapsed: bool


class Beat(msgspec.Struct, frozen=True):
    """What a worker learns when it renews its lease."""

    epoch: int  # the region-epoch ratchet, whoever raised it
    siblings: tuple[Sibling, ...]
    came_ids: tuple[int, ...]  # open, ours, and not taken by this life; only where some came since the last beat
    followed: tuple[tuple[str, str, bytes], ...] = ()  # those variables, as they are; what is not here is forgotten


class BeatItem(msgspec.Struct, eq=False, gc=False):
    lease_ms: int
    done: Callable[[Beat | JournalFailed], None]
    count: Beat | None = None  # the answer, as that of every item which has a transaction of its own


class PlaceItem(msgspec.Struct, eq=False, gc=False):
    """Who has something open of `chain`, the key of the original? That worker gets exchange `exchange_id`."""

    exchange_id: int
    chain: str
    done: Callable[[int | JournalFailed], None]
    count: int | None = None


class TakeOverItem(msgspec.Struct, eq=False, gc=False):
    """Compare and swap: everything of `sibling` becomes ours, if it is still that life, and still lapsed."""

    sibling: Sibling
    lease_ms: int
    done: Callable[[bool | JournalFailed], None]
    count: bool | None = None


class FetchItem(msgspec.Struct, eq=False, gc=False):
    """These exchanges, those that are open and ours: read after everything that was given before."""

    ids: Sequence[int]
    done: Callable[[Sequence[StoredExchange] | JournalFailed], None]
    count: Sequence[StoredExchange] | None = None


ShareItem: TypeAlias = BeatItem | PlaceItem | TakeOverItem | FetchItem
SHARES: Final = (BeatItem, PlaceItem, TakeOverItem, FetchItem)


class SharedJournal(Protocol):
    """What relay/exchange/siblings.py asks of an engine, beside the `Journal` port."""

    def beat(self, done: Callable[[Beat | JournalFailed], None]) -> None:
        """Renew the lease, and hear of the others. JournalFailed where it could not be renewed. When `done` is called,
        `variables` shows what is followed as another worker left it."""
        ...

    def hand_over(self, exchange_id: int, chain: str, done: Callable[[int | JournalFailed], None]) -> None:
        """Give an exchange of ours, durably, to the worker that has something open of its key; `done` gets that worker, our own
        where nobody has. What is on the person's list is the first worker's. Safe to repeat."""
        ...

    def take_over(self, sibling: Sibling, done: Callable[[bool | JournalFailed], None]) -> None:
        """Everything of a lapsed worker becomes ours, and that life of it never writes again; False where it was not lapsed, or
        somebody was faster. What came is in the next beat."""
        ...

    def fetch(self, ids: Sequence[int], done: Callable[[Sequence[StoredExchange] | JournalFailed], None]) -> None:
        """Of `ids` those that are open and ours, in the order of their recording."""
        ...


def open_in_order(found: Sequence[StoredExchange]) -> Sequence[StoredExchange]:
    """Those that are still open, as they came to the relay."""
    return sorted(
        (stored for stored in found if stored.state in OPEN_STATES),
        key=lambda stored: (stored.taken.recorded_ms, stored.taken.exchange_id),
    )
