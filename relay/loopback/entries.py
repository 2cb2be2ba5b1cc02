"""One key of the fake core's ledger: what it was asked, what stands, what it answers now. Pure values and small rules.

Owns the entry, which way each kind of transaction moves money, and which parts of a body make it the same body. It must
never know balances, epochs or attempts' order. The trap: an advice comes later without the card's secrets, so only what both
bodies can hold is compared.
"""

from __future__ import annotations

from copy import copy
from enum import Enum

import msgspec

from relay.core import contract as c
from relay.loopback.attempts import Attempts

# Which way a kind moves the customer's account. A kind that is not here is declined, never guessed.
MOVES: dict[str, int] = {
    **dict.fromkeys(("withdrawal", "purchase", "purchase-with-cashback", "quasi-cash", "debit-adjustment", "payment"), -1),
    **dict.fromkeys(("deposit", "cheque-deposit", "refund", "credit-adjustment", "card-load", "account-funding"), +1),
    "transfer": -1,  # and the other way on the account it goes to
    # Files (Zengin): one call per record, or one for the whole file.
    **dict.fromkeys(("bulk-transfer", "salary-transfer", "bonus-transfer", "direct-debit"), -1),
    **dict.fromkeys(("bulk-transfer-file", "salary-transfer-file", "bonus-transfer-file"), -1),
    "direct-debit-file": +1,  # to the account that collects
    # What another bank has booked: told, not moved.
    **dict.fromkeys(("credit-notice", "credit-notice-cancelled", "statement-entry", "direct-debit-result"), 0),
    **dict.fromkeys(("credit-notice-file", "statement-entry-file", "direct-debit-result-file"), 0),
    **dict.fromkeys(("interbank-transfer", "interbank-salary", "interbank-remittance"), +1),
    **dict.fromkeys(("interbank-enquiry", "interbank-answer", "interbank-request"), 0),
    **dict.fromkeys(("balance-inquiry", "mini-statement", "pin-change", "pin-unblock"), 0),
    **dict.fromkeys(("cheque-guarantee", "cheque-verification", "cheque-deposit-guarantee"), 0),
    # A hold on the account is not a posting; the completion that follows is.
    **dict.fromkeys(("authorisation", "cash-authorisation", "credit-authorisation"), 0),
    **dict.fromkeys(("transfer-authorisation", "payment-authorisation", "reconciliation"), 0),
    **dict.fromkeys(("journal-upload", "cash-report"), 0),  # what a machine reports: no account, no money
}
WITHOUT_ACCOUNT = frozenset({"reconciliation", "journal-upload", "cash-report"}) | frozenset(
    {"interbank-enquiry", "interbank-answer", "interbank-request"}
)


class EntryState(Enum):
    POSTED = "posted"
    DECLINED = "declined"
    REVERSED = "reversed"
    TOMBSTONE = "tombstone"


class Entry:
    """One key, for good."""

    __slots__ = (
        "account",
        "amount",
        "answer",
        "attempts",
        "business_date",
        "business_identity",
        "center",
        "key",
        "kind",
        "posted_at_ms",
        "posted_minor",
        "reversed_by",
        "sequence",
        "standing_minor",
        "state",
        "terminal",
        "to_account",
        "trace",
    )

    def __init__(self, key: str, sequence: int, state: EntryState, business_date: str, wall_ms: int, center: str = "") -> None:
        self.key = key
        self.sequence = sequence
        self.state = state
        self.business_date = business_date
        self.posted_at_ms = wall_ms
        self.center = center  # whose call made it
        self.reversed_by = ""  # whose call, no automatic reversal, lowered what stands
        self.kind = ""
        self.terminal = ""
        self.trace = ""
        self.account = ""
        self.to_account = ""
        self.amount: c.Amount | None = None
        self.posted_minor = 0
        self.standing_minor = 0
        self.answer: c.TransactionAnswer | None = None
        self.business_identity: tuple[object, ...] | None = None  # what a repeat must agree on; None for a tombstone
        self.attempts = Attempts()

    def copy(self) -> Entry:
        """For another ledger: what is answered there is not answered here."""
        other = copy(self)
        other.attempts = self.attempts.copy()
        return other


def account_of(request: c.TransactionRequest) -> str:
    """The account a request moves: as named, else the card's number, else the number on its track 2."""
    if request.kind.startswith("interbank-"):
        return request.to_account or ""
    if request.card is not None:
        if request.card.pan:
            return request.card.pan
        if request.card.track2:
            return request.card.track2.replace("D", "=").split("=", 1)[0].lstrip(";")
    return request.from_account or request.to_account or ""


def identity_of(request: c.TransactionRequest) -> tuple[object, ...]:
    """What the same message has in common with its repeats and with its delivery as an advice. No secrets: law 9 keeps
    them out of the relay's journal, so a later delivery comes without."""
    return (request.kind, request.realm, request.terminal, request.amount, account_of(request))


def agrees(stored: tuple[object, ...] | None, asked: tuple[object, ...]) -> bool:
    if stored is None or stored == asked:
        return True
    return stored[:-1] == asked[:-1] and not asked[-1]


def current_answer(entry: Entry) -> c.TransactionAnswer:
    if entry.state is EntryState.TOMBSTONE or (entry.state is EntryState.REVERSED and not entry.standing_minor):
        return c.TransactionAnswer(key=entry.key, status="declined", reason="reversed")
    if entry.answer is None:
        raise ValueError(f"entry {entry.sequence} has no answer")
    if entry.state is EntryState.REVERSED and entry.amount is not None:
        standing = c.Amount(str(entry.standing_minor), entry.amount.currency)
        return msgspec.structs.replace(entry.answer, amount=standing)
    return entry.answer
