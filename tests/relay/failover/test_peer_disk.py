"""The copy at the other center where its disk is not well: logs that are damaged there, and lines that were refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from relay.failover import events as e
from relay.failover.keeper import Keeper
from relay.failover.peer import Copier, CopyAsk, Replica
from relay.failover.states import State
from relay.failover.store import FileShelf, StoreFailed
from tests.relay.failover.test_peer import lines_of, pair
from tests.support.failoverbook import Book
from tests.support.failoverdisk import Executioner, MemoryShelf, MemoryStore


# ---- a log that is damaged here ----------------------------------------------------------------------------------------------
def with_damage(run: str = "r0", data: bytes = b"damage\n") -> Keeper:
    keeper = Keeper(MemoryShelf(Executioner(), {run: bytearray(data)}), Book().time, "osaka")
    keeper.load()
    return keeper


def test_a_damaged_run_that_may_not_be_over_is_in_the_way_of_another_centers_run() -> None:
    book, keeper = Book(), with_damage()
    book.declare()
    replica = Replica(keeper, "osaka")
    copy = CopyAsk(run="r1", lines=lines_of(book.keeper), term=1)
    first = replica.take(copy)
    assert (first.kind, first.active) == ("away", "r0")  # the other center may know that it is over, and is being asked
    keeper.records.heard("r0", 0, "", 1)
    answer = replica.take(copy)
    assert (answer.kind, answer.active, answer.have) == ("diverged", "r0", 0)
    assert "r0 is damaged here, and nothing says that it is over" in answer.detail
    assert (keeper.name, keeper.met) == ("", "")
    assert replica.take(CopyAsk(run="", term=1)).active == "r0"  # as who wants to declare asks
    keeper.records.heard("r0", 0, "DONE", 1)
    assert replica.take(CopyAsk(run="", term=1)).active == ""
    assert replica.take(copy).kind == "copied"


def test_no_copy_of_a_run_is_kept_whose_log_is_damaged_here() -> None:
    """Nor is it said that it was not taken here: the lines that say so may be those that are lost."""
    book, keeper = Book(), with_damage("r1")
    book.to_gate(1)
    replica = Replica(keeper, "osaka")
    for lines in ((), lines_of(book.keeper)):
        answer = replica.take(CopyAsk(run="r1", lines=lines, term=1))
        assert (answer.kind, answer.have) == ("away", 0)
        assert "r1 is damaged here" in answer.detail
    assert keeper.records.damaged["r1"].run == "r1"
    assert keeper._shelf.raw("r1") == b"damage\n"


def test_who_asks_about_a_run_hears_its_state_and_its_term() -> None:
    book = Book()
    book.declare()
    book.write(e.AbortAsked(who="Doi", why="x"))
    book.write(e.Undone())
    book.declare("r2")
    replica = Replica(book.keeper, "tokyo")
    told = {run: replica.take(CopyAsk(run=run, term=2)) for run in ("r1", "r2", "r3")}
    assert {run: (one.run_term, one.run_state) for run, one in told.items()} == {
        "r1": (1, "ABORTED"),
        "r2": (2, "DECLARED"),
        "r3": (0, ""),
    }
    assert replica.take(CopyAsk(run="r1", term=0)).run_state == "ABORTED"  # whoever asks, under whatever term
    book.files["r1"].clear()  # damaged since the start: nobody takes it lightly
    assert replica.take(CopyAsk(run="r1", term=2)).run_state == "DAMAGED"
    again = Keeper(MemoryShelf(book.executioner, book.files, register=book.register), book.time, "tokyo")
    again.load()
    assert Replica(again, "tokyo").take(CopyAsk(run="r1", term=2)).run_state == "ABORTED"  # as its log had it


async def test_a_copy_that_was_begun_here_before_is_gone_on_with() -> None:
    """Behind it this center had another run; then the first one is taken up again, and sent from its first line."""
    book, other, peer, copier = pair()
    book.to_gate(1)
    await copier.flush()
    begun = len(other.lines)
    twin = Book(center="osaka")
    twin.keeper.term = 1
    other.heard_term = 2  # the first one is another center's by now, as was heard
    twin.declare("r2")
    assert Replica(other, "osaka").take(CopyAsk(run="r2", lines=lines_of(twin.keeper), term=2)).kind == "copied"
    twin.write(e.AbortAsked(who="Doi", why="x"))
    twin.write(e.Undone())
    assert Replica(other, "osaka").take(CopyAsk(run="r2", lines=lines_of(twin.keeper), term=2)).kind == "copied"
    book.keeper.write(e.TermTaken(center="tokyo", who="Baba"), 3)
    assert await Copier(book.keeper, peer).flush()
    assert other.lines == book.keeper.lines
    assert len(other.lines) > begun
    assert (other.name, other.term) == ("r1", 3)


# ---- a disk that keeps no copies ---------------------------------------------------------------------------------------------
class Sick:
    """The disk of a center: it refuses what is appended, and what is written anew, as long as it is sick."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_sick = False
        self.tries = 0
        for kind, what in ((MemoryStore, "append"), (MemoryShelf, "renew"), (MemoryShelf, "write_register")):
            monkeypatch.setattr(kind, what, self._of(getattr(kind, what)))

    def _of(self, real: Callable[..., object]) -> Callable[..., object]:
        def act(*args: object) -> object:
            if self.is_sick:
                self.tries += 1
                raise StoreFailed("the disk: Input/output error.")
            return real(*args)

        return act


