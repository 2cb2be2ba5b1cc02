"""So many at once, in order, each for its time."""

from __future__ import annotations

import pytest

from relay.loopback.workers import Workers
from tests.support.virtualtime import VirtualTime


def test_so_many_at_once_and_the_rest_in_order() -> None:
    time = VirtualTime()
    sut = Workers(2, 50, lambda seconds, then: time.after(int(seconds * 1_000), then))
    done: list[tuple[int, int]] = []
    for number in range(5):
        sut.do(lambda number=number: done.append((number, time.monotonic_ms() - 1_000)))  # type: ignore[misc]
    assert (sut.busy, sut.waiting_count) == (2, 3)
    time.run(200)
    assert done == [(0, 50), (1, 50), (2, 100), (3, 100), (4, 150)]
    assert (sut.busy, sut.waiting_count) == (0, 0)


def test_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Workers(0, 50, lambda seconds, then: None)
