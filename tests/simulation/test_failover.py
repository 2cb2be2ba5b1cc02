"""Failover runs on virtual time: killed at points of every kind, with actions that lie, hang and half-succeed, and people who
do wrong.

`RELAY_FAILOVER_KILLS=1` kills at every single point of two runs and plays 200 seeds; otherwise every `STRIDE`th, and a few.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
import pytest

from relay.failover.actions.port import Action, Look, Scene, Sight
from relay.failover.decide import RunStep
from relay.failover.deeds import changes_something
from relay.failover.peer import CopyAnswer, CopyAsk
from relay.failover.plan import Step
from relay.failover.rtoclock import clock_of
from relay.failover.steps import StepWorker
from relay.failover.store import StoreFailed
from tests.simulation.failover import LONG_MS, MORNING_MS, THINK_MS, History, Script, play
from tests.support.failoverdisk import MemoryShelf, MemoryStore
from tests.support.failoverworld import Wire, World
from tests.support.virtualtime import VirtualTime

STRIDE = 1 if os.environ.get("RELAY_FAILOVER_KILLS") else 31
NIGHT_MS = MORNING_MS - 8 * 3_600_000  # two in the morning: the batch runs
SHORT_MS = 20 * 60_000
SICK_MS = 15_000
RUNS = {
    "DONE": Script(long_ms=SHORT_MS),
    "ABORTED": Script(abort_in="G2_WAIT", long_ms=SHORT_MS),
}
OLD_LOG = (Path(__file__).parents[1] / "relay" / "failover" / "logs" / "DONE-plain.run").read_bytes()
replace = msgspec.structs.replace


def test_a_run_goes_through_its_three_gates_and_machines_are_not_waited_for() -> None:
    history = History(RUNS["DONE"])
    outcome = history.play()
    assert (outcome.state, outcome.violations, outcome.promotions) == ("DONE", (), 1)
    assert [page.split(" of ")[0] for page in history.tokyo.pages] == ["gate 1", "gate 2", "gate 3"]
    clock = clock_of(history.tokyo.keeper.run, history.time.wall_ms())
    assert clock.is_over
    assert clock.overlap_ms == clock.prepare_ms > 0  # preparation cost nothing: it ran while people deliberated
    assert clock.human_ms >= 3 * THINK_MS
    assert clock.machine_ms < 60_000


@pytest.mark.parametrize("state", RUNS)
def test_killed_anywhere_it_goes_on_and_repeats_nothing(state: str) -> None:
    script = RUNS[state]
    points = play(script).points
    assert points > 200
    for at in range(1, points, STRIDE):
        outcome = play(replace(script, kills=(at,)))
        assert (outcome.state, outcome.violations, outcome.kills) == (state, (), 1), f"killed at {at}"


def test_killed_again_and_again_with_everything_going_wrong() -> None:
    for seed in range(6 if STRIDE > 1 else 200):
        chance = Random(seed)
        kills = tuple(chance.randint(1, 160) for _ in range(6))
        outcome = play(Script(kills=kills, faults=10), seed)
        assert (outcome.state, outcome.violations, outcome.promotions) == ("DONE", (), 1), seed


def beside_a_damaged_log(script: Script, damage: bytes) -> tuple[History, str]:
    """An earlier run is over at tokyo, and its log has been whole at one start; then it was damaged."""
    history = History(script)
    name, office = "20240101-000000-earlier", history.tokyo
    for data in (OLD_LOG, damage):
        office.files[name] = bytearray(data)
        with history.loop.running():
            office.start()
            history._connect()
    return history, name


@pytest.mark.parametrize("damage", [OLD_LOG[:900] + b"~" + OLD_LOG[901:], OLD_LOG[: len(OLD_LOG) // 2], b""])
def test_an_old_log_that_is_damaged_changes_nothing_of_a_run_killed_anywhere(damage: bytes) -> None:
    script = RUNS["DONE"]
    points = play(script).points
    for at in range(3, points, 3 * STRIDE):
        history, name = beside_a_damaged_log(replace(script, kills=(at,)), damage)
        outcome = history.play()
        assert (outcome.state, outcome.violations, outcome.promotions) == ("DONE", (), 1), f"killed at {at}"
        assert history.tokyo.files[name] == damage
        assert history.tokyo.keeper.records.damaged[name].standing == "over"


@pytest.mark.parametrize("seed", range(4))
def test_a_disk_that_is_sick_for_a_while_has_the_whole_copy_in_the_end(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Osaka's, from a moment that the seed has. Nobody restarts osaka; people say that the run goes on alone meanwhile."""
    history = History(RUNS["DONE"])
    began_ms = history.time.wall_ms() + Random(seed).randint(3_000, 30_000)
    refused: list[int] = []

    def of(real: Callable[..., object]) -> Callable[..., object]:
        def act(disk: MemoryStore | MemoryShelf, *args: object) -> object:
            files = disk.files if isinstance(disk, MemoryShelf) else disk._files
            if files is history.osaka.files and began_ms <= history.time.wall_ms() < began_ms + SICK_MS:
                refused.append(history.time.wall_ms())
                raise StoreFailed("the disk: Input/output error.")
            return real(disk, *args)

        return act

    for kind, what in ((MemoryStore, "append"), (MemoryShelf, "renew"), (MemoryShelf, "write_register")):
        monkeypatch.setattr(kind, what, of(getattr(kind, what)))
    outcome = history.play()
    assert (outcome.state, outcome.violations, outcome.promotions) == ("DONE", (), 1)  # and the copies are the same
    assert 2 <= len(refused) <= 10
    assert not history.osaka.keeper.disk.is_sick


