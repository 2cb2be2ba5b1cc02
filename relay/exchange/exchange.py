"""The exchange table: the life of one message through the relay, as data.

One exchange has one of three openings. A *financial* message is OFFERED, RECORDED (durable), ASKED (a call to the core may
have left), ANSWERED (the reply is decided and its intent on its way to disk), REPLIED. An *advice* or *reversal* is OFFERED
and then DELIVERING: durable and acknowledged in one record, owed to the core until it confirms. What the relay will not take
at all is REFUSED.

Between ASKED and ANSWERED lies doubt. Everything after the first byte of a call but the core's own word is unknown (law 3),
so ASKED may fall to IN_DOUBT, from which an inquiry before the reply deadline leads back to ANSWERED. At the deadline the
kind's doubt policy decides, in the same record as the reply intent "doubt" (law 1): UNDOING owes a reversal, REPEATING owes the
same key again, HELD owes an inquiry. After that, outcomes are evidence: kept, never replied. A restart finds RECORDED without
an intent, knows that no reply left, and takes the same three ways (the RECOVERED_* events). A copy that may be behind knows no
such thing: there nothing is undone, what would be is HELD.

In a pair of centers the same holds between the two: a message that says it is a repeat, and that is new here, may have been
asked by the other center. What would be refused unasked then is IN_DOUBT (ASKED_ELSEWHERE): "no" could deny an approval.

A terminal's own reversal withdraws an original that still waits or is in doubt: the reversal is an exchange of its own, is
durable first, and always applies, so the original is SETTLED and owes nothing.

AWAITING_COMPLETION is a reply that needs evidence from the terminal: CONFIRMED ends it, unless another region serves by then,
which may lack it: it is DELIVERING what happened (EVIDENCE_CONFIRMED_ANEW). PART_UNDONE and UNDONE still owe the
core a reversal with the amount that stands; UNPROVEN and LISTED wait for a person, whose decision is RESOLVED, or who has a
LISTED duty tried again (the RETRIED_* events, each back to where it came from). Nothing else ends a listed line, except that
evidence which comes late still closes what is UNPROVEN.

What is REPLIED, CONFIRMED or SETTLED is closed: nothing more comes of it, unless reconciliation finds that the core does not
hold what was promised here (the RECONCILED_* events, which reopen.py decides). Then it is owed once more, in the same ways:
DELIVERING what is missing, UNDOING what must not stand, PART_UNDONE and UNDONE where the terminal's evidence had said so.

It must never know time, wires or the journal. The trap: a pair that is missing here is not to be ignored. It is a bug of ours,
counted and logged by the desk, and nothing moves.
"""

from __future__ import annotations

from enum import Enum, auto

from protocols.machine import check_table
from protocols.vocabulary import DoubtPolicy
from relay.journal.records import StoredState


class State(Enum):
    __hash__ = object.__hash__  # Enum's own is Python code, and the table is looked up five times for each message

    OFFERED = auto()
    RECORDED = auto()
    ASKED = auto()
    IN_DOUBT = auto()
    ANSWERED = auto()
    REPLIED = auto()
    REFUSED = auto()
    DELIVERING = auto()
    UNDOING = auto()
    REPEATING = auto()
    HELD = auto()
    AWAITING_COMPLETION = auto()
    CONFIRMED = auto()
    PART_UNDONE = auto()
    UNDONE = auto()
    UNPROVEN = auto()
    SETTLED = auto()
    LISTED = auto()


