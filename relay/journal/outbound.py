"""What the journal keeps of a message that the core started: what was posted, where it stands, what the core has heard of it.

Owns the records and what they mean, as pure functions that both engines keep. It must never know an engine. The traps: a step
that only notes the core's confirmation carries no state, because the message may have moved while the report was under way;
what was said about an earlier state (why it was deferred) is no word about the next one, so a state brings its own detail; and
a body may hold anything that a core can say to a terminal, so it is sealed by the engine like a card number.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec.structs import replace


class OutboundState(StrEnum):
    """The states that survive a restart. relay/outbound/states.py has the table."""

    QUEUED = "queued"  # durable, not offered to its line, or given back by it
    SENT = "sent"  # the intent to send is durable: its first byte may have left
    ACKNOWLEDGED = "acknowledged"
    UNKNOWN = "unknown"  # may have been sent, no acknowledgement: never sent again by itself
    FAILED = "failed"  # not sent, or refused by the far end
    CANCELLED = "cancelled"


ENDED = frozenset({OutboundState.ACKNOWLEDGED, OutboundState.UNKNOWN, OutboundState.FAILED, OutboundState.CANCELLED})


class OutboundTaken(msgspec.Struct, frozen=True, kw_only=True):
    """A message of the core became ours. Inserted once; the unique index on `key` arbitrates repeats. Lines keep the order of
    `outbound_id`."""

    outbound_id: int
    key: str  # the core's Idempotency-Key
    listener: str  # name of the listener or dialer
    line: str  # terminal or line of it, "" where its link has only one
    kind: str
    body: bytes  # JSON as posted
    fingerprint: bytes  # keyed, of everything that was posted
    recorded_ms: int  # wall clock, UTC epoch milliseconds
    expires_ms: int | None = None  # wall clock: from then on it is not begun with any more


class OutboundStep(msgspec.Struct, frozen=True, kw_only=True):
    """A durable step of a message already taken. None leaves what was there; `detail` belongs to `state`, and says nothing
    without one."""

    outbound_id: int
    at_ms: int  # wall clock
    state: OutboundState | None = None
    detail: str = ""  # for people and for the report; never card data
    reported: OutboundState | None = None  # the core has confirmed that it heard of this state


class StoredOutbound(msgspec.Struct, frozen=True, kw_only=True):
    """A message read back. `updated_ms` is when `state` was entered, `sent_ms` when the intent to send became durable."""

    taken: OutboundTaken
    state: OutboundState
    detail: str
    updated_ms: int
    sent_ms: int | None
    reported: OutboundState | None

    @property
    def owes_report(self) -> bool:
        return self.state in ENDED and self.reported is not self.state

    @property
    def is_expired(self) -> bool:
        """Whether its time was over before anybody on its line heard of it. Whatever else failed, had an intent to send."""
        return self.state is OutboundState.FAILED and self.sent_ms is None

    @property
    def is_open(self) -> bool:
        """Whether it still waits for its line, the core or (unknown) a person: never forgotten, however old."""
        return self.state not in ENDED or self.state is OutboundState.UNKNOWN or self.owes_report


class OutboundExisting(msgspec.Struct, frozen=True):
    """The key was taken before, by `message`; nothing was written."""

    message: StoredOutbound


def outbound_taken(record: OutboundTaken) -> StoredOutbound:
    """A message as it stands from the moment it was taken."""
    return StoredOutbound(
        taken=record, state=OutboundState.QUEUED, detail="", updated_ms=record.recorded_ms, sent_ms=None, reported=None
    )


def outbound_stepped(stored: StoredOutbound, step: OutboundStep) -> StoredOutbound:
    """After one step: its state with time and detail, and of the rest whatever the step carries."""
    sent_ms = stored.sent_ms
    if step.state is OutboundState.SENT:
        sent_ms = step.at_ms
    elif step.state is OutboundState.QUEUED:
        sent_ms = None
    return StoredOutbound(
        taken=stored.taken,
        state=stored.state if step.state is None else step.state,
        detail=stored.detail if step.state is None else step.detail,
        updated_ms=stored.updated_ms if step.state is None else step.at_ms,
        sent_ms=sent_ms,
        reported=stored.reported if step.reported is None else step.reported,
    )


def outbound_blanked(stored: StoredOutbound) -> StoredOutbound:
    """After the body window: the key and what became of it stay."""
    return replace(stored, taken=replace(stored.taken, body=b""))
