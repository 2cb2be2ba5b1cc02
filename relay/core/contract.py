"""The REST contract with the core, as typed structures. The OpenAPI file is generated from this file, and from nothing else.

Owns names, paths, headers and problem types of DESIGN section 4. It must never know a dialect or HTTP machinery. The traps:
amounts are digit strings, because a JSON number may come back as 173512.0; unknown members are ignored when reading, so
that the core can add some; secrets are revealed here, at the last moment, and nowhere else.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

TRANSACTIONS_PATH = "/v1/transactions"
REVERSALS_SUFFIX = "/reversals"
LEDGER_PATH = "/v1/ledger/"
NETWORK_EVENTS_PATH = "/v1/network-events"
REGION_PATH = "/v1/region"
CENTERS_PATH = "/v1/relay-centers/"
FENCE_SUFFIX = "/fence"

H_KEY = "Idempotency-Key"
H_ATTEMPT = "Attempt"
H_RELAY_CENTER = "Relay-Center"
H_RELAY_EPOCH = "Relay-Epoch"
H_REGION_EPOCH = "Region-Epoch"
H_REGION = "Region"  # of a call: the region that it is meant for, as that names itself in GET /v1/region
H_TRACEPARENT = "traceparent"
H_PURPOSE = "Purpose"

PURPOSE_RECONCILIATION = "reconciliation"  # of an inquiry that is told to no terminal: it is nobody's answer

PROBLEM_WRONG_REGION = "urn:relay-core:problem:wrong-region"  # 421: not processed
PROBLEM_SUPERSEDED_RELAY = "urn:relay-core:problem:superseded-relay"  # 412: not processed
PROBLEM_OVERLOADED = "urn:relay-core:problem:overloaded"  # 429 or 503 with Retry-After: not processed
PROBLEM_IN_PROGRESS = "urn:relay-core:problem:in-progress"  # 409: inquire
PROBLEM_SUPERSEDED_ATTEMPT = "urn:relay-core:problem:superseded-attempt"  # 409 on a reversal: taken over
PROBLEM_CONTESTED_ATTEMPT = "urn:relay-core:problem:contested-attempt"  # 409 on a reversal: not undone, another has a say
PROBLEM_KEY_CONFLICT = "urn:relay-core:problem:key-conflict"  # 422: same key, other body
PROBLEM_INVALID = "urn:relay-core:problem:invalid"  # 400: not processed, the relay and the core disagree on the contract
PROBLEM_FENCE_BEHIND = "urn:relay-core:problem:fence-behind"  # 409 on a fence: that relay epoch, or a higher one, spoke already
PROBLEM_NOT_AUTHORISED = "urn:relay-core:problem:not-authorised"  # 401 or 403: not processed, credentials refused


def key_field(key: str) -> str:
    """`key` as the value of an Idempotency-Key header: a structured-field string, in double quotes (IETF draft 07)."""
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


def read_key_field(value: str) -> str:
    """The key in an Idempotency-Key header; a bare token, as older clients send it, is taken as it is."""
    text = value.strip()
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    return re.sub(r"\\(.)", r"\1", text[1:-1])


MinorUnits = Annotated[str, Meta(pattern=r"^-?[0-9]{1,18}$", description="minor units as a string of digits")]
CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Z]{3}$", description="ISO 4217 alphabetic")]
DateText = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="YYYY-MM-DD")]
ShortText = Annotated[str, Meta(max_length=255)]
KeyText = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[!-~]+$")]
Epoch = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Amount(msgspec.Struct, frozen=True):
    minor: MinorUnits
    currency: CurrencyCode


class Card(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    pan: ShortText | None = None
    expiry: ShortText | None = None
    sequence: ShortText | None = None
    track1: ShortText | None = None
    track2: ShortText | None = None
    track3: ShortText | None = None
    pin_block: ShortText | None = None
    new_pin_block: ShortText | None = None  # of a PIN change
    emv: Annotated[str, Meta(max_length=20_000)] | None = None
    entry_mode: ShortText | None = None


class TransactionRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    kind: Annotated[str, Meta(min_length=1, max_length=64)]
    channel: Literal["atm", "branch", "partner"]
    realm: ShortText
    terminal: ShortText
    acquirer: ShortText = ""
    trace: ShortText = ""
    amount: Amount | None = None
    card: Card | None = None
    from_account: ShortText | None = None
    to_account: ShortText | None = None
    business_date: DateText | None = None
    original_key: KeyText | None = None
    advice: bool = False
    repeat: bool = False
    extra: dict[str, str] = {}


class BalanceEntry(msgspec.Struct, frozen=True):
    account_type: ShortText
    amount_type: ShortText
    amount: Amount


class TransactionAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """200 of POST /v1/transactions: the current state of the key. `declined` with reason `reversed` after a reversal."""

    key: KeyText
    status: Literal["approved", "declined"]
    reason: ShortText = ""
    authorisation_id: ShortText = ""
    amount: Amount | None = None
    balances: list[BalanceEntry] = []
    reply_data: dict[str, str] = {}


class Accepted(msgspec.Struct, frozen=True):
    """202 of POST /v1/transactions: not decided yet; poll `Location` within the reply deadline."""

    key: KeyText
    retry_after_ms: Annotated[int, Meta(ge=0, le=60_000)] = 100


class ReversalRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`standing` is the absolute amount that stands afterwards (0 = full); monotone, never credits more than posted."""

    standing: Amount
    automatic: bool = False
    attempt: ShortText | None = None  # the attempt that an automatic reversal undoes
    untold: bool = False  # of an automatic one: that attempt told nobody "approved", and never will
    reason: ShortText = ""


