"""Is the standby as good as what it stands in for? Asked of both regions by `relay failover check`, never in a run.

Owns the comparison: classes of database instances, images and sizes of a service's containers. It must never act, and never
hold a run up: in a run the other region may be gone, and then nobody can compare. The traps: what cannot be read is a
finding, for "not known" is no "alike"; and a smaller standby serves every drill and fails under the whole load, so each class
of the writer's instances has to be among its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import msgspec

from relay.failover.actions.aws import AwsCall
from relay.failover.actions.port import ActionFailed
from relay.failover.actions.rds import Globals, Instances
from relay.failover.awsdeeds import AwsDeed, EcsDeed, RdsDeed
from relay.failover.plancheck import Finding

MEND = "Make them alike, or say at gate 1 what the difference means."


class _Definition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    class Container(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
        name: str
        image: str = ""

    cpu: str = ""
    memory: str = ""
    container_definitions: tuple[Container, ...] = ()

    def in_words(self) -> tuple[str, ...]:
        size = (f"cpu {self.cpu}", f"memory {self.memory}") if self.cpu or self.memory else ()
        return (*size, *sorted(f"{one.name} {_without_registry(one.image)}" for one in self.container_definitions))


class _Described(msgspec.Struct, frozen=True, rename="camel"):
    task_definition: _Definition


class _Running(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    class Service(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
        task_definition: str = ""

    services: tuple[Service, ...] = ()


async def compare(call: AwsCall, deeds: list[tuple[str, AwsDeed]]) -> tuple[Finding, ...]:
    """One finding for each step whose standby is not alike, or cannot be compared. Raises ConfigurationError without the
    client."""
    looks: list[Awaitable[Finding | None]] = []
    for step, deed in deeds:
        match deed:
            case RdsDeed() if deed.verb != "standby":
                looks.append(_told(step, _databases(call, deed)))
            case EcsDeed() if deed.like is not None:
                looks.append(_told(step, _services(call, deed)))
            case _:
                pass
    return tuple(finding for finding in await asyncio.gather(*looks) if finding is not None)


async def _told(step: str, comparing: Awaitable[str]) -> Finding | None:
    try:
        why = await comparing
    except ActionFailed as error:
        return Finding(step, f"whether the standby is alike is not known: {error}")
    return Finding(step, f"the standby is not alike: {why}", MEND) if why else None


async def _databases(call: AwsCall, deed: RdsDeed) -> str:
    asked = {"GlobalClusterIdentifier": deed.global_cluster}
    told = await call("rds", deed.region, "describe_global_clusters", asked, Globals)
    members = [member for found in told.global_clusters for member in found.members]
    writer = next((member.arn for member in members if member.is_writer and member.arn != deed.target), None)
    if writer is None:
        return ""  # the look says what is wrong with that
    there, here = await asyncio.gather(_classes(call, writer), _classes(call, deed.target))
    if there and there <= here:
        return ""
    return f"the writer has {', '.join(sorted(there)) or 'no instance'}, and it has {', '.join(sorted(here)) or 'no instance'}"


async def _classes(call: AwsCall, cluster: str) -> frozenset[str]:
    asked = {"Filters": [{"Name": "db-cluster-id", "Values": [cluster.rpartition(":")[2]]}]}
    told = await call("rds", cluster.split(":")[3], "describe_db_instances", asked, Instances)
    return frozenset(one.kind for one in told.instances)


async def _services(call: AwsCall, deed: EcsDeed) -> str:
    like = deed.like
    assert like is not None
    there, here = await asyncio.gather(
        _definition(call, like.region, like.cluster, like.service), _definition(call, deed.region, deed.cluster, deed.service)
    )
    if there == here:
        return ""
    return f"it has {', '.join(here) or 'nothing'}, and {like.region} has {', '.join(there) or 'nothing'}"


async def _definition(call: AwsCall, region: str, cluster: str, service: str) -> tuple[str, ...]:
    found = await call("ecs", region, "describe_services", {"cluster": cluster, "services": [service]}, _Running)
    if not found.services:
        return ()
    asked = {"taskDefinition": found.services[0].task_definition}
    return (await call("ecs", region, "describe_task_definition", asked, _Described)).task_definition.in_words()


def _without_registry(image: str) -> str:
    """Each region has a registry of its own; what counts is the name and the tag."""
    head, slash, rest = image.partition("/")
    return rest if slash and "." in head else image
