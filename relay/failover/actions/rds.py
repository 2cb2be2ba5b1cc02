"""An Aurora global database: its writer moved to the region that takes over, with or without loss, or a region let go of it.

Owns what the global database's own words mean for each verb. It must never choose between losing and not losing: the plan does.
The traps: the call names its target by ARN and not only "the other one", so a second one cannot fail back; a writer whose
failover is still going on is not done; another target on its way is somebody else's move; in the seconds after the call nothing
of it is seen, which is the step's `settle_s`; and `detach` cannot be told from a target that never belonged, so that is looked
at before the run.

Source: RDS API reference, FailoverGlobalCluster, SwitchoverGlobalCluster, RemoveFromGlobalCluster, GlobalCluster, FailoverState
(none of them takes a client token).
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from relay.failover.actions.aws import AwsCall, AwsRefused, seen
from relay.failover.actions.port import ActionRefused, Look, Scene, Sight
from relay.failover.awsdeeds import RdsDeed

Answer = TypeVar("Answer")
AVAILABLE: Final = "available"
MOVING: Final = frozenset({"failing-over", "switching-over"})  # any other word must not keep a promotion from being asked for
_GONE: Final = ("GlobalClusterNotFoundFault", "DBClusterNotFoundFault")


class Member(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    arn: str = msgspec.field(name="DBClusterArn")
    is_writer: bool = False
    synchronization_status: str = ""


class Failover(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    status: str = ""
    to_arn: str = msgspec.field(name="ToDbClusterArn", default="")


class GlobalCluster(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """As AWS describes it; `failover_state` is there as long as one goes on."""

    identifier: str = msgspec.field(name="GlobalClusterIdentifier")
    status: str = ""
    engine_version: str = ""
    members: tuple[Member, ...] = msgspec.field(name="GlobalClusterMembers", default=())
    failover_state: Failover | None = None


class Globals(msgspec.Struct, frozen=True, rename="pascal"):
    global_clusters: tuple[GlobalCluster, ...]


class Instance(msgspec.Struct, frozen=True, rename="pascal"):
    name: str = msgspec.field(name="DBInstanceIdentifier")


class Sized(msgspec.Struct, frozen=True, rename="pascal"):
    kind: str = msgspec.field(name="DBInstanceClass", default="")


class Instances(msgspec.Struct, frozen=True, rename="pascal"):
    instances: tuple[Sized, ...] = msgspec.field(name="DBInstances")


class Cluster(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    status: str = ""
    engine_version: str = ""
    instances: tuple[Instance, ...] = msgspec.field(name="DBClusterMembers", default=())


class _Clusters(msgspec.Struct, frozen=True, rename="pascal"):
    clusters: tuple[Cluster, ...] = msgspec.field(name="DBClusters")


class _Nothing(msgspec.Struct, frozen=True):
    pass


class RdsAction:
    def __init__(self, deed: RdsDeed, call: AwsCall) -> None:
        self._deed = deed
        self._call = call

    # ---- the look ----------------------------------------------------------------------------------------------------
    async def observe(self, scene: Scene) -> Look:
        return await seen(self._observe())

    async def _observe(self) -> Look:
        deed = self._deed
        try:
            found = await self._global()
            if deed.verb in ("failover", "switchover"):
                return look_at_writer(found, deed.target)
            cluster = await self._cluster()
        except AwsRefused as error:
            if error.code in _GONE:
                return Look(Sight.FAILED, str(error))
            raise
        if found is None:
            return Look(Sight.FAILED, f"there is no global database {deed.global_cluster}")
        if cluster is None:
            return Look(Sight.FAILED, f"there is no cluster {deed.target}")
        return (
            look_at_standby(found, cluster, deed) if deed.verb == "standby" else look_at_detached(found, cluster, deed.target)
        )

    async def _global(self) -> GlobalCluster | None:
        name = self._deed.global_cluster
        told = await self._ask("describe_global_clusters", {"GlobalClusterIdentifier": name}, Globals)
        return next((one for one in told.global_clusters if one.identifier.lower() == name.lower()), None)

    async def _cluster(self) -> Cluster | None:
        told = await self._ask("describe_db_clusters", {"DBClusterIdentifier": self._deed.target}, _Clusters)
        return next(iter(told.clusters), None)

    async def _ask(self, operation: str, asked: dict[str, object], kind: type[Answer]) -> Answer:
        return await self._call("rds", self._deed.region, operation, asked, kind)

    # ---- the act -----------------------------------------------------------------------------------------------------
    async def act(self, scene: Scene) -> str:
        deed = self._deed
        asked: dict[str, object] = {"GlobalClusterIdentifier": deed.global_cluster, "TargetDbClusterIdentifier": deed.target}
        match deed.verb:
            case "failover":
                await self._ask("failover_global_cluster", {**asked, "AllowDataLoss": True}, _Nothing)
            case "switchover":
                await self._ask("switchover_global_cluster", asked, _Nothing)
            case "detach":
                asked = {"GlobalClusterIdentifier": deed.global_cluster, "DbClusterIdentifier": deed.target}
                await self._ask("remove_from_global_cluster", asked, _Nothing)
            case _:
                raise ActionRefused("it only looks")
        return f"{deed.verb} of {deed.global_cluster} to {deed.target} is asked for"

    async def compensate(self, scene: Scene) -> str:
        raise ActionRefused("a promotion is not taken back; the way back is a run of its own")


def look_at_writer(found: GlobalCluster | None, target: str) -> Look:
    """Is `target` the writer? Pure."""
    if found is None:
        return Look(Sight.FAILED, "there is no such global database")
    going = found.failover_state
    if going is not None and going.status:
        where = f"{going.status} to {going.to_arn}"
        return Look(Sight.IN_PROGRESS if going.to_arn == target else Sight.FAILED, where)
    member = next((one for one in found.members if one.arn == target), None)
    if member is None:
        return Look(Sight.FAILED, f"{target} is no part of {found.identifier}")
    if found.status in MOVING:
        return Look(Sight.IN_PROGRESS, f"{found.identifier} is {found.status}")
    return Look(Sight.DONE if member.is_writer else Sight.ABSENT, _writer(found))


def look_at_detached(found: GlobalCluster, cluster: Cluster, target: str) -> Look:
    """Does `target` stand alone, and take writes? Pure."""
    member = next((one for one in found.members if one.arn == target), None)
    if member is None:
        is_up = cluster.status == AVAILABLE
        return Look(
            Sight.DONE if is_up else Sight.IN_PROGRESS, f"it stands alone and is {cluster.status or 'in no known state'}"
        )
    if member.is_writer:
        return Look(Sight.FAILED, "the target is the writer of the global database: there is nothing to detach it from")
    return Look(Sight.IN_PROGRESS if found.status in MOVING else Sight.ABSENT, f"{_writer(found)}; {found.status}")


def look_at_standby(found: GlobalCluster, cluster: Cluster, deed: RdsDeed) -> Look:
    """Could `target` take over? Pure."""
    member = next((one for one in found.members if one.arn == deed.target), None)
    if member is None:
        return Look(Sight.ABSENT, f"{deed.target} is no part of {found.identifier}")
    wrong = [
        text
        for text, is_wrong in (
            ("it is the writer already", member.is_writer),
            ("it waits for a full copy", member.synchronization_status == "pending-resync"),
            (f"it is {cluster.status}", cluster.status != AVAILABLE),
            (
                f"it has {len(cluster.instances)} instances, and {deed.instances_min} are wanted",
                len(cluster.instances) < deed.instances_min,
            ),
            (
                f"it runs {cluster.engine_version}, and the global database {found.engine_version}",
                bool(found.engine_version and cluster.engine_version) and found.engine_version != cluster.engine_version,
            ),
        )
        if is_wrong
    ]
    if wrong:
        return Look(Sight.ABSENT, "; ".join(wrong))
    return Look(Sight.DONE, f"{member.synchronization_status or 'available'}, {len(cluster.instances)} instances")


def _writer(found: GlobalCluster) -> str:
    return f"the writer is {next((one.arn for one in found.members if one.is_writer), 'nobody')}"
