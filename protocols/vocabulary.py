"""The words that travel between the floors: what a terminal asked, what the core said, what we answer.

Owns the frozen values every dialect and every part of the relay shares, and the masked types for card data. It must
never know a wire layout, a clock or a core. The trap: a value here is printed by somebody some day, so everything that
identifies a card is a `Pan` or a `Secret`, whose text is masked whatever prints it.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import TypeAlias

import msgspec


class Pan:
    """A primary account number. Prints as first six and last four digits; `reveal()` is the one way to the digits."""

    __slots__ = ("_digits",)

    def __init__(self, digits: str) -> None:
        self._digits = digits

    def reveal(self) -> str:
        return self._digits

    def __repr__(self) -> str:
        return f"Pan({mask_pan(self._digits)})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pan) and other._digits == self._digits

    def __hash__(self) -> int:
        return hash(self._digits)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Pan is never pickled")


class Secret:
    """Track data, a PIN block, a card verification value, EMV data. Never printed, never stored; `reveal()` to use it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("Secret(***)", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret is never pickled")


def mask_pan(digits: str) -> str:
    """First six and last four digits, the rest as stars; all stars when there are fewer than thirteen digits."""
    if len(digits) < 13:
        return "*" * len(digits)
    return digits[:6] + "*" * (len(digits) - 10) + digits[-4:]


class Money(msgspec.Struct, frozen=True):
    """An amount in minor units (yen: 1, US dollar: 1/100) of an ISO 4217 alphabetic currency."""

    minor: int
    currency: str


class MessageClass(StrEnum):
    """What the desk does with a message; the kind of transaction is a separate matter."""

    FINANCIAL = "financial"  # ask the core, answer with its word
    ADVICE = "advice"  # it happened already: record, acknowledge, deliver until confirmed
    REVERSAL = "reversal"  # record, acknowledge, cancel a waiting original, deliver until confirmed


class DoubtPolicy(StrEnum):
    """What is done with an unknown outcome (law 3). Every kind names one; `relay check` refuses a kind without."""

    UNDO = "undo"
    REPEAT = "repeat"
    HOLD = "hold"


class Verdict(StrEnum):
    """What a reply lets the terminal believe: the heart of the reply intent (law 1)."""

    APPROVE = "approve"
    DECLINE = "decline"
    DOUBT = "doubt"


class CardData(msgspec.Struct, frozen=True, kw_only=True):
    """What identifies the card. Only `pan` (encrypted), `expiry` and `sequence` may reach the journal."""

    pan: Pan | None = None
    expiry: str | None = None  # YYMM, as in DE 14
    sequence: str | None = None
    track1: Secret | None = None
    track2: Secret | None = None
    track3: Secret | None = None
    pin_block: Secret | None = None
    new_pin_block: Secret | None = None  # of a PIN change
    emv: Secret | None = None  # BER-TLV as upper-case hex, opaque
    entry_mode: str | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One message as the core is asked about it. Made by `translate.to_request`, never changed afterwards.

    `key` is the idempotency key, from the sender's own identity only (law 2). `fingerprint_text` is amount, account and
    kind in one canonical text, for the keyed fingerprint; it holds the PAN, therefore a Secret.
    For a REVERSAL, `original_key` names the exchange to reverse and `standing_minor` the absolute amount that stands.
    """

    key: str
    message_class: MessageClass
    kind: str
    doubt_policy: DoubtPolicy
    channel: str  # atm | branch | partner
    realm: str
    terminal: str
    acquirer: str
    fingerprint_text: Secret
    trace: str = ""  # the sender's trace number (STAN)
    business_date: str | None = None  # YYYY-MM-DD
    amount: Money | None = None
    card: CardData | None = None
    from_account: str | None = None
    to_account: str | None = None
    original_key: str | None = None
    standing_minor: int | None = None
    repeat: bool = False
    needs_completion: bool = False
    extra: dict[str, str] = {}


class Balance(msgspec.Struct, frozen=True):
    """One balance for the reply: types as in DE 54 (account type 2 digits, amount type 2 digits)."""

    account_type: str
    amount_type: str
    amount: Money


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """The core's own word: posted."""

    authorisation_id: str = ""
    amount: Money | None = None  # where it differs from the asked one (partial approval)
    balances: tuple[Balance, ...] = ()
    reply_data: dict[str, str] = {}


class Declined(msgspec.Struct, frozen=True, kw_only=True):
    """The core's own word: not posted, and never will be under this key."""

    reason: str
    reply_data: dict[str, str] = {}


class NotProcessed(msgspec.Struct, frozen=True, kw_only=True):
    """Known not to have been posted by this call: never sent, or refused by the core's own problem document."""

    reason: str  # unreachable | overloaded | wrong-region | superseded-relay | invalid
    retry_after_ms: int = 0


class KeyConflict(msgspec.Struct, frozen=True, kw_only=True):
    """The core holds this key with another body (422): refuse, alarm, never reverse."""

    detail: str = ""


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """Something was sent and the core's own word did not come back. A value, not an exception."""

    why: str


Outcome: TypeAlias = Approved | Declined | NotProcessed | KeyConflict | Unknown


class Refusal(StrEnum):
    """Why the relay itself refuses; each dialect maps every one of them to its own code."""

    FORMAT_ERROR = "format-error"
    UNSUPPORTED = "unsupported"
    NOT_SIGNED_ON = "not-signed-on"
    UNKNOWN_TERMINAL = "unknown-terminal"
    OVERLOADED = "overloaded"
    NO_JOURNAL = "no-journal"
    CORE_UNREACHABLE = "core-unreachable"
    REGION_SWITCHING = "region-switching"
    SUSPENDED = "suspended"
    OUT_OF_HOURS = "out-of-hours"
    DRAINING = "draining"
    KEY_CONFLICT = "key-conflict"
    IN_PROGRESS = "in-progress"
    IN_DOUBT = "in-doubt"
    REVERSED = "reversed"
    ORIGINAL_NOT_FOUND = "original-not-found"
    TOO_LATE = "too-late"
    INTERNAL = "internal"


class Taken(Enum):
    """Our acknowledgement of an advice or reversal: taken over and durable, not yet booked."""

    TAKEN = "taken"


TAKEN = Taken.TAKEN

Answer: TypeAlias = Approved | Declined | Refusal | Taken


class Reply(msgspec.Struct, frozen=True):
    """What a terminal is answered. `data` is the dialect's own, less secrets and less what the message itself carries,
    so that the same message again gives the same bytes from the journal (law 2)."""

    verdict: Verdict
    code: str
    data: bytes = b""


class Received(msgspec.Struct, frozen=True):
    """When and where a message arrived. `wall_ms` is UTC epoch milliseconds, used only to expand dates without a year."""

    wall_ms: int
    listener: str
    realm: str
    channel: str = "atm"  # atm | branch | partner