class Event(Enum):
    __hash__ = object.__hash__  # as above

    REFUSED_AT_DOOR = auto()  # format, overload, no journal, unknown terminal, key conflict, duplicate answered elsewhere
    REQUEST_DURABLE = auto()
    OWED_DURABLE = auto()  # an advice or reversal, with its acknowledgement's intent
    CALL_STARTED = auto()
    REFUSED_UNASKED = auto()  # the queue or the gate gave it up before any byte left
    OUTCOME_KNOWN = auto()  # the core's own word: approved, declined, or not processed
    OUTCOME_UNKNOWN = auto()
    ASKED_ELSEWHERE = auto()  # it cannot be asked here, and may have been asked by the other center of the pair
    CALL_REPEATED = auto()  # same key, same epoch, before the deadline, after an inquiry found nothing
    INTENT_DURABLE = auto()
    INTENT_DURABLE_COMPLETION_AWAITED = auto()
    INTENT_FAILED = auto()  # the journal did not take it: nothing may become visible, the deadline decides
    DEADLINE_PASSED_UNDO = auto()
    DEADLINE_PASSED_REPEAT = auto()
    DEADLINE_PASSED_HOLD = auto()
    RECOVERED_UNDO = auto()
    RECOVERED_REPEAT = auto()
    RECOVERED_HOLD = auto()
    WITHDRAWN = auto()  # the terminal's own reversal overtook it
    UNDO_ACKNOWLEDGED = auto()
    SUPERSEDED = auto()  # another attempt of the key was answered since: taken over
    DELIVERED = auto()  # the core confirmed what was owed, or the held outcome is settled without loss
    GIVEN_TO_PERSON = auto()
    EVIDENCE_CONFIRMED = auto()
    EVIDENCE_CONFIRMED_ANEW = auto()  # of what was asked in an epoch before this one: the region that serves now may lack it
    EVIDENCE_PART = auto()
    EVIDENCE_UNDONE = auto()
    EVIDENCE_MISSING = auto()
    RESOLVED = auto()
    RETRIED_UNDO = auto()  # a person wants the duty tried again: which one it was, is in people.py
    RETRIED_REPEAT = auto()
    RETRIED_HOLD = auto()
    RETRIED_DELIVERY = auto()
    RETRIED_PART = auto()
    RETRIED_WHOLE = auto()
    RECONCILED_MISSING = auto()  # the core lacks what was approved or delivered, or the terminal's own reversal
    RECONCILED_UNEXPECTED = auto()  # it stands at the core, and the terminal was never told so
    RECONCILED_PART = auto()  # more stands than the terminal's evidence left
    RECONCILED_WHOLE = auto()  # it stands, and the terminal's evidence left nothing


