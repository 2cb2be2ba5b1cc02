"""A standby is alike, or it is told; what cannot be read is no "alike"."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from relay.failover.actions.aws import Answer, AwsDenied, AwsService
from relay.failover.awscheck import aws_deeds_of
from relay.failover.awsparity import compare
from relay.failover.plan import parse_plan
from tests.support.failoverworld import sample_plan

DEEDS = aws_deeds_of(parse_plan(sample_plan("unplanned-aws")))
NEW = "arn:aws:rds:ap-northeast-3:123456789012:cluster:core-ledger-osaka"
OLD = "arn:aws:rds:ap-northeast-1:123456789012:cluster:core-ledger-tokyo"
HERE, THERE = "ap-northeast-3", "ap-northeast-1"


class TwoRegions:
    """Both sides of everything, alike unless a test says otherwise."""

    def __init__(self) -> None:
        self.classes = {HERE: ["db.r6g.4xlarge", "db.r6g.large"], THERE: ["db.r6g.4xlarge"]}
        self.images = {region: f"123456789012.dkr.ecr.{region}.amazonaws.com/core:41" for region in (HERE, THERE)}
        self.memory = {HERE: "4096", THERE: "4096"}
        self.writer = OLD
        self.missing: set[str] = set()
        self.denied = ""

    async def __call__(
        self, service: AwsService, region: str, operation: str, asked: Mapping[str, object], kind: type[Answer]
    ) -> Answer:
        if operation == self.denied:
            raise AwsDenied("AccessDenied", f"{operation}: AccessDenied")
        match operation:
            case "describe_global_clusters":
                members = [{"DBClusterArn": arn, "IsWriter": arn == self.writer} for arn in (OLD, NEW)]
                told: object = {"GlobalClusters": [{"GlobalClusterIdentifier": "core-ledger", "GlobalClusterMembers": members}]}
            case "describe_db_instances":
                assert asked == {
                    "Filters": [{"Name": "db-cluster-id", "Values": [(NEW if region == HERE else OLD).rpartition(":")[2]]}]
                }
                told = {"DBInstances": [{"DBInstanceClass": one} for one in self.classes[region]]}
            case "describe_services":
                told = {"services": [] if region in self.missing else [{"taskDefinition": f"{region}:7"}]}
            case _:
                container = {"name": "core", "image": self.images[region]}
                definition = {"cpu": "1024", "memory": self.memory[region], "containerDefinitions": [container]}
                told = {"taskDefinition": definition}
        return msgspec.convert(told, kind)


async def said(world: TwoRegions) -> dict[str, str]:
    return {one.where: one.problem for one in await compare(world, DEEDS)}


async def test_alike_is_nothing_to_tell_whatever_the_registry_of_a_region_is_called() -> None:
    assert await said(TwoRegions()) == {}


async def test_a_smaller_database_or_another_release_is_told_with_both_sides() -> None:
    world = TwoRegions()
    world.classes[HERE] = ["db.r6g.large"]
    world.images[HERE] = world.images[HERE].replace(":41", ":40")
    told = await said(world)
    assert told["promote"] == "the standby is not alike: the writer has db.r6g.4xlarge, and it has db.r6g.large"
    assert "core core:40" in told["scale-up"]
    assert "ap-northeast-1 has cpu 1024, memory 4096, core core:41" in told["scale-up"]


async def test_a_writer_without_instances_that_can_be_seen_is_no_smaller_one() -> None:
    world = TwoRegions()
    world.classes[THERE] = []
    assert "the writer has no instance" in (await said(world))["promote"]


async def test_less_memory_or_no_service_at_all_is_told() -> None:
    world = TwoRegions()
    world.memory[HERE] = "2048"
    assert "memory 2048" in (await said(world))["scale-up"]
    world = TwoRegions()
    world.missing = {HERE}
    assert "it has nothing" in (await said(world))["scale-up"]


async def test_what_cannot_be_read_is_told() -> None:
    for operation, step in (("describe_db_instances", "promote"), ("describe_task_definition", "scale-up")):
        world = TwoRegions()
        world.denied = operation
        assert "is not known" in (await said(world))[step]


async def test_a_target_that_writes_already_has_nobody_to_be_compared_with() -> None:
    world = TwoRegions()
    world.writer = NEW
    assert await said(world) == {}
