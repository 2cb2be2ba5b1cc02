"""Whose run it is: an older log than the peer's, a log that was lost, two processes on the same log, a clock that was set."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from relay.failover import events as e
from relay.failover.evidence import Evidence
from relay.failover.peer import CopyAnswer, CopyAsk
from relay.failover.states import State
from relay.failover.store import StoreFailed
from tests.relay.failover.test_desk import at_gate, seen
from tests.simulation.failover import History, Script
from tests.support.failoverdisk import MemoryStore
from tests.support.failoverworld import UIDS, Office, Wire

HOUR_MS = 3_600_000


def started(history: History, files: dict[str, bytearray]) -> tuple[Office, str]:
    """Another process of tokyo, on these files: it, and why it does not act."""
    wire = Wire()
    wire.replica = history.osaka.replica
    office = Office(history.world, "tokyo", wire)
    office.files = files
    office.start()
    with history.loop.running():
        task = history.loop.create_task(office.runner.claim())
        history.time.run(1_000)
    return office, task.result()


def approve(history: History, office: Office, gate: int) -> None:
    run, binding = office.keeper.name, seen(history, gate)
    office.desk.approve(run, gate, "Baba", "operations", binding, "", UIDS["Baba"])
    office.desk.approve(run, gate, "Chiba", "business", binding, "", UIDS["Chiba"])


def go_on(history: History, office: Office, ms: int) -> None:
    with history.loop.running():
        history.tasks.append(history.loop.create_task(office.runner.run()))
        history.time.run(ms)
        office.runner.stop()
        history.time.run(20_000)


def test_a_run_that_this_disk_has_lost_is_not_forgotten() -> None:
    history, run = at_gate(2)
    office, why = started(history, {})
    assert f"the run {run} of this center was lost here" in why
    assert not office.runner.may_act
    with history.loop.running():
        adopting = history.loop.create_task(history.osaka.desk.adopt(run, "Baba", "", "tokyo's disk", UIDS["Baba"]))
        history.osaka.wire.replica = office.replica
        history.time.run(1_000)
    assert "osaka acts" in adopting.result().text
    assert office.keeper.lines == history.osaka.keeper.lines  # and here it is again


def test_a_run_whose_end_the_peer_has_not_heard_is_not_lost_and_is_told() -> None:
    """Killed between the last line and its copy."""
    history, run = at_gate(1)
    office = history.tokyo
    office.wire.is_cut = True
    with history.loop.running():
        office.desk.abort(run, "Doi", "x", UIDS["Doi"])
    go_on(history, office, 120_000)
    assert office.keeper.run.state is State.ABORTED
    again, why = started(history, office.files)
    assert (why, again.runner.may_act) == ("", True)
    go_on(history, again, 10_000)
    assert history.osaka.keeper.lines == again.keeper.lines


def test_an_older_log_than_the_peers_does_nothing() -> None:
    history, _ = at_gate(2)
    name, data = next(iter(history.tokyo.files.items()))
    lines = bytes(data).splitlines(keepends=True)
    office, why = started(history, {name: bytearray(b"".join(lines[:-3]))})
    assert f"the peer has {len(lines)} of this run, and here are {len(lines) - 3}" in why
    assert not office.runner.may_act


@pytest.mark.parametrize("gate", [1, 2])
def test_of_two_processes_on_the_same_log_one_is_stopped_before_it_acts(gate: int) -> None:
    """A machine that was copied: the peer has the word of the one that spoke first, and the other is held with nothing done."""
    history, _ = at_gate(gate)
    first = history.tokyo
    second, why = started(history, {name: bytearray(data) for name, data in first.files.items()})
    assert why == ""
    approve(history, first, gate)
    before = list(history.world.effects)
    go_on(history, first, 60_000)
    assert "another log" in first.keeper.run.held
    assert history.world.effects == before
    assert second.keeper.run.state is (State.G1_WAIT if gate == 1 else State.G2_WAIT)


def test_a_clock_that_is_set_is_written_down_and_people_are_called() -> None:
    history, _ = at_gate(1)
    office = history.tokyo
    with history.loop.running():
        history.tasks.append(history.loop.create_task(office.runner.run()))
        history.time.run(3_000)
        history.time.jump_wall(4_000)  # within what a careful time server does
        history.time.run(3_000)
        assert not [entry for entry in office.keeper.entries if isinstance(entry.event, e.ClockSet)]
        history.time.jump_wall(-HOUR_MS)
        history.time.run(30_000)
        office.runner.stop()
        history.time.run(20_000)
    told = [entry.event for entry in office.keeper.entries if isinstance(entry.event, e.ClockSet)]
    assert told == [e.ClockSet(by_ms=4_000 - HOUR_MS)]
    assert any("clock was set" in page for page in office.pages)
    newest = office.keeper.run.newest
    assert newest is not None  # and the people at the gate have fresh evidence
    assert history.time.wall_ms() - newest.at_ms < 60_000


def test_a_clock_that_was_set_back_while_nobody_ran_is_seen_at_the_start() -> None:
    history, _ = at_gate(1)
    history.time.jump_wall(-HOUR_MS)
    office, why = started(history, history.tokyo.files)
    assert why == ""
    kinds = [type(entry.event) for entry in office.keeper.entries[-3:]]
    assert e.ClockSet in kinds
    assert e.Woke in kinds


def test_what_the_peer_contradicts_between_the_intent_and_the_act_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    history, _ = at_gate(1)
    office, wire = history.tokyo, history.tokyo.wire
    copy = wire.copy

    async def contradict(ask: CopyAsk) -> CopyAnswer:
        if any('"what":"intended"' in line for line in ask.lines):
            return CopyAnswer(kind="diverged", term=ask.term, detail="line is another one here")
        return await copy(ask)

    monkeypatch.setattr(wire, "copy", contradict)
    approve(history, office, 1)
    before = list(history.world.effects)
    go_on(history, office, 30_000)
    assert office.keeper.run.standing("block-tokyo").is_open
    assert "another log" in office.keeper.run.held
    assert history.world.effects == before


def test_a_step_that_is_given_up_before_it_began_is_not_running_for_ever() -> None:
    """Else the same step of the next run would never begin: it would be under way already."""
    history, _ = at_gate(1)
    office = history.tokyo
    approve(history, office, 1)
    with history.loop.running():
        while office.runner._begin_all():
            pass
        begun = office.runner.running
        office.runner.stop()
        history.time.run(100)
    assert begun
    assert office.runner.running == ()


class Slow(Office):
    """It takes this one longer to look than the steps between two gates take; each snapshot says when it was begun."""

    async def gather(self) -> Evidence:
        begun_ms = self.world.time.wall_ms()
        evidence = await super().gather()
        await asyncio.sleep(100)
        return msgspec.structs.replace(evidence, remarks=(str(begun_ms),))


def test_a_look_that_was_begun_at_one_gate_is_no_evidence_at_the_next() -> None:
    history, _ = at_gate(1)
    wire = Wire()
    wire.replica = history.osaka.replica
    office = Slow(history.world, "tokyo", wire)
    office.files = history.tokyo.files
    office.start()
    history.tokyo = office
    with history.loop.running():
        history.loop.create_task(office.runner.claim())
        history.time.run(1_000)
        history.tasks.append(history.loop.create_task(office.runner.run()))
        history.time.run(62_000)  # the newest snapshot is old, and the next one is being taken
        approve(history, office, 1)
        history.time.run(300_000)
        office.runner.stop()
    run = office.keeper.run
    assert run.state is State.G2_WAIT
    taken = [entry.event.evidence for entry in office.keeper.entries if isinstance(entry.event, e.EvidenceTaken)]
    assert run.newest is not None
    assert run.newest.evidence is taken[-1]
    for shown in run.shown.values():
        assert int(shown.evidence.remarks[0]) >= run.gate_opened_ms


def test_a_full_disk_ends_the_process_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line is on the disk, nothing was done for it, people are called; with room again the run goes on from its log."""
    history, _ = at_gate(1)
    office = history.tokyo
    whole = MemoryStore.append

    def full(self: MemoryStore, line: bytes) -> None:
        self._files[self._name] += line[:9]
        raise StoreFailed("the run log cannot be written: No space left on device.", "Mend the disk.")

    approve(history, office, 1)
    before, lines = list(history.world.effects), len(office.keeper.entries)
    monkeypatch.setattr(MemoryStore, "append", full)
    go_on(history, office, 10_000)
    assert "No space left" in office.runner.stopped
    assert any("stops: the run log cannot be written" in page for page in office.pages)
    assert history.world.effects == before
    monkeypatch.setattr(MemoryStore, "append", whole)
    again, why = started(history, office.files)
    assert why == ""
    assert len(again.keeper.entries) == lines + 1  # and that it woke
    assert again.keeper.run.state is State.G1_WAIT


