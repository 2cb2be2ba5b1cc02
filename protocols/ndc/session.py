"""The session of one ATM as a table: from a silent connect to in service, and back whenever something is unknown again.

A link begins CONNECTED: the ATM may say who it is (power-up with its configuration id), or stay silent until we probe. Once
the id is known it is right (STARTING: out of service, keys, counters, in service) or not (DOWNLOADING: everything from the
load, the id last, then STARTING). IN_SERVICE is the only state in which money moves. SUPERVISOR is the operator at the
machine: commands wait, and on leaving everything is read again, because he may have changed anything. STOPPED is out of
service on somebody's word. CONFIG_ERROR waits for a person: a rejected load is not tried in a loop. DRAINING is us, about
to stop.

It must never know a message. The trap: a power-up report forgets everything, in every state.
"""

from __future__ import annotations

from enum import Enum, auto

from protocols.machine import check_table


class State(Enum):
    CONNECTED = auto()
    DOWNLOADING = auto()
    STARTING = auto()
    IN_SERVICE = auto()
    SUPERVISOR = auto()
    STOPPED = auto()
    CONFIG_ERROR = auto()
    DRAINING = auto()
    CLOSED = auto()


class Moment(Enum):
    FORGOTTEN = auto()  # power-up, or anything after which nothing is known: read the configuration id again
    ID_RIGHT = auto()
    ID_WRONG = auto()
    LOADED = auto()
    STARTED = auto()
    SUPERVISOR_ENTERED = auto()
    SUPERVISOR_LEFT = auto()
    STOPPED = auto()
    RESUMED = auto()
    FAILED = auto()
    DRAIN_STARTED = auto()
    CLOSED = auto()


S, M = State, Moment
_LIVE = (S.CONNECTED, S.DOWNLOADING, S.STARTING, S.IN_SERVICE, S.SUPERVISOR, S.STOPPED, S.CONFIG_ERROR)
TRANSITIONS: dict[tuple[State, Moment], State] = {
    (S.CONNECTED, M.ID_RIGHT): S.STARTING,
    (S.CONNECTED, M.ID_WRONG): S.DOWNLOADING,
    (S.DOWNLOADING, M.LOADED): S.CONNECTED,  # and the id is read back
    (S.STARTING, M.STARTED): S.IN_SERVICE,
    (S.IN_SERVICE, M.STOPPED): S.STOPPED,
    (S.STARTING, M.STOPPED): S.STOPPED,
    (S.STOPPED, M.STOPPED): S.STOPPED,
    (S.STOPPED, M.RESUMED): S.CONNECTED,
    (S.CONFIG_ERROR, M.RESUMED): S.CONNECTED,
    (S.IN_SERVICE, M.RESUMED): S.IN_SERVICE,
    **{(state, M.SUPERVISOR_LEFT): S.CONNECTED for state in (S.SUPERVISOR, S.CONFIG_ERROR, S.STOPPED, S.IN_SERVICE)},
    **{(state, M.FORGOTTEN): S.CONNECTED for state in _LIVE},
    **{(state, M.SUPERVISOR_ENTERED): S.SUPERVISOR for state in _LIVE},
    **{(state, M.FAILED): S.CONFIG_ERROR for state in _LIVE},
    **{(state, M.DRAIN_STARTED): S.DRAINING for state in (*_LIVE, S.DRAINING)},
    **{(state, M.CLOSED): S.CLOSED for state in (*_LIVE, S.DRAINING)},
}
INITIAL = State.CONNECTED
TERMINAL = frozenset({State.CLOSED})

check_table(TRANSITIONS, INITIAL, TERMINAL, Moment)
