"""How many tasks a service of ECS is to have, asked for and seen running.

Owns what the service's own counts mean. It must never know what the tasks do. The traps: a number that is wanted is not a
number that runs; a service that has more than the plan asks for is left alone, or a scale-up in a storm would take tasks
away; and a deployment that was given up never becomes the number that runs.

Source: ECS API reference, UpdateService, DescribeServices (no client token: the number is absolute, twice is as once).
"""

from __future__ import annotations

import msgspec

from relay.failover.actions.aws import AwsCall, seen
from relay.failover.actions.port import ActionRefused, Look, Scene, Sight
from relay.failover.awsdeeds import EcsDeed


class Deployment(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    status: str = ""
    rollout_state: str = ""
    rollout_state_reason: str = ""


class Service(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    status: str = ""
    desired_count: int = 0
    running_count: int = 0
    deployments: tuple[Deployment, ...] = ()


class _Missing(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    reason: str = ""


class _Services(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    services: tuple[Service, ...]
    failures: tuple[_Missing, ...] = ()


class _Updated(msgspec.Struct, frozen=True):
    service: Service


class EcsAction:
    def __init__(self, deed: EcsDeed, call: AwsCall) -> None:
        self._deed = deed
        self._call = call

    async def observe(self, scene: Scene) -> Look:
        return await seen(self._observe())

    async def _observe(self) -> Look:
        asked = {"cluster": self._deed.cluster, "services": [self._deed.service]}
        told = await self._call("ecs", self._deed.region, "describe_services", asked, _Services)
        if not told.services:
            why = told.failures[0].reason if told.failures else "not found"
            return Look(Sight.FAILED, f"there is no service {self._deed.service} in {self._deed.cluster}: {why}")
        return look_at_service(told.services[0], self._deed)

    async def act(self, scene: Scene) -> str:
        deed = self._deed
        asked = {"cluster": deed.cluster, "service": deed.service, "desiredCount": deed.desired_count}
        made = await self._call("ecs", deed.region, "update_service", asked, _Updated)
        return f"{made.service.desired_count} tasks are wanted"

    async def compensate(self, scene: Scene) -> str:
        raise ActionRefused("how many there were is not known; the plan gives the number as undo")


def look_at_service(service: Service, deed: EcsDeed) -> Look:
    """Pure."""
    detail = f"{service.desired_count} wanted, {service.running_count} run"
    if service.status != "ACTIVE":
        return Look(Sight.FAILED, f"the service is {service.status or 'in no known state'}")
    if deed.direction == "down":
        return Look(Sight.DONE if service.desired_count <= deed.desired_count else Sight.ABSENT, detail)
    if service.desired_count < deed.desired_count:
        return Look(Sight.ABSENT, detail)
    if service.running_count >= deed.desired_count:
        return Look(Sight.DONE, detail)
    lost = next((one for one in service.deployments if one.status == "PRIMARY" and one.rollout_state == "FAILED"), None)
    if lost is not None:
        return Look(Sight.FAILED, f"{detail}; the deployment was given up: {lost.rollout_state_reason}")
    return Look(Sight.IN_PROGRESS, detail)
