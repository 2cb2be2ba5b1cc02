"""The life of one exclusive line at one relay center, as a table.

IDLE: this center does not want the line (before the start, after people released it, while it is drained). SEEKING: the
standby: it asks the lease database, and gets the line when nobody holds it. HELD: the database said so lately enough; the line
is dialled or accepted. BY_HAND: two people said so, where no database answered; it asks on, and what the database says then
either makes it HELD or ends it. DEMOTING and RELEASING: the line is being reset; nobody is told that it is free before that is
done. DEMOTING ends in FAULT, RELEASING in IDLE.

FAULT is left by people only: two who take the line, or one who makes this center the standby of a holder that the database
knows. A standby that reaches no database for as long as a lease lasts goes there too: what it would do after that, it would do
on old knowledge.

It must never know time, SQL or a wire. The trap: DENIED while HELD is not a lost race but proof that the line may be another
center's already, so it demotes at once; and no event leads from FAULT to HELD but the one that two people sign.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from protocols.machine import check_table


class State(Enum):
    IDLE = auto()
    SEEKING = auto()
    HELD = auto()
    BY_HAND = auto()
    DEMOTING = auto()
    RELEASING = auto()
    FAULT = auto()


class Event(Enum):
    WANTED = auto()  # the start, the end of a drain, or a person: this center would serve the line
    GRANTED = auto()  # by the database, in time
    DENIED = auto()  # another holder's lease runs
    DEADLINE = auto()  # as long as it may be held without another word of the database
    UNREACHABLE = auto()  # no database for as long as a lease lasts
    RELEASED = auto()  # people, a drain, or the end of the process
    LINE_DOWN = auto()  # it is reset: not a byte leaves any more
    TAKEN = auto()  # by two people, and the database agrees
    TAKEN_BY_HAND = auto()  # by two people, and no database answers


S, E = State, Event
INITIAL: Final = State.IDLE
SPEAKING: Final = frozenset({S.HELD, S.BY_HAND})
ASKING: Final = frozenset({S.SEEKING, S.HELD, S.BY_HAND})  # these ask the database by themselves

TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    (S.IDLE, E.WANTED): S.SEEKING,
    (S.IDLE, E.TAKEN): S.HELD,
    (S.IDLE, E.TAKEN_BY_HAND): S.BY_HAND,
    (S.IDLE, E.UNREACHABLE): S.FAULT,  # found at the start: this center was in FAULT, or held by hand, when it ended
    (S.SEEKING, E.GRANTED): S.HELD,
    (S.SEEKING, E.DENIED): S.SEEKING,
    (S.SEEKING, E.UNREACHABLE): S.FAULT,
    (S.SEEKING, E.RELEASED): S.IDLE,
    (S.SEEKING, E.TAKEN): S.HELD,
    (S.SEEKING, E.TAKEN_BY_HAND): S.BY_HAND,
    (S.HELD, E.GRANTED): S.HELD,
    (S.HELD, E.DENIED): S.DEMOTING,
    (S.HELD, E.DEADLINE): S.DEMOTING,
    (S.HELD, E.RELEASED): S.RELEASING,
    (S.BY_HAND, E.GRANTED): S.HELD,
    (S.BY_HAND, E.DENIED): S.DEMOTING,
    (S.BY_HAND, E.RELEASED): S.RELEASING,
    (S.DEMOTING, E.LINE_DOWN): S.FAULT,
    (S.RELEASING, E.LINE_DOWN): S.IDLE,
    (S.FAULT, E.WANTED): S.SEEKING,
    (S.FAULT, E.RELEASED): S.IDLE,
    (S.FAULT, E.TAKEN): S.HELD,
    (S.FAULT, E.TAKEN_BY_HAND): S.BY_HAND,
}

check_table(TRANSITIONS, INITIAL, (), Event)
