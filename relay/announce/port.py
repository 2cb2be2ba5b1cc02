"""What every way of announcing the service address is to the relay: three verbs and what was seen of it.

Owns the words. It must never decide when to announce (standing.py does), nor know a routing daemon. The trap: to have asked
for a route is not to have it. `state` says what was *seen*, and how long ago; the difference is a problem for a person.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal, Protocol, TypeAlias

import msgspec


class Level(Enum):
    """How the service address is announced."""

    NONE = "none"
    STANDBY = "standby"  # least preferred: whoever has no better way comes here
    HOLDING = "holding"  # at this center's own preference


# What can go wrong with a speaker, as a label of relay_announce_failures_total.
FailureKind: TypeAlias = Literal["device", "gone", "silent", "refused", "garbage", "too-long"]
FAILURE_KINDS: tuple[FailureKind, ...] = ("device", "gone", "silent", "refused", "garbage", "too-long")


class SpeakerState(msgspec.Struct, frozen=True, kw_only=True):
    """`seen` is what the speaker was last seen to announce, None where it was never asked or could not be; `sessions_up` counts
    its BGP sessions, None where nobody knows. `problem` and `next_step` are for a person, empty where all is as wanted."""

    seen: Level | None = None
    sessions_up: int | None = None
    problem: str = ""
    next_step: str = ""


class Announcer(Protocol):
    """One way of announcing. `announce` and `withdraw` return at once and are safe to repeat; what they want is asserted again
    until it is seen, and after a speaker has come back."""

    async def start(self) -> None: ...

    def announce(self, level: Level) -> str:
        """From now on at STANDBY or HOLDING. Returns why it cannot be done here, in a sentence; "" where it can."""
        ...

    def keep(self) -> str:
        """At each look: what this host must have for the announcement is there, or is put back. Returns as `announce`."""
        ...

    def withdraw(self) -> None:
        """From now on not at all. When it returns, packets to the address no longer find this host's own, if it was ours."""
        ...

    def state(self) -> SpeakerState: ...

    async def stop(self) -> None:
        """Withdraw, and let go of everything."""
        ...
