"""What the exchange floor sees of the core: three verbs with three kinds of outcome, by callback.

Owns the `Core` port, and the values `Attempt` and `Permit` that every call carries. It must never know HTTP. The traps: a
callback is called exactly once, also after a cancel (with Unknown when anything was sent); and it may be called before
the verb returns when nothing could be sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Protocol, TypeAlias

import msgspec

from protocols.vocabulary import Approved, Declined, NotProcessed, Outcome, Request, Unknown
from relay.clock import Cancellable
from relay.permit import Permit as Permit  # re-exported: the region floor hands them out and cannot see this file


class Attempt(msgspec.Struct, frozen=True):
    """One try of one exchange by one incarnation (life of one center's journal)."""

    center: str
    incarnation: int
    exchange_id: int

    def text(self) -> str:
        return f"{self.center}/{self.incarnation}/{self.exchange_id}"


class Ground(Enum):
    """Why a reversal is sent, which decides when the core may refuse it."""

    TERMINAL = "the terminal's own: always applies"
    EVIDENCE = "automatic: what the terminal showed after it had been told"
    UNTOLD = "automatic: this attempt told nobody that it is approved, and never will"


class Undone(msgspec.Struct, frozen=True):
    """The core acknowledged the reversal or stored the tombstone: the key will never stand above `standing_minor`."""

    state: str  # reversed | tombstone | declined
    standing_minor: int = 0


class Superseded(msgspec.Struct, frozen=True):
    """409: another attempt of the key was answered since; this exchange is taken over and owes nothing any more."""


UndoOutcome: TypeAlias = Undone | Superseded | NotProcessed | Unknown


class NotFound(msgspec.Struct, frozen=True):
    """The core has no such key now. Ends no doubt by itself."""


class Reversed(msgspec.Struct, frozen=True):
    """The key was reversed or tombstoned; `standing_minor` is what stands."""

    standing_minor: int = 0


# Superseded is found only by who asks for it (relay/takeover/asking.py).
Finding: TypeAlias = Approved | Declined | Reversed | NotFound | Superseded | NotProcessed | Unknown


class Looked(msgspec.Struct, frozen=True):
    """An inquiry with all that reconciliation needs of it. `standing_minor` is what stands, None where it was not told.
    `attempt` is the one that the core answered last, another one than the asker's where there was any; "" for not told."""

    finding: Approved | Declined | Reversed | NotFound
    standing_minor: int | None = None
    attempt: str = ""


Look: TypeAlias = Looked | NotProcessed | Unknown


class Core(Protocol):
    def submit(
        self,
        request: Request,
        attempt: Attempt,
        permit: Permit,
        timeout_ms: int,
        done: Callable[[Outcome], None],
    ) -> Cancellable:
        """POST /v1/transactions. `timeout_ms` covers everything, 202 polling included; then Unknown (or NotProcessed when
        not a byte was sent)."""
        ...

    def undo(
        self,
        key: str,
        standing_minor: int,
        currency: str,
        attempt: Attempt,
        ground: Ground,
        permit: Permit,
        timeout_ms: int,
        done: Callable[[UndoOutcome], None],
    ) -> Cancellable:
        """POST /v1/transactions/{key}/reversals. Automatic ones name `attempt` as the one to undo. NotProcessed "contested":
        another attempt was answered, and has not said that it told nobody."""
        ...

    def inquire(
        self, key: str, attempt: Attempt, permit: Permit, timeout_ms: int, done: Callable[[Finding], None]
    ) -> Cancellable:
        """GET /v1/transactions/{key}, read from the writer."""
        ...

    def tell(
        self,
        event: str,
        terminal: str,
        listener: str,
        at_ms: int,
        detail: Mapping[str, str],
        permit: Permit,
        done: Callable[[bool], None],
    ) -> None:
        """POST /v1/network-events, best effort. `at_ms` is when it happened, UTC epoch milliseconds. `done(True)` where the
        core has heard it; it is not tried again."""
        ...
