"""A damaged run is laid aside by two people who looked, never where the other center's log has it open, never by one."""

from __future__ import annotations

import msgspec
import pytest

from relay.failover.chain import read_log
from relay.failover.cosign import Told
from relay.failover.peer import CopyAnswer, CopyAsk, Replica
from relay.failover.people import NotAllowed
from relay.failover.states import State
from relay.failover.store import StoreFailed
from tests.simulation.failover import History, Script
from tests.support.failoverdisk import MemoryShelf
from tests.support.failoverworld import UIDS, sample_plan

RUN = "20240101-000000-before"


def with_damage(data: bytes = b"damage\n", run: str = RUN, history: History | None = None) -> History:
    """Tokyo has been started on a disk with that log."""
    history = history or History(Script(nobody=True))
    history.tokyo.files[run] = bytearray(data)
    with history.loop.running():
        history.tokyo.start()
        history._connect()
        history.loop.create_task(history.tokyo.runner.claim())
        history.time.run(1_000)
    return history


def digits(history: History, run: str = RUN) -> str:
    return history.tokyo.keeper.records.damaged[run].digest[:16]


def lay(history: History, who: str, second: str, seen: str = "", run: str = RUN, uid: int = 0) -> Told:
    laying = history.tokyo.laying
    with history.loop.running():
        task = history.loop.create_task(
            laying.lay_aside(run, seen or digits(history, run), who, second, "it was the drill of 2024", uid or UIDS[who])
        )
        history.time.run(1_000)
    return task.result()


def declared(history: History, center: str = "tokyo") -> str:
    with history.loop.running():
        desk = history.offices[center].desk
        task = history.loop.create_task(desk.declare(sample_plan(), "Abe", "operations", "tokyo is gone", UIDS["Abe"]))
        history.time.run(2_000)
    return task.result()


def test_two_who_looked_make_the_next_run_possible_and_their_word_stays() -> None:
    history = with_damage()
    with pytest.raises(Exception, match="nothing says that it is over"):
        declared(history)
    with pytest.raises(Exception, match=f"the run {RUN} is not over at the other center"):
        declared(history, "osaka")
    first = lay(history, "Baba", "Chiba")
    assert first.is_half
    assert history.tokyo.keeper.records.unclear == (RUN,)
    (row,) = history.tokyo.desk.lone()
    assert row.what == ("lay-aside", RUN, digits(history)[:12])
    assert (
        lay(history, "Chiba", "Baba").text == f"Baba and Chiba have laid the damaged run {RUN} aside: it was the drill of 2024"
    )
    assert any("laid the damaged run" in page for page in history.tokyo.pages)
    history = with_damage(history=history)  # the next process
    one = history.tokyo.keeper.records.damaged[RUN]
    assert (one.standing, one.proof) == ("laid-aside", "Baba and Chiba: it was the drill of 2024")
    with pytest.raises(NotAllowed, match="laid aside already"):
        lay(history, "Baba", "Chiba")
    assert declared(history)
    assert history.tokyo.files[RUN] == b"damage\n"
    changed = with_damage(b"other damage\n", history=history)  # not what they have seen
    assert changed.tokyo.keeper.records.unclear == (RUN,)


def test_one_person_another_account_or_another_file_is_refused() -> None:
    history = with_damage()
    for ask, why in (
        (lambda: lay(history, "Baba", "Baba"), "two different people"),
        (lambda: lay(history, "Baba", "Nobody"), "not known"),
        (lambda: lay(history, "Baba", "Chiba", uid=UIDS["Doi"]), "not Baba's"),
        (lambda: lay(history, "Baba", "Chiba", seen=digits(history)[:11]), "not what is there"),
        (lambda: lay(history, "Baba", "Chiba", seen="0" * 16), "not what is there"),
        (lambda: lay(history, "Baba", "Chiba", seen=digits(history), run="20240102-000000-x"), "no log of a run"),
    ):
        with pytest.raises(NotAllowed, match=why):
            ask()
    assert lay(history, "Baba", "Chiba").is_half
    assert lay(history, "Baba", "Chiba").is_half  # the same person twice
    assert lay(history, "Chiba", "Doi").is_half  # with somebody else
    assert history.tokyo.keeper.records.unclear == (RUN,)


def test_a_word_that_the_disk_does_not_keep_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    history = with_damage()
    lay(history, "Baba", "Chiba")

    def sick(self: MemoryShelf, data: bytes) -> None:
        raise StoreFailed("sick")

    monkeypatch.setattr(MemoryShelf, "write_register", sick)
    with pytest.raises(StoreFailed):
        lay(history, "Chiba", "Baba")
    assert history.tokyo.keeper.records.unclear == (RUN,)


def test_with_the_other_center_silent_people_decide() -> None:
    history = with_damage()
    history.tokyo.wire.is_cut = True
    lay(history, "Baba", "Chiba")
    lay(history, "Chiba", "Baba")
    assert history.tokyo.keeper.records.unclear == ()


