"""A failover run, as a table.

IDLE: declared by nobody yet. DECLARED: preparation has begun, nothing has been shown to anybody. G1_WAIT: people deliberate
about the initiation while preparation goes on. INITIATING: both relays are told to block and to seal, the copy is stopped;
all of it can be taken back. G2_WAIT: everything that can be taken back is done, and what cannot waits for people.
PROMOTING, SWITCHING_DNS, VERIFYING: by machine, forward only. G3_WAIT: the new region could serve and is let nobody in.
RELEASING: service returns, by class; where the night asks for it in two parts, with the third gate again between them.
DONE: health was seen, not only commanded.

Back: CANCEL_PREP before anything was initiated, ROLLBACK after; both end in ABORTED with the old region serving under its
old epoch. PROMOTING may still go back as long as the promotion's intent is not on the disk (the first byte leaves after
it): the row is here, and the record keeper (relay/failover/run.py) refuses it afterwards.

HOLD is no row: it stands beside every state. A run that is held begins nothing, ends what it began, and goes on when people
say so.

The trap: nothing in this table moves by time. A gate that nobody answers is a gate that stays shut.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from protocols.machine import check_table
from relay.failover.plan import Phase


class State(Enum):
    IDLE = auto()
    DECLARED = auto()
    G1_WAIT = auto()
    INITIATING = auto()
    G2_WAIT = auto()
    PROMOTING = auto()
    SWITCHING_DNS = auto()
    VERIFYING = auto()
    G3_WAIT = auto()
    RELEASING = auto()
    DONE = auto()
    CANCEL_PREP = auto()
    ROLLBACK = auto()
    ABORTED = auto()


class Event(Enum):
    DECLARE = auto()
    OPEN_GATE = auto()  # the first evidence is there to be looked at
    PASS_GATE = auto()  # two people have approved
    PHASE_DONE = auto()  # every step of the phase is done, or people answer for it
    PART_DONE = auto()  # of a release that is split
    ABORT = auto()  # a denial, or people
    UNDONE = auto()  # everything that could be taken back is


S, E = State, Event
INITIAL: Final = State.IDLE
TERMINAL: Final = frozenset({S.DONE, S.ABORTED})
GATE_OF: Final = {S.G1_WAIT: 1, S.G2_WAIT: 2, S.G3_WAIT: 3}
PHASE_OF: Final = {
    S.INITIATING: Phase.INITIATE,
    S.PROMOTING: Phase.PROMOTE,
    S.SWITCHING_DNS: Phase.DNS,
    S.VERIFYING: Phase.VERIFY,
    S.RELEASING: Phase.RELEASE,
}
PREPARING: Final = frozenset({S.DECLARED, S.G1_WAIT, S.INITIATING, S.G2_WAIT})
FOLLOWING: Final = frozenset({S.VERIFYING, S.G3_WAIT, S.RELEASING})  # the record has moved, and the run is not over
BACKING: Final = frozenset({S.CANCEL_PREP, S.ROLLBACK})

TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    (S.IDLE, E.DECLARE): S.DECLARED,
    (S.DECLARED, E.OPEN_GATE): S.G1_WAIT,
    (S.DECLARED, E.ABORT): S.CANCEL_PREP,
    (S.G1_WAIT, E.PASS_GATE): S.INITIATING,
    (S.G1_WAIT, E.ABORT): S.CANCEL_PREP,
    (S.INITIATING, E.PHASE_DONE): S.G2_WAIT,
    (S.INITIATING, E.ABORT): S.ROLLBACK,
    (S.G2_WAIT, E.PASS_GATE): S.PROMOTING,
    (S.G2_WAIT, E.ABORT): S.ROLLBACK,
    (S.PROMOTING, E.ABORT): S.ROLLBACK,
    (S.PROMOTING, E.PHASE_DONE): S.SWITCHING_DNS,
    (S.SWITCHING_DNS, E.PHASE_DONE): S.VERIFYING,
    (S.VERIFYING, E.PHASE_DONE): S.G3_WAIT,
    (S.G3_WAIT, E.PASS_GATE): S.RELEASING,
    (S.RELEASING, E.PART_DONE): S.G3_WAIT,
    (S.RELEASING, E.PHASE_DONE): S.DONE,
    (S.CANCEL_PREP, E.UNDONE): S.ABORTED,
    (S.ROLLBACK, E.UNDONE): S.ABORTED,
}

check_table(TRANSITIONS, INITIAL, TERMINAL, Event)
