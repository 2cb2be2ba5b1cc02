"""What "durable" means before an acknowledgement leaves, for each class of message: one table, and the order of fall-backs.

Owns the words and the decision. Pure: it must never know a standby, a core or a clock. The essay: a record is on this center's
disk before anything else is thought of. Whether that is enough depends on who would miss it if the whole center were lost the
next moment. An advice that was acknowledged is forgotten by its terminal, so the other center's copy must hold it
(`local+peer`) or the core must have confirmed it (`core`). A question has its terminal waiting, and the core knows its key, so
this disk is enough (`local`).

The traps: a fall-back holds only while what stands before it cannot be reached, so the order is the operator's word on what is
better; and a need that was met in another way is met: what the core has confirmed meanwhile need not wait for the copy, where
the class has `core` among its needs at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum, StrEnum
from typing import Final

from protocols.vocabulary import MessageClass


class Need(StrEnum):
    """Also the metric label and the word in the configuration."""

    PEER = "local+peer"  # on this center's disk and on that of its standby at the other center
    CORE = "core"  # on this disk, delivered, and confirmed by the core
    LOCAL = "local"  # on this disk


class AckClass(StrEnum):
    """Also the metric label; `pair.ack_needs_<class>` are the settings."""

    REQUEST = "request"  # the reply to a financial message: its intent
    ADVICE = "advice"  # advices and reversals of terminals
    TELEGRAM = "telegram"  # the same of interbank lines: the Zengin ACK
    EJ = "ej"  # blocks of an ATM's electronic journal
    OUTWARD = "outward"  # the mark "may have been sent" of a message that the core started
    SERIAL = "serial"  # what a dialect keeps of a line: serials, sequence numbers


class Peer(Enum):
    """How the standby at the other center is."""

    FOLLOWS = "follows"
    AWAY = "away"
    STARTING = "starting"  # not looked at yet
    NONE = "none"  # no standby is configured


# Whether a need can be met: (need, the standby follows, the core may be asked).
REACHABLE: Final[dict[tuple[Need, bool, bool], bool]] = {
    (Need.PEER, True, True): True,
    (Need.PEER, True, False): True,
    (Need.PEER, False, True): False,
    (Need.PEER, False, False): False,
    (Need.CORE, True, True): True,
    (Need.CORE, True, False): False,
    (Need.CORE, False, True): True,
    (Need.CORE, False, False): False,
    (Need.LOCAL, True, True): True,
    (Need.LOCAL, True, False): True,
    (Need.LOCAL, False, True): True,
    (Need.LOCAL, False, False): True,
}

ALONE: Final[Mapping[AckClass, tuple[Need, ...]]] = dict.fromkeys(AckClass, (Need.LOCAL,))
IN_PAIR: Final[Mapping[AckClass, tuple[Need, ...]]] = {
    AckClass.REQUEST: (Need.LOCAL,),
    AckClass.ADVICE: (Need.PEER, Need.CORE),
    AckClass.TELEGRAM: (Need.PEER, Need.CORE),
    AckClass.EJ: (Need.PEER, Need.CORE),
    AckClass.OUTWARD: (Need.PEER,),  # a mark that is lost is a transfer sent twice: it waits rather than falls back
    AckClass.SERIAL: (Need.PEER, Need.LOCAL),  # keys are minted from the center's own life: a lost serial posts nothing twice
}
# What the core never hears of it cannot confirm; and a decided reply has nowhere to wait but on this disk.
POSSIBLE: Final[Mapping[AckClass, frozenset[Need]]] = {
    AckClass.REQUEST: frozenset({Need.PEER, Need.LOCAL}),
    AckClass.ADVICE: frozenset(Need),
    AckClass.TELEGRAM: frozenset(Need),
    AckClass.EJ: frozenset(Need),
    AckClass.OUTWARD: frozenset({Need.PEER, Need.LOCAL}),
    AckClass.SERIAL: frozenset({Need.PEER, Need.LOCAL}),
}

_EJ_KINDS: Final = frozenset({"journal-upload"})


def class_of(message_class: MessageClass, channel: str, kind: str) -> AckClass:
    """Of a message of `channel` (atm, branch, partner) and `kind`."""
    if message_class is MessageClass.FINANCIAL:
        return AckClass.REQUEST
    if kind in _EJ_KINDS:
        return AckClass.EJ
    return AckClass.TELEGRAM if channel == "partner" else AckClass.ADVICE


def need_now(needs: Sequence[Need], peer: Peer, may_ask_core: bool) -> Need | None:
    """The first of `needs` that can be met now; None: nothing of this class may be acknowledged."""
    for need in needs:
        if REACHABLE[need, peer is Peer.FOLLOWS, may_ask_core]:
            return need
    return None


def is_met(needs: Collection[Need], holds: Need | None, *, at_peer: bool, at_core: bool) -> bool:
    """Whether a record on this disk may be acknowledged. `holds` is what `need_now` says; `at_peer`: it is known to be on the
    standby's disk; `at_core`: the core has confirmed it."""
    if at_peer and Need.PEER in needs:
        return True
    if at_core and Need.CORE in needs:
        return True
    return holds is Need.LOCAL
