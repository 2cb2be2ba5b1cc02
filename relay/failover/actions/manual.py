"""A checklist as an action: it is begun like any other, and done when people have ticked each line and said what they saw.

Owns nothing but that rule. It must never do anything. The trap: the ticks are in the run's own log, so a restart forgets
none, and a line that was ticked before the step began counts for nothing (relay/failover/desk.py refuses it).
"""

from __future__ import annotations

from relay.failover.actions.port import Look, Scene, Sight
from relay.failover.deeds import ManualDeed


class ManualAction:
    def __init__(self, deed: ManualDeed) -> None:
        self._deed = deed

    async def observe(self, scene: Scene) -> Look:
        done = {tick.line for tick in scene.ticks}
        left = [number for number in range(1, len(self._deed.checklist) + 1) if number not in done]
        if not left:
            return Look(Sight.DONE, f"{len(done)} lines ticked")
        return Look(Sight.IN_PROGRESS if done else Sight.ABSENT, f"line {left[0]} is next: {self._deed.checklist[left[0] - 1]}")

    async def act(self, scene: Scene) -> str:
        return "people are asked"

    async def compensate(self, scene: Scene) -> str:
        return "people are asked"
