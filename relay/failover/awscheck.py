"""What `relay failover check` can find out about AWS without changing anything: who we are there, and what we may do; and,
through relay/failover/awsparity.py, whether the standby is alike.

Owns the questions and the findings. It must never act. The traps: none of the four services has a dry run, so a permission to
change is only *simulated* by IAM, which knows the policies of the role and not those of an endpoint, a session or a network on
the way; a role under which a session runs is named otherwise than the session; and a simulation that is not permitted is a
finding of its own, for "not known" is no "allowed".

Source: IAM API reference, SimulatePrincipalPolicy; STS API reference, GetCallerIdentity.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

import msgspec

from relay.failover.actions.aws import AwsCall, AwsDenied, AwsRefused
from relay.failover.actions.port import ActionFailed
from relay.failover.awsdeeds import AwsDeed, EcsDeed, Elbv2Deed, Permission, RdsDeed, Route53Deed, permissions_of
from relay.failover.awsparity import compare
from relay.failover.plan import Plan
from relay.failover.plancheck import Finding

IAM_REGION: Final = "us-east-1"  # where IAM is spoken to
ANY_ACCOUNT: Final = ":*:service/"  # of a service of ECS, whose deed names no account
POLICY: Final = "docs/failover.md has the policy."
_SESSION = re.compile(r"arn:([a-z-]+):sts::([0-9]{12}):assumed-role/([^/]+)/.+")


class _Identity(msgspec.Struct, frozen=True, rename="pascal"):
    account: str
    arn: str


class _Result(msgspec.Struct, frozen=True, rename="pascal"):
    eval_action_name: str
    eval_decision: str


class _Results(msgspec.Struct, frozen=True, rename="pascal"):
    evaluation_results: tuple[_Result, ...]


class AwsExaminer:
    """`principal`: the role's ARN, where it cannot be told from the session's (a role with a path). `simulate` false: nothing
    is asked of IAM, and the findings say so of nothing."""

    def __init__(self, call: AwsCall, principal: str | None = None, simulate: bool = True) -> None:
        self._call = call
        self._principal = principal
        self._simulate = simulate

    async def examine(self, plan: Plan) -> tuple[Finding, ...]:
        """Never raises for what AWS says. Raises ConfigurationError without its client."""
        deeds = aws_deeds_of(plan)
        if not deeds:
            return ()
        alike, permitted = await asyncio.gather(compare(self._call, deeds), self._permitted(deeds))
        return (*alike, *permitted)

    async def _permitted(self, deeds: list[tuple[str, AwsDeed]]) -> tuple[Finding, ...]:
        if not self._simulate:
            return ()
        try:
            who = await self._call("sts", _region_of(deeds[0][1]), "get_caller_identity", {}, _Identity)
        except ActionFailed as error:
            return (Finding("plan", f"AWS does not say who we are there: {error}", "See [aws] of the orchestrator's file."),)
        asked: dict[str, set[str]] = {}
        steps: dict[tuple[str, str], str] = {}
        for step, deed in deeds:
            for one in permissions_of(deed):
                if one.acts or one.action == "route53:GetChange":  # the others are looked at, which is better than asked for
                    resource = one.resource.replace(ANY_ACCOUNT, f":{who.account}:service/")
                    asked.setdefault(resource, set()).add(one.action)
                    steps.setdefault((resource, one.action), step)
        return await self._ask_all(principal_of(who.arn, self._principal), asked, steps)

    async def _ask_all(
        self, principal: str, asked: dict[str, set[str]], steps: dict[tuple[str, str], str]
    ) -> tuple[Finding, ...]:
        found: list[Finding] = []
        for resource, actions in sorted(asked.items()):
            question = {"PolicySourceArn": principal, "ActionNames": sorted(actions), "ResourceArns": [resource]}
            try:
                told = await self._call("iam", IAM_REGION, "simulate_principal_policy", question, _Results)
            except AwsDenied as error:
                why = f"whether {principal} may do what the plan needs cannot be known: {error}"
                return (*found, Finding("plan", why, "Permit iam:SimulatePrincipalPolicy on it, or set aws.simulate = false."))
            except AwsRefused as error:
                return (*found, Finding("plan", f"IAM does not know {principal}: {error}", "Name the role: aws.principal."))
            except ActionFailed as error:
                return (*found, Finding("plan", f"IAM cannot be asked: {error}"))
            decided = {one.eval_action_name: one.eval_decision for one in told.evaluation_results}
            for action in sorted(actions):
                if decided.get(action) != "allowed":
                    why = f"{principal} may not {action} on {resource}: {decided.get(action, 'no word of it')}"
                    found.append(Finding(steps[resource, action], why, POLICY))
        return tuple(found)


def aws_deeds_of(plan: Plan) -> list[tuple[str, AwsDeed]]:
    """Step and deed of everything in a plan that AWS is asked for."""
    return [
        (step.name, deed)
        for step in plan.step
        for deed in (step.do, step.undo)
        if isinstance(deed, Route53Deed | RdsDeed | Elbv2Deed | EcsDeed)
    ]


def principal_of(arn: str, configured: str | None) -> str:
    """Whose policies count: of a session, its role."""
    if configured is not None:
        return configured
    session = _SESSION.fullmatch(arn)
    return arn if session is None else f"arn:{session[1]}:iam::{session[2]}:role/{session[3]}"


def policy_of(plan: Plan, account: str) -> tuple[Permission, ...]:
    """The least that a plan needs, each once and in order; the reader's own account put in."""
    needed = {one for _, deed in aws_deeds_of(plan) for one in permissions_of(deed)}
    return tuple(
        sorted(
            msgspec.structs.replace(one, resource=one.resource.replace(ANY_ACCOUNT, f":{account}:service/")) for one in needed
        )
    )


def _region_of(deed: AwsDeed) -> str:
    return IAM_REGION if isinstance(deed, Route53Deed) else deed.region
