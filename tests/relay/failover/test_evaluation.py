"""A plan held against the environment: what cannot be seen now is what fails at night."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from relay.errors import ConfigurationError
from relay.failover.actions.port import Action, ActionFailed, Look, Scene, Sight
from relay.failover.awsdeeds import RdsDeed
from relay.failover.deeds import CommandDeed, Deed, RelayDeed
from relay.failover.evaluation import LOOKS_AT_ONCE, evaluate
from relay.failover.plan import Plan, parse_plan
from relay.failover.plancheck import Finding
from tests.support.failoverworld import sample_plan

PLAN = parse_plan(sample_plan())


class Seen:
    """An action that is only looked at."""

    def __init__(self, look: Callable[[Scene], Look]) -> None:
        self._look = look

    async def observe(self, scene: Scene) -> Look:
        return self._look(scene)

    async def act(self, scene: Scene) -> str:
        raise AssertionError("an evaluation acts on nothing")

    compensate = act


async def test_a_plan_that_can_be_looked_at_is_in_order() -> None:
    def make(deed: Deed) -> Action:
        is_probe = isinstance(deed, RelayDeed) and deed.verb == "standby"
        return Seen(lambda scene: Look(Sight.DONE if is_probe else Sight.ABSENT))

    made = await evaluate(PLAN, make, 7, "tokyo")
    assert made.findings == ()
    assert made.looked >= len(PLAN.step)


async def test_each_thing_that_cannot_be_seen_is_told() -> None:
    def make(deed: Deed) -> Action:
        if isinstance(deed, CommandDeed) and "scale" in deed.look[0]:
            raise ConfigurationError("there is no credential x.", "make one")

        def look(scene: Scene) -> Look:
            match scene.step:
                case "promote":
                    raise ActionFailed("not permitted")
                case "move-the-record":
                    return Look(Sight.FAILED, "somebody else has moved the record")
                case "seal-osaka":
                    return Look(Sight.UNKNOWN, "nobody listens")
                case "standby-is-alive":
                    return Look(Sight.ABSENT, "osaka: silent")
            return Look(Sight.ABSENT)

        return Seen(look)

    said = {one.where: one.problem for one in (await evaluate(PLAN, make, 0, "tokyo")).findings}
    assert said == {
        "scale-up": "there is no credential x.",
        "promote": "cannot be looked at: not permitted",
        "move-the-record": "would fail: somebody else has moved the record",
        "seal-osaka": "cannot be looked at: nobody listens",
        "standby-is-alive": "the standby is not ready: osaka: silent",
        "plan": "no relay says which epoch is known",
    }


async def test_a_mistake_in_one_action_hides_neither_the_others_nor_the_other_plans() -> None:
    def make(deed: Deed) -> Action:
        if isinstance(deed, CommandDeed) and "scale" in deed.look[0]:
            raise KeyError(deed.look[0])
        return Seen(lambda scene: Look(Sight.DONE))

    made = await evaluate(PLAN, make, 7, "tokyo")
    assert {one.where: one.problem for one in made.findings} == {"scale-up": "cannot be looked at: KeyError in the action"}


async def test_a_few_looks_at_a_time_for_each_may_be_a_program_beside_a_relay() -> None:
    now, most = [0], [0]

    class Busy(Seen):
        async def observe(self, scene: Scene) -> Look:
            now[0] += 1
            most[0] = max(most[0], now[0])
            await asyncio.sleep(0)
            now[0] -= 1
            return Look(Sight.ABSENT)

    made = await evaluate(PLAN, lambda deed: Busy(lambda scene: Look(Sight.ABSENT)), 7, "tokyo")
    assert made.looked >= len(PLAN.step) - 1
    assert most[0] == LOOKS_AT_ONCE


async def test_what_a_look_cannot_tell_is_examined_and_its_trouble_told() -> None:
    def make(deed: Deed) -> Action:
        return Seen(lambda scene: Look(Sight.DONE))

    async def denied(plan: Plan) -> tuple[Finding, ...]:
        return (Finding("promote", "may not"),)

    async def missing(plan: Plan) -> tuple[Finding, ...]:
        raise ConfigurationError("no client.", "install it")

    assert (await evaluate(PLAN, make, 7, "tokyo", denied)).findings == (Finding("promote", "may not"),)
    assert (await evaluate(PLAN, make, 7, "tokyo", missing)).findings == (Finding("plan", "no client.", "install it"),)


async def test_a_database_that_could_not_take_over_is_told_before_anybody_needs_it() -> None:
    def make(deed: Deed) -> Action:
        is_standby = isinstance(deed, RdsDeed) and deed.verb == "standby"
        return Seen(lambda scene: Look(Sight.ABSENT if is_standby else Sight.DONE, "1 instance"))

    plan = parse_plan(sample_plan("unplanned-aws"))
    (finding,) = (await evaluate(plan, make, 7, "tokyo")).findings
    assert finding == Finding("database-could-take-over", "the standby is not ready: 1 instance")
