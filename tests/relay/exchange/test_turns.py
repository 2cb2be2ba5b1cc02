"""So many at once, and who has no use for a turn any more keeps nobody waiting."""

from __future__ import annotations

from collections.abc import Callable

from relay.exchange.turns import Turns


def test_as_many_as_there_are_places_and_the_others_in_their_order() -> None:
    turns = Turns(2)
    ends: list[Callable[[str], None]] = []
    said: list[str] = []

    def begin(name: str) -> None:
        if not turns.has_to_wait(lambda: begin(name)):
            ends.append(turns.take(said.append))
            said.append(f"{name} began")

    for name in ("a", "b", "c", "d"):
        begin(name)
    assert (said, turns.taken_count, turns.waiting_count) == (["a began", "b began"], 2, 2)
    ends[0]("a ended")
    assert said[2:] == ["a ended", "c began"]
    assert (turns.taken_count, turns.waiting_count) == (2, 1)


def test_who_needs_no_turn_any_more_passes_it_on() -> None:
    turns = Turns(1)
    ended = turns.take(lambda _: None)
    began: list[str] = []

    def late() -> None:
        began.append("late")
        turns.take(lambda _: None)

    assert turns.has_to_wait(lambda: began.append("gone"))
    assert turns.has_to_wait(late)
    ended("x")
    assert (began, turns.taken_count) == (["gone", "late"], 1)


def test_a_turn_that_ends_at_once_ends_no_stack() -> None:
    turns, began = Turns(1), [0]

    def at_once() -> None:
        began[0] += 1
        turns.take(lambda _: None)("x")

    ended = turns.take(lambda _: None)
    for _ in range(10_000):
        assert turns.has_to_wait(at_once)
    ended("x")
    assert (began, turns.taken_count, turns.waiting_count) == ([10_000], 0, 0)