# ---- a run of which the other center has the whole log -----------------------------------------------------------------------
def stopped_at(gate: int) -> tuple[History, str]:
    """A run that stands at gate 2, copied line by line; then a byte of tokyo's log turns, and its process is started anew."""
    history = History(Script(long_ms=15_000) if gate == 2 else Script(nobody=True, long_ms=15_000))
    history.play()
    for office in history.offices.values():
        office.runner.stopped = ""
    run = history.tokyo.keeper.name
    data = bytearray(history.tokyo.files[run])
    data[len(data) // 2] ^= 1
    return with_damage(bytes(data), run, history), run


def test_an_open_run_whose_log_is_damaged_is_adopted_at_the_other_center_and_not_laid_aside() -> None:
    history, run = stopped_at(2)
    tokyo, osaka = history.tokyo, history.osaka
    left = bytes(tokyo.files[run])
    assert not tokyo.runner.may_act
    assert tokyo.keeper.records.damaged[run].peer == "G2_WAIT"
    with pytest.raises(NotAllowed, match="there it is G2_WAIT"):
        lay(history, "Baba", "Chiba", run=run)
    with pytest.raises(Exception, match="nothing says that it is over"):
        declared(history)
    with history.loop.running():
        adopting = history.loop.create_task(tokyo.desk.adopt(run, "Baba", "Chiba", "x", UIDS["Baba"]))
        history.time.run(1_000)
    with pytest.raises(NotAllowed, match="nobody goes on from it"):
        adopting.result()
    effects = len(history.world.effects)
    with history.loop.running():
        for who, second in (("Baba", "Chiba"), ("Chiba", "Baba")):
            task = history.loop.create_task(osaka.desk.adopt(run, who, second, "tokyo's log is damaged", UIDS[who]))
            history.time.run(1_000)
        assert "osaka acts" in task.result().text
        history.office = osaka
        osaka.desk.abort(run, "Doi", "tokyo is back", UIDS["Doi"])
        for office in history.offices.values():
            history.tasks.append(history.loop.create_task(office.runner.run()))
        history.time.run(120_000)
        for office in history.offices.values():
            office.runner.stop()
        history.time.run(20_000)
    assert osaka.keeper.run.state is State.ABORTED
    assert len(history.world.effects) > effects  # and tokyo did nothing of it
    assert bytes(tokyo.files[run]) == left
    assert tokyo.keeper.records.damaged[run].proof == "ABORTED in the other center's copy"
    assert not history.world.violations
    assert declared(history)
    assert read_log(bytes(osaka.files[run])).entries


@pytest.mark.parametrize(("is_term_known", "kind"), [(True, "diverged"), (False, "away")])
def test_it_is_not_adopted_there_while_another_run_is_open_here(is_term_known: bool, kind: str) -> None:
    """Tokyo, cut off, has laid it aside and declared anew: with the line mended nobody may act in both."""
    history, run = stopped_at(2)
    if not is_term_known:
        with_damage(b"damage\n", run, history)
    tokyo, osaka = history.tokyo, history.osaka
    tokyo.wire.is_cut = True
    for who, second in (("Baba", "Chiba"), ("Chiba", "Baba")):
        lay(history, who, second, run=run)
    other = declared(history)
    answer = tokyo_says(history, CopyAsk(run=run, term=osaka.keeper.run.term))
    assert (answer.kind, answer.active, answer.run_state) == (kind, other, "DAMAGED")
    with history.loop.running():
        for who, second in (("Baba", "Chiba"), ("Chiba", "Baba")):
            task = history.loop.create_task(osaka.desk.adopt(run, who, second, "x", UIDS[who]))
            history.time.run(1_000)
            with pytest.raises(NotAllowed, match=f"{other} is not over at the other center"):
                task.result()
    lines = tuple(line.decode() for line in osaka.keeper.lines)
    answer = tokyo_says(history, CopyAsk(run=run, lines=lines, term=osaka.keeper.run.term))
    assert (answer.kind, answer.active, tokyo.keeper.met) == ("diverged", other, run), "and both are held"


def tokyo_says(history: History, ask: CopyAsk) -> CopyAnswer:
    return Replica(history.tokyo.keeper, "tokyo").take(ask)


def test_an_older_orchestrator_says_of_an_open_run_only_that_it_is_open() -> None:
    history = with_damage()
    copy = history.tokyo.wire.copy

    async def older(ask: CopyAsk) -> CopyAnswer:
        answer = msgspec.structs.replace(await copy(ask), run_state="", run_term=0)
        return msgspec.structs.replace(answer, active=RUN)

    history.tokyo.wire.copy = older  # type: ignore[method-assign]
    with pytest.raises(NotAllowed, match="there it is open"):
        lay(history, "Baba", "Chiba")
    assert history.tokyo.keeper.records.damaged[RUN].peer == "open"


def test_a_run_that_the_other_center_has_at_its_end_asks_nobody() -> None:
    history = History(Script(abort_in="G1_WAIT", long_ms=120_000))
    history.play()
    for office in history.offices.values():
        office.runner.stopped = ""
    run = history.tokyo.keeper.name
    assert history.osaka.keeper.run.state is State.ABORTED
    history.tokyo.register.clear()  # as before there was a register
    with_damage(b"", run, history)
    assert history.tokyo.keeper.records.unclear == ()
    with pytest.raises(NotAllowed, match="not what is there"):
        lay(history, "Baba", "Chiba", seen="0" * 16, run=run)
    assert "nobody has to sign" in lay(history, "Baba", "Chiba", run=run).text
    assert declared(history)
