"""Rules of a load balancer: their order, and how much goes to which target group. What opens a region's entrance, or shuts
it.

Owns what the rules' own words mean. It must never touch a rule that does more than forward. The traps: there is no
compare-and-swap here, so what is asked for is absolute, and asking twice is as asking once; the weights are set before the
order, for a rule that comes first must already lead where it should; a rule is changed whole, so an action that is not read
(authentication, a redirect) would be lost, and such a rule is refused; and all priorities go in one call, which AWS takes
whole or not at all.

Source: ELBv2 API reference, SetRulePriorities, ModifyRule, DescribeRules (no client token in any of them).
"""

from __future__ import annotations

import msgspec

from relay.failover.actions.aws import AwsCall, AwsRefused, seen
from relay.failover.actions.port import ActionRefused, Look, Scene, Sight
from relay.failover.awsdeeds import Elbv2Deed, RuleWanted


class Tuple(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    target_group_arn: str
    weight: int = 1


class Stickiness(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    enabled: bool | None = None
    duration_seconds: int | None = None


class Forward(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    target_groups: tuple[Tuple, ...] = ()
    target_group_stickiness_config: Stickiness | None = None


class Act(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    type: str
    target_group_arn: str = ""
    forward_config: Forward | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """As AWS describes it; `priority` is "default" for the last rule of a listener."""

    rule_arn: str
    priority: str = ""
    actions: tuple[Act, ...] = ()


class _Rules(msgspec.Struct, frozen=True, rename="pascal"):
    rules: tuple[Rule, ...]


class _Nothing(msgspec.Struct, frozen=True):
    pass


class Elbv2Action:
    def __init__(self, deed: Elbv2Deed, call: AwsCall) -> None:
        self._deed = deed
        self._call = call

    async def observe(self, scene: Scene) -> Look:
        return await seen(self._observe())

    async def _observe(self) -> Look:
        try:
            found = await self._found()
        except AwsRefused as error:
            if error.code == "RuleNotFound":
                return Look(Sight.FAILED, str(error))
            raise
        wrong = [text for one in self._deed.rules for text in differences(found.get(one.rule), one)]
        missing = [one.rule for one in self._deed.rules if one.rule not in found]
        if missing:
            return Look(Sight.FAILED, f"there is no rule {', '.join(missing)}")
        return Look(Sight.ABSENT, "; ".join(wrong)) if wrong else Look(Sight.DONE, "the rules are as the plan has them")

    async def _found(self) -> dict[str, Rule]:
        asked = {"RuleArns": [one.rule for one in self._deed.rules]}
        told = await self._call("elbv2", self._deed.region, "describe_rules", asked, _Rules)
        return {rule.rule_arn: rule for rule in told.rules}

    async def act(self, scene: Scene) -> str:
        found = await self._found()
        weighed = [one for one in self._deed.rules if one.weights and weights_of(found.get(one.rule)) != _weights(one)]
        bodies = [(one, forward_of(found.get(one.rule), one)) for one in weighed]  # every refusal comes before the first change
        for one, actions in bodies:
            asked: dict[str, object] = {"RuleArn": one.rule, "Actions": actions}
            await self._call("elbv2", self._deed.region, "modify_rule", asked, _Nothing)
        ordered = [{"RuleArn": one.rule, "Priority": one.priority} for one in self._deed.rules if one.priority is not None]
        is_ordered = all(
            one.priority is None or (one.rule in found and found[one.rule].priority == str(one.priority))
            for one in self._deed.rules
        )
        if not is_ordered:
            await self._call("elbv2", self._deed.region, "set_rule_priorities", {"RulePriorities": ordered}, _Nothing)
        return f"{len(bodies)} rules weighed, {0 if is_ordered else len(ordered)} put in order"

    async def compensate(self, scene: Scene) -> str:
        raise ActionRefused("how the rules were is not known; the plan gives them as undo")


def differences(rule: Rule | None, wanted: RuleWanted) -> list[str]:
    """What is not as the plan has it, in words; empty where nothing is. Pure."""
    if rule is None:
        return [f"{wanted.rule} is not there"]
    found = []
    if wanted.priority is not None and rule.priority != str(wanted.priority):
        found.append(f"priority {rule.priority or 'unknown'}, and {wanted.priority} is wanted")
    if wanted.weights and weights_of(rule) != _weights(wanted):
        found.append(f"weights {sorted(weights_of(rule).values())}, and {sorted(_weights(wanted).values())} are wanted")
    return found


def weights_of(rule: Rule | None) -> dict[str, int]:
    """Target group to weight, of the forward action of a rule."""
    for action in () if rule is None else rule.actions:
        if action.type != "forward":
            continue
        if action.forward_config is not None and action.forward_config.target_groups:
            return {one.target_group_arn: one.weight for one in action.forward_config.target_groups}
        return {action.target_group_arn: 1} if action.target_group_arn else {}
    return {}


def forward_of(rule: Rule | None, wanted: RuleWanted) -> list[dict[str, object]]:
    """The rule's actions with other weights. Raises ActionRefused for a rule that does more than forward, or nothing of it."""
    if rule is None:
        raise ActionRefused(f"there is no rule {wanted.rule}")
    if len(rule.actions) != 1 or rule.actions[0].type != "forward":
        kinds = ", ".join(action.type for action in rule.actions) or "nothing"
        raise ActionRefused(f"{wanted.rule} does not only forward ({kinds}): its weights are not touched")
    config: dict[str, object] = {
        "TargetGroups": [{"TargetGroupArn": one.target_group, "Weight": one.weight} for one in wanted.weights]
    }
    forward = rule.actions[0].forward_config
    sticky = None if forward is None else forward.target_group_stickiness_config
    if sticky is not None and sticky.enabled is not None:
        config["TargetGroupStickinessConfig"] = msgspec.to_builtins(sticky)
    return [{"Type": "forward", "ForwardConfig": config}]


def _weights(wanted: RuleWanted) -> dict[str, int]:
    return {one.target_group: one.weight for one in wanted.weights}
