"""The stages of a drain, as a table.

SERVING: nothing is drained. DEPREFERRING: whoever chooses between the centers was told to prefer the other one, and gets its
time. CLOSING: nothing is accepted or dialled any more. SHEDDING: the classes have their turns, idle sessions first; a session
is told to sign off when it owes nothing. FINISHING: every class had its turn, the busy ones are waited for. SIGNING_OFF: those
that are still busy sign off all the same and take nothing new. RESETTING: the deadline has passed. DRAINED is no end: the relay
lives, its doors stay shut, also over a restart, until a person says otherwise.

It must never know a link or a clock. The trap: ABORTED leads back from every stage, and a session that has been told to sign
off goes all the same: what is restored is that it may come back.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from protocols.machine import check_table


class Stage(Enum):
    SERVING = auto()
    DEPREFERRING = auto()
    CLOSING = auto()
    SHEDDING = auto()
    FINISHING = auto()
    SIGNING_OFF = auto()
    RESETTING = auto()
    DRAINED = auto()


class Event(Enum):
    STARTED = auto()  # by a person or a signal
    FOUND = auto()  # at the start of the relay: it was drained, or being drained, when it ended
    PREFERENCE_GONE = auto()
    DOORS_SHUT = auto()
    TURNS_OVER = auto()
    SIGN_OFF_DUE = auto()
    DEADLINE = auto()
    EMPTY = auto()  # no session of the drained classes is left
    ABORTED = auto()


S, E = Stage, Event
INITIAL: Final = Stage.SERVING
TRANSITIONS: Final[dict[tuple[Stage, Event], Stage]] = {
    (S.SERVING, E.STARTED): S.DEPREFERRING,
    (S.SERVING, E.FOUND): S.DRAINED,
    (S.DEPREFERRING, E.PREFERENCE_GONE): S.CLOSING,
    (S.CLOSING, E.DOORS_SHUT): S.SHEDDING,
    (S.SHEDDING, E.TURNS_OVER): S.FINISHING,
    (S.SHEDDING, E.SIGN_OFF_DUE): S.SIGNING_OFF,
    (S.FINISHING, E.SIGN_OFF_DUE): S.SIGNING_OFF,
    (S.SIGNING_OFF, E.DEADLINE): S.RESETTING,
    (S.SHEDDING, E.EMPTY): S.DRAINED,
    (S.FINISHING, E.EMPTY): S.DRAINED,
    (S.SIGNING_OFF, E.EMPTY): S.DRAINED,
    (S.RESETTING, E.EMPTY): S.DRAINED,
    **{(stage, E.ABORTED): S.SERVING for stage in Stage if stage is not S.SERVING},
}

check_table(TRANSITIONS, INITIAL, (), Event)
