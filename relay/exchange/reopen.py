"""Whether a closed exchange is owed once more, because the core does not hold what was promised here. Pure.

Owns `decide`: what the journal wants to stand, what the core said by key, and which row of the exchange table follows. It must
never know a listing: that only says where to look. The traps: law 1 lets reconciliation undo, law 4 forbids it to guess, so
whatever a terminal may have been told approved is undone only where its own reversal or evidence had said so, a kind whose
doubt is not undone is never undone here either, and a posting that another attempt of the key was told is not ours to touch;
and what differs again after REOPENED_COUNT_MAX times is not mended by a further one.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from protocols.vocabulary import Approved, DoubtPolicy, MessageClass, Verdict
from relay.core.port import Looked, NotFound, Reversed
from relay.exchange import evidence
from relay.exchange.exchange import Event
from relay.journal.records import StoredExchange, StoredState

REOPENED_COUNT_MAX: Final = 3  # of one exchange, by reconciliation


class Agrees(msgspec.Struct, frozen=True):
    """Asked by key, the core holds what the journal wants; or nothing is claimed about it here (any more)."""

    why: str
    is_claimed: bool = True


class Reopens(msgspec.Struct, frozen=True):
    """`event` takes it up again. `is_reversal`: not the exchange itself, but the terminal's reversal of it. `standing_minor`
    is what shall stand in the end."""

    event: Event
    why: str
    standing_minor: int = 0
    is_reversal: bool = False


class ForPerson(msgspec.Struct, frozen=True):
    why: str


Decision: TypeAlias = Agrees | Reopens | ForPerson


class Around(msgspec.Struct, frozen=True):
    """What else is known of an exchange. `reversal`: its terminal's own, settled. `times`: how often reconciliation reopened it
    (or that reversal) already. `is_related`: another message names its key."""

    reversal: StoredExchange | None = None
    times: int = 0
    is_related: bool = False


def decide(stored: StoredExchange, looked: Looked, attempt: str, around: Around) -> Decision:
    """What follows for `stored`, as it is on disk now. `attempt` is its own."""
    reversal, times = around.reversal, around.times
    wanted = wanted_minor(stored, reversal)
    if wanted is None:
        return Agrees("nothing is claimed about it here", is_claimed=False)
    standing = _standing_minor(stored, looked)
    # Posted with nothing standing is a completion whose original holds the amount.
    if standing == wanted or (isinstance(looked.finding, Approved) and not standing):
        return Agrees("asked by key, both agree")
    if times >= REOPENED_COUNT_MAX:
        return ForPerson(f"it was owed again {times} times, and differs again")
    if standing > wanted:
        return _unexpected(stored, looked, attempt, reversal, wanted)
    return _missing(stored, looked, around, wanted)


def wanted_minor(stored: StoredExchange, reversal: StoredExchange | None) -> int | None:
    """What ought to stand at the core, minor units; None where the journal has no opinion."""
    amount = stored.taken.amount_minor
    if stored.taken.message_class is MessageClass.REVERSAL or not amount:
        return None
    if reversal is not None:
        return acknowledged_minor(reversal.outcome)
    if stored.reversed_by:
        return None  # its reversal is on its way, or on the list
    said = None if stored.outcome is None else evidence.unpack(stored.outcome)
    if stored.state is StoredState.REFUSED:
        return 0
    if stored.state is StoredState.ANSWERED and stored.intent is not None and stored.intent.verdict is Verdict.DECLINE:
        return 0
    is_told = stored.state is StoredState.ANSWERED and stored.intent is not None and stored.intent.verdict is Verdict.APPROVE
    if is_told or stored.state is StoredState.CONFIRMED:
        return amount if said is None or said.approved_minor is None else said.approved_minor
    if stored.state is not StoredState.SETTLED or said is None:
        return None
    if said.what in ("undone", "reversed", "declined"):
        return min(said.standing_minor or stored.standing_minor or 0, amount)
    if said.what == "approved":
        return amount if said.approved_minor is None else said.approved_minor
    return None  # taken over by another attempt, or a person's


def acknowledged_minor(outcome: bytes | None) -> int | None:
    """What stood when the core acknowledged a reversal; None where it did not."""
    said = None if outcome is None else evidence.unpack(outcome)
    return said.standing_minor if said is not None and said.what == "undone" else None


def _standing_minor(stored: StoredExchange, looked: Looked) -> int:
    finding = looked.finding
    if isinstance(finding, Reversed):
        return finding.standing_minor
    if not isinstance(finding, Approved):
        return 0
    if looked.standing_minor is not None:
        return looked.standing_minor
    return stored.taken.amount_minor or 0 if finding.amount is None else finding.amount.minor


def _unexpected(stored: StoredExchange, looked: Looked, attempt: str, reversal: StoredExchange | None, wanted: int) -> Decision:
    taken = stored.taken
    if reversal is not None:  # it is the terminal's own word, and always applies
        if not reversal.taken.request:
            return ForPerson("its terminal reversed it, and that message is no longer kept")
        return Reopens(Event.RECONCILED_MISSING, "its terminal's reversal is sent again", is_reversal=True)
    if taken.message_class is not MessageClass.FINANCIAL:
        return ForPerson("it is no question that could be undone")
    if looked.attempt != attempt:
        return ForPerson("the core answered another attempt of this key, or does not say whose")
    if not taken.request:
        return ForPerson("its message is no longer kept")
    if stored.intent is not None and stored.intent.verdict is Verdict.APPROVE:
        if stored.state is not StoredState.SETTLED:
            return ForPerson("its terminal was told approved")
        event = Event.RECONCILED_PART if wanted else Event.RECONCILED_WHOLE
        return Reopens(event, "the reversal that its terminal's evidence asked for is sent again", wanted)
    if taken.policy is not DoubtPolicy.UNDO:
        return ForPerson(f"{taken.kind} is never undone by itself")
    if not stored.epoch or stored.state is StoredState.REFUSED:
        return ForPerson("it was never asked from here")
    if wanted:
        return ForPerson("only a part of it stands here")
    return Reopens(Event.RECONCILED_UNEXPECTED, "reversed under its own attempt")


def _missing(stored: StoredExchange, looked: Looked, around: Around, wanted: int) -> Decision:
    taken = stored.taken
    if not isinstance(looked.finding, NotFound):
        return ForPerson(f"asked by key, the core says {type(looked.finding).__name__.lower()}")
    if around.reversal is not None or wanted != taken.amount_minor:
        return ForPerson("only a part of it stands here")
    if around.is_related:
        return ForPerson("another message says what became of it")
    if not taken.request:
        return ForPerson("its message is no longer kept")
    is_promised = taken.message_class is MessageClass.ADVICE or taken.policy is DoubtPolicy.REPEAT
    if not is_promised and (stored.intent is None or stored.intent.verdict is not Verdict.APPROVE):
        return ForPerson("its terminal was not told approved")
    return Reopens(Event.RECONCILED_MISSING, "delivered as an advice under the same key", wanted)
