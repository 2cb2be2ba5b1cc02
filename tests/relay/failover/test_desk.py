"""What people ask at the desk: who may, in which role, for which run; each wrong word refused, and nothing moved."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

import pytest

from relay.errors import RelayError
from relay.failover import events as e
from relay.failover.cosign import LONE_MS_MAX, Told
from relay.failover.desk import CALL_AGAIN_MS
from relay.failover.evidence import binding_of
from relay.failover.peer import CopyAnswer, CopyAsk
from relay.failover.people import NotAllowed, People, Person, SealedCode, hash_code
from relay.failover.states import State
from tests.simulation.failover import MORNING_MS, History, Script
from tests.support.failoverworld import UIDS, Office, Wire, World, sample_plan
from tests.support.virtualtime import VirtualTime


def at_gate(gate: int, **members: object) -> tuple[History, str]:
    """A run that stands at an open gate, and nobody at the desk; gates below were passed."""
    history = History(Script(**{"nobody": True, "long_ms": 15_000, **members}))  # type: ignore[arg-type]
    if gate == 2:
        history = History(Script(long_ms=15_000))
    history.play()
    history.office.runner.stopped = ""
    run = history.tokyo.keeper.run
    assert run.gate() is not None
    return history, run.run_id


def seen(history: History, gate: int) -> str:
    run = history.tokyo.keeper.run
    assert run.newest is not None
    return binding_of(run.run_id, gate, "", run.plan_version, run.newest.digest)


def test_an_approval_takes_a_person_a_role_a_run_and_what_was_seen() -> None:
    history, run = at_gate(1)
    desk, binding = history.tokyo.desk, seen(history, 1)
    refused: list[Callable[[], object]] = [
        lambda: desk.approve(run, 1, "Abe", "operations", binding, "", UIDS["Abe"]),  # declared it
        lambda: desk.approve(run, 1, "Chiba", "operations", binding, "", UIDS["Chiba"]),  # has not that role
        lambda: desk.approve(run, 1, "Baba", "operations", binding, "", UIDS["Chiba"]),  # another account
        lambda: desk.approve(run, 1, "Eda", "operations", binding, "", 99),  # nobody
        lambda: desk.approve("20251124-yesterday", 1, "Baba", "operations", binding, "", UIDS["Baba"]),
        lambda: desk.approve("", 1, "Baba", "operations", binding, "", UIDS["Baba"]),
        lambda: desk.approve(run, 2, "Baba", "operations", seen(history, 2), "", UIDS["Baba"]),  # early
        lambda: desk.approve(run, 1, "Baba", "operations", seen(history, 2), "", UIDS["Baba"]),  # bound to gate 2
        lambda: desk.approve(run, 1, "Baba", "operations", binding[:11], "", UIDS["Baba"]),  # too short to mean one
        lambda: desk.approve(run, 1, "Baba", "operations", "f" * 64, "", UIDS["Baba"]),
    ]
    for ask in refused:
        with pytest.raises(NotAllowed):
            ask()
    assert history.tokyo.keeper.run.approvals == ()
    first = desk.approve(run, 1, "Baba", "operations", binding[:12], "", UIDS["Baba"])
    assert first == "gate 1: Baba approves as operations; it waits for business"
    for again in ("operations", "business"):
        with pytest.raises(NotAllowed, match="second role"):
            desk.approve(run, 1, "Baba", again, binding, "", UIDS["Baba"])
    with pytest.raises(NotAllowed, match="role has approved"):
        desk.approve(run, 1, "Doi", "operations", binding, "", UIDS["Doi"])
    assert desk.approve(run, 1, "Chiba", "business", binding, "", UIDS["Chiba"]).endswith("; nobody is missing")
    assert {one.who for one in history.tokyo.keeper.run.approvals} == {"Baba", "Chiba"}


def test_stale_evidence_is_looked_at_again() -> None:
    history, run = at_gate(1)
    binding = seen(history, 1)
    history.time.run(301_000)
    with pytest.raises(NotAllowed, match="too old"):
        history.tokyo.desk.approve(run, 1, "Baba", "operations", binding, "", UIDS["Baba"])


def test_a_withdrawal_is_ones_own_and_a_held_run_takes_no_approval() -> None:
    history, run = at_gate(1)
    desk, binding = history.tokyo.desk, seen(history, 1)
    desk.approve(run, 1, "Baba", "operations", binding, "", UIDS["Baba"])
    with pytest.raises(NotAllowed):
        desk.withdraw(run, 1, "Chiba", "not mine", UIDS["Chiba"])
    desk.withdraw(run, 1, "Baba", "wait", UIDS["Baba"])
    desk.hold(run, "Doi", "look", UIDS["Doi"])
    with pytest.raises(NotAllowed, match="held"):
        desk.approve(run, 1, "Baba", "operations", binding, "", UIDS["Baba"])
    desk.resume(run, "Doi", "looked", UIDS["Doi"])
    with pytest.raises(NotAllowed, match="not held"):
        desk.resume(run, "Doi", "again", UIDS["Doi"])
    desk.approve(run, 1, "Baba", "operations", binding, "", UIDS["Baba"])


def test_a_broken_glass_needs_the_code_and_everybody_hears_of_it(caplog: pytest.LogCaptureFixture) -> None:
    history, run = at_gate(1)
    salt = bytes(16)
    history.tokyo.desk._people = People(
        [Person(name="Abe", roles=("operations",), uids=(1,))],
        [SealedCode(name="envelope-1", salt=salt.hex(), hash=hash_code("OPEN-SESAME", salt))],
    )
    with pytest.raises(NotAllowed, match="no sealed code"):
        history.tokyo.desk.break_glass(run, 1, "Abe", "OPEN", seen(history, 1), "alone here", 1)
    with caplog.at_level("ERROR", logger="relay.failover"):
        history.tokyo.desk.break_glass(run, 1, "Abe", "open-sesame", seen(history, 1), "alone here", 1)
    assert "GLASS BROKEN" in caplog.text
    assert history.tokyo.keeper.run.approvals[0].seal == "envelope-1"
    assert "OPEN" not in bytes(history.tokyo.files[run]).decode()


def test_a_second_run_and_an_unsafe_plan_are_not_declared() -> None:
    history, run = at_gate(1)
    desk = history.tokyo.desk

    def declared(desk: object, text: str, who: str = "Abe", role: str = "operations", office: Office = history.tokyo) -> str:
        with history.loop.running():
            task = history.loop.create_task(office.desk.declare(text, who, role, "x", UIDS[who]))
            history.time.run(1_000)
        return task.result()

    with pytest.raises(RelayError, match="is not over"):
        declared(desk, sample_plan())
    with pytest.raises(RelayError, match="not over"):
        declared(desk, sample_plan(), office=history.osaka)
    fresh = History(Script(nobody=True))
    history.loop, history.time, osaka = fresh.loop, fresh.time, fresh.tokyo
    with pytest.raises(RelayError, match="is not safe"):
        declared(desk, sample_plan().replace('verb = "tail"', 'verb = "serving"', 1), office=osaka)
    with pytest.raises(RelayError, match="no fail-back"):
        declared(desk, sample_plan("failback"), office=osaka)
    with pytest.raises(NotAllowed):
        declared(desk, sample_plan(), "Chiba", "operations", office=osaka)
    assert osaka.keeper.run.state is State.IDLE
    assert run


def test_what_was_said_in_one_run_is_not_evidence_in_the_next() -> None:
    history, run = at_gate(1)
    office = history.tokyo
    office.desk.say(run, "batch-checkpoint", "step 12 is done", "Baba", "", UIDS["Baba"])
    office.desk.abort(run, "Baba", "a false alarm", UIDS["Baba"])
    with history.loop.running():
        history.loop.create_task(office.runner.run())
        history.time.run(60_000)
        assert office.keeper.run.state is State.ABORTED
        history.loop.create_task(office.desk.declare(sample_plan(), "Abe", "operations", "x", UIDS["Abe"]))
        history.time.run(5_000)
    newest = office.keeper.run.newest
    assert office.keeper.run.run_id != run
    assert newest is not None
    assert newest.evidence.batch_checkpoint == ""
    assert all("step 12" not in shown.evidence.batch_checkpoint for shown in office.keeper.run.shown.values())
    office.runner.stop()


def test_steps_are_answered_for_by_two_and_lines_ticked_in_their_time() -> None:
    history, run = at_gate(1)
    desk = history.tokyo.desk
    for second in ("", "Baba", "Eda"):
        with pytest.raises(NotAllowed):
            desk.answer(run, "seal-tokyo", "waived", "Baba", second, "its route is gone", UIDS["Baba"])
    with pytest.raises(NotAllowed, match="no answer"):
        desk.answer(run, "seal-tokyo", "forget", "Baba", "Chiba", "", UIDS["Baba"])
    with pytest.raises(NotAllowed, match="no step"):
        desk.answer(run, "nothing", "again", "Baba", "", "", UIDS["Baba"])
    for again in range(2):
        said = desk.answer(run, "seal-tokyo", "waived", "Baba", "Chiba", f"its route is gone, {again}", UIDS["Baba"])
        assert (said.text.startswith("NOT YET"), said.is_half) == (True, True)
    assert not history.tokyo.keeper.run.standing("seal-tokyo").is_done
    desk.answer(run, "seal-tokyo", "waived", "Chiba", "Baba", "I have seen it", UIDS["Chiba"])
    line = history.tokyo.keeper.entries[-1].event
    assert isinstance(line, e.Answered)
    assert (line.who, line.second, line.evidence) == ("Baba", "Chiba", "its route is gone, 1 / I have seen it")
    with pytest.raises(NotAllowed, match="not begun"):
        desk.tick(run, "move-the-record-by-hand", 1, "Baba", "seen", UIDS["Baba"])
    with pytest.raises(NotAllowed, match="no checklist line"):
        desk.tick(run, "promote", 1, "Baba", "seen", UIDS["Baba"])
    with pytest.raises(NotAllowed):
        desk.say(run, "accept-loss", "one minute", "Baba", "Baba", UIDS["Baba"])
    with pytest.raises(NotAllowed, match="nothing to be said"):
        desk.say(run, "weather", "fine", "Baba", "", UIDS["Baba"])
    for who, second in (("Baba", "Chiba"), ("Doi", "Baba"), ("Doi", "Chiba")):
        desk.say(run, "accept-loss", "one minute", who, second, UIDS[who])
    assert "accept-loss" not in history.tokyo.keeper.run.said
    desk.say(run, "accept-loss", "one minute", "Chiba", "Doi", UIDS["Chiba"])
    assert history.tokyo.keeper.run.said["accept-loss"].second == "Chiba"


def test_nobody_stands_in_for_the_point_of_no_return_before_its_gate() -> None:
    history, run = at_gate(1)
    desk = history.tokyo.desk
    with pytest.raises(NotAllowed, match="not waived"):
        desk.answer(run, "promote", "waived", "Baba", "Chiba", "x", UIDS["Baba"])
    with pytest.raises(NotAllowed, match="is not done in G1_WAIT"):
        desk.answer(run, "promote", "by-hand", "Baba", "Chiba", "x", UIDS["Baba"])


def test_a_denial_of_gate_2_goes_back_and_an_abort_is_refused_when_it_is_over() -> None:
    history, run = at_gate(2)
    desk = history.tokyo.desk
    with pytest.raises(NotAllowed):
        desk.deny(run, 1, "Chiba", "business", "late", UIDS["Chiba"])
    desk.deny(run, 2, "Chiba", "business", "too early", UIDS["Chiba"])
    assert history.tokyo.keeper.run.state is State.ROLLBACK
    with pytest.raises(NotAllowed, match="it is being taken back already: ROLLBACK"):
        desk.abort(run, "Doi", "again", UIDS["Doi"])
    history.tokyo.keeper.run.state = State.ABORTED
    with pytest.raises(NotAllowed, match="the run is over: ABORTED"):
        desk.abort(run, "Doi", "and again", UIDS["Doi"])


def test_only_the_acting_center_takes_words_and_adopting_asks_the_other() -> None:
    history, run = at_gate(1)
    osaka = history.osaka
    with pytest.raises(NotAllowed, match="tokyo acts"):
        osaka.desk.hold(run, "Doi", "x", UIDS["Doi"])

    def adopting(second: str, office: Office = osaka, who: str = "Baba") -> Told:
        with history.loop.running():
            task = history.loop.create_task(office.desk.adopt(run, who, second, "tokyo's host is lost", UIDS[who]))
            history.time.run(1_000)
        return task.result()

    with pytest.raises(NotAllowed, match="acts already"):
        adopting("", history.tokyo)
    osaka.wire.is_cut = True
    for second in ("", "Baba"):
        with pytest.raises(NotAllowed):
            adopting(second)
    assert adopting("Chiba").is_half
    assert osaka.keeper.run.term == 1
    adopting("Baba", who="Chiba")
    assert (osaka.keeper.run.term, osaka.keeper.run.center) == (2, "osaka")


def test_an_adoption_that_the_other_has_not_heard_of_begins_nothing() -> None:
    """The line that takes the term is written; until the other center has it, or two have signed, it is no right to act."""
    history, run = at_gate(1)
    osaka = history.osaka
    assert osaka.runner.may_act  # it was idle when it began

    class Leaving(Wire):
        async def copy(self, ask: CopyAsk) -> CopyAnswer:
            answer = await super().copy(ask)
            self.is_cut = True  # after the first question
            return answer

    wire = Leaving()
    wire.replica = history.tokyo.replica
    osaka.desk._peer = osaka.runner.copier._peer = wire
    with history.loop.running():
        task = history.loop.create_task(osaka.desk.adopt(run, "Baba", "", "tokyo's host is lost", UIDS["Baba"]))
        history.time.run(1_000)
    with pytest.raises(NotAllowed, match="has not heard"):
        task.result()
    assert osaka.keeper.run.center == "osaka"
    assert not osaka.runner.may_act


def test_a_sealed_code_opens_once_and_not_once_in_each_run() -> None:
    history, run = at_gate(1)
    salt = bytes(16)
    code = SealedCode(name="envelope-1", salt=salt.hex(), hash=hash_code("OPEN-SESAME", salt))
    history.tokyo.desk._people = People([Person(name="Abe", roles=("operations",), uids=(1,))], [code])
    history.tokyo.keeper.used_seals.add("envelope-1")  # in an earlier run
    with pytest.raises(NotAllowed, match="was used before"):
        history.tokyo.desk.break_glass(run, 1, "Abe", "open-sesame", seen(history, 1), "alone here", 1)
    history.tokyo.keeper.used_seals.clear()
    history.tokyo.desk.break_glass(run, 1, "Abe", "open-sesame", seen(history, 1), "alone here", 1)
    assert any("GLASS BROKEN" in page for page in history.tokyo.pages)


def test_a_desk_without_a_run_says_so() -> None:
    office = Office(World(VirtualTime(MORNING_MS), Random(1)), "tokyo", Wire())
    with pytest.raises(NotAllowed, match="is not the run"):
        office.desk.hold("r1", "Doi", "x", UIDS["Doi"])
    assert asyncio.iscoroutinefunction(office.desk.declare)


class Creeping:
    """No two looks at this clock see the same millisecond."""

    def __init__(self, first_ms: int) -> None:
        self.now_ms = first_ms

    def wall_ms(self) -> int:
        self.now_ms += 1
        return self.now_ms

    def monotonic_ms(self) -> int:
        return self.now_ms


def test_an_approval_that_grows_old_in_the_very_millisecond_bricks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decided at the last good millisecond, written in the next one: the line is judged at the moment of the decision."""
    history, run = at_gate(1)
    office, binding = history.tokyo, seen(history, 1)
    newest = office.keeper.run.newest
    assert newest is not None
    office.desk.approve(run, 1, "Baba", "operations", binding, "", UIDS["Baba"])
    office.desk.approve(run, 1, "Chiba", "business", binding, "", UIDS["Chiba"])
    age_ms = office.keeper.run.known_plan.evidence_age_max_s * 1_000
    creeping = Creeping(newest.at_ms + age_ms - 1)  # the next look is the last one at which both count
    monkeypatch.setattr(office.runner, "_clock", creeping)
    monkeypatch.setattr(office.keeper, "_clock", creeping)
    with history.loop.running():
        assert office.runner._begin_all()
        office.runner.stop()
        history.time.run(100)
    assert office.keeper.run.state is State.INITIATING
    again = Office(history.world, "tokyo", office.wire)
    again.files = office.files
    again.start()  # the log folds: nothing was bricked
    assert again.keeper.run.state is State.INITIATING


