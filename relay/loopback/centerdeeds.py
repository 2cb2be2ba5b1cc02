"""What the fake Zengin center may be told and what it wants: settings, faults to order, deeds for its socket.

Owns these values only. It must never know what is done with them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec


class CenterFault(StrEnum):
    """What goes wrong with the next telegram."""

    GAP = "gap"  # a sequence number is left out
    LOST_ACK = "lost-ack"  # the relay's telegram is taken, its ACK never leaves
    DUPLICATE = "duplicate"  # the same message twice
    NAK = "nak"  # the relay's telegram is refused
    WRONG_LINE = "wrong-line"  # another line's number in the header
    SILENCE = "silence"  # nothing is said any more on this connection
    CUT = "cut"  # the connection is cut in the middle of a message


OUTWARD_FAULTS = frozenset({CenterFault.LOST_ACK, CenterFault.NAK})  # those that strike what the relay sends


class Write(msgspec.Struct, frozen=True):
    data: bytes


class Later(msgspec.Struct, frozen=True):
    """Wake me after so many milliseconds; None cancels."""

    name: str
    after_ms: int | None


class Cut(msgspec.Struct, frozen=True):
    """Close the connection."""


CenterDeed: TypeAlias = Write | Later | Cut


class CenterSettings(msgspec.Struct, frozen=True):
    """Milliseconds where they end in _ms."""

    physical: int = 1
    logical: int = 1
    lcns: tuple[int, ...] = (0,)  # the first carries control telegrams; other banks' telegrams go round all of them
    own_bank: str = "0001"  # the relay's bank
    other_bank: str = "0005"  # who its customers get money from
    ack_wait_ms: int = 2_000
    watch_ms: int = 1_000
    pause_ms: int = 0  # between two telegrams to the bank
