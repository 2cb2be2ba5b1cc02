"""A part's pace, and the wait that every troupe uses."""

from __future__ import annotations

from relay.loopback.troupe import Part, until


def test_peers_pause_so_that_they_keep_the_rate_together() -> None:
    assert Part(terminals=10, rate_per_s=5.0).pause_ms(10) == 2_000
    assert Part(terminals=10, rate_per_s=None, think_ms=7).pause_ms(10) == 7
    assert Part(terminals=10, rate_per_s=0.0).pause_ms(10) == 86_400_000


async def test_until_says_whether_it_came() -> None:
    assert await until(lambda: True, 0)
    assert not await until(lambda: False, 0.01, 0.001)
