"""The session table: what a file transfer link is doing, as data.

A connection begins in TCP_UP. The caller asks to open (開局), the called side answers: OPENING, then OPEN, or CLOSING where it
refuses. In OPEN the caller starts one file after the other, in the direction of the mode, turns the direction (モード変更), or
closes (閉局). A file passes FILE_STARTING, TRANSFER, FILE_ENDING and comes back to OPEN; a refusal of the *file* comes back to
OPEN too, a refusal of the *station* goes to CLOSING.

Whatever breaks the order of telegrams, a timer that runs out and a line that is cut end in ABORTED: the position in the file is
kept, and the next session goes on from there. CLOSED is the end of the link. It must never know who is caller: the table is the
same for both, "asked" and "answered" meet in the middle.
"""

from __future__ import annotations

from enum import Enum, auto

from protocols.machine import check_table


class State(Enum):
    TCP_UP = auto()
    OPENING = auto()
    OPEN = auto()
    FILE_STARTING = auto()
    TRANSFER = auto()
    FILE_ENDING = auto()
    MODE_CHANGING = auto()
    CLOSING = auto()
    ABORTED = auto()
    CLOSED = auto()


class Moment(Enum):
    OPEN_ASKED = auto()
    OPENED = auto()
    STATION_REFUSED = auto()
    FILE_ASKED = auto()
    FILE_STARTED = auto()
    FILE_REFUSED = auto()
    END_ASKED = auto()
    FILE_ENDED = auto()
    MODE_ASKED = auto()
    MODE_CHANGED = auto()
    CLOSE_ASKED = auto()
    ABORT = auto()
    LINK_LOST = auto()


S, M = State, Moment
_LIVE = (S.TCP_UP, S.OPENING, S.OPEN, S.FILE_STARTING, S.TRANSFER, S.FILE_ENDING, S.MODE_CHANGING, S.CLOSING)
TRANSITIONS: dict[tuple[State, Moment], State] = {
    (S.TCP_UP, M.OPEN_ASKED): S.OPENING,
    (S.OPENING, M.OPENED): S.OPEN,
    (S.OPENING, M.STATION_REFUSED): S.CLOSING,
    (S.OPEN, M.FILE_ASKED): S.FILE_STARTING,
    (S.OPEN, M.MODE_ASKED): S.MODE_CHANGING,
    (S.OPEN, M.CLOSE_ASKED): S.CLOSING,
    (S.FILE_STARTING, M.FILE_STARTED): S.TRANSFER,
    (S.FILE_STARTING, M.FILE_REFUSED): S.OPEN,
    (S.TRANSFER, M.END_ASKED): S.FILE_ENDING,
    (S.FILE_ENDING, M.FILE_ENDED): S.OPEN,
    (S.MODE_CHANGING, M.MODE_CHANGED): S.OPEN,
    **{(state, M.ABORT): S.ABORTED for state in _LIVE},
    **{(state, M.LINK_LOST): S.CLOSED for state in (*_LIVE, S.ABORTED)},
}
INITIAL = State.TCP_UP
TERMINAL = frozenset({State.CLOSED})
IN_SESSION = frozenset({S.OPEN, S.FILE_STARTING, S.TRANSFER, S.FILE_ENDING, S.MODE_CHANGING})
WITH_FILE = frozenset({S.FILE_STARTING, S.TRANSFER, S.FILE_ENDING})

check_table(TRANSITIONS, INITIAL, TERMINAL, Moment)
