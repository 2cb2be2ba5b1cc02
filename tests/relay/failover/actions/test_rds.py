"""A global database: what its words mean, and a promotion that is asked for once however its answer is lost."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from relay.failover.actions.aws import Answer, AwsDenied, AwsService
from relay.failover.actions.awsdoor import AwsDoor
from relay.failover.actions.port import ActionFailed, ActionRefused, Sight
from relay.failover.actions.rds import (
    Cluster,
    Failover,
    GlobalCluster,
    Instance,
    Member,
    RdsAction,
    look_at_detached,
    look_at_standby,
    look_at_writer,
)
from relay.failover.awsdeeds import RdsDeed
from relay.failover.awsparity import compare
from tests.support.awsmoto import LOOKS, MotoProcess
from tests.support.awsproxy import AwsProxy, Fault
from tests.support.awsworld import REGION, SCENE, Database, client, impatient

OLD, NEW = (f"arn:aws:rds:{region}:123456789012:cluster:bank" for region in ("ap-northeast-1", "ap-northeast-3"))
DEED = RdsDeed(verb="standby", region="ap-northeast-3", global_cluster="bank", target=NEW, instances_min=2)
replace = msgspec.structs.replace


def world(writer: str = OLD, **members: object) -> GlobalCluster:
    both = tuple(Member(arn=arn, is_writer=arn == writer, synchronization_status="connected") for arn in (OLD, NEW))
    return GlobalCluster(**{"identifier": "bank", "status": "available", "members": both, **members})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "sight"),
    [
        (world(), Sight.ABSENT),
        (world(NEW), Sight.DONE),
        (world(failover_state=Failover(status="pending", to_arn=NEW)), Sight.IN_PROGRESS),
        (world(NEW, failover_state=Failover(status="failing-over", to_arn=NEW)), Sight.IN_PROGRESS),  # not yet over
        (world(failover_state=Failover(status="cancelling", to_arn=NEW)), Sight.IN_PROGRESS),
        (world(failover_state=Failover(status="failing-over", to_arn=OLD)), Sight.FAILED),  # somebody else's
        (world(status="switching-over"), Sight.IN_PROGRESS),
        (world(status="a word that we do not know"), Sight.ABSENT),  # AWS itself says whether it can be promoted
        (world(members=(Member(arn=OLD, is_writer=True),)), Sight.FAILED),
        (None, Sight.FAILED),
    ],
)
def test_who_writes(found: GlobalCluster | None, sight: Sight) -> None:
    assert look_at_writer(found, NEW).sight is sight


def test_a_region_that_was_let_go_of_stands_alone_when_it_is_available() -> None:
    alone = world(members=(Member(arn=OLD, is_writer=True),))
    assert look_at_detached(alone, Cluster(status="available"), NEW).sight is Sight.DONE
    assert look_at_detached(alone, Cluster(status="promoting"), NEW).sight is Sight.IN_PROGRESS
    assert look_at_detached(world(), Cluster(status="available"), NEW).sight is Sight.ABSENT
    assert look_at_detached(world(NEW), Cluster(status="available"), NEW).sight is Sight.FAILED


def test_a_standby_is_one_only_with_everything_that_it_needs() -> None:
    good = Cluster(status="available", engine_version="16.4", instances=(Instance("a"), Instance("b")))
    there = world(engine_version="16.4")
    waiting = tuple(replace(one, synchronization_status="pending-resync") for one in there.members)
    assert look_at_standby(there, good, DEED).sight is Sight.DONE
    for found, cluster, why in (
        (there, replace(good, instances=good.instances[:1]), "1 instances, and 2"),
        (there, replace(good, status="modifying"), "modifying"),
        (there, replace(good, engine_version="15.7"), "15.7"),
        (replace(there, members=waiting), good, "full copy"),
        (world(NEW), good, "writer already"),
        (replace(there, members=there.members[:1]), good, "no part"),
    ):
        look = look_at_standby(found, cluster, DEED)
        assert look.sight is Sight.ABSENT
        assert why in look.detail


@pytest.mark.parametrize(
    ("verb", "operation"), [("failover", "FailoverGlobalCluster"), ("switchover", "SwitchoverGlobalCluster")]
)
async def test_the_writer_moves_and_is_seen_on_its_way(
    moto: MotoProcess, door: AwsDoor, proxy: AwsProxy, verb: str, operation: str
) -> None:
    database = Database(moto.url)
    action = RdsAction(database.deed(verb), door)
    assert (await action.observe(SCENE)).sight is Sight.ABSENT
    assert (await RdsAction(database.deed("standby"), door).observe(SCENE)).sight is Sight.DONE
    await action.act(SCENE)
    sights = [(await action.observe(SCENE)).sight for _ in range(LOOKS + 1)]
    assert sights == [*[Sight.IN_PROGRESS] * LOOKS, Sight.DONE]
    assert proxy.effects[operation] == 1
    assert (await RdsAction(database.deed("standby"), door).observe(SCENE)).sight is Sight.ABSENT
    with pytest.raises(ActionRefused, match="not taken back"):
        await action.compensate(SCENE)


@pytest.mark.parametrize(
    ("fault", "is_refused", "effects"),
    [("throttle", True, 0), ("deny", True, 0), ("error", False, 0), ("drop", False, 0), ("lose", False, 1), ("late", False, 1)],
)
async def test_a_promotion_whose_answer_is_lost_is_looked_for_and_not_asked_again(
    moto: MotoProcess, door: AwsDoor, proxy: AwsProxy, fault: Fault, is_refused: bool, effects: int
) -> None:
    proxy.goes_wrong("FailoverGlobalCluster", fault)
    action = RdsAction(Database(moto.url).deed(), impatient(door, proxy.url, "failover_global_cluster"))
    with pytest.raises(ActionFailed) as caught:
        await action.act(SCENE)
    assert isinstance(caught.value, ActionRefused) is is_refused
    assert isinstance(caught.value, AwsDenied) is (fault == "deny")
    await proxy.settled("FailoverGlobalCluster", effects)
    assert (proxy.asked["FailoverGlobalCluster"], proxy.effects["FailoverGlobalCluster"]) == (1, effects)
    assert (await action.observe(SCENE)).sight is (Sight.IN_PROGRESS if effects else Sight.ABSENT)


async def test_instances_of_both_regions_are_compared(moto: MotoProcess, door: AwsDoor) -> None:
    database = Database(moto.url)
    assert await compare(door, [("promote", database.deed())]) == ()
    client(moto.url, "rds").modify_db_instance(
        DBInstanceIdentifier=f"{database.name}-{REGION}-1", DBInstanceClass="db.t3.medium", ApplyImmediately=True
    )
    (finding,) = await compare(door, [("promote", database.deed())])
    assert "the writer has db.r6g.large, and it has db.t3.medium" in finding.problem


@pytest.mark.parametrize(
    ("verb", "operation", "more"),
    [
        ("failover", "failover_global_cluster", {"TargetDbClusterIdentifier": NEW, "AllowDataLoss": True}),
        ("switchover", "switchover_global_cluster", {"TargetDbClusterIdentifier": NEW}),
        ("detach", "remove_from_global_cluster", {"DbClusterIdentifier": NEW}),
    ],
)
async def test_each_verb_is_one_call_that_names_its_target(verb: str, operation: str, more: dict[str, object]) -> None:
    asked: list[object] = []

    async def call(service: AwsService, region: str, name: str, said: Mapping[str, object], kind: type[Answer]) -> Answer:
        asked.append((service, region, name, dict(said)))
        return msgspec.convert({}, kind)

    await RdsAction(replace(DEED, verb=verb), call).act(SCENE)
    assert asked == [("rds", "ap-northeast-3", operation, {"GlobalClusterIdentifier": "bank", **more})]


async def test_what_is_not_there_fails_at_once(moto: MotoProcess, door: AwsDoor) -> None:
    deed = Database(moto.url).deed()
    assert (await RdsAction(replace(deed, global_cluster="nobody"), door).observe(SCENE)).sight is Sight.FAILED
    assert (await RdsAction(replace(deed, target=OLD), door).observe(SCENE)).sight is Sight.FAILED
    with pytest.raises(ActionRefused, match="only looks"):
        await RdsAction(replace(deed, verb="standby"), door).act(SCENE)
