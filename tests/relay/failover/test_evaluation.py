"""A plan held against the environment: what cannot be seen now is what fails at night."""

from __future__ import annotations

from collections.abc import Callable

from relay.errors import ConfigurationError
from relay.failover.actions.port import Action, ActionFailed, Look, Scene, Sight
from relay.failover.deeds import CommandDeed, Deed, RelayDeed
from relay.failover.evaluation import evaluate
from relay.failover.plan import parse_plan
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