def test_a_clock_that_was_set_before_this_center_acts_moves_nothing_of_the_run() -> None:
    history, _ = at_gate(1)
    runner = history.tokyo.runner
    runner._mind_the_clock()
    history.time.jump_wall(-HOUR_MS)  # while another run was another center's
    runner.let_act()
    runner._mind_the_clock()
    assert not [entry for entry in history.tokyo.keeper.entries if isinstance(entry.event, e.ClockSet)]


def test_who_adopts_waits_for_what_the_other_one_began_and_goes_by_its_own_clock() -> None:
    history, run = at_gate(2)
    osaka = history.osaka
    history.time.jump_wall(-HOUR_MS)  # osaka's clock, an hour behind tokyo's
    with history.loop.running():
        task = history.loop.create_task(osaka.desk.adopt(run, "Baba", "", "tokyo's host is lost", UIDS["Baba"]))
        history.time.run(1_000)
    assert "osaka acts" in task.result().text
    known = osaka.keeper.run
    assert [type(entry.event) for entry in osaka.keeper.entries[-3:]] == [e.TermTaken, e.ClockSet, e.Woke]
    assert known.woke_ms == osaka.keeper.entries[-1].at_ms  # what may still land is waited for from now on
    assert 0 <= known.woke_ms - known.standing("seal-tokyo").ended_ms < 60_000  # and nothing waits for an hour


