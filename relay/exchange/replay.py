"""What of an exchange is asked for again in a new region, and what follows from what that region says. Pure; a table.

The essay. The database of the new region was an asynchronous copy of the old one's, so it holds everything up to one moment
and nothing after it: the *lost tail* is what the old region confirmed after that moment. The copy is a prefix. So where the
new region knows a later thing about a key, it knows every earlier one; and what the journal says was confirmed may be said
again, in the order in which it happened, each under its own key: a region that has it already answers with what it has.

    held here, confirmed by the old region     and the new one says
                                               posted     declined   reversed   not found
    STANDS      delivered, or told approved    -          person     -          advice, same key
    TOLD        the same of a kind whose       -          person     person     advice, same key
                doubt is undone by itself
    LESS        less was approved than asked   -          person     person     person
    PART        evidence left a part of it     reversal   person     -          person
    UNDONE      our own reversal left nothing  reversal   -          -          reversal (tombstone)
    TAKEN_BACK  the terminal's own reversal    reversal   -          -          reversal (tombstone)
    NOTHING     declined, refused, open, ...   -          -          -          -

Owns the reading of a stored exchange as one of these, and the table. It must never know a listing, nor a clock. The traps:
what is reversed there and was not reversed here was reversed at another center: by its terminal, which is well, or by that
center's own undo, which found nothing where our posting was lost, and that is cash that nobody pays for: a person sees it; a
tombstone that is gone is stored again, or a late repeat at another center could still post; and a part can only be said of
something that stands, so a posting is delivered whole before its terminal's own part reversal follows in the same chain.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec

from protocols.vocabulary import Approved, Declined, DoubtPolicy, MessageClass, Verdict
from relay.core.port import Looked, Reversed
from relay.exchange import evidence
from relay.exchange.exchange import Event
from relay.exchange.reopen import REOPENED_COUNT_MAX, Agrees, Decision, ForPerson, Reopens, acknowledged_minor
from relay.journal.records import StoredExchange, StoredState


class Held(Enum):
    STANDS = "stands"
    TOLD = "told"
    LESS = "less"
    PART = "part"
    UNDONE = "undone"
    TAKEN_BACK = "taken-back"
    NOTHING = "nothing"


class Found(Enum):
    POSTED = "posted"  # or more stands of it than here
    DECLINED = "declined"
    REVERSED = "reversed"
    NOT_FOUND = "not-found"


class Deed(Enum):
    LEAVE = "leave"
    ADVICE = "advice"
    REVERSAL = "reversal"
    PERSON = "person"


H, F, D = Held, Found, Deed
TAIL: Final[dict[tuple[Held, Found], Deed]] = {
    (H.STANDS, F.POSTED): D.LEAVE,
    (H.STANDS, F.DECLINED): D.PERSON,
    (H.STANDS, F.REVERSED): D.LEAVE,
    (H.STANDS, F.NOT_FOUND): D.ADVICE,
    (H.TOLD, F.POSTED): D.LEAVE,
    (H.TOLD, F.DECLINED): D.PERSON,
    (H.TOLD, F.REVERSED): D.PERSON,
    (H.TOLD, F.NOT_FOUND): D.ADVICE,
    (H.LESS, F.POSTED): D.LEAVE,
    (H.LESS, F.DECLINED): D.PERSON,
    (H.LESS, F.REVERSED): D.PERSON,
    (H.LESS, F.NOT_FOUND): D.PERSON,
    (H.PART, F.POSTED): D.REVERSAL,
    (H.PART, F.DECLINED): D.PERSON,
    (H.PART, F.REVERSED): D.LEAVE,
    (H.PART, F.NOT_FOUND): D.PERSON,
    (H.UNDONE, F.POSTED): D.REVERSAL,
    (H.UNDONE, F.DECLINED): D.LEAVE,
    (H.UNDONE, F.REVERSED): D.LEAVE,
    (H.UNDONE, F.NOT_FOUND): D.REVERSAL,
    (H.TAKEN_BACK, F.POSTED): D.REVERSAL,
    (H.TAKEN_BACK, F.DECLINED): D.LEAVE,
    (H.TAKEN_BACK, F.REVERSED): D.LEAVE,
    (H.TAKEN_BACK, F.NOT_FOUND): D.REVERSAL,
    **{(H.NOTHING, found): D.LEAVE for found in Found},
}
_PERSON_WHY: Final = {
    Held.STANDS: "told approved, and the new region declined it",
    Held.TOLD: "told approved, and the new region does not let it stand",
    Held.LESS: "less was approved than asked: an advice would say too much",
    Held.PART: "only a part of it stands here",
}
SECRET_KINDS: Final = frozenset({"pin-change", "pin-unblock"})  # nothing of them can be said without the card's secrets


class Confirmed(msgspec.Struct, frozen=True):
    """What the old region confirmed of an exchange, and how much it left standing, minor units."""

    held: Held
    standing_minor: int = 0


_NOTHING: Final = Confirmed(Held.NOTHING)


def confirmed(stored: StoredExchange) -> Confirmed:
    """What is claimed of `stored` in a new region, from what is on disk."""
    taken = stored.taken
    said = None if stored.outcome is None else evidence.unpack(stored.outcome)
    is_settled = stored.state is StoredState.SETTLED
    if taken.message_class is MessageClass.REVERSAL:
        left_minor = acknowledged_minor(stored.outcome) if is_settled else None
        return _NOTHING if left_minor is None else Confirmed(Held.TAKEN_BACK, left_minor)
    if taken.message_class is MessageClass.ADVICE:
        is_delivered = is_settled and said is not None and said.what == "approved"
        return Confirmed(Held.STANDS, taken.amount_minor or 0) if is_delivered else _NOTHING
    if stored.reversed_by:
        return _NOTHING  # its terminal's reversal is asked for by itself
    is_told = stored.intent is not None and stored.intent.verdict is Verdict.APPROVE
    if stored.state is StoredState.CONFIRMED or (stored.state is StoredState.ANSWERED and is_told):
        return _stands(stored, said)
    if not is_settled or said is None:
        return _NOTHING
    if said.what == "approved":
        return _stands(stored, said)
    if said.what != "undone" or said.reason == "declined":
        return _NOTHING
    left_minor = stored.standing_minor or said.standing_minor
    return Confirmed(Held.PART, left_minor) if left_minor else Confirmed(Held.UNDONE)


def _stands(stored: StoredExchange, said: evidence.Evidence | None) -> Confirmed:
    amount = stored.taken.amount_minor or 0
    approved = None if said is None else said.approved_minor
    if approved is not None and approved != amount:
        return Confirmed(Held.LESS, approved)
    is_undone_by_itself = stored.taken.policy is DoubtPolicy.UNDO
    return Confirmed(Held.TOLD if is_undone_by_itself and amount else Held.STANDS, amount)


def found_of(looked: Looked, left_minor: int) -> Found:
    """What the new region said, held against what was left standing here."""
    finding = looked.finding
    if isinstance(finding, Approved):
        return Found.POSTED
    if isinstance(finding, Declined):
        return Found.DECLINED
    if isinstance(finding, Reversed):
        return Found.POSTED if finding.standing_minor > left_minor else Found.REVERSED
    return Found.NOT_FOUND


def replayed(stored: StoredExchange, looked: Looked, attempt: str, times: int) -> Decision:
    """What follows for `stored`, as it is on disk now; of a reversal, `looked` is about its original. `attempt` is its own,
    `times` as in reopen.Around."""
    known = confirmed(stored)
    found = found_of(looked, known.standing_minor)
    deed = TAIL[known.held, found]
    if deed is Deed.LEAVE:
        return Agrees(f"in the new region: {found.value}", is_claimed=known.held is not Held.NOTHING)
    if deed is Deed.PERSON:
        return ForPerson(f"{_PERSON_WHY[known.held]} ({found.value} there)")
    if times >= REOPENED_COUNT_MAX:
        return ForPerson(f"it was owed again {times} times, and is missing again")
    return _advice(stored) if deed is Deed.ADVICE else _reversal(stored, known, found, looked, attempt)


def _advice(stored: StoredExchange) -> Decision:
    taken = stored.taken
    is_question = taken.message_class is MessageClass.FINANCIAL
    if is_question and not taken.amount_minor and taken.policy is not DoubtPolicy.REPEAT:
        if taken.kind in SECRET_KINDS:
            return ForPerson(f"{taken.kind} is not in the new region, and cannot be said again without the card's secrets")
        return Agrees("it moved nothing", is_claimed=False)
    if not taken.request:
        return ForPerson("its message is no longer kept")
    return Reopens(Event.RECONCILED_MISSING, "lost tail: delivered as an advice under the same key", taken.amount_minor or 0)


def _reversal(stored: StoredExchange, known: Confirmed, found: Found, looked: Looked, attempt: str) -> Decision:
    if not stored.taken.request:
        return ForPerson("its message is no longer kept")
    if known.held is Held.TAKEN_BACK:
        return Reopens(Event.RECONCILED_MISSING, "lost tail: the terminal's reversal is sent again", is_reversal=True)
    if found is Found.POSTED and looked.attempt != attempt:
        return ForPerson("undone here, and the new region answered another attempt of this key")
    if stored.intent is not None and stored.intent.verdict is Verdict.APPROVE:
        event = Event.RECONCILED_PART if known.standing_minor else Event.RECONCILED_WHOLE
        return Reopens(event, "lost tail: what its terminal's evidence asked for is sent again", known.standing_minor)
    if known.standing_minor:
        return ForPerson(_PERSON_WHY[Held.PART])
    return Reopens(Event.RECONCILED_UNEXPECTED, "lost tail: our own reversal is sent again")
