"""From the relay's words to the bytes of a call. The one place where card data leaves its masks.

Owns the JSON bodies and the header lines that differ per call. It must never know sockets or answers. The traps: a key
becomes part of a header and of a path, so anything but visible ASCII in it is refused here, before it could split a
header; `Pan` and `Secret` are revealed into the body and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from urllib.parse import quote

import msgspec

from protocols.errors import LocalMisuse
from protocols.vocabulary import CardData, MessageClass, Money, Request, Secret
from relay.core import contract as c
from relay.core.port import Attempt

_encode = msgspec.json.Encoder().encode
_KEY_CHARACTERS = frozenset(chr(code) for code in range(0x21, 0x7F))


def transaction_body(request: Request) -> bytes:
    """POST /v1/transactions."""
    card = request.card
    return _encode(
        c.TransactionRequest(
            kind=request.kind,
            channel=request.channel,  # type: ignore[arg-type]  # the listener's channel, a Literal in the settings
            realm=request.realm,
            terminal=request.terminal,
            acquirer=request.acquirer,
            trace=request.trace,
            amount=_amount(request.amount),
            card=None if card is None else _card(card),
            from_account=request.from_account,
            to_account=request.to_account,
            business_date=request.business_date,
            original_key=request.original_key,
            advice=request.message_class is MessageClass.ADVICE,
            repeat=request.repeat,
            extra=request.extra,
        )
    )


def reversal_body(standing_minor: int, currency: str, attempt: Attempt, automatic: bool) -> bytes:
    """POST /v1/transactions/{key}/reversals. Only an automatic reversal names the attempt that it undoes."""
    return _encode(
        c.ReversalRequest(
            standing=c.Amount(str(standing_minor), currency),
            automatic=automatic,
            attempt=attempt.text() if automatic else None,
        )
    )


def event_body(event: str, terminal: str, listener: str, at_ms: int, detail: Mapping[str, str]) -> bytes:
    """POST /v1/network-events."""
    return _encode(c.NetworkEvent(event=event, terminal=terminal, listener=listener, at_ms=at_ms, detail=dict(detail)))


def key_header_value(key: str) -> bytes:
    """The value of Idempotency-Key. Raises LocalMisuse for a key that is not 1 to 255 visible ASCII characters."""
    if not 0 < len(key) <= 255 or not _KEY_CHARACTERS.issuperset(key):
        raise LocalMisuse("an idempotency key is 1 to 255 visible ASCII characters", "key")
    return c.key_field(key).encode("ascii")


def key_path(key: str) -> bytes:
    """/v1/transactions/{key}, percent-encoded."""
    return b"%b/%b" % (c.TRANSACTIONS_PATH.encode(), quote(key, safe="").encode("ascii"))


class TraceParents:
    """W3C traceparent per call, without chance: the trace is named by center and exchange, the span by verb and
    incarnation, so that the core's traces can be found from a journal line alone."""

    def __init__(self, center: str, incarnation: int) -> None:
        self._center = int.from_bytes(blake2b(center.encode(), digest_size=8).digest(), "big") or 1
        self._incarnation = incarnation & 0xFFFFFF

    def of(self, exchange_id: int, verb_number: int) -> bytes:
        """`verb_number` is 1 to 255. Neither half can be all zeros, which the standard forbids."""
        span = verb_number << 56 | self._incarnation << 32 | exchange_id & 0xFFFFFFFF
        return b"00-%016x%016x-%016x-01" % (self._center, exchange_id & 0xFFFFFFFFFFFFFFFF, span)


def _amount(money: Money | None) -> c.Amount | None:
    return None if money is None else c.Amount(str(money.minor), money.currency)


def _card(card: CardData) -> c.Card:
    return c.Card(
        pan=None if card.pan is None else card.pan.reveal(),
        expiry=card.expiry,
        sequence=card.sequence,
        track1=_revealed(card.track1),
        track2=_revealed(card.track2),
        track3=_revealed(card.track3),
        pin_block=_revealed(card.pin_block),
        emv=_revealed(card.emv),
        entry_mode=card.entry_mode,
    )


def _revealed(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()
