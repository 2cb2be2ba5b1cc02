"""Rules of a balancer: weights before order, only rules that forward, and what is half there is asked for again."""

from __future__ import annotations

import pytest

from relay.failover.actions.awsdoor import AwsDoor
from relay.failover.actions.elbv2 import Act, Elbv2Action, Forward, Rule, Stickiness, Tuple, differences, forward_of
from relay.failover.actions.port import ActionFailed, ActionRefused, Sight
from relay.failover.awsdeeds import RuleWanted, TargetWeight
from tests.support.awsmoto import MotoProcess
from tests.support.awsproxy import AwsProxy
from tests.support.awsworld import SCENE, Balancer, impatient

GROUP = "arn:aws:elasticloadbalancing:ap-northeast-3:123456789012:targetgroup/{}/1"
LIVE, DARK = GROUP.format("live"), GROUP.format("dark")
WANTED = RuleWanted(
    rule="r", priority=5, weights=(TargetWeight(target_group=LIVE, weight=100), TargetWeight(target_group=DARK, weight=0))
)


def rule(*actions: Act, priority: str = "5") -> Rule:
    return Rule(rule_arn="r", priority=priority, actions=actions)


def forward(live: int, dark: int) -> Act:
    groups = (Tuple(target_group_arn=DARK, weight=dark), Tuple(target_group_arn=LIVE, weight=live))
    sticky = Stickiness(enabled=True, duration_seconds=60)
    return Act(type="forward", forward_config=Forward(target_groups=groups, target_group_stickiness_config=sticky))


def test_what_differs_is_named() -> None:
    assert differences(rule(forward(100, 0)), WANTED) == []
    assert len(differences(rule(forward(0, 100), priority="20"), WANTED)) == 2
    assert differences(rule(forward(100, 0), priority="default"), WANTED) == ["priority default, and 5 is wanted"]
    assert len(differences(rule(Act(type="forward", target_group_arn=LIVE)), WANTED)) == 1
    assert len(differences(rule(Act(type="redirect")), WANTED)) == 1
    assert differences(None, WANTED) == ["r is not there"]


def test_a_rule_that_does_more_than_forward_is_not_touched_and_stickiness_stays() -> None:
    made = forward_of(rule(forward(0, 100)), WANTED)[0]["ForwardConfig"]
    assert isinstance(made, dict)
    assert made["TargetGroupStickinessConfig"] == {"Enabled": True, "DurationSeconds": 60}
    for wrong in (rule(Act(type="authenticate-oidc"), forward(0, 100)), rule(Act(type="redirect")), rule(), None):
        with pytest.raises(ActionRefused):
            forward_of(wrong, WANTED)


async def test_the_entrance_opens_and_shuts(moto: MotoProcess, door: AwsDoor, proxy: AwsProxy) -> None:
    balancer = Balancer(moto.url)
    dark, live = balancer.groups
    weights = (TargetWeight(target_group=dark, weight=0), TargetWeight(target_group=live, weight=100))
    opened = Elbv2Action(
        balancer.deed(
            RuleWanted(rule=balancer.open, priority=5, weights=weights), RuleWanted(rule=balancer.suspended, priority=40)
        ),
        door,
    )
    shut = Elbv2Action(balancer.deed(RuleWanted(rule=balancer.suspended, priority=3)), door)
    assert (await opened.observe(SCENE)).sight is Sight.ABSENT
    assert await opened.act(SCENE) == "1 rules weighed, 2 put in order"
    assert (await opened.observe(SCENE)).sight is Sight.DONE
    assert await opened.act(SCENE) == "0 rules weighed, 0 put in order"  # a second one has nothing to do
    assert (proxy.effects["ModifyRule"], proxy.effects["SetRulePriorities"]) == (1, 1)
    await shut.act(SCENE)
    assert ((await shut.observe(SCENE)).sight, (await opened.observe(SCENE)).sight) == (Sight.DONE, Sight.ABSENT)
    with pytest.raises(ActionRefused, match="gives them as undo"):
        await opened.compensate(SCENE)


async def test_a_priority_that_another_rule_has_is_refused_whole(moto: MotoProcess, door: AwsDoor) -> None:
    balancer = Balancer(moto.url)
    taken = Elbv2Action(balancer.deed(RuleWanted(rule=balancer.open, priority=10)), door)
    with pytest.raises(ActionRefused, match="PriorityInUse"):
        await taken.act(SCENE)
    assert (await taken.observe(SCENE)).sight is Sight.ABSENT


async def test_what_is_half_there_is_not_there_and_is_asked_for_again(
    moto: MotoProcess, door: AwsDoor, proxy: AwsProxy
) -> None:
    balancer = Balancer(moto.url)
    weights = (TargetWeight(target_group=balancer.groups[1], weight=1),)
    action = Elbv2Action(
        balancer.deed(RuleWanted(rule=balancer.open, priority=5, weights=weights)),
        impatient(door, proxy.url, "set_rule_priorities"),
    )
    proxy.goes_wrong("SetRulePriorities", "drop", "throttle", "late")
    for kind in (ActionFailed, ActionRefused):
        with pytest.raises(kind):
            await action.act(SCENE)
        assert (await action.observe(SCENE)).sight is Sight.ABSENT
    with pytest.raises(ActionFailed):
        await action.act(SCENE)
    await proxy.settled("SetRulePriorities", 1)
    assert (await action.observe(SCENE)).sight is Sight.DONE
    assert (proxy.effects["ModifyRule"], proxy.effects["SetRulePriorities"]) == (1, 1)


async def test_a_rule_that_is_not_there_fails_at_once(moto: MotoProcess, door: AwsDoor) -> None:
    balancer = Balancer(moto.url)
    gone = balancer.open.rpartition("/")[0] + "/0000000000000000"
    assert (await Elbv2Action(balancer.deed(RuleWanted(rule=gone, priority=5)), door).observe(SCENE)).sight is Sight.FAILED
