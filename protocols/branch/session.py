"""The business day on one link, as a table: opened, counted, closed, and what a drain changes.

A link begins CONNECTED. 開局 opens it (OPEN), also again after a broken line. 閉局 first asks for 精査 (COUNTING); a count
that does not fit, or none, leads back to OPEN, a count that fits to DAY_CLOSED, from where only a new 開局 leads on. DRAINING
has no way back: what was asked is answered, nothing new is taken. CLOSED is the end of every link.

It must never know a telegram. The trap: the day belongs to the terminal and outlives the link; the till book (till.py) says
whether it is closed, this table only what this link may do.
"""

from __future__ import annotations

from enum import Enum, auto

from protocols.machine import check_table


class State(Enum):
    CONNECTED = auto()
    OPEN = auto()
    COUNTING = auto()
    DAY_CLOSED = auto()
    DRAINING = auto()
    CLOSED = auto()


class Moment(Enum):
    OPENED = auto()
    CLOSING_ASKED = auto()
    COUNT_FAILED = auto()  # it does not fit, or did not come
    DAY_ENDED = auto()
    DRAIN_STARTED = auto()
    LINK_CLOSED = auto()


S, M = State, Moment
TRANSITIONS: dict[tuple[State, Moment], State] = {
    (S.CONNECTED, M.OPENED): S.OPEN,
    (S.OPEN, M.OPENED): S.OPEN,
    (S.OPEN, M.CLOSING_ASKED): S.COUNTING,
    (S.COUNTING, M.OPENED): S.OPEN,  # it thought better of closing
    (S.COUNTING, M.CLOSING_ASKED): S.COUNTING,
    (S.COUNTING, M.COUNT_FAILED): S.OPEN,
    (S.COUNTING, M.DAY_ENDED): S.DAY_CLOSED,
    (S.DAY_CLOSED, M.OPENED): S.OPEN,
    (S.DRAINING, M.COUNT_FAILED): S.DRAINING,
    (S.DRAINING, M.DAY_ENDED): S.DRAINING,
    (S.DRAINING, M.DRAIN_STARTED): S.DRAINING,
    **{(state, M.DRAIN_STARTED): S.DRAINING for state in (S.CONNECTED, S.OPEN, S.COUNTING, S.DAY_CLOSED)},
    **{(state, M.LINK_CLOSED): S.CLOSED for state in S if state is not S.CLOSED},
}
INITIAL = State.CONNECTED
TERMINAL = frozenset({State.CLOSED})

check_table(TRANSITIONS, INITIAL, TERMINAL, Moment)
