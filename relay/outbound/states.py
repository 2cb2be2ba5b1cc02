"""The life of one message that the core started, as a table.

POSTED: its record is on its way to disk; the core has no answer yet. QUEUED is durable and acknowledged to the core (202),
and waits for its line: the messages of one line are offered one at a time, in the order of their taking. When the line has a
link, the intent to send goes to disk first (INTENDING); nobody on the line has heard of the message yet. Only when that is
durable is it given to the dialogue (OFFERED). The dialogue may give it back (DEFERRED, to QUEUED), refuse it (FAILED), or say
that its first byte may have left (SENT).

From OFFERED on, a crash, a lost link or a silence that is too long ends in UNKNOWN, never in a second try: what may have left
is not sent again by itself (laws 1 and 3). The record says "sent" from the moment that the intent is durable, so a restart
finds OFFERED and SENT alike, and calls both UNKNOWN. That is more often than true, and never the other way round. Where the
dialect gives each message a durable number before its first byte, the restart asks the line first (QUESTIONED, and nothing
else of the line goes before it): what surely never left waits in its place again.

ACKNOWLEDGED and FAILED are the far end's word, or proof that it never came that far. CANCELLED is the core's (or an
operator's) wish while QUEUED; CANCELLING is its way to disk, on which the message is offered to nobody. What is still QUEUED
when its own time is over, is FAILED: nobody on the line has heard of it. UNKNOWN is an end for
the relay; later evidence of the dialogue (sequence numbers exchanged at the next opening) or a person may still turn it into
one of the two. REFUSED was never taken. Every end is reported to the core until it confirms.

It must never know time, wires or the journal. The trap: a pair that is missing here is a bug of ours or of a dialect; it is
counted and logged, and nothing moves; above all, a message that was SENT is never deferred.
"""

from __future__ import annotations

from enum import Enum, auto

from protocols.machine import check_table
from relay.journal.outbound import OutboundState


class State(Enum):
    POSTED = auto()
    QUEUED = auto()
    INTENDING = auto()
    OFFERED = auto()
    SENT = auto()
    QUESTIONED = auto()
    CANCELLING = auto()
    ACKNOWLEDGED = auto()
    UNKNOWN = auto()
    FAILED = auto()
    CANCELLED = auto()
    REFUSED = auto()


class Event(Enum):
    RECORD_DURABLE = auto()
    NOT_RECORDED = auto()  # the journal did not take it, or had its key already
    LINE_READY = auto()  # its turn, and a link is there
    INTENT_DURABLE = auto()
    INTENT_FAILED = auto()  # the journal did not take the intent: nobody was told, it waits on
    LINE_GONE = auto()  # the link went while the intent was on its way: nobody was told
    DEFERRED = auto()  # the dialogue gives it back unsent
    FIRST_BYTE = auto()  # the dialogue says that its first byte may have left
    ACCEPTED = auto()  # the far end's word, or a person's
    REFUSED = auto()  # not sent, or refused by the far end
    LEFT_OPEN = auto()  # the dialogue says: no acknowledgement came
    LINK_LOST = auto()
    DEADLINE_PASSED = auto()
    RESTARTED = auto()  # found with a durable intent and no end
    RESTARTED_MEMORY = auto()  # the same, on a line that keeps a durable record of what it began with
    NEVER_LEFT = auto()  # by that record it never began with it
    EXPIRED = auto()
    CANCEL_ASKED = auto()
    CANCEL_DURABLE = auto()
    CANCEL_FAILED = auto()