@pytest.mark.parametrize("state", ["G1_WAIT", "INITIATING", "G2_WAIT"])
def test_called_off_before_the_promotion_the_old_region_serves_under_its_epoch(state: str) -> None:
    outcome = play(Script(abort_in=state, faults=8, long_ms=3_600_000), 4)
    assert (outcome.state, outcome.violations, outcome.promotions) == ("ABORTED", (), 0)


def test_after_the_promotion_nothing_calls_it_off() -> None:
    outcome = play(Script(abort_in="PROMOTING", long_ms=SHORT_MS))
    assert (outcome.state, outcome.violations) == ("DONE", ())


@pytest.mark.parametrize(("gate", "state"), [(1, "ABORTED"), (2, "ABORTED"), (3, "G3_WAIT")])
def test_a_denied_gate_goes_back_or_stays_shut(gate: int, state: str) -> None:
    history = History(Script(deny=gate, long_ms=600_000))
    outcome = history.play()
    assert (outcome.state, outcome.violations) == (state, ())
    assert all(relay.blocked for relay in history.world.relays.values()) is (gate == 3)


@pytest.mark.parametrize("script", [Script(nobody=True, long_ms=3_600_000), Script(one_person=True, long_ms=3_600_000)])
def test_a_gate_never_opens_by_itself(script: Script) -> None:
    history = History(script)
    outcome = history.play()
    assert (outcome.state, outcome.promotions) == ("G1_WAIT", 0)
    assert not any(relay.sealed or relay.blocked for relay in history.world.relays.values())
    assert sum("still waits" in page for page in history.tokyo.pages) >= 10  # it only calls louder


def test_preparation_that_grew_old_holds_the_run() -> None:
    history = History(Script(nobody=True, plan="drill", long_ms=3_700_000))
    history.play()
    assert any("preparation is older than 60 min" in page for page in history.tokyo.pages)


def test_at_night_the_batch_is_known_first_and_released_first() -> None:
    stuck = play(Script(start_ms=NIGHT_MS, long_ms=600_000))
    assert stuck.state == "G1_WAIT"
    history = History(Script(start_ms=NIGHT_MS, checkpoint=True, long_ms=SHORT_MS))
    outcome = history.play()
    assert (outcome.state, outcome.violations) == ("DONE", ())
    assert history.tokyo.keeper.run.parts == ("batch", "online")
    effects = [token.split("/")[1] for token in history.world.effects]
    assert effects.index("open-batch") < effects.index("open-online")
    assert sum("gate 3" in page for page in history.tokyo.pages) == 2  # people decide about each part


