"""The take-over of the other center's journal, as a table.

NONE: nobody is taken over. FENCING: two people have signed; the core is asked to refuse every life of the other center
below a number. PROMOTING: it does; the copy of the other center's journal, which is kept here, is to become a database that
writes. OPENING: it writes; the journal is to be opened in a new life, in the generation of the fence. ADOPTED: it is at
work here, under its own center's name: what was open goes to its end, repeats are answered. RETURNING: people have signed
that it goes back; it is being closed. RETURNED: it is closed, and whoever opens it next is its own center.

There is no way from FENCING to PROMOTING but the core's word that the fence stands. A copy that is promoted while the other
center may still speak would have two lives of one journal at work, and what the two say apart no journal mends.

It must never know the core, a database or time. The trap: every state is entered on evidence that the one before has been
done, and never because it was asked for; so a process that dies between asking and hearing asks again, and nothing is done
twice.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from protocols.machine import check_table


class State(Enum):
    NONE = auto()
    FENCING = auto()
    PROMOTING = auto()
    OPENING = auto()
    ADOPTED = auto()
    RETURNING = auto()
    RETURNED = auto()


class Event(Enum):
    SIGNED = auto()  # by two people
    NUMBER_CHOSEN = auto()  # the core has heard a life as high as the fence would be
    FENCE_STANDS = auto()  # the core says so, of this take-over
    COPY_MEASURED = auto()  # until when it has what the other center wrote: nobody can see that any more once it writes
    COPY_WRITES = auto()  # seen at the database itself
    JOURNAL_OPEN = auto()  # in the fence's generation, and that is durable in it
    GIVEN_BACK = auto()  # two people have signed, and nothing is open
    JOURNAL_CLOSED = auto()


S, E = State, Event
INITIAL: Final = State.NONE
AWAITED: Final = frozenset({S.FENCING, S.PROMOTING, S.OPENING})  # the other center's business is to be answered from here soon
AT_WORK: Final = frozenset({S.ADOPTED})
SPOKEN_FOR: Final = AT_WORK | {S.RETURNING}  # in its name: what came in just before it was given back goes to its end, too
ACTIVE: Final = AWAITED | AT_WORK | {S.RETURNING}  # there is something to do

TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    (S.NONE, E.SIGNED): S.FENCING,
    (S.FENCING, E.NUMBER_CHOSEN): S.FENCING,
    (S.FENCING, E.FENCE_STANDS): S.PROMOTING,
    (S.PROMOTING, E.COPY_MEASURED): S.PROMOTING,
    (S.PROMOTING, E.COPY_WRITES): S.OPENING,
    (S.OPENING, E.JOURNAL_OPEN): S.ADOPTED,
    (S.ADOPTED, E.JOURNAL_OPEN): S.ADOPTED,  # after a restart, or after its database was away
    (S.ADOPTED, E.GIVEN_BACK): S.RETURNING,
    (S.RETURNING, E.JOURNAL_CLOSED): S.RETURNED,
    (S.RETURNED, E.SIGNED): S.FENCING,
}

check_table(TRANSITIONS, INITIAL, (), Event)