S, E = State, Event
TRANSITIONS: dict[tuple[State, Event], State] = {
    (S.POSTED, E.RECORD_DURABLE): S.QUEUED,
    (S.POSTED, E.NOT_RECORDED): S.REFUSED,
    (S.QUEUED, E.LINE_READY): S.INTENDING,
    (S.QUEUED, E.CANCEL_ASKED): S.CANCELLING,
    (S.QUEUED, E.EXPIRED): S.FAILED,
    (S.CANCELLING, E.CANCEL_DURABLE): S.CANCELLED,
    (S.CANCELLING, E.CANCEL_FAILED): S.QUEUED,
    (S.INTENDING, E.INTENT_DURABLE): S.OFFERED,
    (S.INTENDING, E.INTENT_FAILED): S.QUEUED,
    (S.OFFERED, E.LINE_GONE): S.QUEUED,
    (S.OFFERED, E.DEFERRED): S.QUEUED,
    (S.OFFERED, E.FIRST_BYTE): S.SENT,
    (S.OFFERED, E.ACCEPTED): S.ACKNOWLEDGED,
    (S.OFFERED, E.REFUSED): S.FAILED,
    (S.OFFERED, E.LEFT_OPEN): S.UNKNOWN,
    (S.OFFERED, E.LINK_LOST): S.UNKNOWN,
    (S.OFFERED, E.DEADLINE_PASSED): S.UNKNOWN,
    (S.OFFERED, E.RESTARTED): S.UNKNOWN,
    (S.OFFERED, E.RESTARTED_MEMORY): S.QUESTIONED,
    (S.QUESTIONED, E.NEVER_LEFT): S.QUEUED,
    (S.QUESTIONED, E.ACCEPTED): S.ACKNOWLEDGED,
    (S.QUESTIONED, E.REFUSED): S.FAILED,
    (S.QUESTIONED, E.LEFT_OPEN): S.UNKNOWN,
    (S.QUESTIONED, E.DEADLINE_PASSED): S.UNKNOWN,
    (S.SENT, E.FIRST_BYTE): S.SENT,  # the dialect's own repeat, with its own mark, on the same link
    (S.SENT, E.ACCEPTED): S.ACKNOWLEDGED,
    (S.SENT, E.REFUSED): S.FAILED,
    (S.SENT, E.LEFT_OPEN): S.UNKNOWN,
    (S.SENT, E.LINK_LOST): S.UNKNOWN,
    (S.SENT, E.DEADLINE_PASSED): S.UNKNOWN,
    (S.UNKNOWN, E.ACCEPTED): S.ACKNOWLEDGED,
    (S.UNKNOWN, E.REFUSED): S.FAILED,
    (S.UNKNOWN, E.LEFT_OPEN): S.UNKNOWN,
}
INITIAL = State.POSTED
TERMINAL = frozenset({State.ACKNOWLEDGED, State.FAILED, State.CANCELLED, State.REFUSED})
ENDS = TERMINAL | {State.UNKNOWN}

check_table(TRANSITIONS, INITIAL, TERMINAL, Event)

# What each state is on disk.
STORED: dict[State, OutboundState] = {
    State.QUEUED: OutboundState.QUEUED,
    State.INTENDING: OutboundState.SENT,
    State.OFFERED: OutboundState.SENT,
    State.SENT: OutboundState.SENT,
    State.QUESTIONED: OutboundState.SENT,
    State.CANCELLING: OutboundState.CANCELLED,
    State.ACKNOWLEDGED: OutboundState.ACKNOWLEDGED,
    State.UNKNOWN: OutboundState.UNKNOWN,
    State.FAILED: OutboundState.FAILED,
    State.CANCELLED: OutboundState.CANCELLED,
}
# What a restart makes of what it finds, before RESTARTED ends what was under way.
REBUILT: dict[OutboundState, State] = {
    OutboundState.QUEUED: State.QUEUED,
    OutboundState.SENT: State.OFFERED,
    OutboundState.ACKNOWLEDGED: State.ACKNOWLEDGED,
    OutboundState.UNKNOWN: State.UNKNOWN,
    OutboundState.FAILED: State.FAILED,
    OutboundState.CANCELLED: State.CANCELLED,
}
# What a dialogue's Delivery means.
# Where an event has led before: a dialogue may say an end again, as at each opening of a Zengin day.
SAME_END = {Event.ACCEPTED: State.ACKNOWLEDGED, Event.REFUSED: State.FAILED}
DELIVERED: dict[str, Event] = {
    "deferred": Event.DEFERRED,
    "sent": Event.FIRST_BYTE,
    "acknowledged": Event.ACCEPTED,
    "unknown": Event.LEFT_OPEN,
    "failed": Event.REFUSED,
    "unsent": Event.NEVER_LEFT,
}
