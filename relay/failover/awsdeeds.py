"""What a step may do at AWS, as the plan writes it: Route 53, a global database, rules of a load balancer, a service of ECS.

Owns the words of these four kinds, and what each may ask of AWS (`permissions_of`, from which the policy in docs/failover.md
and the check come). It must never call anything. The traps: the region is where the *call* goes, so it is the region that
takes over, not the one that may be lost; a target is an ARN, because a name alone means another thing in another region; and
no secret is ever in a plan.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
Region = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$", max_length=30)]
ZoneId = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{1,32}$")]
Label = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,254}$")]
ClusterArn = Annotated[str, msgspec.Meta(pattern=r"^arn:aws[a-z-]*:rds:[a-z0-9-]+:[0-9]{12}:cluster:[A-Za-z0-9-]{1,63}$")]
RuleArn = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:listener-rule/[A-Za-z0-9/_-]+$", max_length=300
    ),
]
GroupArn = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:targetgroup/[A-Za-z0-9/_-]+$", max_length=300
    ),
]
RULE_COUNT_MAX: Final = 20
GROUP_COUNT_MAX: Final = 5  # of one forward action: AWS's own limit
ROUTE53_REGION: Final = "us-east-1"  # where Route 53 is spoken to, whatever region is meant


class Route53Deed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="route53"):
    """The region record changed in a hosted zone: the old TXT and CNAME deleted and the new ones created in one batch.
    `servers` are name servers that must show it; without any, the zone's own word (INSYNC) counts."""

    zone_id: ZoneId
    record_name: Text
    alias_name: Text
    alias_target: Text
    mac: Text  # credential: signs the record
    servers: Annotated[tuple[Text, ...], msgspec.Meta(max_length=8)] = ()
    ttl_s: Annotated[int, msgspec.Meta(ge=1, le=300)] = 5


class RdsDeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="rds"):
    """An Aurora global database. failover: `target` becomes the writer, what was not copied is lost. switchover: nothing is
    lost, and the old region has to answer. detach: `target` leaves the global database and writes for itself. standby only
    looks: `target` could take over, with `instances_min` of its instances."""

    verb: Literal["failover", "switchover", "detach", "standby"]
    region: Region
    global_cluster: Label
    target: ClusterArn
    instances_min: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1


class TargetWeight(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    target_group: GroupArn
    weight: Annotated[int, msgspec.Meta(ge=0, le=999)]


class RuleWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`priority` None: as it is. `weights` empty: as they are; else all target groups of the rule."""

    rule: RuleArn
    priority: Annotated[int, msgspec.Meta(ge=1, le=50_000)] | None = None
    weights: Annotated[tuple[TargetWeight, ...], msgspec.Meta(max_length=GROUP_COUNT_MAX)] = ()


class Elbv2Deed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="elbv2"):
    """Rules of one application load balancer's listeners: their order, and to which target groups they forward."""

    region: Region
    rules: Annotated[tuple[RuleWanted, ...], msgspec.Meta(min_length=1, max_length=RULE_COUNT_MAX)]


class ServiceElsewhere(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    region: Region
    cluster: Label
    service: Label


class EcsDeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="ecs"):
    """How many tasks a service is to have. up: at least so many, and they run. down: at most so many (for an undo). `like`:
    the service that it stands in for; `relay failover check` compares them."""

    region: Region
    cluster: Label
    service: Label
    desired_count: Annotated[int, msgspec.Meta(ge=0, le=5_000)]
    direction: Literal["up", "down"] = "up"
    like: ServiceElsewhere | None = None


AwsDeed: TypeAlias = Route53Deed | RdsDeed | Elbv2Deed | EcsDeed


class Permission(msgspec.Struct, frozen=True, order=True):
    """One call and what it is made on. `acts` false: it only reads."""

    action: str
    resource: str
    acts: bool


_RDS_ACTS: Final = {
    "failover": "rds:FailoverGlobalCluster",
    "switchover": "rds:SwitchoverGlobalCluster",
    "detach": "rds:RemoveFromGlobalCluster",
}


def permissions_of(deed: AwsDeed) -> tuple[Permission, ...]:
    """Everything that a deed asks of AWS. The account of a global database is its target's.

    Source: the Service Authorization Reference (actions, resources and condition keys of each service).
    """
    match deed:
        case Route53Deed():
            zone = f"arn:aws:route53:::hostedzone/{deed.zone_id}"
            return (
                Permission("route53:ListResourceRecordSets", zone, False),
                Permission("route53:GetChange", "arn:aws:route53:::change/*", False),
                Permission("route53:ChangeResourceRecordSets", zone, True),
            )
        case RdsDeed():
            partition, account = deed.target.split(":")[1], deed.target.split(":")[4]
            of_all = f"arn:{partition}:rds::{account}:global-cluster:{deed.global_cluster}"
            looks = (
                Permission("rds:DescribeGlobalClusters", of_all, False),
                Permission("rds:DescribeDBClusters", deed.target, False),
            )
            act = _RDS_ACTS.get(deed.verb)
            if act is None:
                return looks
            instances = Permission("rds:DescribeDBInstances", f"arn:{partition}:rds:*:{account}:db:*", False)
            return (*looks, instances, Permission(act, of_all, True), Permission(act, deed.target, True))
        case Elbv2Deed():
            wanted: list[Permission] = [Permission("elasticloadbalancing:DescribeRules", "*", False)]
            for one in deed.rules:
                if one.weights:
                    wanted.append(Permission("elasticloadbalancing:ModifyRule", one.rule, True))
                if one.priority is not None:
                    wanted.append(Permission("elasticloadbalancing:SetRulePriorities", one.rule, True))
            return tuple(wanted)
        case _:
            service = f"arn:aws:ecs:{deed.region}:*:service/{deed.cluster}/{deed.service}"
            told = (Permission("ecs:DescribeServices", service, False), Permission("ecs:UpdateService", service, True))
            like = deed.like
            if like is None:
                return told
            other = f"arn:aws:ecs:{like.region}:*:service/{like.cluster}/{like.service}"
            return (
                *told,
                Permission("ecs:DescribeServices", other, False),
                Permission("ecs:DescribeTaskDefinition", "*", False),
            )