S, E = State, Event
TRANSITIONS: dict[tuple[State, Event], State] = {
    (S.OFFERED, E.REFUSED_AT_DOOR): S.REFUSED,
    (S.OFFERED, E.REQUEST_DURABLE): S.RECORDED,
    (S.OFFERED, E.OWED_DURABLE): S.DELIVERING,
    (S.RECORDED, E.CALL_STARTED): S.ASKED,
    (S.RECORDED, E.REFUSED_UNASKED): S.ANSWERED,
    (S.RECORDED, E.ASKED_ELSEWHERE): S.IN_DOUBT,
    (S.RECORDED, E.WITHDRAWN): S.SETTLED,
    (S.RECORDED, E.RECOVERED_UNDO): S.UNDOING,
    (S.RECORDED, E.RECOVERED_REPEAT): S.REPEATING,
    (S.RECORDED, E.RECOVERED_HOLD): S.HELD,
    (S.ASKED, E.OUTCOME_KNOWN): S.ANSWERED,
    (S.ASKED, E.OUTCOME_UNKNOWN): S.IN_DOUBT,
    (S.ASKED, E.WITHDRAWN): S.SETTLED,
    (S.ASKED, E.DEADLINE_PASSED_UNDO): S.UNDOING,
    (S.ASKED, E.DEADLINE_PASSED_REPEAT): S.REPEATING,
    (S.ASKED, E.DEADLINE_PASSED_HOLD): S.HELD,
    (S.IN_DOUBT, E.OUTCOME_KNOWN): S.ANSWERED,
    (S.IN_DOUBT, E.CALL_REPEATED): S.ASKED,
    (S.IN_DOUBT, E.WITHDRAWN): S.SETTLED,
    (S.IN_DOUBT, E.DEADLINE_PASSED_UNDO): S.UNDOING,
    (S.IN_DOUBT, E.DEADLINE_PASSED_REPEAT): S.REPEATING,
    (S.IN_DOUBT, E.DEADLINE_PASSED_HOLD): S.HELD,
    (S.ANSWERED, E.INTENT_DURABLE): S.REPLIED,
    (S.ANSWERED, E.INTENT_DURABLE_COMPLETION_AWAITED): S.AWAITING_COMPLETION,
    (S.ANSWERED, E.INTENT_FAILED): S.IN_DOUBT,
    (S.UNDOING, E.UNDO_ACKNOWLEDGED): S.SETTLED,
    (S.UNDOING, E.SUPERSEDED): S.SETTLED,
    (S.UNDOING, E.GIVEN_TO_PERSON): S.LISTED,
    (S.REPEATING, E.DELIVERED): S.SETTLED,
    (S.REPEATING, E.WITHDRAWN): S.SETTLED,
    (S.REPEATING, E.GIVEN_TO_PERSON): S.LISTED,
    (S.HELD, E.DELIVERED): S.SETTLED,
    (S.HELD, E.WITHDRAWN): S.SETTLED,
    (S.HELD, E.GIVEN_TO_PERSON): S.LISTED,
    (S.DELIVERING, E.DELIVERED): S.SETTLED,
    (S.DELIVERING, E.UNDO_ACKNOWLEDGED): S.SETTLED,
    (S.DELIVERING, E.GIVEN_TO_PERSON): S.LISTED,
    (S.AWAITING_COMPLETION, E.EVIDENCE_CONFIRMED): S.CONFIRMED,
    (S.AWAITING_COMPLETION, E.EVIDENCE_CONFIRMED_ANEW): S.DELIVERING,
    (S.AWAITING_COMPLETION, E.EVIDENCE_PART): S.PART_UNDONE,
    (S.AWAITING_COMPLETION, E.EVIDENCE_UNDONE): S.UNDONE,
    (S.AWAITING_COMPLETION, E.EVIDENCE_MISSING): S.UNPROVEN,
    (S.AWAITING_COMPLETION, E.WITHDRAWN): S.SETTLED,
    (S.PART_UNDONE, E.UNDO_ACKNOWLEDGED): S.SETTLED,
    (S.PART_UNDONE, E.GIVEN_TO_PERSON): S.LISTED,
    (S.UNDONE, E.UNDO_ACKNOWLEDGED): S.SETTLED,
    (S.UNDONE, E.GIVEN_TO_PERSON): S.LISTED,
    (S.UNPROVEN, E.EVIDENCE_CONFIRMED): S.CONFIRMED,
    (S.UNPROVEN, E.EVIDENCE_CONFIRMED_ANEW): S.DELIVERING,
    (S.UNPROVEN, E.EVIDENCE_MISSING): S.UNPROVEN,
    (S.UNPROVEN, E.EVIDENCE_PART): S.PART_UNDONE,
    (S.UNPROVEN, E.EVIDENCE_UNDONE): S.UNDONE,
    (S.UNPROVEN, E.RESOLVED): S.SETTLED,
    (S.LISTED, E.RESOLVED): S.SETTLED,
    (S.LISTED, E.RETRIED_UNDO): S.UNDOING,
    (S.LISTED, E.RETRIED_REPEAT): S.REPEATING,
    (S.LISTED, E.RETRIED_HOLD): S.HELD,
    (S.LISTED, E.RETRIED_DELIVERY): S.DELIVERING,
    (S.LISTED, E.RETRIED_PART): S.PART_UNDONE,
    (S.LISTED, E.RETRIED_WHOLE): S.UNDONE,
    (S.REPLIED, E.RECONCILED_MISSING): S.DELIVERING,
    (S.REPLIED, E.RECONCILED_UNEXPECTED): S.UNDOING,
    (S.CONFIRMED, E.RECONCILED_MISSING): S.DELIVERING,
    (S.SETTLED, E.RECONCILED_MISSING): S.DELIVERING,
    (S.SETTLED, E.RECONCILED_UNEXPECTED): S.UNDOING,
    (S.SETTLED, E.RECONCILED_PART): S.PART_UNDONE,
    (S.SETTLED, E.RECONCILED_WHOLE): S.UNDONE,
}
IN_FLIGHT = frozenset({S.OFFERED, S.RECORDED, S.ASKED, S.IN_DOUBT, S.ANSWERED})  # somebody waits for the reply
TERMINAL = frozenset({S.REPLIED, S.REFUSED, S.CONFIRMED, S.SETTLED})  # closed: nothing comes of it by itself
UNKNOWN = frozenset({S.IN_DOUBT, S.UNDOING, S.REPEATING, S.HELD})  # asked, and nobody knows what became of it
FINAL = frozenset({S.REFUSED})  # nothing was ever asked: not even reconciliation reopens it