def test_with_one_control_plane_lost_the_record_moves_the_other_way() -> None:
    history = History(Script(dead_dns=True, long_ms=SHORT_MS))
    outcome = history.play()
    assert (outcome.state, outcome.violations) == ("DONE", ())
    assert history.tokyo.keeper.run.standing("move-the-record-by-hand").is_done
    assert not history.tokyo.keeper.run.standing("move-the-record").is_done


CLOUD = Script(plan="unplanned-aws", long_ms=SHORT_MS)


def dns_ms(history: History) -> int:
    """How long the record took."""
    path = {state.name: at_ms for state, at_ms in history.tokyo.keeper.run.path}
    return path["VERIFYING"] - path["SWITCHING_DNS"]


@pytest.mark.parametrize(
    ("script", "first", "second"),
    [
        (CLOUD, True, True),
        (replace(CLOUD, dead_dns=True), False, True),
        (replace(CLOUD, dead_cloud="refused"), True, False),
        (replace(CLOUD, dead_cloud="hangs"), True, False),
        (replace(CLOUD, dead_cloud="refused", cloud_back_in="VERIFYING"), True, True),
    ],
)
def test_of_two_ways_at_once_one_suffices_at_once_and_the_other_is_tried_on(script: Script, first: bool, second: bool) -> None:
    history = History(script)
    outcome = history.play()
    assert (outcome.state, outcome.violations) == ("DONE", ())
    run = history.tokyo.keeper.run
    done = (run.standing("move-the-record").is_done, run.standing("move-the-record-at-route53").is_done)
    assert done == (first, second)
    assert not run.standing("move-the-record-by-hand").attempts
    assert dns_ms(history) < 10_000  # nobody waited for the dead one
    assert not run.held
    assert any("is not seen done" in page for page in history.tokyo.pages) is not all(done)


@pytest.mark.parametrize("cloud", ["", "hangs"])
def test_two_ways_at_once_called_off_or_taken_by_the_other_center(cloud: str) -> None:
    called_off = play(replace(CLOUD, dead_cloud=cloud, abort_in="G2_WAIT"))
    assert (called_off.state, called_off.violations, called_off.promotions) == ("ABORTED", (), 0)
    for state in ("SWITCHING_DNS", "VERIFYING", "G3_WAIT"):
        taken = play(replace(CLOUD, dead_cloud=cloud, adopt_in=state))
        assert (taken.state, taken.violations, taken.promotions) == ("DONE", (), 1), state


def test_with_both_ways_dead_people_move_the_record() -> None:
    history = History(replace(CLOUD, dead_dns=True, dead_cloud="refused", long_ms=2 * SHORT_MS))
    outcome = history.play()
    assert (outcome.state, outcome.violations) == ("DONE", ())
    assert history.tokyo.keeper.run.standing("move-the-record-by-hand").is_done