def test_a_disk_that_kept_no_copies_keeps_them_again_though_nobody_sends_any(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other center may be gone by then: what is said of this disk is what is so."""
    history, _ = at_gate(1)
    osaka, tokyo = history.osaka, history.tokyo
    whole = MemoryStore.append

    def full(self: MemoryStore, line: bytes) -> None:
        if self._files is osaka.files:
            raise StoreFailed("no space.")
        whole(self, line)

    monkeypatch.setattr(MemoryStore, "append", full)
    with history.loop.running():
        tokyo.desk.hold(tokyo.keeper.name, "Doi", "x", UIDS["Doi"])
        history.tasks.append(history.loop.create_task(tokyo.runner.copier.flush()))
        history.time.run(100)
        assert osaka.keeper.disk.trouble().startswith("no space.")
        assert "no space" in tokyo.runner.copier.why
        tokyo.wire.is_cut = True
        osaka.runner.stopped = ""
        history.tasks.append(history.loop.create_task(osaka.runner.run()))
        history.time.run(5_000)
        assert osaka.keeper.disk.trouble() == "", "the log was written anew, and the disk took it"
        osaka.runner.stop()
        history.time.run(1_000)


def test_a_log_of_our_own_that_cannot_be_written_ends_the_process_that_does_not_act_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who adopts on a sick disk: the state in memory is ahead, so the next process reads what is there."""
    history, run = at_gate(1)
    osaka = history.osaka
    history.tokyo.wire.is_cut = osaka.wire.is_cut = True

    def full(self: MemoryStore, line: bytes) -> None:
        raise StoreFailed("no space.")

    monkeypatch.setattr(MemoryStore, "append", full)
    with history.loop.running():
        for who, second in (("Baba", "Chiba"), ("Chiba", "Baba")):
            adopting = history.loop.create_task(osaka.desk.adopt(run, who, second, "lost", UIDS[who]))
            history.time.run(1_000)
        assert isinstance(adopting.exception(), StoreFailed)
        osaka.runner.stopped = ""
        running = history.loop.create_task(osaka.runner.run())
        history.time.run(2_000)
    assert running.done()
    assert "cannot be written" in osaka.runner.stopped


@pytest.mark.parametrize("state", ["ABORTED", "DONE"])
def test_a_run_that_ended_is_not_gone_on_with_where_its_log_lost_its_end(state: str) -> None:
    """Without a second center nobody has a longer copy: only the register says that this run was over."""
    history = History(Script(abort_in="G2_WAIT" if state == "ABORTED" else "", long_ms=HOUR_MS))
    history.play()
    office = history.tokyo
    assert office.keeper.run.state.name == state
    run, data = office.keeper.name, bytes(office.files[office.keeper.name])
    effects = list(history.world.effects)
    lines = data.splitlines(keepends=True)
    for kept in range(1, len(lines) - 1, 7):
        office.files[run][:] = left = b"".join(lines[:kept])
        office.wire.is_cut = True
        with history.loop.running():
            office.start()
            history._connect()
            history.loop.create_task(office.runner.claim())
            history.tasks.append(history.loop.create_task(office.runner.run()))
            history.time.run(3_000)
            office.runner.stop()
            history.time.run(1_000)
        assert office.keeper.run.state is State.IDLE, kept
        assert office.keeper.records.damaged[run].standing == "over"
        assert office.files[run] == left
    assert history.world.effects == effects
