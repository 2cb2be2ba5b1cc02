"""From the relay's words to the bytes of a call. The one place where card data leaves its masks.

Owns the JSON bodies and the header lines that differ per call. It must never know sockets or answers. The traps: a key
becomes part of a header and of a path, so anything but visible ASCII in it is refused here, before it could split a
header; `Pan` and `Secret` are revealed into the body and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final
from urllib.parse import quote

import msgspec

from protocols.errors import LocalMisuse
from protocols.vocabulary import CardData, MessageClass, Request
from relay.core import contract as c
from relay.core.port import Attempt, Ground, Permit

_encode = msgspec.json.Encoder().encode
_KEY: Final = re.compile(r"[!-~]{1,255}").fullmatch
_PLAIN_KEY: Final = re.compile(r"[!#-\[\]-~]{1,255}").fullmatch  # the same less the quote and the backslash: nothing to escape
_ADVICE: Final = MessageClass.ADVICE  # a member of an enum costs ten times a name


def transaction_body(request: Request) -> bytes:
    """POST /v1/transactions."""
    amount, card = request.amount, request.card
    return _encode(
        c.TransactionRequest(
            kind=request.kind,
            channel=request.channel,  # type: ignore[arg-type]  # the listener's channel, a Literal in the settings
            realm=request.realm,
            terminal=request.terminal,
            acquirer=request.acquirer,
            trace=request.trace,
            amount=None if amount is None else c.Amount(str(amount.minor), amount.currency),
            card=None if card is None else _card(card),
            from_account=request.from_account,
            to_account=request.to_account,
            business_date=request.business_date,
            original_key=request.original_key,
            advice=request.message_class is _ADVICE,
            repeat=request.repeat,
            extra=request.extra,
        )
    )


def reversal_body(standing_minor: int, currency: str, attempt: Attempt, ground: Ground) -> bytes:
    """POST /v1/transactions/{key}/reversals. Only an automatic reversal names the attempt that it undoes."""
    automatic = ground is not Ground.TERMINAL
    return _encode(
        c.ReversalRequest(
            standing=c.Amount(str(standing_minor), currency),
            automatic=automatic,
            attempt=attempt.text() if automatic else None,
            untold=ground is Ground.UNTOLD,
        )
    )


def event_body(event: str, terminal: str, listener: str, at_ms: int, detail: Mapping[str, str]) -> bytes:
    """POST /v1/network-events."""
    return _encode(c.NetworkEvent(event=event, terminal=terminal, listener=listener, at_ms=at_ms, detail=dict(detail)))


def key_header_value(key: str) -> str:
    """The value of Idempotency-Key. Raises LocalMisuse for a key that is not 1 to 255 visible ASCII characters."""
    if _PLAIN_KEY(key) is not None:
        return f'"{key}"'
    if _KEY(key) is None:
        raise LocalMisuse("an idempotency key is 1 to 255 visible ASCII characters", "key")
    return c.key_field(key)


def permit_lines(permit: Permit) -> str:
    """The header lines that say in which epoch, and to which region, a call speaks. A region's name comes from the network: one
    that a header cannot hold is left out, and so is none."""
    region = f"{c.H_REGION}: {permit.region}\r\n" if _KEY(permit.region) is not None else ""
    return f"{c.H_REGION_EPOCH}: {permit.epoch}\r\n{region}"


def key_path(key: str) -> bytes:
    """/v1/transactions/{key}, percent-encoded."""
    return b"%b/%b" % (c.TRANSACTIONS_PATH.encode(), quote(key, safe="").encode("ascii"))


class TraceParents:
    """W3C traceparent per call, without chance: the trace is named by center and exchange, the span by verb and
    incarnation, so that the core's traces can be found from a journal line alone."""

    def __init__(self, center: str, incarnation: int) -> None:
        center_number = int.from_bytes(blake2b(center.encode(), digest_size=8).digest(), "big") or 1
        self._trace = f"00-{center_number:016x}"
        self._incarnation = f"{incarnation & 0xFFFFFF:06x}"

    def of(self, exchange_id: int, verb_number: int) -> str:
        """`verb_number` is 1 to 255. Neither half can be all zeros, which the standard forbids."""
        number = (exchange_id & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big").hex()  # a third of the cost of a format
        return f"{self._trace}{number}-{verb_number:02x}{self._incarnation}{number[8:]}-01"


def _card(card: CardData) -> c.Card:
    pan, track1, track2, track3, pin_block, emv = card.pan, card.track1, card.track2, card.track3, card.pin_block, card.emv
    return c.Card(
        pan=None if pan is None else pan.reveal(),
        expiry=card.expiry,
        sequence=card.sequence,
        track1=None if track1 is None else track1.reveal(),
        track2=None if track2 is None else track2.reveal(),
        track3=None if track3 is None else track3.reveal(),
        pin_block=None if pin_block is None else pin_block.reveal(),
        new_pin_block=None if card.new_pin_block is None else card.new_pin_block.reveal(),
        emv=None if emv is None else emv.reveal(),
        entry_mode=card.entry_mode,
    )