def test_two_ways_at_once_killed_anywhere_and_with_everything_going_wrong() -> None:
    points = play(CLOUD).points
    for at in range(1 + STRIDE // 2, points, 2 * STRIDE):
        outcome = play(replace(CLOUD, kills=(at,)))
        assert (outcome.state, outcome.violations, outcome.promotions) == ("DONE", (), 1), f"killed at {at}"
    for seed in range(3 if STRIDE > 1 else 100):
        chance = Random(seed)
        kills = tuple(chance.randint(1, 160) for _ in range(6))
        outcome = play(replace(CLOUD, kills=kills, faults=10, long_ms=LONG_MS), seed)
        assert (outcome.state, outcome.violations, outcome.promotions) == ("DONE", (), 1), seed


@pytest.mark.parametrize("step", ["promote", "move-the-record"])
def test_an_action_that_lies_is_found_out_before_service_is_released(step: str) -> None:
    history = History(Script(lie=step, long_ms=600_000))
    outcome = history.play()
    assert (outcome.state, outcome.violations) == ("VERIFYING", ())
    assert all(relay.blocked for relay in history.world.relays.values())


@pytest.mark.parametrize("state", ["INITIATING", "G2_WAIT", "PROMOTING", "VERIFYING"])
@pytest.mark.parametrize("is_cut", [False, True])
def test_the_other_center_takes_the_run_and_only_one_acts(state: str, is_cut: bool) -> None:
    history = History(Script(adopt_in=state, cut_in=state if is_cut else "", long_ms=SHORT_MS))
    outcome = history.play()
    assert (outcome.state, outcome.violations, outcome.promotions) == ("DONE", (), 1)
    assert history.office is history.osaka
    if not is_cut:
        assert history.tokyo.keeper.run.center == "osaka"


def test_the_peer_lost_at_the_promotion_asks_people_and_at_other_times_is_only_told() -> None:
    history = History(Script(cut_in="G2_WAIT", long_ms=SHORT_MS))
    outcome = history.play()
    assert (outcome.state, outcome.violations) == ("DONE", ())
    assert history.tokyo.keeper.run.is_peer_away


def test_a_log_that_lost_lines_which_the_peer_has_is_not_gone_on_with() -> None:
    """A disk that came back from a backup: the chain is whole, and its end is missing."""
    history = History(Script(nobody=True, long_ms=15_000))
    history.play()
    tokyo, run = history.tokyo, history.tokyo.keeper.name
    data = tokyo.files[run]
    data[:] = b"".join(bytes(data).splitlines(keepends=True)[:-2])
    with history.loop.running():
        tokyo.start()
        task = history.loop.create_task(tokyo.runner.claim())
        history.time.run(1_000)
    assert "lines were lost here" in task.result()
    assert not tokyo.runner.may_act


def test_a_run_that_is_taken_between_an_intent_and_its_act_is_not_acted_in() -> None:
    history = History(Script(long_ms=SHORT_MS))

    class Taking(Wire):
        async def copy(self, ask: CopyAsk) -> CopyAnswer:
            answer = await super().copy(ask)
            if any('"what":"intended"' in line for line in ask.lines):
                history.tokyo.keeper.heard_term = 9
            return answer

    wire = Taking()
    history.tokyo.wire = history.tokyo.runner._peer = history.tokyo.runner.copier._peer = wire
    history._connect()
    history.play()
    assert history.world.effects == []
    assert history.tokyo.runner.stopped


async def test_two_regions_released_and_two_epochs_unsealed_are_seen() -> None:
    """Each as a person would who goes past the run: the world finds it, or its silence above would prove nothing."""
    world = World(VirtualTime(), Random(1))
    for center in world.relays:
        await world.say(center, "block", 7, ("all",), "drill")
        await world.say(center, "seal", 7, (), "drill")
    await world.say("tokyo", "unseal", 7, (), "drill")
    await world.say("tokyo", "release", 7, ("all",), "drill")
    assert world.violations == [], "called off before the promotion"
    await world.say("tokyo", "seal", 7, (), "drill")
    scene = {"run": "r1", "step": "promote", "token": "r1/promote", "old_epoch": 7, "epoch": 8, "center": "tokyo"}
    world.promote(Scene(**scene, from_region="tokyo", to_region="osaka"))  # type: ignore[arg-type]  # its members
    assert world.violations == []
    await world.say("osaka", "release", 8, ("all",), "drill")
    assert "two regions" in world.violations[-1], "its relay is still in the old epoch"
    await world.say("osaka", "unseal", 7, (), "drill")
    assert "epoch 7 unsealed" in world.violations[-1]


def test_without_a_look_before_the_act_the_simulation_turns_red(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutation: what was there is asked for again. If it passed unseen, the tests above would prove nothing."""

    async def blind(self: StepWorker, step: Step, move: RunStep, action: Action, until_ms: int) -> Look:
        look = await seeing(self, step, move, action, until_ms)
        return Look(Sight.ABSENT) if changes_something(step.do) else look

    seeing = StepWorker._look_first
    monkeypatch.setattr(StepWorker, "_look_first", blind)
    script = replace(RUNS["DONE"], long_ms=600_000)
    outcomes = [play(replace(script, kills=(at,))) for at in range(150, 190, 4)]
    red = [outcome for outcome in outcomes if "promoted twice" in outcome.violations]
    assert red