# What each state is on disk. ASKED and IN_DOUBT are RECORDED there: after a crash nobody knows whether a byte left.
STORED: dict[State, StoredState] = {
    S.RECORDED: StoredState.RECORDED,
    S.ASKED: StoredState.RECORDED,
    S.IN_DOUBT: StoredState.RECORDED,
    S.ANSWERED: StoredState.RECORDED,
    S.REPLIED: StoredState.ANSWERED,
    S.REFUSED: StoredState.REFUSED,
    S.DELIVERING: StoredState.DELIVERING,
    S.UNDOING: StoredState.UNDOING,
    S.REPEATING: StoredState.REPEATING,
    S.HELD: StoredState.HELD,
    S.AWAITING_COMPLETION: StoredState.AWAITING_COMPLETION,
    S.CONFIRMED: StoredState.CONFIRMED,
    S.PART_UNDONE: StoredState.PART_UNDONE,
    S.UNDONE: StoredState.UNDONE,
    S.UNPROVEN: StoredState.UNPROVEN,
    S.SETTLED: StoredState.SETTLED,
    S.LISTED: StoredState.LISTED,
}
REBUILT: dict[StoredState, State] = {
    StoredState.RECORDED: S.RECORDED,
    StoredState.ANSWERED: S.REPLIED,
    StoredState.CONFIRMED: S.CONFIRMED,
    StoredState.SETTLED: S.SETTLED,
    StoredState.DELIVERING: S.DELIVERING,
    StoredState.UNDOING: S.UNDOING,
    StoredState.REPEATING: S.REPEATING,
    StoredState.HELD: S.HELD,
    StoredState.AWAITING_COMPLETION: S.AWAITING_COMPLETION,
    StoredState.PART_UNDONE: S.PART_UNDONE,
    StoredState.UNDONE: S.UNDONE,
    StoredState.UNPROVEN: S.UNPROVEN,
    StoredState.LISTED: S.LISTED,
}

DEADLINE_EVENT = {
    DoubtPolicy.UNDO: E.DEADLINE_PASSED_UNDO,
    DoubtPolicy.REPEAT: E.DEADLINE_PASSED_REPEAT,
    DoubtPolicy.HOLD: E.DEADLINE_PASSED_HOLD,
}
RECOVERED_EVENT = {
    DoubtPolicy.UNDO: E.RECOVERED_UNDO,
    DoubtPolicy.REPEAT: E.RECOVERED_REPEAT,
    DoubtPolicy.HOLD: E.RECOVERED_HOLD,
}
# From a copy that may be behind, "no intent on disk" does not say that no reply left: nothing is undone by itself.
RECOVERED_FROM_COPY_EVENT = {
    DoubtPolicy.UNDO: E.RECOVERED_HOLD,
    DoubtPolicy.REPEAT: E.RECOVERED_REPEAT,
    DoubtPolicy.HOLD: E.RECOVERED_HOLD,
}
EVIDENCE_EVENT = {
    "confirmed": E.EVIDENCE_CONFIRMED,
    "part": E.EVIDENCE_PART,
    "undone": E.EVIDENCE_UNDONE,
    "unproven": E.EVIDENCE_MISSING,
}

check_table(TRANSITIONS, S.OFFERED, FINAL, Event)
