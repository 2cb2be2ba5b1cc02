"""What is said to the relays of both centers: block, seal, release, and the looks whether they serve in the new epoch.

Owns the meaning of a relay's facts for each verb. It must never know a socket: the door is given. The traps: a relay that
cannot be asked is no relay that has not sealed, and none that has; an epoch beyond the run's own means that somebody else
has moved the region, and is never waited for; and what was blocked or sealed before the run began is found, not done, so an
abort leaves it as it was.
"""

from __future__ import annotations

from typing import Final, Protocol

from relay.failover.actions.port import ActionRefused, Look, Scene, Sight
from relay.failover.deeds import LOOKING, RelayDeed
from relay.failover.evidence import CenterFacts

CLASSES: Final = ("atm", "branch", "partner", "inquiry")  # as relays report them
WHO: Final = "the failover run"


class RelayDoor(Protocol):
    """The relays of both centers. All but `facts` and `standby` raise ActionRefused or ActionFailed."""

    async def facts(self, center: str) -> CenterFacts:
        """Never raises: what cannot be asked says so in `trouble`."""
        ...

    async def standby(self, center: str, region: str) -> str:
        """ "" where the shadow probe of that center finds the region good, else why not."""
        ...

    async def say(self, center: str, verb: str, epoch: int, classes: tuple[str, ...], why: str) -> str:
        """`verb`: seal, unseal, block, release."""
        ...


class RelayAction:
    def __init__(self, deed: RelayDeed, door: RelayDoor) -> None:
        self._deed = deed
        self._door = door

    async def observe(self, scene: Scene) -> Look:
        deed = self._deed
        if deed.verb == "standby":
            why = await self._door.standby(deed.center, scene.to_region)
            return Look(Sight.ABSENT, why) if why else Look(Sight.DONE)
        facts = await self._door.facts(deed.center)
        if facts.trouble:
            return Look(Sight.UNKNOWN, facts.trouble)
        return look_at(facts, deed, scene)

    async def act(self, scene: Scene) -> str:
        if self._deed.verb in LOOKING:
            raise ActionRefused("it only looks")
        return await self._say(self._deed.verb, scene)

    async def compensate(self, scene: Scene) -> str:
        if self._deed.verb not in ("seal", "block"):
            raise ActionRefused(f"{self._deed.verb} is not taken back")
        return await self._say("unseal" if self._deed.verb == "seal" else "release", scene)

    async def _say(self, verb: str, scene: Scene) -> str:
        return await self._door.say(self._deed.center, verb, scene.old_epoch, self._deed.classes, scene.why)


def look_at(facts: CenterFacts, deed: RelayDeed, scene: Scene) -> Look:
    """What a relay's facts mean for one verb. Pure."""
    wanted = frozenset(CLASSES if "all" in deed.classes else ("partner" if one == "zengin" else one for one in deed.classes))
    shut = wanted & frozenset(facts.blocked)
    match deed.verb:
        case "block" if scene.is_undo:
            return _there(not shut, f"suspended: {', '.join(sorted(shut))}")
        case "block":
            return _there(shut == wanted, f"suspended: {', '.join(facts.blocked) or 'nothing'}")
        case "seal" if scene.is_undo:
            return _there(facts.sealed_epoch < scene.old_epoch, f"sealed: {facts.sealed_epoch}")
        case "seal":
            return _there(facts.sealed_epoch >= scene.old_epoch, f"sealed: {facts.sealed_epoch or 'nothing'}")
        case "release":
            return _there(not shut, f"suspended: {', '.join(sorted(shut))}")
        case _:
            return _in_new_epoch(facts, deed.verb, scene)


def _in_new_epoch(facts: CenterFacts, verb: str, scene: Scene) -> Look:
    where = f"{facts.region or 'no region'}, epoch {facts.epoch}"
    if facts.epoch > scene.epoch or (facts.epoch == scene.epoch and facts.region not in ("", scene.to_region)):
        return Look(Sight.FAILED, f"somebody else has moved the region: {where}")
    if facts.epoch < scene.epoch or facts.region != scene.to_region:
        return Look(Sight.ABSENT, where)
    if verb == "tail":
        return _there(facts.tail_is_finished, f"{facts.tail_left} rows of the tail are left")
    if verb == "serving":
        return _there(facts.may_speak and not facts.blocked, f"{where}; suspended: {', '.join(facts.blocked) or 'nothing'}")
    return Look(Sight.DONE, where)


def _there(is_there: bool, detail: str) -> Look:
    return Look(Sight.DONE if is_there else Sight.ABSENT, detail)
