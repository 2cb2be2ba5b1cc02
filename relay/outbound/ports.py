"""What the outbound floor needs of its neighbours, and the values it answers with.

Owns the ports `OutboundLink` and `Reporter`, and the results of a post and of a cancel. It must never know who fulfils a
port.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

import msgspec

from protocols.dialect import OutboundOffered, OutboundQuestioned
from relay.clock import Cancellable
from relay.journal.outbound import StoredOutbound
from relay.permit import Permit


class OutboundLink(Protocol):
    """A link as the outbound floor sees it; relay.wire.link fulfils it."""

    def offer(self, offered: OutboundOffered) -> bool:
        """Tell the dialogue. False, and nobody was told, where the link is closed."""
        ...

    def question(self, questioned: OutboundQuestioned) -> bool:
        """Ask the dialogue about a message of a former life. False, and nobody was asked, where the link is closed."""
        ...


class Reporter(Protocol):
    """Where reports go; relay.core.client fulfils it."""

    def report(
        self,
        key: str,
        event: str,
        terminal: str,
        listener: str,
        at_ms: int,
        detail: Mapping[str, str],
        permit: Permit,
        timeout_ms: int,
        done: Callable[[bool], None],
    ) -> Cancellable:
        """POST /v1/network-events under `key`; `done(True)` only where the core itself has confirmed it, exactly once."""
        ...


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """A message as the core (or an operator) posts it. `canonical` is its JSON in one form, to compare repeats by."""

    key: str
    listener: str
    line: str
    kind: str
    body: bytes
    canonical: str
    expires_ms: int | None = None


class Taken(msgspec.Struct, frozen=True):
    """It was new, and is durable."""

    message: StoredOutbound


class Known(msgspec.Struct, frozen=True):
    """The same message under the same key was taken before: where it stands now."""

    message: StoredOutbound


class Conflict(msgspec.Struct, frozen=True):
    """Another message was taken before under this key."""


class NotTaken(msgspec.Struct, frozen=True):
    """Nothing was taken: "unknown-line", "overloaded", "no-journal" or "draining"."""

    why: str
    detail: str = ""


class NoSuch(msgspec.Struct, frozen=True):
    """No message has this key."""


class TooLate(msgspec.Struct, frozen=True):
    """It waits no longer: what became of it."""

    message: StoredOutbound


PostResult: TypeAlias = Taken | Known | Conflict | NotTaken
CancelResult: TypeAlias = Known | TooLate | NoSuch | NotTaken
FindResult: TypeAlias = Known | NoSuch | NotTaken


class OutboundDoor(Protocol):
    """Where what the core posts goes; relay.outbound.desk fulfils it, and relay.outbound.front where there are two journals."""

    def post(self, posted: Posted, done: Callable[[PostResult], None]) -> None: ...

    def find(self, key: str, done: Callable[[FindResult], None]) -> None: ...

    def cancel(self, key: str, why: str, done: Callable[[CancelResult], None]) -> None: ...