def test_an_approval_in_the_last_millisecond_is_taken_or_refused_and_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    history, run = at_gate(1)
    office, binding = history.tokyo, seen(history, 1)
    newest = office.keeper.run.newest
    assert newest is not None
    age_ms = office.keeper.run.known_plan.evidence_age_max_s * 1_000
    creeping = Creeping(newest.at_ms + age_ms - 1)
    monkeypatch.setattr(office.desk, "_clock", creeping)
    monkeypatch.setattr(office.keeper, "_clock", creeping)
    office.desk.approve(run, 1, "Baba", "operations", binding, "", UIDS["Baba"])
    with pytest.raises(NotAllowed, match="too old"):
        office.desk.approve(run, 1, "Chiba", "business", binding, "", UIDS["Chiba"])


def test_people_are_called_by_whoever_asks_once_a_minute() -> None:
    history, run = at_gate(1)
    desk, pages = history.tokyo.desk, history.tokyo.pages
    level = history.tokyo.keeper.run.escalated
    desk.escalate(run, "Doi", "nobody comes", UIDS["Doi"])
    assert pages[-1] == f"Doi calls you to the failover run {run}, gate 1: nobody comes"
    assert history.tokyo.keeper.run.escalated == level + 1
    with pytest.raises(NotAllowed, match="last minute"):
        desk.escalate(run, "Baba", "again", UIDS["Baba"])
    history.time.run(CALL_AGAIN_MS)
    desk.escalate(run, "Baba", "again", UIDS["Baba"])
    with pytest.raises(NotAllowed):
        desk.escalate(run, "Doi", "another account", UIDS["Baba"])
    desk.abort(run, "Doi", "done", UIDS["Doi"])
    history.time.run(CALL_AGAIN_MS)
    desk.escalate(run, "Doi", "nobody waits", UIDS["Doi"])
    assert pages[-1].endswith(f"run {run}: nobody waits")


