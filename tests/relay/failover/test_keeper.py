"""The one writer: fold before disk, the newest run of a shelf, nothing written for another center's run."""

from __future__ import annotations

import pytest

from relay.failover import events as e
from relay.failover.chain import read_log
from relay.failover.evidence import binding_of
from relay.failover.keeper import Keeper, Superseded
from relay.failover.run import BadHistory
from relay.failover.states import State
from relay.failover.store import StoreFailed
from tests.support.failoverbook import DIGEST, Book
from tests.support.failoverdisk import Killed, MemoryShelf


def reloaded(book: Book, center: str = "tokyo") -> Keeper:
    keeper = Keeper(MemoryShelf(book.executioner, book.files, register=book.register), book.time, center)
    keeper.load()
    return keeper


def test_what_was_written_is_found_again() -> None:
    book = Book()
    book.to_gate(2)
    again = reloaded(book)
    assert (again.run.state, again.term, again.last) == (State.G2_WAIT, 1, book.keeper.last)
    assert again.lines == book.keeper.lines


def test_a_line_that_must_not_be_is_not_on_the_disk() -> None:
    book = Book()
    book.to_gate(1)
    before = bytes(book.files["r1"])
    with pytest.raises(BadHistory):
        book.write(e.GatePassed(gate=1))
    assert bytes(book.files["r1"]) == before
    book.write(e.Held(why="goes on"))


def test_half_a_line_is_cut_off_and_the_run_goes_on() -> None:
    book = Book()
    book.to_gate(1)
    book.executioner.kill_at = book.executioner.count + 2
    with pytest.raises(Killed):
        book.write(e.Held(why="torn"))
    book.executioner.is_dead = False
    book.executioner.kill_at = 0
    again = reloaded(book)
    assert again.run.held == ""
    again.write(e.Held(why="whole"))
    assert read_log(bytes(book.files["r1"])).entries[-1].event == e.Held(why="whole")


def test_the_newest_run_is_taken_by_term() -> None:
    book = Book()
    book.declare("r1")
    book.write(e.AbortAsked(who="Doi", why="no"))
    book.write(e.Undone())
    book.declare("r2")
    again = reloaded(book)
    assert (again.name, again.term) == ("r2", 2)
    with pytest.raises(StoreFailed, match="used once"):
        book.declare("r1")


def test_a_sick_disk_ends_the_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book()
    book.to_gate(1)

    def append(self: object, line: bytes) -> None:
        raise StoreFailed("sick")

    monkeypatch.setattr("tests.support.failoverdisk.MemoryStore.append", append)
    with pytest.raises(StoreFailed, match="sick"):
        book.write(e.Held(why="x"))
    monkeypatch.undo()
    with pytest.raises(StoreFailed, match="not written any more"):
        book.write(e.Held(why="x"))


def test_nothing_is_written_into_another_centers_run() -> None:
    book = Book()
    book.to_gate(1)
    with pytest.raises(Superseded, match="tokyo acts"):
        reloaded(book, "osaka").write(e.Held(why="x"))
    book.keeper.heard_term = 2
    with pytest.raises(Superseded, match="term 2"):
        book.write(e.Held(why="x"))


def test_sealed_codes_of_earlier_runs_are_known() -> None:
    """The fold forgets them with the run; the envelope is open all the same."""
    book = Book()
    book.declare()
    book.open(1)
    binding = binding_of("r1", 1, "", book.run.plan_version, DIGEST)
    book.write(e.BrokeGlass(gate=1, who="Abe", seal="envelope-1", evidence_digest=DIGEST, binding=binding, why="alone"))
    assert book.keeper.used_seals == {"envelope-1"}
    book.write(e.AbortAsked(who="Abe", why="x"))
    book.write(e.Undone())
    book.declare("r2")
    assert book.run.used_seals == frozenset()
    again = Keeper(MemoryShelf(book.executioner, book.files), book.time, "tokyo")
    again.load()
    assert again.used_seals == book.keeper.used_seals == {"envelope-1"}
