"""Tasks of a service: wanted is not running, more than enough is left alone, and a lost answer is no second scale-up."""

from __future__ import annotations

import msgspec
import pytest

from relay.failover.actions.awsdoor import AwsDoor
from relay.failover.actions.ecs import Deployment, EcsAction, Service, look_at_service
from relay.failover.actions.port import ActionFailed, ActionRefused, Sight
from relay.failover.awsdeeds import EcsDeed, ServiceElsewhere
from relay.failover.awsparity import compare
from tests.support.awsmoto import MotoProcess
from tests.support.awsproxy import AwsProxy
from tests.support.awsworld import REGION, SCENE, Tasks, impatient

UP = EcsDeed(region="ap-northeast-3", cluster="core", service="core", desired_count=6)
DOWN = msgspec.structs.replace(UP, desired_count=2, direction="down")
GIVEN_UP = (Deployment(status="PRIMARY", rollout_state="FAILED", rollout_state_reason="tasks did not start"),)


def service(wanted: int, running: int, **members: object) -> Service:
    return Service(**{"status": "ACTIVE", "desired_count": wanted, "running_count": running, **members})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("deed", "found", "sight"),
    [
        (UP, service(2, 2), Sight.ABSENT),
        (UP, service(5, 6), Sight.ABSENT),
        (UP, service(6, 2), Sight.IN_PROGRESS),
        (UP, service(6, 6), Sight.DONE),
        (UP, service(40, 40), Sight.DONE),  # more than the plan asks for is not taken away
        (UP, service(6, 2, deployments=GIVEN_UP), Sight.FAILED),
        (UP, service(6, 6, deployments=GIVEN_UP), Sight.DONE),
        (UP, service(6, 6, status="DRAINING"), Sight.FAILED),
        (DOWN, service(6, 6), Sight.ABSENT),
        (DOWN, service(2, 6), Sight.DONE),
        (DOWN, service(1, 1), Sight.DONE),
    ],
)
def test_what_the_counts_mean(deed: EcsDeed, found: Service, sight: Sight) -> None:
    assert look_at_service(found, deed).sight is sight


async def test_a_service_is_scaled_up_and_back(moto: MotoProcess, door: AwsDoor, proxy: AwsProxy) -> None:
    tasks = Tasks(moto.url)
    up, down = EcsAction(tasks.deed(), door), EcsAction(tasks.deed(2, direction="down"), door)
    assert (await up.observe(SCENE)).sight is Sight.ABSENT
    assert await up.act(SCENE) == "6 tasks are wanted"
    assert (await up.observe(SCENE)).sight is Sight.DONE  # moto starts them at once
    assert (await down.observe(SCENE)).sight is Sight.ABSENT
    await down.act(SCENE)
    assert ((await down.observe(SCENE)).sight, tasks.wanted()) == (Sight.DONE, 2)
    with pytest.raises(ActionRefused, match="gives the number"):
        await up.compensate(SCENE)


async def test_a_service_is_compared_with_the_one_that_it_stands_in_for(moto: MotoProcess, door: AwsDoor) -> None:
    one, other = Tasks(moto.url), Tasks(moto.url)

    def like(tasks: Tasks) -> EcsDeed:
        return one.deed(like=ServiceElsewhere(region=REGION, cluster=tasks.name, service=tasks.name))

    assert await compare(door, [("scale-up", like(other))]) == ()
    other.release("core:2")
    (finding,) = await compare(door, [("scale-up", like(other))])
    assert "core core:2" in finding.problem


async def test_a_lost_answer_is_looked_for(moto: MotoProcess, door: AwsDoor, proxy: AwsProxy) -> None:
    tasks = Tasks(moto.url)
    proxy.goes_wrong("UpdateService", "throttle", "garbage", "late")
    action = EcsAction(tasks.deed(), impatient(door, proxy.url, "update_service"))
    with pytest.raises(ActionRefused, match="nothing was done"):
        await action.act(SCENE)
    assert tasks.wanted() == 2
    for effects in (1, 2):
        with pytest.raises(ActionFailed) as caught:
            await action.act(SCENE)
        assert not isinstance(caught.value, ActionRefused)
        await proxy.settled("UpdateService", effects)
        assert ((await action.observe(SCENE)).sight, tasks.wanted()) == (Sight.DONE, 6)


async def test_a_service_that_is_not_there_or_must_not_be_seen_fails_at_once(
    moto: MotoProcess, door: AwsDoor, proxy: AwsProxy
) -> None:
    deed = Tasks(moto.url).deed()
    assert (await EcsAction(msgspec.structs.replace(deed, service="nobody"), door).observe(SCENE)).sight is Sight.FAILED
    proxy.goes_wrong("DescribeServices", "deny")
    look = await EcsAction(deed, door).observe(SCENE)
    assert (look.sight, "a person has to permit it" in look.detail) == (Sight.FAILED, True)
