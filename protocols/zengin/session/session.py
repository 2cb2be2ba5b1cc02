"""The states of one logical line, as a table: from DOWN over 開局 to OPEN, over 予備閉局 and 閉局 to CLOSED.

DOWN has no connection; CONNECTING is being dialled. LINK_UP has a connection and no session: outside hours, before 開局, or
while 開局 is refused. OPENING waits for 開局回答 on every LCN. OPEN carries telegrams both ways. PRE_CLOSE (予備閉局) sends
no new business telegram, and still takes answers and whatever the center sends. CLOSING exchanges the day's figures and
閉局. CLOSED is the day's end with the connection still up; the next window opens from here. FAULT: the two sides disagree
(numbers, an answer that did not come); the connection is released, and what the far end believes is asked at the next 開局,
never assumed.

It must never know a message or a timer. The trap: a closed connection leads from anywhere to DOWN, and DOWN remembers
nothing: what must outlive the connection is in the durable state (state.py).
"""

from __future__ import annotations

from enum import Enum, auto

from protocols.machine import check_table


class State(Enum):
    DOWN = auto()
    CONNECTING = auto()
    LINK_UP = auto()
    OPENING = auto()
    OPEN = auto()
    PRE_CLOSE = auto()
    CLOSING = auto()
    CLOSED = auto()
    FAULT = auto()


class Moment(Enum):
    DIALLED = auto()
    CONNECTED = auto()
    OPENING_SENT = auto()  # ours sent, or theirs received
    OPENING_REFUSED = auto()
    OPENED = auto()
    PRE_CLOSED = auto()  # by either side
    CLOSING_BEGUN = auto()
    CLOSED = auto()  # 閉局 done
    FORCED = auto()  # closed without agreement
    FAILED = auto()
    RELEASED = auto()  # the connection is gone


S, M = State, Moment
_UP = (S.LINK_UP, S.OPENING, S.OPEN, S.PRE_CLOSE, S.CLOSING, S.CLOSED)
TRANSITIONS: dict[tuple[State, Moment], State] = {
    (S.DOWN, M.DIALLED): S.CONNECTING,
    (S.DOWN, M.CONNECTED): S.LINK_UP,  # the far end dialled
    (S.CONNECTING, M.CONNECTED): S.LINK_UP,
    (S.LINK_UP, M.OPENING_SENT): S.OPENING,
    (S.CLOSED, M.OPENING_SENT): S.OPENING,  # the next window, on the same connection
    (S.OPENING, M.OPENING_SENT): S.OPENING,  # both sides at once, or another LCN
    (S.OPENING, M.OPENING_REFUSED): S.LINK_UP,
    (S.OPENING, M.OPENED): S.OPEN,
    (S.OPEN, M.PRE_CLOSED): S.PRE_CLOSE,
    (S.PRE_CLOSE, M.PRE_CLOSED): S.PRE_CLOSE,
    (S.OPEN, M.CLOSING_BEGUN): S.CLOSING,
    (S.PRE_CLOSE, M.CLOSING_BEGUN): S.CLOSING,
    (S.CLOSING, M.CLOSED): S.CLOSED,
    **{(state, M.FORCED): S.CLOSED for state in (S.OPENING, S.OPEN, S.PRE_CLOSE, S.CLOSING)},
    **{(state, M.FAILED): S.FAULT for state in _UP},
    (S.FAULT, M.FAILED): S.FAULT,
    **{(state, M.RELEASED): S.DOWN for state in (S.DOWN, S.CONNECTING, *_UP, S.FAULT)},
}
INITIAL = State.DOWN
TERMINAL: frozenset[State] = frozenset()
CARRIES = frozenset({S.OPEN, S.PRE_CLOSE, S.CLOSING})  # telegrams from the center are taken

check_table(TRANSITIONS, INITIAL, TERMINAL, Moment)
