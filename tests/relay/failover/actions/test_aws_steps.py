"""Each AWS action as a step of a run: answers lost, calls that hang, a process killed; done once, and known to be done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from relay.clock import SystemClock
from relay.failover import events as e
from relay.failover.actions.aws import AwsCall
from relay.failover.actions.awsdoor import AwsDoor
from relay.failover.actions.ecs import EcsAction
from relay.failover.actions.elbv2 import Elbv2Action
from relay.failover.actions.port import Action
from relay.failover.actions.rds import RdsAction
from relay.failover.actions.route53 import Route53Action
from relay.failover.decide import RunStep
from relay.failover.keeper import Keeper
from relay.failover.peer import Copier, NoPeer
from relay.failover.run import Standing
from relay.failover.steps import StepWorker
from tests.support.awsmoto import MotoProcess
from tests.support.awsproxy import AwsProxy, Fault
from tests.support.awsworld import MAC_KEY, Balancer, Database, Tasks, Zone, impatient
from tests.support.failoverbook import Book
from tests.support.failoverdisk import Executioner, MemoryShelf
from tests.support.failoverworld import sample_plan

Make = Callable[[AwsCall], Action]
OPERATIONS: Mapping[str, tuple[str, str]] = {  # step to the call that changes something, in AWS's spelling and the client's
    "scale-up": ("UpdateService", "update_service"),
    "promote": ("FailoverGlobalCluster", "failover_global_cluster"),
    "move-the-record-at-route53": ("ChangeResourceRecordSets", "change_resource_record_sets"),
    "open-online": ("SetRulePriorities", "set_rule_priorities"),
}
EACH = pytest.mark.parametrize("step", OPERATIONS)


def maker(step: str, url: str) -> Make:
    """The step's action on an account of its own."""
    match step:
        case "scale-up":
            tasks = Tasks(url).deed()
            return lambda call: EcsAction(tasks, call)
        case "promote":
            database = Database(url).deed()
            return lambda call: RdsAction(database, call)
        case "open-online":
            rules = Balancer(url).deed()
            return lambda call: Elbv2Action(rules, call)
        case _:
            zone = Zone(url)

            async def nobody(server: str) -> object:
                raise AssertionError("no server is named")

            return lambda call: Route53Action(zone.deed, MAC_KEY, call, nobody, {})  # type: ignore[arg-type]


def at_its_time(step: str) -> Book:
    """A run that has come to the step's phase."""
    book = Book(sample_plan("unplanned-aws"))
    if step == "scale-up":
        book.declare()
        return book
    book.to_gate(3 if step == "open-online" else 2)
    book.passed(3 if step == "open-online" else 2)
    book.write(e.Said(topic="alone", text="there is no peer", who="Baba", second="Chiba"))
    if step == "move-the-record-at-route53":
        book.did("promote")
        book.write(e.PhaseDone(phase="promote"))
    return book


class Process:
    """An orchestrator that does one step."""

    def __init__(self, keeper: Keeper, action: Action) -> None:
        self.keeper, self._action = keeper, action
        self.worker = StepWorker(keeper, Copier(keeper, NoPeer()), self, SystemClock(), "tokyo")

    def action(self, step: str, is_undo: bool) -> Action:
        return self._action

    async def perform(self, step: str) -> Standing:
        await self.worker.perform(RunStep(step))
        return self.keeper.run.standing(step)


def resumed(book: Book) -> Keeper:
    """Another process on the same files."""
    keeper = Keeper(MemoryShelf(Executioner(), book.files), book.time, "tokyo")
    keeper.load()
    keeper.write(e.Woke(center="tokyo"))
    return keeper


@EACH
async def test_killed_after_the_effect_the_next_process_finds_it(
    moto: MotoProcess, door: AwsDoor, proxy: AwsProxy, step: str
) -> None:
    operation, make, book = OPERATIONS[step][0], maker(step, moto.url), at_its_time(step)
    proxy.goes_wrong(operation, "late")
    dying = asyncio.ensure_future(Process(book.keeper, make(door)).perform(step))
    await proxy.settled(operation, 1)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert book.run.standing(step).is_open
    standing = await Process(resumed(book), make(door)).perform(step)
    assert (standing.is_done, standing.attempts) == (True, 1)
    assert (proxy.asked[operation], proxy.effects[operation]) == (1, 1)


@pytest.mark.parametrize(
    ("step", "fault"),
    [("scale-up", "garbage"), ("promote", "late"), ("move-the-record-at-route53", "lose"), ("open-online", "lose")],
)
async def test_what_worked_and_was_not_heard_is_seen_and_not_asked_again(
    moto: MotoProcess, door: AwsDoor, proxy: AwsProxy, step: str, fault: Fault
) -> None:
    operation, name = OPERATIONS[step]
    proxy.goes_wrong(operation, fault)
    action = maker(step, moto.url)(impatient(door, proxy.url, name))
    standing = await Process(at_its_time(step).keeper, action).perform(step)
    assert (standing.is_done, standing.how, standing.attempts) == (True, "done", 1)
    assert (proxy.asked[operation], proxy.effects[operation]) == (1, 1)


@EACH
async def test_throttled_or_denied_it_fails_at_once_and_says_which(
    moto: MotoProcess, door: AwsDoor, proxy: AwsProxy, step: str
) -> None:
    operation = OPERATIONS[step][0]
    proxy.goes_wrong(operation, "throttle" if step in ("promote", "scale-up") else "deny")
    failed = await Process(at_its_time(step).keeper, maker(step, moto.url)(door)).perform(step)
    assert (failed.is_done, failed.failures, failed.is_open) == (False, 1, True)
    assert ("tried again" in failed.detail) or ("a person has to permit it" in failed.detail)
    assert proxy.effects[operation] == 0


async def test_a_look_that_is_denied_calls_people_and_does_not_wait_for_the_time_limit(
    moto: MotoProcess, door: AwsDoor, proxy: AwsProxy
) -> None:
    proxy.goes_wrong("DescribeGlobalClusters", "deny")
    standing = await Process(at_its_time("promote").keeper, maker("promote", moto.url)(door)).perform("promote")
    assert (standing.failures, standing.attempts) == (1, 0)
    assert "a person has to permit it" in standing.detail
    assert proxy.asked["FailoverGlobalCluster"] == 0
