"""A protocol of BIRD on this host, enabled or disabled through its control socket.

Owns the two words and what `show protocols` means for them. It must never decide which center serves: relay/announce does
that for a running relay; this is for what a plan has beside it. The trap: an enabled protocol is not an established
session, and the plan asks only for the first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from relay.announce.birddoor import BirdTrouble
from relay.announce.birdtalk import BirdAnswer, protocols_of
from relay.failover.actions.port import ActionFailed, ActionRefused, Look, Scene, Sight
from relay.failover.deeds import BirdDeed

Ask = Callable[[Sequence[str]], Awaitable[list[BirdAnswer]]]


class BirdAction:
    """`ask` is BirdDoor.ask."""

    def __init__(self, deed: BirdDeed, ask: Ask) -> None:
        self._deed = deed
        self._ask = ask

    async def observe(self, scene: Scene) -> Look:
        try:
            answer = (await self._ask([f"show protocols {self._deed.protocol}"]))[0]
        except BirdTrouble as error:
            return Look(Sight.UNKNOWN, str(error))
        row = protocols_of(answer).get(self._deed.protocol)
        if row is None:
            return Look(Sight.FAILED, f"BIRD knows no protocol {self._deed.protocol}")
        is_enabled = row.state != "down"
        is_wanted = (self._deed.wanted == "enabled") is not scene.is_undo
        return Look(Sight.DONE if is_enabled is is_wanted else Sight.ABSENT, f"{row.state} {row.info}".strip())

    async def act(self, scene: Scene) -> str:
        return await self._say("enable" if self._deed.wanted == "enabled" else "disable")

    async def compensate(self, scene: Scene) -> str:
        return await self._say("disable" if self._deed.wanted == "enabled" else "enable")

    async def _say(self, word: str) -> str:
        try:
            answer = (await self._ask([f"{word} {self._deed.protocol}"]))[0]
        except BirdTrouble as error:
            raise ActionFailed(str(error)) from error
        if answer.is_refused:
            raise ActionRefused(answer.text)
        return answer.text
