"""A plan held against the real environment, without changing anything: can each step be looked at from here?

Owns the looks and their meaning. It must never act. The traps: a step whose effect is absent is as it should be before a
run, and one that cannot be seen is the one that will fail at night (a credential, a firewall, a permission, a program that
is not there); looking takes time, so steps are looked at together, each with a limit of its own; and a look may be a program,
so they are a few at a time, for a relay serves on this host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, TypeAlias

import msgspec

from relay.errors import ConfigurationError
from relay.failover.actions.port import Action, ActionFailed, Scene, Sight
from relay.failover.awsdeeds import RdsDeed
from relay.failover.deeds import Deed, ManualDeed, RelayDeed
from relay.failover.plan import Phase, Plan, Step
from relay.failover.plancheck import Finding, check_plan
from relay.telemetry.log import get_log

_log = get_log("failover")
LOOK_S: Final = 10.0
LOOKS_AT_ONCE: Final = 4
EXAMINE_S: Final = 30.0
Examine: TypeAlias = Callable[[Plan], Awaitable[tuple[Finding, ...]]]  # what may be done, where a look cannot tell


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """`looked`: how many steps could be looked at."""

    findings: tuple[Finding, ...]
    looked: int


async def evaluate(
    plan: Plan, make: Callable[[Deed], Action], epoch: int, center: str, examine: Examine | None = None
) -> Evaluation:
    """`make` gives the action of a deed; `epoch` is the one that is known now. Never raises for what an action does."""
    steps = [(step, deed) for step in plan.step for deed in (step.do, *((step.undo,) if step.undo else ()))]
    few = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def look(step: Step, deed: Deed) -> Finding | None:
        async with few:
            return await _look(plan, step, deed, make, epoch, center)

    seen = await asyncio.gather(*(look(step, deed) for step, deed in steps))
    findings = (*check_plan(plan), *(finding for finding in seen if finding is not None), *_already(plan, epoch))
    if examine is not None:
        findings = (*findings, *await _examined(plan, examine))
    return Evaluation(findings=findings, looked=sum(finding is None for finding in seen))


async def _examined(plan: Plan, examine: Examine) -> tuple[Finding, ...]:
    try:
        async with asyncio.timeout(EXAMINE_S):
            return await examine(plan)
    except TimeoutError:
        return (Finding("plan", f"what it may do is not known: no answer within {EXAMINE_S:.0f} s"),)
    except ConfigurationError as error:
        return (Finding("plan", error.problem, error.next_step),)


async def _look(plan: Plan, step: Step, deed: Deed, make: Callable[[Deed], Action], epoch: int, center: str) -> Finding | None:
    if isinstance(deed, ManualDeed):
        return None
    scene = Scene(
        run="evaluation",
        step=step.name,
        token=f"evaluation/{step.name}",
        old_epoch=epoch,
        epoch=epoch + 1,
        from_region=plan.from_region,
        to_region=plan.to_region,
        center=center,
        why="evaluation of a failover plan",
    )
    try:
        async with asyncio.timeout(LOOK_S):
            look = await make(deed).observe(scene)
    except TimeoutError:
        return Finding(step.name, f"cannot be looked at: no answer within {LOOK_S:.0f} s")
    except ConfigurationError as error:
        return Finding(step.name, error.problem, error.next_step)
    except (ActionFailed, OSError) as error:
        return Finding(step.name, f"cannot be looked at: {error}")
    except Exception as error:  # noqa: BLE001  a mistake in one action hides neither the other steps nor the other plans
        _log.exception("an action cannot be looked at", step=step.name)
        return Finding(step.name, f"cannot be looked at: {type(error).__name__} in the action")
    if look.sight is Sight.UNKNOWN:
        return Finding(step.name, f"cannot be looked at: {look.detail}")
    if look.sight is Sight.FAILED:
        return Finding(step.name, f"would fail: {look.detail}")
    is_ready = step.phase is not Phase.PREPARE or not isinstance(deed, RelayDeed | RdsDeed) or look.sight is Sight.DONE
    return None if is_ready else Finding(step.name, f"the standby is not ready: {look.detail}")


def _already(plan: Plan, epoch: int) -> Iterator[Finding]:
    if not epoch:
        yield Finding("plan", "no relay says which epoch is known", "Without it a run is declared with --epoch.")
