"""The REST contract for messages that the core starts, as typed structures. The OpenAPI file is generated from this file.

Owns names, paths and problem types of what the relay serves. It must never know HTTP machinery or a dialect: `body` is the
dialect's own, an object that travels as it is. The traps: members that nobody knows are ignored when reading, as in the
core's contract, but not inside `body`, which is compared whole; and a key is the core's, so it is told back as it came.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from relay.core.contract import KeyText
from relay.journal.outbound import StoredOutbound

OUTBOUND_PATH = "/v1/outbound"
EXPIRED: Final = "expired"  # the `reason` of a status and of a report

PROBLEM_INVALID = "urn:relay:problem:invalid"  # 400, 404, 405, 413, 415: not a request of this contract
PROBLEM_NOT_AUTHORISED = "urn:relay:problem:not-authorised"  # 403: the client's certificate is not one of the allowed
PROBLEM_NOT_FOUND = "urn:relay:problem:not-found"  # 404: no message has this key
PROBLEM_NOT_CANCELLABLE = "urn:relay:problem:not-cancellable"  # 409: it waits no longer
PROBLEM_KEY_CONFLICT = "urn:relay:problem:key-conflict"  # 422: same key, other message
PROBLEM_UNKNOWN_LINE = "urn:relay:problem:unknown-line"  # 422: no link will ever be that of this line
PROBLEM_OVERLOADED = "urn:relay:problem:overloaded"  # 503 with Retry-After: not taken
PROBLEM_NO_JOURNAL = "urn:relay:problem:no-journal"  # 503 with Retry-After: repeat with the same key
PROBLEM_DRAINING = "urn:relay:problem:draining"  # 503 with Retry-After: not taken, the relay is stopping

_OBJECT = {"type": "object"}
ListenerText = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$", description="name of a listener or dialer")]
LineText = Annotated[
    str,
    Meta(
        max_length=64,
        pattern="^[ -~]*$",
        description="terminal or line; empty for a dialer, and where links speak for no single terminal",
    ),
]
KindText = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,63}$", description="what the line's dialect knows")]
BodyObject = Annotated[msgspec.Raw, Meta(extra_json_schema=_OBJECT, description="the dialect's own members")]
WallMs = Annotated[int, Meta(ge=0, description="UTC epoch milliseconds")]


def _no_members() -> msgspec.Raw:
    return msgspec.Raw(b"{}")


class OutboundRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message for a line. Messages of one line are sent in the order in which they were taken, one at a time."""

    listener: ListenerText
    kind: KindText
    line: LineText = ""
    expires_ms: Annotated[WallMs | None, Meta(description="not begun with from then on; absent: never expires")] = None
    body: BodyObject = msgspec.field(default_factory=_no_members)


class OutboundStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a message stands. `sent` means that its first byte may have left; `unknown` that no acknowledgement came and that
    the relay never sends it again by itself; `failed` that it has no effect at the far end. `detail` is for people."""

    key: KeyText
    listener: ListenerText
    kind: KindText
    state: Literal["queued", "sent", "acknowledged", "unknown", "failed", "cancelled"]
    recorded_ms: WallMs
    updated_ms: WallMs
    line: LineText = ""
    sent_ms: WallMs | None = None
    expires_ms: WallMs | None = None
    reason: Literal["", "expired"] = ""  # failed because its time was over before it could be sent
    detail: Annotated[str, Meta(max_length=2_000)] = ""
    is_reported: bool = False  # the core has confirmed the report of this state


def status_of(stored: StoredOutbound) -> OutboundStatus:
    taken = stored.taken
    return OutboundStatus(
        key=taken.key,
        listener=taken.listener,
        kind=taken.kind,
        state=stored.state.value,
        recorded_ms=taken.recorded_ms,
        updated_ms=stored.updated_ms,
        line=taken.line,
        sent_ms=stored.sent_ms,
        expires_ms=taken.expires_ms,
        reason=EXPIRED if stored.is_expired else "",
        detail=stored.detail[:2_000],
        is_reported=stored.reported is stored.state,
    )
