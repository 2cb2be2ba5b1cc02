"""The copy at the other center: whole, verified, and the place where an old term ends."""

from __future__ import annotations

import pytest

from relay.failover import events as e
from relay.failover.chain import ROOT, seal_line
from relay.failover.keeper import Keeper, Superseded
from relay.failover.peer import Copier, CopyAnswer, CopyAsk, NoPeer, Replica
from relay.failover.run import fold
from relay.failover.states import State
from tests.support.failoverbook import Book
from tests.support.failoverdisk import Executioner, MemoryShelf


class Direct:
    """A peer without a wire; `lost` drops what is asked, `lie` answers in its place."""

    exists = True

    def __init__(self, replica: Replica) -> None:
        self.replica, self.is_cut, self.lie = replica, False, None
        self.lie: CopyAnswer | None
        self.asked = 0

    async def copy(self, ask: CopyAsk) -> CopyAnswer:
        self.asked += 1
        if self.is_cut:
            return CopyAnswer(kind="away", detail="cut")
        return self.lie or self.replica.take(ask)


def pair() -> tuple[Book, Keeper, Direct, Copier]:
    book = Book()
    other = Keeper(MemoryShelf(Executioner(), {}), book.time, "osaka")
    peer = Direct(Replica(other, "osaka"))
    return book, other, peer, Copier(book.keeper, peer)


async def test_every_line_is_durable_there_before_it_says_so() -> None:
    book, other, _, copier = pair()
    book.to_gate(2)
    assert await copier.flush()
    assert other.lines == book.keeper.lines
    assert other.run.state is book.run.state
    assert not copier.is_behind()


async def test_away_is_told_once_and_made_good_later() -> None:
    book, other, peer, copier = pair()
    book.to_gate(1)
    peer.is_cut = True
    assert not await copier.flush()
    assert not await copier.flush()
    assert sum(isinstance(entry.event, e.PeerAway) for entry in book.keeper.entries) == 1
    peer.is_cut = False
    assert await copier.flush()
    assert isinstance(book.keeper.entries[-1].event, e.PeerBack)
    assert other.lines == book.keeper.lines


async def test_a_peer_that_lost_its_copy_gets_it_from_the_beginning() -> None:
    book, _, peer, copier = pair()
    book.to_gate(1)
    await copier.flush()
    fresh = Keeper(MemoryShelf(Executioner(), {}), book.time, "osaka")
    peer.replica = Replica(fresh, "osaka")
    book.write(e.Held(why="x"))
    assert await copier.flush()
    assert fresh.lines == book.keeper.lines


async def test_a_higher_term_there_ends_this_one() -> None:
    book, other, _, copier = pair()
    book.to_gate(1)
    await copier.flush()
    other.write(e.TermTaken(center="osaka", who="Baba", second="Chiba"), 2)
    book.write(e.Held(why="x"))
    with pytest.raises(Superseded, match="term 2"):
        await copier.flush()


async def test_an_adoption_that_is_heard_of_ends_this_one_without_a_question() -> None:
    book, other, _, copier = pair()
    book.to_gate(1)
    await copier.flush()
    other.write(e.TermTaken(center="osaka", who="Baba", second=""), 2)
    back = Copier(other, Direct(Replica(book.keeper, "tokyo")))
    assert await back.flush()
    assert book.run.center == "osaka"
    with pytest.raises(Superseded):
        book.write(e.Held(why="mine"))


async def test_after_a_partition_the_lower_term_stops_and_keeps_its_own_lines() -> None:
    book, other, peer, copier = pair()
    book.to_gate(1)
    await copier.flush()
    peer.is_cut = True
    book.write(e.Held(who="Doi", why="seen by tokyo only"))
    other.write(e.TermTaken(center="osaka", who="Baba", second="Chiba"), 2)
    answer = Replica(book.keeper, "tokyo").take(
        CopyAsk(run="r1", first=1, lines=tuple(line.decode() for line in other.lines), term=2)
    )
    assert answer.kind == "diverged"
    with pytest.raises(Superseded, match="term 2"):
        book.write(e.Held(why="mine"))


