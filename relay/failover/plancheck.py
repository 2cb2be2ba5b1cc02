"""What is wrong with a plan, before anybody needs it. Pure; every finding at once.

Owns the rules of safety that can be read off a plan. It must never look at the world: relay/failover/evaluation.py does.
The trap: a plan that passes here can still fail at night, so a rule that costs nothing on paper (two ways to change the
record, an end that looks whether the bank serves) is a mistake here, and not a remark.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from relay.failover.awsdeeds import EcsDeed, Elbv2Deed, RdsDeed, Route53Deed
from relay.failover.deeds import RelayDeed, changes_something, compares_and_swaps, kind_of, moves_dns, takes_itself_back
from relay.failover.plan import ORDER, Phase, Plan, Step

AWS_SETTLE_S: Final = 15  # longer than one call can take (relay/failover/actions/awsdoor.py)


class Finding(msgspec.Struct, frozen=True):
    """`where` is the step, or "plan"."""

    where: str
    problem: str
    next_step: str = ""


def check_plan(plan: Plan) -> tuple[Finding, ...]:
    """Everything that is wrong; empty for a plan that may be declared."""
    return tuple(
        finding
        for rule in (
            _names,
            _needs,
            _cycles,
            _order,
            _compensation,
            _alternatives,
            _seals,
            _blocks,
            _verified,
            _parts,
            _aws,
            _money,
            _regions,
        )
        for finding in rule(plan)
    )


def left_out(plan: Plan, centers: Iterable[str]) -> tuple[Finding, ...]:
    """Relays that are there, and that the plan neither blocks nor seals: not to be seen on paper."""
    why = "Both relays seal the old epoch: name it in centers."
    return tuple(
        Finding("plan", f"leaves out the relay of {center}, which would speak on in the old epoch", why)
        for center in centers
        if center not in plan.centers
    )


def _names(plan: Plan) -> Iterator[Finding]:
    seen: set[str] = set()
    for step in plan.step:
        if step.name in seen:
            yield Finding(step.name, "two steps have this name", "Names are what the log tells steps apart by.")
        seen.add(step.name)
    if len(set(plan.roles)) < len(plan.roles):
        yield Finding("plan", "a role is named twice", "Two people with different roles pass a gate.")


def _needs(plan: Plan) -> Iterator[Finding]:
    for step in plan.step:
        for name in step.needs:
            needed = plan.find(name)
            if needed is None:
                yield Finding(step.name, f'needs "{name}", and there is no such step')
            elif ORDER.index(needed.phase) > ORDER.index(step.phase):
                yield Finding(step.name, f'needs "{name}" of the later phase {needed.phase}')
            elif needed.instead_of:
                yield Finding(
                    step.name, f'needs "{name}", which is done only when another has failed', "Need the first choice."
                )


def _cycles(plan: Plan) -> Iterator[Finding]:
    waiting = {step.name: {name for name in step.needs if plan.find(name)} for step in plan.step}
    while ready := [name for name, needs in waiting.items() if not needs]:
        for name in ready:
            del waiting[name]
        for needs in waiting.values():
            needs.difference_update(ready)
    if waiting:
        yield Finding(min(waiting), f"these wait for each other: {', '.join(sorted(waiting))}")


def _order(plan: Plan) -> Iterator[Finding]:
    for step in plan.step:
        if not step.reversible and step.phase in (Phase.PREPARE, Phase.INITIATE):
            yield Finding(step.name, f"cannot be taken back, and stands in {step.phase}, before gate 2", "Move it to promote.")
        if moves_dns(step.do) and step.phase is not Phase.DNS:
            yield Finding(step.name, f"moves the record in {step.phase}", "The record moves in dns, after the promotion.")
        if step.phase is Phase.DNS and changes_something(step.do) and not moves_dns(step.do):
            yield Finding(step.name, "stands in dns and does not move the record", "Set moves_dns, or move the step.")
        if step.undo is not None and step.phase not in (Phase.PREPARE, Phase.INITIATE):
            yield Finding(step.name, "has an undo, and nothing is taken back after gate 2", "Drop the undo.")
    promoting = [step for step in plan.in_phase(Phase.PROMOTE) if not step.reversible]
    if len(promoting) != 1:
        yield Finding("plan", f"{len(promoting)} steps of promote cannot be taken back", "There is one point of no return.")


def _compensation(plan: Plan) -> Iterator[Finding]:
    for step in plan.step:
        is_early = step.phase in (Phase.PREPARE, Phase.INITIATE)
        if is_early and step.must_be_undone and step.undo is None and not takes_itself_back(step.do):
            yield Finding(step.name, f"is reversible, and {kind_of(step.do)} does not know how", "Give it a [plan.step.undo].")


def _alternatives(plan: Plan) -> Iterator[Finding]:
    for step in plan.step:
        if not step.instead_of:
            if step.at_once:
                yield Finding(step.name, "is done at once, and beside nothing", "Say beside which: instead_of.")
            continue
        first = plan.find(step.instead_of)
        if first is None or first.phase is not step.phase or first.instead_of:
            yield Finding(step.name, f'stands in for "{step.instead_of}", which is no first choice of its phase')
        elif first.phase is not Phase.DNS:
            yield Finding(step.name, "stands in for another outside dns", "Elsewhere people decide what is done instead.")
        elif step.at_once and not (compares_and_swaps(step.do) and compares_and_swaps(first.do)):
            why = "Two ways run beside each other only where each compares before it swaps: rfc2136, route53."
            yield Finding(step.name, f'is done beside "{first.name}", and one of them would overwrite', why)
    moving = [step for step in plan.in_phase(Phase.DNS) if moves_dns(step.do)]
    firsts = [step for step in moving if not step.instead_of]
    if not firsts:
        yield Finding("plan", "nothing moves the record", "Add a step of phase dns.")
    for first in firsts:
        seconds = [step for step in moving if step.instead_of == first.name]
        if not any(_is_another_way(first, second) for second in seconds):
            yield Finding(
                first.name,
                "is the only way to move the record",
                "One control plane may be in the lost region: add a second step with instead_of, of another kind or server.",
            )


def _is_another_way(first: Step, second: Step) -> bool:
    if kind_of(first.do) != kind_of(second.do):
        return True
    return first.do != second.do and getattr(first.do, "servers", ()) != getattr(second.do, "servers", ())


def _said(plan: Plan, phase: Phase, verb: str) -> set[str]:
    return {step.do.center for step in plan.in_phase(phase) if isinstance(step.do, RelayDeed) and step.do.verb == verb}


def _missing(plan: Plan, phase: Phase, verb: str, why: str) -> Iterator[Finding]:
    for center in plan.centers:
        if center not in _said(plan, phase, verb):
            yield Finding("plan", f"{phase} does not say {verb} to the relay of {center}", why)


def _seals(plan: Plan) -> Iterator[Finding]:
    yield from _missing(plan, Phase.INITIATE, "seal", "Both relays seal the old epoch before anything is promoted.")


def _blocks(plan: Plan) -> Iterator[Finding]:
    yield from _missing(plan, Phase.INITIATE, "block", "Without a block the service returns before gate 3.")


def _verified(plan: Plan) -> Iterator[Finding]:
    yield from _missing(plan, Phase.VERIFY, "new-epoch", "Both relays report the new epoch before gate 3.")
    yield from _missing(plan, Phase.VERIFY, "tail", "The list of unknowns is frozen and the lost tail replayed before gate 3.")
    yield from _missing(plan, Phase.RELEASE, "serving", "The clock stops at observed health, not at a command.")


def _parts(plan: Plan) -> Iterator[Finding]:
    for step in plan.step:
        if step.part and step.phase is not Phase.RELEASE:
            yield Finding(step.name, f"is of the part {step.part}, and only a release is split")
        if isinstance(step.do, RelayDeed) and step.do.verb in ("block", "release"):
            if not step.do.classes:
                yield Finding(step.name, f"{step.do.verb} names no classes", 'Write classes = ["all"].')
            if step.do.verb == "release" and step.phase is not Phase.RELEASE:
                yield Finding(step.name, "releases service before gate 3")
    for step in plan.in_phase(Phase.RELEASE):
        if step.part == "batch" and any((plan.find(name) or step).part == "online" for name in step.needs):
            yield Finding(step.name, "is released first at night, and needs a step of the part online")


def _aws(plan: Plan) -> Iterator[Finding]:
    for step in plan.step:
        for deed in (step.do, step.undo):
            match deed:
                case RdsDeed() if changes_something(deed) and (step.phase is not Phase.PROMOTE or step.reversible):
                    yield Finding(step.name, f"{deed.verb} moves the writer", "It stands in promote, with reversible = false.")
                case Elbv2Deed():
                    yield from _rules(step, deed)
                case _:
                    pass
            is_aws = isinstance(deed, Route53Deed | RdsDeed | Elbv2Deed | EcsDeed)
            if is_aws and deed is not None and changes_something(deed) and step.settle_s < AWS_SETTLE_S:
                why = f"What AWS gave no answer to may still work: settle_s = {AWS_SETTLE_S} or more."
                yield Finding(step.name, f"asks AWS anew after {step.settle_s} s", why)


def _rules(step: Step, deed: Elbv2Deed) -> Iterator[Finding]:
    wanted = [one.priority for one in deed.rules if one.priority is not None]
    if len(set(wanted)) < len(wanted) or len({one.rule for one in deed.rules}) < len(deed.rules):
        yield Finding(step.name, "names a rule or a priority twice")
    if any(one.priority is None and not one.weights for one in deed.rules):
        yield Finding(step.name, "names a rule and wants nothing of it", "Give it a priority or weights.")


def _money(plan: Plan) -> Iterator[Finding]:
    for step in plan.step:
        if isinstance(step.do, RelayDeed) and step.do.center not in plan.centers:
            yield Finding(step.name, f"speaks to {step.do.center}, which is no center of the plan")
        if step.p95_s > step.timeout_s:
            yield Finding(step.name, f"usually takes {step.p95_s} s and may take {step.timeout_s} s")


def _regions(plan: Plan) -> Iterator[Finding]:
    if plan.from_region == plan.to_region:
        yield Finding("plan", f"leads from {plan.from_region} to itself")
    budget = plan.budget
    parts = sum(getattr(budget, name) for name in budget.__struct_fields__ if name != "target_s")
    if parts > budget.target_s:
        yield Finding("plan", f"the parts of the budget are {parts} s, and the target is {budget.target_s} s")
