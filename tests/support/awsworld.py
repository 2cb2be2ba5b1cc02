"""An account at moto with what a failover needs: a hosted zone, a global database in two regions, a balancer, a service.

Owns how they are made, straight at moto and not through a proxy, and a second, faultless view of the same. The trap: moto keeps
everything for as long as it runs, so each test makes its own, under a name of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import count
from typing import Any, Final

import boto3

from protocols.vocabulary import Secret
from relay.failover.actions.aws import Answer, AwsCall, AwsService
from relay.failover.actions.awsdoor import AwsAccess, AwsDoor, AwsKey
from relay.failover.actions.port import Scene
from relay.failover.awsdeeds import EcsDeed, Elbv2Deed, RdsDeed, Route53Deed, RuleWanted
from relay.region.record import RegionRecord, format_record

KEY_ID, SECRET_KEY = "AKIACANARY0000000000", "secret-key-canary"
MAC_KEY: Final = bytes(range(32))
REGION, OTHER = "ap-northeast-3", "ap-northeast-1"
SERVICES: Final = ("route53", "rds", "elbv2", "ecs", "iam", "sts")
READ_S = 60.0  # moto on a busy machine
IMPATIENT_S = 1.0
SCENE = Scene(
    run="run-1", step="s", token="run-1/s", old_epoch=7, epoch=8, from_region="tokyo", to_region="osaka", center="tokyo"
)
_numbers = count(1)


def door_to(url: str, read_s: float = READ_S) -> AwsDoor:
    key = AwsKey(id=KEY_ID, secret=Secret(SECRET_KEY), token=Secret("session-token-canary"))
    return AwsDoor(AwsAccess(key=key, endpoints=dict.fromkeys(SERVICES, url), connect_s=20.0, read_s=read_s))


@cache
def _session() -> Any:
    return boto3.session.Session("test", "test")


@cache
def _short(url: str) -> AwsDoor:
    return door_to(url, IMPATIENT_S)


def impatient(door: AwsDoor, url: str, operation: str) -> AwsCall:
    """`door`, but one that waits for the answer of `operation` for a second only."""
    short = _short(url)

    async def call(service: AwsService, region: str, name: str, asked: Mapping[str, object], kind: type[Answer]) -> Answer:
        return await (short if name == operation else door)(service, region, name, asked, kind)

    return call


@cache
def client(url: str, service: str, region: str = REGION) -> Any:
    """Straight to moto."""
    return _session().client(service, region_name=region, endpoint_url=url)


class Zone:
    """A hosted zone with the record of epoch 7."""

    def __init__(self, url: str) -> None:
        self._client = client(url, "route53", "us-east-1")
        self.name = f"core{next(_numbers)}.example"
        made = self._client.create_hosted_zone(Name=self.name, CallerReference=self.name)
        self.deed = Route53Deed(
            zone_id=made["HostedZone"]["Id"].rpartition("/")[2],
            record_name=f"_active.{self.name}",
            alias_name=f"active.{self.name}",
            alias_target=f"osa.{self.name}",
            mac="mac",
        )
        self.put(RegionRecord(7, "tokyo", "run-0"), f"tyo.{self.name}")

    def text(self, record: RegionRecord) -> str:
        return format_record(record, self.deed.record_name, MAC_KEY)

    def put(self, record: RegionRecord, target: str) -> None:
        """As somebody else's hand would."""
        values = ((self.deed.record_name, "TXT", f'"{self.text(record)}"'), (self.deed.alias_name, "CNAME", target))
        changes = [
            {
                "Action": "UPSERT",
                "ResourceRecordSet": {"Name": name, "Type": kind, "TTL": 5, "ResourceRecords": [{"Value": value}]},
            }
            for name, kind, value in values
        ]
        self._client.change_resource_record_sets(HostedZoneId=self.deed.zone_id, ChangeBatch={"Changes": changes})

    def shown(self) -> dict[str, str]:
        sets = self._client.list_resource_record_sets(HostedZoneId=self.deed.zone_id)["ResourceRecordSets"]
        return {one["Type"]: one["ResourceRecords"][0]["Value"] for one in sets if one["Type"] in ("TXT", "CNAME")}


