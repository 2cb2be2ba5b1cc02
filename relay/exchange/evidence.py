"""Outcomes as evidence: how a core's word is kept, and what a stored exchange answers to the same message again.

Pure. It must never hold card data or reply data: evidence is a verdict with its reason, not a reply. The trap is law 2: the
same message again gets the intent that is on disk, byte for byte; only an exchange that never had an intent may get a new one,
and then never an approval for a kind whose doubt was undone.
"""

from __future__ import annotations

import msgspec

from protocols.vocabulary import (
    TAKEN,
    Answer,
    Approved,
    Declined,
    DoubtPolicy,
    KeyConflict,
    MessageClass,
    Money,
    NotProcessed,
    Outcome,
    Refusal,
    Request,
    Unknown,
    Verdict,
)
from relay.core.port import Finding, NotFound, Reversed, Superseded, Undone, UndoOutcome
from relay.journal.records import StoredExchange, StoredState, unpack_request


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    what: str
    reason: str = ""
    authorisation_id: str = ""
    standing_minor: int = 0
    approved_minor: int | None = None
    currency: str = ""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Evidence)
BY_PERSON = _encoder.encode(Evidence("person"))  # a person ended it: whatever the core said before, no machine says it now


def pack(outcome: Outcome | Finding | UndoOutcome) -> bytes:
    """What the core said, for the journal; less reply data."""
    match outcome:
        case Approved():
            amount = outcome.amount
            kept = Evidence(
                "approved",
                authorisation_id=outcome.authorisation_id,
                approved_minor=None if amount is None else amount.minor,
                currency="" if amount is None else amount.currency,
            )
        case Declined():
            kept = Evidence("declined", reason=outcome.reason)
        case NotProcessed():
            kept = Evidence("not-processed", reason=outcome.reason)
        case KeyConflict():
            kept = Evidence("key-conflict")
        case Unknown():
            kept = Evidence("unknown", reason=outcome.why)
        case Undone():
            kept = Evidence("undone", reason=outcome.state, standing_minor=outcome.standing_minor)
        case Superseded():
            kept = Evidence("superseded")
        case Reversed():
            kept = Evidence("reversed", standing_minor=outcome.standing_minor)
        case NotFound():
            kept = Evidence("not-found")
    return _encoder.encode(kept)


def pack_part(request: Request, answer: Answer) -> bytes | None:
    """The outcome that an answered exchange keeps: none, but where less was approved than asked. What stands is not in its
    request then, and reconciliation must know."""
    is_part = isinstance(answer, Approved) and answer.amount is not None and answer.amount != request.amount
    return pack(answer) if is_part and isinstance(answer, Approved) else None


def unpack(data: bytes) -> Evidence:
    return _decoder.decode(data)


def answer_again(stored: StoredExchange) -> Answer | None:
    """What a stored exchange answers to its message. None means: the intent on disk is the answer.

    The terminal's own reversal ends every approval: what was approved before it is "reversed" to a repeat that comes after.
    """
    if stored.reversed_by and (stored.intent is None or stored.intent.verdict is Verdict.APPROVE):
        return Refusal.REVERSED
    if stored.intent is not None:
        return None
    if stored.taken.message_class is not MessageClass.FINANCIAL:
        return TAKEN
    if stored.state is StoredState.REFUSED:
        return Refusal.OVERLOADED
    evidence = None if stored.outcome is None else unpack(stored.outcome)
    if stored.outcome == BY_PERSON or (evidence is not None and evidence.what == "superseded"):
        return Refusal.IN_DOUBT  # somebody else knows
    if evidence is not None and evidence.what == "declined":
        return Declined(reason=evidence.reason)
    is_undone = stored.taken.policy is DoubtPolicy.UNDO and stored.standing_minor is not None  # else held, from a copy
    if stored.state is StoredState.SETTLED and not is_undone and evidence is not None and evidence.what == "approved":
        taken = stored.taken
        if taken.request and unpack_request(taken.key, taken.request, taken.pan).needs_completion:
            return Refusal.IN_DOUBT  # it is closed: nobody would wait for the completion
        amount = None if evidence.approved_minor is None else Money(evidence.approved_minor, evidence.currency)
        return Approved(authorisation_id=evidence.authorisation_id, amount=amount)
    is_forgotten = stored.outcome is None and not stored.taken.request  # its evidence went with its body
    if stored.state is StoredState.SETTLED and not (is_forgotten and stored.taken.policy is not DoubtPolicy.UNDO):
        return Refusal.REVERSED
    return Refusal.IN_DOUBT
