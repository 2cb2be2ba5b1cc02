"""Who asks for the standby's word gets it: soon, in order, and "no" within the set time when it is away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from relay.journal.standby import WAITING_COUNT_MAX, Look, Standby, StandbyRules
from relay.needs import Peer
from tests.support.virtualtime import VirtualTime

RULES = StandbyRules(ack_timeout_ms=1_000, return_after_ms=5_000)


class Bench:
    """A standby whose figures are set by hand; a look takes `look_ms`."""

    def __init__(self, *, start: bool = True) -> None:
        self.time = VirtualTime()
        self.source, self.written = "db1", 100
        self.at_peer: int | None = 100
        self.look_ms = 1
        self.looks = 0
        self.changes: list[Peer] = []
        self.standby = Standby(self.ask, self.time, self.time, RULES, lambda: self.changes.append(self.standby.peer))
        if start:
            self.standby.start()
            self.time.run(2)

    def ask(self, done: Callable[[Look], None]) -> None:
        self.looks += 1
        look = Look(self.source, self.written, self.at_peer)
        self.time.after(self.look_ms, lambda: done(look))

    def commit(self, count: int = 1) -> list[bool]:
        """A record is durable here; the list gets the standby's word."""
        self.written += count
        said: list[bool] = []
        self.standby.reached(said.append)
        return said


def test_it_follows_from_the_first_look_on() -> None:
    bench = Bench()
    assert bench.changes == [Peer.FOLLOWS]


def test_the_word_comes_when_the_standby_has_it_and_not_before() -> None:
    bench = Bench()
    said = bench.commit()
    bench.time.run(50)
    assert said == [], "the standby's disk does not have it yet"
    bench.at_peer = bench.written
    bench.time.run(10)
    assert said == [True]


def test_a_look_that_began_before_the_record_proves_nothing_about_it() -> None:
    bench = Bench()
    bench.look_ms = 20
    bench.at_peer = 100_000  # whatever it is asked, it is ahead of that
    first = bench.commit()
    bench.time.run(10)  # a look is under way
    second = bench.commit()
    bench.time.run(12)
    assert (first, second) == ([True], [])
    bench.time.run(50)
    assert second == [True]


def test_one_look_serves_everybody_who_waits_in_their_order() -> None:
    bench = Bench()
    order: list[int] = []
    for number in range(500):
        bench.written += 1
        bench.standby.reached(lambda _, number=number: order.append(number))
    bench.at_peer = bench.written
    looks = bench.looks
    bench.time.run(20)
    assert order == list(range(500))
    assert bench.looks - looks <= 4


def test_nobody_waits_longer_than_the_set_time_even_where_the_look_hangs() -> None:
    bench = Bench()
    bench.look_ms = 600_000
    bench.time.run(600)
    said = bench.commit()
    bench.time.run(RULES.ack_timeout_ms - 1)
    assert said == []
    bench.time.run(2)
    assert said == [False]
    assert bench.standby.peer is Peer.AWAY
    assert bench.commit() == [False], "and from now on at once"


def test_a_paused_standby_is_away_after_the_set_time() -> None:
    bench = Bench()
    said = bench.commit()
    bench.time.run(RULES.ack_timeout_ms + 10)
    assert said == [False]
    assert bench.changes == [Peer.FOLLOWS, Peer.AWAY]


def test_a_standby_that_is_gone_is_away_at_once() -> None:
    bench = Bench()
    said = bench.commit()
    bench.at_peer = None
    bench.time.run(20)
    assert said == [False]


def test_a_standby_that_lags_is_away_though_nobody_waits() -> None:
    bench = Bench()
    bench.written += 1_000
    bench.time.run(3 * RULES.look_ms + RULES.ack_timeout_ms)
    assert bench.standby.peer is Peer.AWAY
    assert bench.standby.lag_bytes == 1_000


def test_it_is_back_when_it_has_kept_up_for_the_set_time_without_a_break() -> None:
    bench = Bench()
    bench.at_peer = None
    bench.time.run(600)
    assert bench.standby.peer is Peer.AWAY
    bench.at_peer = bench.written
    bench.time.run(RULES.return_after_ms - 1_000)
    bench.at_peer = None  # a break: the time begins anew
    bench.time.run(600)
    bench.at_peer = bench.written
    bench.time.run(RULES.return_after_ms - 500)
    assert bench.standby.peer is Peer.AWAY
    bench.time.run(1_600)
    assert bench.standby.peer is Peer.FOLLOWS
    assert bench.changes == [Peer.FOLLOWS, Peer.AWAY, Peer.FOLLOWS]


def test_a_standby_far_behind_is_not_back_until_it_has_caught_up() -> None:
    bench = Bench(start=False)
    bench.at_peer = 10
    bench.standby.start()
    bench.time.run(20_000)
    assert bench.standby.peer is not Peer.FOLLOWS
    bench.at_peer = bench.written
    bench.time.run(RULES.return_after_ms + 2 * RULES.look_ms)
    assert bench.standby.peer is Peer.FOLLOWS


def test_after_a_change_of_server_every_figure_is_taken_anew() -> None:
    """The new server counts further: what the old one's figure was is reached there by something else."""
    bench = Bench()
    said = bench.commit()
    bench.time.run(10)
    bench.source, bench.written, bench.at_peer = "db2", 5_000, 4_000
    bench.time.run(50)
    assert said == [], "4,000 there is not 101 here"
    bench.at_peer = 5_000
    bench.time.run(20)
    assert said == [True]


def test_more_than_may_wait_are_told_no_at_once() -> None:
    bench = Bench()
    said: list[bool] = []
    bench.written += 1
    for _ in range(WAITING_COUNT_MAX):
        bench.standby.reached(lambda _: None)
    assert bench.standby.waiting_count == WAITING_COUNT_MAX
    bench.standby.reached(said.append)
    assert said == [False]


def test_after_the_stop_nobody_is_answered() -> None:
    bench = Bench()
    said = bench.commit()
    bench.standby.stop()
    bench.at_peer = bench.written
    bench.time.run(5_000)
    assert said == []


def test_looks_are_few_while_nobody_waits() -> None:
    bench = Bench()
    looks = bench.looks
    bench.time.run(10_000)
    assert 15 <= bench.looks - looks <= 25


def test_an_error_of_whoever_is_told_does_not_make_a_look_the_last() -> None:
    bench = Bench()

    def tell(is_there: bool) -> None:
        raise RuntimeError("our own bug")

    bench.written += 1
    bench.standby.reached(tell)
    bench.at_peer = bench.written
    with pytest.raises(RuntimeError):
        bench.time.run(50)
    before = bench.looks
    bench.time.run(1_000)
    assert bench.looks > before