class Database:
    """A global database that is written in `OTHER` and copied to `REGION`."""

    def __init__(self, url: str) -> None:
        self._client = client(url, "rds", "us-east-1")
        self.name = f"bank{next(_numbers)}"
        self._client.create_global_cluster(GlobalClusterIdentifier=self.name, Engine="aurora-postgresql")
        arns = []
        for region in (OTHER, REGION):
            made = client(url, "rds", region).create_db_cluster(
                DBClusterIdentifier=f"{self.name}-{region}",
                Engine="aurora-postgresql",
                GlobalClusterIdentifier=self.name,
                MasterUsername="relay",
                MasterUserPassword="not-a-secret",
            )
            arns.append(made["DBCluster"]["DBClusterArn"])
            client(url, "rds", region).create_db_instance(
                DBInstanceIdentifier=f"{self.name}-{region}-1",
                DBClusterIdentifier=f"{self.name}-{region}",
                DBInstanceClass="db.r6g.large",
                Engine="aurora-postgresql",
            )
        self.old, self.new = arns

    def deed(self, verb: Any = "failover", **members: Any) -> RdsDeed:
        return RdsDeed(verb=verb, region=REGION, global_cluster=self.name, target=self.new, **members)


class Balancer:
    """A listener with two rules: 10 says that the service is suspended, 20 forwards."""

    def __init__(self, url: str) -> None:
        self._client = client(url, "elbv2")
        name = f"entrance{next(_numbers)}"
        ec2 = client(url, "ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{part}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"][
                "SubnetId"
            ]
            for part, zone in enumerate("ab")
        ]
        made = self._client.create_load_balancer(Name=name, Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        self.groups = [
            self._client.create_target_group(Name=f"{name}-{part}", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0][
                "TargetGroupArn"
            ]
            for part in ("dark", "live")
        ]
        suspended = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
        listener = self._client.create_listener(LoadBalancerArn=made, Protocol="HTTP", Port=80, DefaultActions=[suspended])
        self.suspended = self._rule(listener, 10, suspended)
        weighted = [{"TargetGroupArn": group, "Weight": weight} for group, weight in zip(self.groups, (100, 0), strict=True)]
        self.open = self._rule(listener, 20, {"Type": "forward", "ForwardConfig": {"TargetGroups": weighted}})

    def _rule(self, listener: Any, priority: int, action: object) -> str:
        made = self._client.create_rule(
            ListenerArn=listener["Listeners"][0]["ListenerArn"],
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
            Actions=[action],
        )
        return str(made["Rules"][0]["RuleArn"])

    def deed(self, *rules: RuleWanted) -> Elbv2Deed:
        wanted = rules or (RuleWanted(rule=self.suspended, priority=40), RuleWanted(rule=self.open, priority=5))
        return Elbv2Deed(region=REGION, rules=wanted)


class Tasks:
    """A service of two tasks."""

    def __init__(self, url: str) -> None:
        ecs = client(url, "ecs")
        self._client, self.name = ecs, f"core{next(_numbers)}"
        ecs.create_cluster(clusterName=self.name)
        self._define("core:1")
        ecs.create_service(cluster=self.name, serviceName=self.name, taskDefinition=self.name, desiredCount=2)

    def _define(self, image: str) -> None:
        containers = [{"name": "core", "image": image, "memory": 64, "cpu": 1}]
        self._client.register_task_definition(family=self.name, containerDefinitions=containers)

    def release(self, image: str) -> None:
        self._define(image)
        self._client.update_service(cluster=self.name, service=self.name, taskDefinition=self.name)

    def wanted(self) -> int:
        found = self._client.describe_services(cluster=self.name, services=[self.name])["services"][0]
        return int(found["desiredCount"])

    def deed(self, desired_count: int = 6, **members: Any) -> EcsDeed:
        return EcsDeed(region=REGION, cluster=self.name, service=self.name, desired_count=desired_count, **members)
