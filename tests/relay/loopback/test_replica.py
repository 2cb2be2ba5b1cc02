"""An asynchronous copy is a prefix; a promotion loses what was not copied, and the old region is not told."""

from __future__ import annotations

import pytest

from relay.core import contract as c
from relay.loopback.entries import EntryState
from relay.loopback.ledger import Caller, Ledger, Refused
from relay.loopback.replica import Replica

CARD = "4000000000000002"


class Pair:
    def __init__(self, lag_ms: int = 100) -> None:
        self.now_ms = 0
        self.tokyo, self.osaka = Ledger("tokyo", 8), Ledger("osaka", 7)
        self.replica = Replica(self.tokyo, self.osaka, lambda: self.now_ms, lag_ms)

    def post(self, key: str, epoch: int = 8, ledger: Ledger | None = None) -> object:
        request = c.TransactionRequest(
            kind="withdrawal",
            channel="atm",
            realm="bank",
            terminal="ATM1",
            trace="1",
            amount=c.Amount("1000", "JPY"),
            card=c.Card(pan=CARD),
        )
        return (ledger or self.tokyo).post(key, request, Caller(f"tokyo/1/{key}", "tokyo", 1, epoch), 0)

    def undo(self, key: str) -> object:
        request = c.ReversalRequest(standing=c.Amount("0", "JPY"), automatic=False)
        return self.tokyo.reverse(key, request, Caller("tokyo/1/9", "tokyo", 1, 8), 0)


def keys(ledger: Ledger) -> list[str]:
    return [entry.key for entry in ledger.entries()]


def test_what_is_older_than_the_lag_is_there_in_the_same_order() -> None:
    pair = Pair(lag_ms=100)
    pair.post("a")
    pair.now_ms = 60
    pair.post("b")
    pair.undo("a")
    pair.undo("unknown")
    pair.replica.ship()
    assert keys(pair.osaka) == []
    pair.now_ms = 100
    pair.replica.ship()
    assert keys(pair.osaka) == ["a"]
    pair.now_ms = 160
    pair.replica.ship()
    assert keys(pair.osaka) == ["a", "b", "unknown"]
    assert [entry.state for entry in pair.osaka.entries()] == [EntryState.REVERSED, EntryState.POSTED, EntryState.TOMBSTONE]
    assert pair.osaka.balance(CARD) == pair.tokyo.balance(CARD)
    assert pair.replica.behind_count == 0


def test_without_a_lag_it_is_never_behind() -> None:
    pair = Pair(lag_ms=0)
    pair.post("a")
    assert keys(pair.osaka) == ["a"]


def test_who_was_answered_is_copied_too() -> None:
    pair = Pair(lag_ms=0)
    pair.post("a")
    pair.tokyo.inquire("a", Caller("osaka/3/1", "osaka", 3, 8))
    (copied,) = pair.osaka.entries()
    assert list(copied.attempts.answered) == ["tokyo/1/a", "osaka/3/1"]
    assert pair.replica.promote(9) == []
    refused = pair.osaka.post("b", _body(), Caller("x", "osaka", 2, 9), 0)
    assert isinstance(refused, Refused)
    assert refused.status == 412, "the fence of a center is in the copy"


def _body() -> c.TransactionRequest:
    return c.TransactionRequest(kind="balance-inquiry", channel="atm", realm="bank", terminal="ATM1", trace="2")


def test_a_promotion_loses_the_tail_and_the_old_region_goes_on_in_its_own_epoch() -> None:
    pair = Pair(lag_ms=100)
    pair.post("a")
    pair.now_ms = 150
    pair.post("b")
    lost = pair.replica.promote(9)
    assert [commit.key for commit in lost] == ["b"]
    assert pair.replica.lost == lost
    assert keys(pair.osaka) == ["a"]
    assert (pair.osaka.epoch, pair.osaka.state) == (9, "serving")
    assert isinstance(pair.post("c", 8, pair.osaka), Refused), "421: the old epoch is over there"
    assert not isinstance(pair.post("c"), Refused), "an isolated region does not know that it is over"
    assert keys(pair.osaka) == ["a"]
    with pytest.raises(ValueError, match="no standby"):
        pair.replica.promote(10)


def test_the_old_region_becomes_the_copy_and_forgets_what_nobody_else_has() -> None:
    pair = Pair(lag_ms=100)
    pair.post("a")
    pair.replica.promote(9)
    pair.post("only here")
    pair.replica.copy_to(pair.tokyo)
    assert (keys(pair.tokyo), pair.tokyo.state) == (keys(pair.osaka), "standby")
    pair.replica.lag_ms = 0
    pair.post("b", 9, pair.osaka)
    assert keys(pair.tokyo) == keys(pair.osaka) == ["b"]
    pair.replica.promote(10)
    assert (pair.tokyo.epoch, pair.tokyo.state) == (10, "serving")
    assert pair.tokyo.balance(CARD) == pair.osaka.balance(CARD)
    assert not pair.tokyo.posted_twice()
    with pytest.raises(ValueError, match="no copy of itself"):
        pair.replica.copy_to(pair.tokyo)


def test_whose_call_it_was_is_copied_with_it() -> None:
    pair = Pair(lag_ms=0)
    pair.post("a")
    pair.tokyo.reverse("a", c.ReversalRequest(standing=c.Amount("0", "JPY")), Caller("osaka/1/1", "osaka", 1, 8), 0)
    (copied,) = pair.osaka.entries()
    assert (copied.center, copied.reversed_by) == ("tokyo", "osaka")


def test_what_is_answered_in_one_is_not_answered_in_the_other() -> None:
    pair = Pair(lag_ms=0)
    pair.post("a")
    pair.replica.copy_to(pair.osaka)
    pair.osaka.on_commit = None
    before = list(next(pair.tokyo.entries()).attempts.answered)
    pair.osaka.activate(9)
    pair.osaka.inquire("a", Caller("osaka/1/1", "osaka", 1, 9))
    assert list(next(pair.tokyo.entries()).attempts.answered) == before


def test_a_fence_is_copied_with_the_postings_and_lost_with_them() -> None:
    for wait_ms, newest in ((100, 10_000_000), (0, 1)):
        pair = Pair(lag_ms=100)
        pair.post("a")
        pair.now_ms = 100
        pair.replica.ship()
        request = c.FenceRequest(relay_epoch=10_000_000, run="osaka-1")
        fenced = pair.tokyo.raise_fence("tokyo", request, Caller("", "osaka", 1, 8))
        assert isinstance(fenced, c.CenterAnswer)
        assert isinstance(pair.post("b"), Refused), "the fenced life"
        pair.now_ms += wait_ms
        pair.replica.promote(9)
        assert pair.osaka.relay_epochs.newest("tokyo") == newest


def test_how_far_a_copy_is_behind_is_told_in_the_time_of_its_primary() -> None:
    pair = Pair(lag_ms=1_000)
    assert pair.replica.behind_ms == 0
    pair.post("1")
    pair.now_ms = 300
    pair.post("2")
    pair.now_ms = 900
    assert pair.replica.behind_ms == 300
    pair.now_ms = 1_000
    pair.replica.ship()
    assert pair.replica.behind_ms == 0, "only the second one is not there"