async def test_what_does_not_fit_is_not_kept() -> None:
    book, other, _, _ = pair()
    book.to_gate(1)
    replica = Replica(other, "osaka")
    lines = tuple(line.decode() for line in book.keeper.lines)
    assert replica.take(CopyAsk(run="r1", first=3, lines=lines[2:], term=1)).kind == "behind"
    assert replica.take(CopyAsk(run="r1", first=1, lines=(lines[0], lines[2]), term=1)).kind == "diverged"
    assert replica.take(CopyAsk(run="r1", first=1, lines=lines[1:], term=1)).kind == "diverged"
    assert replica.take(CopyAsk(run="../x", first=1, lines=("{}",), term=1)).kind == "diverged"
    assert other.entries == []
    assert replica.take(CopyAsk(run="r1", first=1, lines=lines, term=1)).have == len(lines)
    assert replica.take(CopyAsk(run="r1", first=2, lines=lines[1:], term=1)).kind == "copied"  # the same again
    assert fold(other.entries).state is book.run.state


async def test_a_peer_that_keeps_less_than_it_says_is_away() -> None:
    book, _, peer, copier = pair()
    book.to_gate(1)
    peer.lie = CopyAnswer(kind="copied", have=1)
    assert not await copier.flush()
    peer.lie = CopyAnswer(kind="behind", have=0)
    assert not await copier.flush()
    assert peer.asked < 10


async def test_without_a_second_center_it_is_always_away() -> None:
    assert not NoPeer.exists
    assert (await NoPeer().copy(CopyAsk(run="r1"))).kind == "away"


async def test_two_runs_declared_at_once_hold_each_other_until_one_is_over() -> None:
    """Another log under the same term is no peer that is away: nothing new begins on either side."""
    book, other, peer, copier = pair()
    book.declare()
    twin = Book(center="osaka")
    twin.declare("r2")
    peer.replica = Replica(twin.keeper, "osaka")
    assert not await copier.flush()
    assert "another run, r2, that is not over" in book.run.held
    book.write(e.Resumed(who="Doi", why="x"))
    assert not await copier.flush()
    assert book.run.held  # it is still so
    book.write(e.AbortAsked(who="Doi", why="theirs goes on"))
    assert not await copier.flush()
    assert not book.run.held  # the way back is open
    assert other.entries == []


async def test_two_people_may_say_that_this_one_goes_on_and_a_lower_term_holds_nobody() -> None:
    book, _, peer, copier = pair()
    book.declare()
    peer.lie = CopyAnswer(kind="diverged", term=book.run.term - 1)
    assert not await copier.flush()
    assert not book.run.held
    book.write(e.Said(topic="alone", text="x", who="Baba", second="Chiba"))
    peer.lie = CopyAnswer(kind="diverged", term=book.run.term)
    assert not await copier.flush()
    assert not book.run.held


async def test_a_plan_that_is_not_read_here_pushes_out_nothing() -> None:
    book, other, _, copier = pair()
    book.declare()
    book.write(e.AbortAsked(who="Doi", why="x"))
    book.write(e.Undone())
    await copier.flush()
    strange = Book(plan='[plan]\nname = "from-a-newer-relay"')
    line = seal_line(
        e.Entry(
            number=1,
            at_ms=1,
            term=9,
            before=ROOT,
            event=e.Declared(
                run="r9", plan_text=strange.plan_text, plan_version="", who="Abe", role="x", why="x", epoch=7, center="tokyo"
            ),
        )
    )
    answer = Replica(other, "osaka").take(CopyAsk(run="r9", lines=(line.decode(),), term=9))
    assert answer.kind == "away"
    assert other.name == "r1"
    assert other.run.state is book.run.state


