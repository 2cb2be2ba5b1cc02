"""Work that several share: once, a slice a turn whoever is there, and remembered for a while."""

from __future__ import annotations

from collections.abc import Callable

from protocols.zengin.telegram.shared import Shared
from protocols.zengin.telegram.slices import Slices, finish


def work(done: list[str], name: str, slices: int = 3) -> Callable[[], Slices[str]]:
    def begin() -> Slices[str]:
        for n in range(slices):
            done.append(f"{name}{n}")
            if n < slices - 1:
                yield
        return name

    return begin


def turn(*drivers: Slices[str]) -> list[str]:
    """One turn of the loop for each: the outcomes of those that came to their end."""
    ended = []
    for driver in drivers:
        try:
            next(driver)
        except StopIteration as stop:
            ended.append(stop.value)
    return ended


def test_it_is_done_once_one_slice_a_turn_and_all_get_the_outcome() -> None:
    done: list[str] = []
    shared: Shared[str] = Shared()
    drivers = [shared.share("k", work(done, "a")) for _ in range(4)]
    assert turn(*drivers) == []
    assert done == ["a0"]
    assert turn(*reversed(drivers)) == []
    assert done == ["a0", "a1"], "whatever the order"
    assert turn(*drivers) == ["a"] * 4
    assert done == ["a0", "a1", "a2"]
    assert turn(shared.share("k", work(done, "a"))) == ["a"], "who comes later finds it done"
    assert len(done) == 3


def test_whoever_drove_it_may_go_without_a_word() -> None:
    done: list[str] = []
    shared: Shared[str] = Shared()
    first, second = shared.share("k", work(done, "a")), shared.share("k", work(done, "a"))
    turn(first, second)
    assert turn(second) == [], "it has seen the slice of the turn before"
    assert (turn(second), done) == (["a"], ["a0", "a1", "a2"])


def test_one_that_everybody_left_is_taken_up_where_it_stood() -> None:
    done: list[str] = []
    shared: Shared[str] = Shared()
    turn(shared.share("k", work(done, "a")))
    assert finish(shared.share("k", work(done, "b"))) == "a"
    assert done == ["a0", "a1", "a2"]


def test_other_keys_are_other_work_and_the_oldest_is_forgotten_at_the_limit() -> None:
    done: list[str] = []
    shared: Shared[str] = Shared(kept_count_max=2)
    for name in ("a", "b", "a", "c"):  # `a` was asked for again, so that `b` is the oldest
        assert finish(shared.share(name, work(done, name, slices=1))) == name
    assert done == ["a0", "b0", "c0"]
    finish(shared.share("a", work(done, "a", slices=1)))
    assert done == ["a0", "b0", "c0"]
    finish(shared.share("b", work(done, "b", slices=1)))
    assert done == ["a0", "b0", "c0", "b0"]


def test_one_forgotten_on_its_way_still_ends_for_those_who_share_it() -> None:
    done: list[str] = []
    shared: Shared[str] = Shared(kept_count_max=1)
    early = [shared.share("a", work(done, "a")) for _ in range(2)]
    turn(*early)
    finish(shared.share("b", work([], "b")))
    turn(*early)
    assert turn(*early) == ["a", "a"]
    assert done == ["a0", "a1", "a2"]
