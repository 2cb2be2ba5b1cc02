"""What can be known of permissions without using them: simulated, told step by step, and never taken for granted."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from relay.failover.actions.aws import Answer, AwsDenied, AwsRefused, AwsService, AwsThrottled
from relay.failover.actions.port import ActionFailed, ActionRefused
from relay.failover.awscheck import AwsExaminer, aws_deeds_of, policy_of, principal_of
from relay.failover.plan import parse_plan
from tests.support.failoverworld import ROOT, sample_plan

PLAN = parse_plan(sample_plan("unplanned-aws"))
ROLE = "arn:aws:iam::123456789012:role/relay-failover"
SESSION = "arn:aws:sts::123456789012:assumed-role/relay-failover/i-0abc"


ALIKE: dict[str, object] = {  # tests/relay/failover/test_awsparity.py has what is not
    "describe_global_clusters": {"GlobalClusters": []},
    "describe_services": {"services": []},
}


class Statement(msgspec.Struct):
    Effect: str
    Action: list[str]
    Resource: list[str]


class Policy(msgspec.Struct):
    Statement: list[Statement]


class Iam:
    """Answers as STS and IAM do."""

    def __init__(self, denied: tuple[str, ...] = (), trouble: ActionFailed | None = None) -> None:
        self.denied, self.trouble = denied, trouble
        self.asked: list[tuple[str, str, str]] = []

    async def __call__(
        self, service: AwsService, region: str, operation: str, asked: Mapping[str, object], kind: type[Answer]
    ) -> Answer:
        if service == "sts":
            return msgspec.convert({"Account": "123456789012", "Arn": SESSION}, kind)
        if service != "iam":
            return msgspec.convert(ALIKE[operation], kind)
        if self.trouble is not None:
            raise self.trouble
        names = asked["ActionNames"]
        assert isinstance(names, list)
        resources = asked["ResourceArns"]
        assert isinstance(resources, list)
        self.asked += [(str(asked["PolicySourceArn"]), name, resources[0]) for name in names]
        rows = [{"EvalActionName": one, "EvalDecision": "implicitDeny" if one in self.denied else "allowed"} for one in names]
        return msgspec.convert({"EvaluationResults": rows}, kind)


async def test_every_change_that_a_plan_makes_is_asked_for_on_its_own_resource() -> None:
    iam = Iam()
    assert await AwsExaminer(iam).examine(PLAN) == ()
    assert {who for who, _, _ in iam.asked} == {ROLE}
    needed = {(one.action, one.resource) for one in policy_of(PLAN, "123456789012") if one.acts}
    assert needed < {(action, resource) for _, action, resource in iam.asked}
    assert {action for action, _ in needed} == {
        "ecs:UpdateService",
        "rds:FailoverGlobalCluster",
        "route53:ChangeResourceRecordSets",
        "elasticloadbalancing:SetRulePriorities",
    }


async def test_what_is_not_allowed_is_told_with_its_step() -> None:
    findings = await AwsExaminer(Iam(denied=("rds:FailoverGlobalCluster",))).examine(PLAN)
    assert {one.where for one in findings} == {"promote"}
    assert "may not rds:FailoverGlobalCluster" in findings[0].problem


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (AwsDenied("AccessDenied", "no"), "cannot be known"),
        (AwsRefused("NoSuchEntity", "no"), "does not know"),
        (ActionRefused("no address"), "cannot be asked"),
    ],
)
async def test_not_known_is_no_allowed(trouble: ActionFailed, told: str) -> None:
    (finding,) = await AwsExaminer(Iam(trouble=trouble)).examine(PLAN)
    assert told in finding.problem


async def test_nobody_is_asked_where_there_is_nothing_to_ask_or_the_bank_wants_none() -> None:
    async def nobody(service: AwsService, region: str, name: str, asked: Mapping[str, object], kind: type[Answer]) -> Answer:
        if service in ("sts", "iam"):
            raise AwsThrottled("Throttling", "asked")
        return msgspec.convert(ALIKE[name], kind)

    assert await AwsExaminer(nobody).examine(parse_plan(sample_plan())) == ()
    assert await AwsExaminer(nobody, simulate=False).examine(PLAN) == ()
    (finding,) = await AwsExaminer(nobody).examine(PLAN)
    assert "does not say who we are" in finding.problem


def test_the_policy_in_the_guide_is_what_the_plan_needs_and_no_more() -> None:
    text = (ROOT / "docs" / "failover.md").read_text(encoding="utf-8").partition("```json\n")[2].partition("```")[0]
    policy = msgspec.json.decode(text, type=Policy)
    allowed = {(action, resource) for one in policy.Statement for action in one.Action for resource in one.Resource}
    needed = {(one.action, one.resource) for one in policy_of(PLAN, "123456789012")}
    assert allowed - needed == {("iam:SimulatePrincipalPolicy", ROLE)}
    assert needed - allowed == set()
    assert all(one.Effect == "Allow" for one in policy.Statement)


def test_a_session_stands_for_its_role() -> None:
    assert principal_of(SESSION, None) == ROLE
    user = "arn:aws:iam::123456789012:user/ito"
    assert principal_of(user, None) == user
    assert (
        principal_of(SESSION, "arn:aws:iam::123456789012:role/bank/failover") == "arn:aws:iam::123456789012:role/bank/failover"
    )
    assert aws_deeds_of(parse_plan(sample_plan())) == []