# ---- two runs that are not over ---------------------------------------------------------------------------------------------
def lines_of(keeper: Keeper) -> tuple[str, ...]:
    return tuple(line.decode() for line in keeper.lines)


@pytest.mark.parametrize("term", [1, 2, 9])
def test_a_run_of_another_name_pushes_out_no_run_that_is_not_over(term: int) -> None:
    """Whatever its term: ours has done things in the world that somebody must end or take back."""
    book = Book()
    book.to_gate(2)
    twin = Book(center="osaka")
    twin.keeper.term = term - 1
    twin.declare("r2")
    answer = Replica(book.keeper, "tokyo").take(CopyAsk(run="r2", lines=lines_of(twin.keeper), term=term))
    assert (answer.kind, answer.active, answer.have) == ("diverged", "r1", 0)
    assert (book.keeper.name, book.run.state) == ("r1", State.G2_WAIT)
    assert book.keeper.met == "r2"
    assert list(book.files) == ["r1"]  # nothing of it was kept


@pytest.mark.parametrize("mine", [1, 2])
async def test_the_one_that_asks_is_held_whichever_term_is_higher(mine: int) -> None:
    book, _, peer, copier = pair()
    book.keeper.term = mine - 1
    book.declare()
    twin = Book(center="osaka")
    twin.keeper.term = 2 - mine
    twin.declare("r2")
    peer.replica = Replica(twin.keeper, "osaka")
    assert not await copier.flush()
    assert "another run, r2, that is not over" in book.run.held
    assert copier.is_diverged


def test_a_copy_of_the_other_centers_open_run_is_not_pushed_out_either() -> None:
    """The other center has lost its disk and declares anew: the copy here is all that tells of the first run."""
    book, other, _, _ = pair()
    book.to_gate(2)
    replica = Replica(other, "osaka")
    assert replica.take(CopyAsk(run="r1", lines=lines_of(book.keeper), term=1)).kind == "copied"
    fresh = Book()
    fresh.declare("r2")
    answer = replica.take(CopyAsk(run="r2", lines=lines_of(fresh.keeper), term=1))
    assert (answer.kind, answer.active, answer.have_active) == ("diverged", "r1", len(book.keeper.lines))
    assert other.name == "r1"
    assert not other.met  # it is not held here: it is not this center's


async def test_the_end_of_an_earlier_run_is_told_before_the_next_one_begins_there() -> None:
    book, other, peer, copier = pair()
    book.to_gate(1)
    await copier.flush()
    peer.is_cut = True
    book.write(e.AbortAsked(who="Doi", why="x"))
    for step in book.run.owed_back():
        book.did(step.name, is_undo=True)
    book.write(e.Undone())
    book.declare("r2")
    peer.is_cut = False
    assert await copier.flush()
    assert (other.name, other.lines) == ("r2", book.keeper.lines)
    assert other.earlier("r1")[1] is not None
    assert other.earlier("r1")[0] == book.keeper.earlier("r1")[0]


async def test_a_run_that_another_one_has_overtaken_says_so_and_its_own_term_is_told() -> None:
    """Not "somebody acts in yours": a run that is over there, under a higher term."""
    book, _, peer, copier = pair()
    book.declare()
    twin = Book(center="osaka")
    twin.keeper.term = 4
    twin.declare("r2")
    twin.write(e.AbortAsked(who="Doi", why="x"))
    twin.write(e.Undone())
    peer.replica = Replica(twin.keeper, "osaka")
    answer = await peer.copy(CopyAsk(run="r1", term=1))
    assert (answer.kind, answer.active, answer.term, answer.run_term) == ("superseded", "", 5, 0)
    with pytest.raises(Superseded):
        await copier.flush()
    book.keeper.write(e.TermTaken(center="tokyo", who="Baba"), 6)
    assert await copier.flush()
    assert (twin.keeper.name, twin.keeper.term) == ("r1", 6)