async def test_a_disk_that_refused_a_copy_keeps_the_next_one_when_it_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself, from the first line that it lacks; and what it has in memory is never ahead of what is durable."""
    book, other, peer, _ = pair()
    disk = Sick(monkeypatch)
    book.to_gate(1)
    first = lines_of(book.keeper)
    assert peer.replica.take(CopyAsk(run="r1", lines=first, term=1)).kind == "copied"
    durable = list(other.lines)
    book.write(e.Held(why="x"))
    disk.is_sick = True
    ask = CopyAsk(run="r1", lines=lines_of(book.keeper), term=1)
    answer = peer.replica.take(ask)
    assert (answer.kind, answer.detail) == ("away", "the disk: Input/output error.")
    assert (other.lines, other.run.held, other.is_dead) == (durable, "", False)
    assert other.disk.is_sick
    for _ in range(100):  # the other center asks again and again
        assert peer.replica.take(ask).kind == "away"
    assert disk.tries == 1
    for _ in range(600):
        book.wait(1_000)
        assert peer.replica.take(ask).kind == "away"
    assert 10 < disk.tries < 20  # seldom, and on and on
    disk.is_sick = False
    book.wait(60_000)
    assert peer.replica.take(ask).kind == "copied"
    assert (other.lines, other.run.held, other.disk.trouble()) == (book.keeper.lines, "x", "")


async def test_a_new_run_that_the_disk_refuses_does_not_push_out_the_one_that_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    book, other, peer, copier = pair()
    book.declare()
    book.write(e.AbortAsked(who="Doi", why="x"))
    book.write(e.Undone())
    await copier.flush()
    book.declare("r2")
    disk = Sick(monkeypatch)
    disk.is_sick = True
    ask = CopyAsk(run="r2", lines=lines_of(book.keeper), term=2)
    assert peer.replica.take(ask).kind == "away"
    assert (other.name, other.run.state) == ("r1", State.ABORTED)
    disk.is_sick = False
    assert peer.replica.take(ask).kind == "away"  # not yet
    book.wait(1_000)
    assert peer.replica.take(ask).kind == "copied"
    assert other.name == "r2"


def test_on_a_real_disk_not_a_byte_more_goes_into_the_file_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book()
    book.to_gate(1)
    other = Keeper(FileShelf(tmp_path), book.time, "osaka")
    replica, path = Replica(other, "osaka"), tmp_path / "r1.run"
    assert replica.take(CopyAsk(run="r1", lines=lines_of(book.keeper), term=1)).kind == "copied"
    before, real = path.stat(), os.fsync
    handle = path.open("rb")  # the file that fails stays open to be looked at

    def fsync(number: int) -> None:
        if os.fstat(number).st_ino == before.st_ino:
            raise OSError(5, "Input/output error")
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    book.write(e.Held(why="x"))
    ask = CopyAsk(run="r1", lines=lines_of(book.keeper), term=1)
    answer = replica.take(ask)
    assert (answer.kind, "Input/output error" in answer.detail) == ("away", True)
    failed = path.stat().st_size
    book.wait(1_000)
    assert replica.take(ask).kind == "copied"
    with handle:
        assert len(handle.read()) == failed
    assert path.stat().st_ino != before.st_ino
    assert path.read_bytes() == b"".join(book.keeper.lines)
    again = Keeper(FileShelf(tmp_path), book.time, "osaka")
    again.load()
    assert again.lines == book.keeper.lines


def test_on_a_real_disk_that_was_full_a_new_run_is_kept_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Book()
    book.declare()
    other = Keeper(FileShelf(tmp_path), book.time, "osaka")
    replica, ask = Replica(other, "osaka"), CopyAsk(run="r1", lines=lines_of(book.keeper), term=1)

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for _ in range(5):
        assert replica.take(ask).kind == "away"
        book.wait(2_000)
    assert list(tmp_path.glob("*.run")) == []
    monkeypatch.undo()
    book.wait(60_000)
    assert replica.take(ask).kind == "copied"
    assert (tmp_path / "r1.run").read_bytes() == b"".join(book.keeper.lines)


async def test_who_adopts_on_a_disk_that_refused_a_copy_has_it_tried_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    book, other, peer, copier = pair()
    book.to_gate(1)
    await copier.flush()
    disk = Sick(monkeypatch)
    book.write(e.Held(why="x"))
    lines = lines_of(book.keeper)
    disk.is_sick = True
    assert peer.replica.take(CopyAsk(run="r1", lines=lines, term=1)).kind == "away"
    with pytest.raises(StoreFailed):
        other.write(e.TermTaken(center="osaka", who="Baba", second="Chiba"), 2)
    assert not other.is_dead
    disk.is_sick = False
    other.write(e.TermTaken(center="osaka", who="Baba", second="Chiba"), 2)
    assert (other.run.center, other.disk.is_sick) == ("osaka", False)
