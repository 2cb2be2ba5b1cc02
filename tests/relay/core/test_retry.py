"""The back-off curve: doubling, bounded, spread by chance."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from relay.core.retry import backoff_ms


@given(st.integers(-1, 10_000), st.integers(1, 10_000), st.integers(1, 100_000), st.integers())
def test_a_pause_is_between_half_and_the_whole(tries: int, first_ms: int, max_ms: int, seed: int) -> None:
    whole = min(max_ms, first_ms * 2 ** min(max(tries, 1) - 1, 30))
    pause = backoff_ms(tries, first_ms, max_ms, Random(seed))
    assert max(1, whole / 2) <= pause <= max(1, whole)


def test_it_doubles_and_stops_doubling() -> None:
    longest = [max(backoff_ms(tries, 500, 30_000, Random(seed)) for seed in range(2_000)) for tries in range(1, 10)]
    assert [round(ms, -2) for ms in longest] == [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]


def test_chance_spreads_it() -> None:
    assert len({backoff_ms(3, 500, 30_000, Random(seed)) for seed in range(100)}) > 50
