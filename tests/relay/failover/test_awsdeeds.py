"""The words of the four kinds of AWS, and what each may ask for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from relay.failover.awsdeeds import (
    RULE_COUNT_MAX,
    EcsDeed,
    Elbv2Deed,
    Permission,
    RdsDeed,
    Route53Deed,
    RuleWanted,
    TargetWeight,
    permissions_of,
)

TARGET = "arn:aws:rds:ap-northeast-3:123456789012:cluster:bank-osaka"
RULE = "arn:aws:elasticloadbalancing:ap-northeast-3:123456789012:listener-rule/app/in/1/2/3"
GROUP = "arn:aws:elasticloadbalancing:ap-northeast-3:123456789012:targetgroup/live/1"
REGION = "ap-northeast-3"
RDS = {"verb": "failover", "region": REGION, "global_cluster": "bank", "target": TARGET}


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (RdsDeed, {**RDS, "target": "bank-osaka"}),  # a name means another cluster in another region
        (RdsDeed, {**RDS, "region": "osaka"}),
        (RdsDeed, {**RDS, "verb": "promote"}),
        (RdsDeed, {**RDS, "instances_min": 0}),
        (RdsDeed, {**RDS, "secret": "x"}),
        (Elbv2Deed, {"region": REGION, "rules": []}),
        (Elbv2Deed, {"region": REGION, "rules": [{"rule": RULE, "priority": 0}]}),
        (Elbv2Deed, {"region": REGION, "rules": [{"rule": RULE, "priority": 50_001}]}),
        (Elbv2Deed, {"region": REGION, "rules": [{"rule": TARGET, "priority": 1}]}),
        (Elbv2Deed, {"region": REGION, "rules": [{"rule": RULE, "weights": [{"target_group": GROUP, "weight": 1_000}]}]}),
        (Elbv2Deed, {"region": REGION, "rules": [{"rule": RULE, "priority": 1}] * (RULE_COUNT_MAX + 1)}),
        (EcsDeed, {"region": REGION, "cluster": "core", "service": "core", "desired_count": -1}),
        (EcsDeed, {"region": REGION, "cluster": "core", "service": "core", "desired_count": 5_001}),
    ],
)
def test_what_is_out_of_bounds_is_refused(kind: type[Any], told: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"action": kind.__struct_config__.tag, **told}, kind)


def test_the_bounds_themselves_are_taken() -> None:
    rules = [{"rule": RULE, "priority": 50_000, "weights": [{"target_group": GROUP, "weight": 999}]}] * RULE_COUNT_MAX
    made = msgspec.convert({"action": "elbv2", "region": REGION, "rules": rules}, Elbv2Deed)
    assert len(made.rules) == RULE_COUNT_MAX
    told = {"action": "ecs", "region": REGION, "cluster": "c", "service": "s", "desired_count": 5_000}
    assert msgspec.convert(told, EcsDeed).desired_count == 5_000


def test_each_deed_asks_for_what_it_needs_and_no_more() -> None:
    zone = Route53Deed(zone_id="Z1", record_name="_a.x", alias_name="a.x", alias_target="o.x", mac="m")
    assert Permission("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z1", True) in permissions_of(zone)
    database = msgspec.convert({"action": "rds", **RDS}, RdsDeed)
    acts = [(one.action, one.resource) for one in permissions_of(database) if one.acts]
    whole = "arn:aws:rds::123456789012:global-cluster:bank"
    assert acts == [("rds:FailoverGlobalCluster", whole), ("rds:FailoverGlobalCluster", TARGET)]
    assert not any(one.acts for one in permissions_of(msgspec.structs.replace(database, verb="standby")))
    order = Elbv2Deed(region=REGION, rules=(RuleWanted(rule=RULE, priority=5),))
    assert [one.action for one in permissions_of(order) if one.acts] == ["elasticloadbalancing:SetRulePriorities"]
    weighed = RuleWanted(rule=RULE, weights=(TargetWeight(target_group=GROUP, weight=1),))
    acts_of = permissions_of(Elbv2Deed(region=REGION, rules=(weighed,)))
    assert [one.action for one in acts_of if one.acts] == ["elasticloadbalancing:ModifyRule"]
    tasks = EcsDeed(region=REGION, cluster="core", service="api", desired_count=6)
    resource = "arn:aws:ecs:ap-northeast-3:*:service/core/api"
    assert Permission("ecs:UpdateService", resource, True) in permissions_of(tasks)
