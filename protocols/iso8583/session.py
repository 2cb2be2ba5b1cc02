"""The session on one link, as a table: who has signed on, who may trade, and what a drain changes.

A link begins CONNECTED. The far end signs on, or we ask it to let us (SIGNING_ON); either way both speak in SIGNED_ON. A
refused sign-on leads back, a sign-off to SIGNED_OFF, from where a new sign-on is welcome. DRAINING has no way back: what is
in flight is answered, nothing new is taken, and a sign-on is refused. CLOSED is the end of every link.

It must never know a message. The trap: whether CONNECTED may trade is the profile's word (`sign_on`), not the table's.
"""

from __future__ import annotations

from enum import Enum, auto

from protocols.machine import check_table


class State(Enum):
    CONNECTED = auto()
    SIGNING_ON = auto()
    SIGNED_ON = auto()
    SIGNED_OFF = auto()
    DRAINING = auto()
    CLOSED = auto()


class Moment(Enum):
    SIGN_ON_SENT = auto()
    SIGNED_ON = auto()  # theirs accepted by us, or ours by them
    SIGN_ON_REFUSED = auto()  # ours, by them, or no answer
    SIGNED_OFF = auto()
    DRAIN_STARTED = auto()
    CLOSED = auto()


S, M = State, Moment
TRANSITIONS: dict[tuple[State, Moment], State] = {
    (S.CONNECTED, M.SIGN_ON_SENT): S.SIGNING_ON,
    (S.CONNECTED, M.SIGNED_ON): S.SIGNED_ON,
    (S.CONNECTED, M.SIGN_ON_REFUSED): S.CONNECTED,  # a late refusal of an earlier one
    (S.CONNECTED, M.SIGNED_OFF): S.SIGNED_OFF,
    (S.CONNECTED, M.DRAIN_STARTED): S.DRAINING,
    (S.CONNECTED, M.CLOSED): S.CLOSED,
    (S.SIGNING_ON, M.SIGN_ON_SENT): S.SIGNING_ON,
    (S.SIGNING_ON, M.SIGNED_ON): S.SIGNED_ON,
    (S.SIGNING_ON, M.SIGN_ON_REFUSED): S.CONNECTED,
    (S.SIGNING_ON, M.SIGNED_OFF): S.SIGNED_OFF,
    (S.SIGNING_ON, M.DRAIN_STARTED): S.DRAINING,
    (S.SIGNING_ON, M.CLOSED): S.CLOSED,
    (S.SIGNED_ON, M.SIGN_ON_SENT): S.SIGNED_ON,  # signing on again loses nothing until it is refused
    (S.SIGNED_ON, M.SIGNED_ON): S.SIGNED_ON,
    (S.SIGNED_ON, M.SIGN_ON_REFUSED): S.CONNECTED,
    (S.SIGNED_ON, M.SIGNED_OFF): S.SIGNED_OFF,
    (S.SIGNED_ON, M.DRAIN_STARTED): S.DRAINING,
    (S.SIGNED_ON, M.CLOSED): S.CLOSED,
    (S.SIGNED_OFF, M.SIGN_ON_SENT): S.SIGNING_ON,
    (S.SIGNED_OFF, M.SIGNED_ON): S.SIGNED_ON,
    (S.SIGNED_OFF, M.SIGN_ON_REFUSED): S.SIGNED_OFF,
    (S.SIGNED_OFF, M.SIGNED_OFF): S.SIGNED_OFF,
    (S.SIGNED_OFF, M.DRAIN_STARTED): S.DRAINING,
    (S.SIGNED_OFF, M.CLOSED): S.CLOSED,
    (S.DRAINING, M.SIGN_ON_SENT): S.DRAINING,
    (S.DRAINING, M.SIGNED_ON): S.DRAINING,
    (S.DRAINING, M.SIGN_ON_REFUSED): S.DRAINING,
    (S.DRAINING, M.SIGNED_OFF): S.DRAINING,
    (S.DRAINING, M.DRAIN_STARTED): S.DRAINING,
    (S.DRAINING, M.CLOSED): S.CLOSED,
}
INITIAL = State.CONNECTED
TERMINAL = frozenset({State.CLOSED})

check_table(TRANSITIONS, INITIAL, TERMINAL, Moment)
