"""What the four digits of a message type mean to the relay: whose business it is, and which class it folds into.

Owns the routes by class, function and origin. It must never know data elements. The traps: an answer is never answered, so that
an unknown type must still be told apart as a question or an answer; and an issuer's 0422 is a chargeback, not a reversal.

Source: ISO 8583, message type identifier: version, class, function, origin.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from functools import lru_cache

from protocols.vocabulary import MessageClass

# Class and function -> what the desk does. What is not here is not for the desk.
CLASSES: dict[str, MessageClass] = {
    "10": MessageClass.FINANCIAL,
    "20": MessageClass.FINANCIAL,
    "12": MessageClass.ADVICE,
    "22": MessageClass.ADVICE,
    "40": MessageClass.REVERSAL,
    "42": MessageClass.REVERSAL,
    "50": MessageClass.ADVICE,
    "52": MessageClass.ADVICE,
}
ORIGINS = frozenset("0145")  # acquirer and others; 2 and 3 are the issuer's own messages, which do not come to it
REPEATS = frozenset("135")
_ECHO_CLASSES = {"4": "reversal", "5": "reconciliation", "8": "network"}


class Route(Enum):
    """Where a message goes, by its type alone."""

    DESK = auto()  # authorisation, financial, reversal, reconciliation: request or advice
    NETWORK = auto()  # 08xx request or advice
    ANSWER = auto()  # to something of ours, or to nothing
    SILENT = auto()  # a notification or a reserved function: neither answered nor awaited
    UNKNOWN = auto()  # a question that we do not do


def route(mti: str) -> Route:
    """Where a type of four digits goes, of any version."""
    function = mti[2]
    if function in "1357":
        return Route.ANSWER
    if function in "489":
        return Route.SILENT
    if mti[1:3] in CLASSES and mti[3] in ORIGINS:
        return Route.DESK
    if mti[1] == "8" and function in "02":
        return Route.NETWORK
    return Route.UNKNOWN


@lru_cache(maxsize=10)
def routes_of(version_digit: str) -> Mapping[str, Route]:
    """Where each type of one version goes: one table for all listeners that speak it."""
    return {mti: route(mti) for mti in (f"{version_digit}{n:03}" for n in range(1000))}


def message_class(mti: str) -> MessageClass | None:
    """What the desk does with a type, None where it is not for the desk."""
    return CLASSES.get(mti[1:3]) if mti[3] in ORIGINS else None


def class_of(mti: str) -> str:
    """The class of a message as echo lists name it: financial, reversal, reconciliation or network."""
    return _ECHO_CLASSES.get(mti[1], "financial")


@lru_cache(maxsize=10_000)
def fold(mti: str) -> str:
    """A type with repeat digit and origin folded, for keys; a reversal is one thing as request (0400) and as advice (0420)."""
    return f"{mti[:2]}00" if mti[1] == "4" else f"{mti[:3]}0"