def test_a_first_signature_is_shown_to_the_second() -> None:
    history, run = at_gate(1)
    desk = history.tokyo.desk
    desk.say(run, "accept-loss", "a minute of postings", "Baba", "Chiba", UIDS["Baba"])
    now_ms = history.time.wall_ms()
    (waiting,) = desk.lone()
    assert (waiting.what, waiting.who, waiting.second) == (("say", run, "accept-loss"), "Baba", "Chiba")
    assert (waiting.at_ms, waiting.until_ms, waiting.text) == (now_ms, now_ms + LONE_MS_MAX, "a minute of postings")
    desk.say(run, "accept-loss", "a minute of postings", "Chiba", "Baba", UIDS["Chiba"])
    assert desk.lone() == ()


def test_a_denial_takes_a_role() -> None:
    history, run = at_gate(1)
    for role in ("", "business"):
        with pytest.raises(NotAllowed, match="does not have the role"):
            history.tokyo.desk.deny(run, 1, "Abe", role, "no", UIDS["Abe"])


def test_what_is_being_taken_back_is_not_answered_for() -> None:
    history, run = at_gate(2)
    office = history.tokyo
    office.desk.abort(run, "Doi", "the region is back", UIDS["Doi"])
    with history.loop.running():
        office.runner._begin_all()
        assert "stop-the-copy (undo)" in office.runner.running
        with pytest.raises(NotAllowed, match="under way"):
            office.desk.answer(run, "stop-the-copy", "again", "Baba", "", "x", UIDS["Baba"], is_undo=True)
        office.desk.answer(run, "stop-the-copy", "again", "Baba", "", "x", UIDS["Baba"])  # forward, it is not
        office.runner.stop()
        history.time.run(100)
