"""Each rule of safety that can be read off a plan has a plan that breaks it, made from one that does not."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from relay.failover.awsdeeds import Elbv2Deed, RuleWanted
from relay.failover.deeds import CommandDeed, ManualDeed, RelayDeed
from relay.failover.plan import Budget, Phase, Plan, Step, parse_plan
from relay.failover.plancheck import AWS_SETTLE_S, check_plan, left_out
from tests.support.failoverworld import ROOT, sample_plan

PLAN = parse_plan(sample_plan())
CLOUD = parse_plan(sample_plan("unplanned-aws"))
replace = msgspec.structs.replace


def changed(name: str, **members: object) -> Plan:
    """The plan with one step that is different."""
    return replace(PLAN, step=tuple(replace(step, **members) if step.name == name else step for step in PLAN.step))


def cloud(name: str, **members: object) -> Plan:
    """As `changed`, of the plan with AWS."""
    return replace(CLOUD, step=tuple(replace(step, **members) if step.name == name else step for step in CLOUD.step))


def rules(*wanted: RuleWanted) -> Elbv2Deed:
    return Elbv2Deed(region="ap-northeast-3", rules=wanted)


def without(*names: str) -> Plan:
    return replace(PLAN, step=tuple(step for step in PLAN.step if step.name not in names))


def with_step(**members: object) -> Plan:
    step = Step(**{"name": "extra", "phase": Phase.VERIFY, "do": CommandDeed(look=("x",)), **members})  # type: ignore[arg-type]
    return replace(PLAN, step=(*PLAN.step, step))


BROKEN: dict[str, Plan] = {
    "two steps have this name": with_step(name="promote", phase=Phase.VERIFY),
    "there is no such step": changed("promote", needs=("nobody",)),
    "of the later phase": changed("scale-up", needs=("promote",)),
    "wait for each other": changed("block-tokyo", needs=("stop-the-copy",)),
    "before gate 2": changed("stop-the-copy", reversible=False),
    "moves the record in initiate": changed("move-the-record", phase=Phase.INITIATE),
    "moves the record in promote": changed("move-the-record-by-hand", phase=Phase.PROMOTE),
    "2 steps of promote cannot be taken back": with_step(
        phase=Phase.PROMOTE, reversible=False, do=CommandDeed(look=("x",), argv=("y",))
    ),
    "0 steps of promote cannot be taken back": changed("promote", reversible=True),
    "does not know how": changed("stop-the-copy", undo=None),
    "is the only way to move the record": without("move-the-record-by-hand"),
    "nothing moves the record": without("move-the-record-by-hand", "move-the-record"),
    "no first choice": changed("move-the-record-by-hand", instead_of="promote"),
    "outside dns": with_step(phase=Phase.VERIFY, instead_of="synthetic-transaction"),
    "does not say seal to the relay of osaka": without("seal-osaka", "stop-the-copy"),
    "does not say block to the relay of tokyo": changed("block-tokyo", do=RelayDeed(verb="standby", center="tokyo")),
    "does not say new-epoch to the relay of tokyo": without("epoch-at-tokyo", "tail-at-tokyo"),
    "does not say tail to the relay of osaka": without("tail-at-osaka"),
    "does not say serving": without("serving-at-osaka"),
    "names no classes": changed("block-tokyo", do=RelayDeed(verb="block", center="tokyo")),
    "releases service before gate 3": with_step(do=RelayDeed(verb="release", center="tokyo", classes=("all",))),
    "only a release is split": changed("promote", part="batch"),
    "no center of the plan": changed("seal-tokyo", do=RelayDeed(verb="seal", center="nagoya")),
    "usually takes": changed("promote", p95_s=901),
    "to itself": replace(PLAN, to_region="tokyo"),
    "and the target is": replace(PLAN, budget=Budget(target_s=2_000)),
    "a role is named twice": replace(PLAN, roles=("operations", "operations")),
    "nothing is taken back after gate 2": changed("promote", undo=CommandDeed(look=("x",), argv=("y",))),
    "and beside nothing": cloud("move-the-record-at-route53", instead_of=""),
    "one of them would overwrite": cloud("move-the-record-by-hand", at_once=True),
    "moves the writer": cloud("database-could-take-over", do=replace(CLOUD.named("promote").do, verb="detach"), settle_s=60),
    "asks AWS anew after 14 s": cloud("promote", settle_s=14),
    "a rule or a priority twice": cloud(
        "open-batch", do=rules(RuleWanted(rule="a", priority=1), RuleWanted(rule="b", priority=1))
    ),
    "wants nothing of it": cloud("open-batch", do=rules(RuleWanted(rule="a"))),
    "does not move the record": with_step(phase=Phase.DNS, do=CommandDeed(look=("x",), argv=("y",))),
}


@pytest.mark.parametrize("problem", BROKEN)
def test_a_plan_that_is_not_safe_is_named(problem: str) -> None:
    said = [finding.problem for finding in check_plan(BROKEN[problem])]
    assert any(problem in text for text in said), said


def test_every_finding_is_told_at_once() -> None:
    plan = replace(without("tail-at-osaka", "move-the-record-by-hand"), to_region="tokyo")
    assert len(check_plan(plan)) == 3


@pytest.mark.parametrize(
    "second",
    [
        lambda do: ManualDeed(checklist=("by hand",), moves_dns=True),
        lambda do: replace(do, servers=("10.9.0.53:53",)),
        lambda do: CommandDeed(look=("x",), argv=("y",), moves_dns=True),
    ],
)
def test_a_second_way_is_of_another_kind_or_another_server(second: Callable[[object], object]) -> None:
    first = PLAN.named("move-the-record").do
    assert check_plan(changed("move-the-record-by-hand", do=second(first))) == ()


def test_the_plans_that_we_give_are_safe() -> None:
    for file in sorted((ROOT / "config" / "failover").glob("*.toml")):
        assert check_plan(parse_plan(file.read_text(encoding="utf-8"))) == (), file.name
    assert check_plan(cloud("promote", settle_s=AWS_SETTLE_S)) == ()


def test_the_same_servers_twice_are_no_second_way() -> None:
    same = changed("move-the-record-by-hand", do=replace(PLAN.named("move-the-record").do, ttl_s=9))
    assert any("only way" in finding.problem for finding in check_plan(same))


def test_a_relay_that_is_there_and_not_in_the_plan_is_found() -> None:
    assert left_out(PLAN, PLAN.centers) == ()
    (found,) = left_out(PLAN, ("tokyo", "osaka", "nagoya"))
    assert "leaves out the relay of nagoya" in found.problem
