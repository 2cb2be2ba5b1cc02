"""The relays of both centers as the run sees them: this center's through its control socket, the other's through its
orchestrator.

Owns the translation between the relay's reports and `CenterFacts`. It must never decide. The traps: the control client
blocks, so it works in threads and never on the loop; and "the relay said no" is surely no effect, while a call that got no
answer is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from relay.control.client import ControlClient, NotReachable, Refused
from relay.control.regions import RegionBlockArgs, RegionReleaseArgs, RegionSealArgs, RegionsReport
from relay.control.report import Done, StatusReport
from relay.failover.actions.port import ActionFailed, ActionRefused
from relay.failover.actions.relay import WHO
from relay.failover.evidence import CenterFacts

T = TypeVar("T")


class Relays(Protocol):
    async def facts(self, center: str) -> CenterFacts: ...

    async def standby(self, center: str, region: str) -> str: ...

    async def say(self, center: str, verb: str, epoch: int, classes: tuple[str, ...], why: str) -> str: ...


class OwnRelay:
    """The relay of this host."""

    def __init__(self, client: ControlClient, center: str) -> None:
        self._client = client
        self._center = center

    async def facts(self) -> CenterFacts:
        try:
            regions = await asyncio.to_thread(self._client.region_status)
            status = await asyncio.to_thread(self._client.status)
        except (NotReachable, Refused) as error:
            return CenterFacts(center=self._center, trouble=error.problem)
        return facts_of(self._center, regions, status)

    async def standby(self, region: str) -> str:
        try:
            regions = await asyncio.to_thread(self._client.region_status)
        except (NotReachable, Refused) as error:
            return error.problem
        site = next((site for site in regions.sites if site.name == region), None)
        if site is None:
            return f"no region {region} is configured at {self._center}"
        return "" if site.result == "good" else f"{region}: {site.result or 'not asked yet'}"

    async def say(self, verb: str, epoch: int, classes: tuple[str, ...], why: str) -> str:
        client = self._client
        match verb:
            case "seal":
                return await self._told(lambda: client.region_seal(RegionSealArgs(epoch=epoch, who=WHO, why=why)))
            case "unseal":
                return await self._told(lambda: client.region_unseal(RegionSealArgs(epoch=epoch, who=WHO, why=why)))
            case "block":
                return await self._told(lambda: client.region_block(RegionBlockArgs(classes=classes, who=WHO, why=why)))
            case "release":
                return await self._told(lambda: client.region_release(RegionReleaseArgs(classes=classes, who=WHO, why=why)))
            case _:
                raise ActionRefused(f"nothing is called {verb}")

    async def _told(self, ask: Callable[[], Done]) -> str:
        try:
            return (await asyncio.to_thread(ask)).text
        except Refused as error:
            raise ActionRefused(error.problem) from error
        except NotReachable as error:
            raise ActionFailed(error.problem) from error


class BothRelays:
    """Fulfils RelayDoor. `own` and `other` by center."""

    def __init__(self, center: str, own: OwnRelay, other: Relays | None) -> None:
        self._center, self._own, self._other = center, own, other

    async def facts(self, center: str) -> CenterFacts:
        if center == self._center:
            return await self._own.facts()
        if self._other is None:
            return CenterFacts(center=center, trouble="no peer is configured")
        return await self._other.facts(center)

    async def standby(self, center: str, region: str) -> str:
        if center == self._center:
            return await self._own.standby(region)
        return "no peer is configured" if self._other is None else await self._other.standby(center, region)

    async def say(self, center: str, verb: str, epoch: int, classes: tuple[str, ...], why: str) -> str:
        if center == self._center:
            return await self._own.say(verb, epoch, classes, why)
        if self._other is None:
            raise ActionRefused("no peer is configured")
        return await self._other.say(center, verb, epoch, classes, why)


def facts_of(center: str, regions: RegionsReport, status: StatusReport) -> CenterFacts:
    """What people and rules need of a relay's own words."""
    return CenterFacts(
        center=center,
        region=regions.region,
        epoch=regions.epoch,
        sealed_epoch=regions.sealed_epoch,
        blocked=regions.blocked,
        may_speak=regions.has_permit,
        sessions=sum(listener.signed_on for listener in status.listeners),
        inflight=status.core.inflight,
        owed=status.owed,
        listed=status.listed,
        tail_left=regions.tail.left,
        tail_is_finished=regions.tail.is_finished,
    )
