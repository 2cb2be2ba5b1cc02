"""What the journal keeps of an exchange: two records on the happy path, a history line for everything rare.

Owns the record types and their (un)packing; pure. It must never know an engine. The trap is law 9: a `Taken` holds the
request less its secrets; track data, PIN block, card verification value and EMV data have no field here, and the PAN
travels beside, to be encrypted by the engine before it touches a page.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from protocols.vocabulary import CardData, DoubtPolicy, MessageClass, Money, Pan, Request, Secret, Verdict


class StoredState(StrEnum):
    """The exchange states that survive a restart (the exchange table has more; see relay/exchange/exchange.py)."""

    RECORDED = "recorded"  # may have been asked; no reply left
    ANSWERED = "answered"  # reply intent durable; the terminal may have seen it
    REFUSED = "refused"
    AWAITING_COMPLETION = "awaiting-completion"
    UNDOING = "undoing"
    REPEATING = "repeating"
    HELD = "held"
    DELIVERING = "delivering"  # an advice or reversal acknowledged to the terminal, owed to the core
    DONE = "done"
    CONFIRMED = "confirmed"
    PART_UNDONE = "part-undone"
    UNDONE = "undone"
    UNPROVEN = "unproven"
    SETTLED = "settled"
    LISTED = "listed"  # a person's list


OPEN_STATES = frozenset(
    {
        StoredState.RECORDED,
        StoredState.AWAITING_COMPLETION,
        StoredState.UNDOING,
        StoredState.REPEATING,
        StoredState.HELD,
        StoredState.DELIVERING,
        StoredState.PART_UNDONE,  # open until the core acknowledged what is owed
        StoredState.UNDONE,
    }
)
LISTED_STATES = frozenset({StoredState.LISTED, StoredState.UNPROVEN})  # a person's business; nothing is driven by itself

# The person's list: nobody else ends these (but late evidence may confirm what is unproven).


class Intent(msgspec.Struct, frozen=True):
    """The reply intent: what a terminal may have been told (law 1)."""

    verdict: Verdict
    code: str
    data: bytes


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A message became ours. Inserted once; the unique index on `key` arbitrates duplicates.

    `intent` is set in the same insert where no question is asked first: an acknowledged advice, a refusal.
    """

    exchange_id: int
    key: str
    listener: str
    realm: str
    terminal: str
    message_class: MessageClass
    kind: str
    policy: DoubtPolicy
    fingerprint: bytes
    state: StoredState
    recorded_ms: int  # wall clock, UTC epoch milliseconds
    request: bytes  # pack_request()
    pan: Pan | None = None
    amount_minor: int | None = None
    currency: str = ""
    business_date: str = ""
    original_key: str = ""
    epoch: int = 0
    incarnation: int = 0  # of the journal that took it: part of the attempt that an automatic reversal names
    intent: Intent | None = None
    is_loose: bool = False  # several workers: it is not known yet which of them has its original (relay/journal/shared.py)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One durable step of an exchange already taken. None leaves a column as it is.

    `event` names the row of the exchange table; `history` asks for a line in the history (everything but the happy path).
    """

    exchange_id: int
    event: str
    state: StoredState
    at_ms: int  # wall clock
    intent: Intent | None = None
    outcome: bytes | None = None  # pack_outcome(): evidence, kept also when late
    standing_minor: int | None = None
    tries: int | None = None
    epoch: int | None = None
    detail: str = ""  # for people; never card data
    history: bool = True


class StoredExchange(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange read back."""

    taken: Taken
    state: StoredState
    intent: Intent | None
    outcome: bytes | None
    standing_minor: int | None
    tries: int
    epoch: int
    updated_ms: int
    reversed_by: int = 0  # the terminal's own full reversal of this key, 0 for none: never approved again


class HistoryLine(msgspec.Struct, frozen=True):
    exchange_id: int
    at_ms: int
    event: str
    state: StoredState
    detail: str


class _StoredRequest(msgspec.Struct, omit_defaults=True, array_like=True):
    """Request less everything that law 9 forbids, in a fixed order."""

    kind: str
    message_class: str
    policy: str
    channel: str
    realm: str
    terminal: str
    acquirer: str
    trace: str
    business_date: str | None
    amount_minor: int | None
    currency: str
    from_account: str | None
    to_account: str | None
    original_key: str | None
    standing_minor: int | None
    expiry: str | None
    sequence: str | None
    entry_mode: str | None
    needs_completion: bool
    extra: dict[str, str]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_StoredRequest)


def pack_request(request: Request) -> bytes:
    """The request as it is stored: less PAN (stored encrypted beside), track data, PIN block and EMV data."""
    card = request.card
    amount = request.amount
    return _encoder.encode(
        _StoredRequest(
            request.kind,
            request.message_class,
            request.doubt_policy,
            request.channel,
            request.realm,
            request.terminal,
            request.acquirer,
            request.trace,
            request.business_date,
            None if amount is None else amount.minor,
            "" if amount is None else amount.currency,
            request.from_account,
            request.to_account,
            request.original_key,
            request.standing_minor,
            None if card is None else card.expiry,
            None if card is None else card.sequence,
            None if card is None else card.entry_mode,
            request.needs_completion,
            request.extra,
        )
    )


def without_secrets(request: Request) -> Request:
    """The request as it may be kept and delivered later: less track data, PIN block and EMV data (law 9)."""
    card = request.card
    if card is None:
        return request
    kept = CardData(pan=card.pan, expiry=card.expiry, sequence=card.sequence, entry_mode=card.entry_mode)
    return msgspec.structs.replace(request, card=kept)


def reverses_whole(message_class: MessageClass, packed: bytes) -> bool:
    """Whether a stored message is a reversal after which nothing stands. One whose body was forgotten counts as such."""
    if message_class is not MessageClass.REVERSAL:
        return False
    return not packed or not _decoder.decode(packed).standing_minor


def unpack_request(key: str, packed: bytes, pan: Pan | None) -> Request:
    """The stored request, for delivering an advice or a repeat: without the secrets it once had."""
    r = _decoder.decode(packed)
    has_card = pan is not None or r.expiry is not None or r.sequence is not None or r.entry_mode is not None
    return Request(
        key=key,
        message_class=MessageClass(r.message_class),
        kind=r.kind,
        doubt_policy=DoubtPolicy(r.policy),
        channel=r.channel,
        realm=r.realm,
        terminal=r.terminal,
        acquirer=r.acquirer,
        trace=r.trace,
        business_date=r.business_date,
        amount=None if r.amount_minor is None else Money(r.amount_minor, r.currency),
        card=CardData(pan=pan, expiry=r.expiry, sequence=r.sequence, entry_mode=r.entry_mode) if has_card else None,
        from_account=r.from_account,
        to_account=r.to_account,
        original_key=r.original_key,
        standing_minor=r.standing_minor,
        fingerprint_text=Secret(""),
        needs_completion=r.needs_completion,
        extra=r.extra,
    )