class ReversalAnswer(msgspec.Struct, frozen=True, kw_only=True):
    key: KeyText
    state: Literal["reversed", "tombstone", "declined"]
    standing: Amount


class InquiryAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    key: KeyText
    state: Literal["posted", "declined", "reversed", "not-found"]
    answer: TransactionAnswer | None = None  # for posted and declined: what was answered
    standing: Amount | None = None
    # The attempt that was answered last; another one than the asker's where any other was ever answered.
    # None that is untold, but the asker's own.
    attempt: ShortText | None = None


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    key: KeyText
    kind: ShortText
    terminal: ShortText
    state: Literal["posted", "declined", "reversed", "tombstone"]
    trace: ShortText = ""  # the sender's trace number: what a paper slip and the terminal's own books carry
    amount: Amount | None = None
    standing: Amount | None = None
    posted_at_ms: Annotated[int, Meta(ge=0)] = 0
    center: ShortText = ""  # the Relay-Center of the call that posted the key, or stored its tombstone; never changes
    reversed_by: ShortText = ""  # whose call lowered what stands last; absent where by an automatic reversal


class LedgerTotal(msgspec.Struct, frozen=True, omit_defaults=True):
    terminal: ShortText
    kind: ShortText
    count: Annotated[int, Meta(ge=0)]
    standing: Amount
    center: ShortText = ""  # as of the entries that it sums: one row per center, terminal, kind and currency


class LedgerPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    business_date: DateText
    entries: list[LedgerEntry]
    totals: list[LedgerTotal] = []
    next_cursor: ShortText | None = None


class NetworkEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    event: Annotated[str, Meta(min_length=1, max_length=64)]
    terminal: ShortText = ""
    listener: ShortText = ""
    at_ms: Annotated[int, Meta(ge=0)] = 0
    detail: dict[str, str] = {}


class RegionAnswer(msgspec.Struct, frozen=True):
    region: ShortText
    epoch: Epoch
    state: Literal["standby", "blocked", "serving"]


class FenceRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From now on no call of the center is processed whose Relay-Epoch is below `relay_epoch`. `run` names the take-over: the
    same one says the same again."""

    relay_epoch: Epoch
    run: Annotated[str, Meta(min_length=1, max_length=255)]
    reason: ShortText = ""


class CenterAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the core knows of a relay center: the highest Relay-Epoch that it has heard or was told to await, and the fence."""

    center: ShortText
    newest: Epoch
    fence: Epoch = 0  # 0: never fenced
    run: ShortText = ""  # the take-over that fenced it
    by: ShortText = ""  # the center that asked for it


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457 problem details, as application/problem+json."""

    type: ShortText
    title: ShortText = ""
    status: Annotated[int, Meta(ge=100, le=599)] = 500
    detail: Annotated[str, Meta(max_length=2_000)] = ""
    key: ShortText = ""
