"""No announcing: the bank's own routing brings the terminals here, and the relay only knows its role.

Owns nothing. Whoever routes reads the role from the text port (textport.py), the metrics or `relay announce status`.
"""

from __future__ import annotations

from relay.announce.port import Level, SpeakerState


class NoAnnouncer:
    """Fulfils relay.announce.port.Announcer."""

    def __init__(self) -> None:
        self._level = Level.NONE

    async def start(self) -> None:
        """There is nothing to start."""

    def announce(self, level: Level) -> str:
        self._level = level
        return ""

    def keep(self) -> str:
        return ""

    def withdraw(self) -> None:
        self._level = Level.NONE

    def state(self) -> SpeakerState:
        return SpeakerState(seen=self._level)

    async def stop(self) -> None:
        self._level = Level.NONE
