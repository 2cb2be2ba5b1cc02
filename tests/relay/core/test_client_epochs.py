"""What becomes of calls when a new region epoch begins: under way, waiting for a connection, or made with an old permit."""

from __future__ import annotations

from protocols.vocabulary import NotProcessed, Unknown
from relay.core.door import NotSent, Why
from relay.core.port import Permit
from tests.relay.core.builders import ATTEMPT, Bench, approve, withdrawal


def test_calls_of_an_epoch_that_is_over_have_a_deadline_and_then_are_unknown() -> None:
    b = Bench()
    b.submit()
    b.submit()
    b.ratchet = 9
    b.client.epoch_began(9)
    assert (b.door.renewed, b.client.count_below(9)) == (1, 2)
    b.client.submit(withdrawal(), ATTEMPT, Permit(9, "osaka"), 4_000, b.results.append)
    approve(b.door.calls[0], epoch=8)
    assert b.results == [Unknown(why="old-epoch")]
    b.time.run(999)
    assert len(b.results) == 1
    b.time.run(1)
    assert b.results == [Unknown(why="old-epoch"), Unknown(why="lost: cancelled")]
    assert (b.client.count_below(9), b.client.count_below(10)) == (0, 1)


def test_a_call_of_an_epoch_that_is_over_is_sent_nowhere_else() -> None:
    b = Bench()
    b.submit()
    b.ratchet = 9
    b.door.last.finish(NotSent(Why.REFUSED))
    assert len(b.door.calls) == 1
    assert b.results == [NotProcessed(reason="wrong-region")]
    b.submit()  # with a permit from before
    assert (len(b.door.calls), len(b.results)) == (1, 2)


def test_a_call_that_waited_for_a_connection_when_the_epoch_began() -> None:
    b = Bench()
    b.submit()
    b.door.last.finish(NotSent(Why.RENEWED))
    assert len(b.door.calls) == 2  # the epoch is still its own: it goes on, to the same address
    b.ratchet = 9
    b.door.last.finish(NotSent(Why.RENEWED))
    assert b.results == [NotProcessed(reason="wrong-region")]
    b.client.region(9, 1_000, b.results.append)
    b.door.last.finish(NotSent(Why.RENEWED))
    assert len(b.door.calls) == 4  # a question that belongs to no epoch is always asked
