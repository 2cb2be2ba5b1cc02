"""A period of one's own: earlier, never later, and the same for the same link."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocols.spread import spread_ms


@given(st.integers(0, 10_000_000), st.text(max_size=40))
def test_up_to_a_fifth_earlier_never_later_and_always_the_same(period_ms: int, link_id: str) -> None:
    found = spread_ms(period_ms, link_id)
    assert period_ms - period_ms // 5 <= found <= period_ms
    assert found == spread_ms(period_ms, link_id)


def test_never_stays_never_and_a_link_without_an_id_has_the_profiles_period() -> None:
    assert (spread_ms(0, "tokyo-1-1-1"), spread_ms(60_000, "")) == (0, 60_000)


def test_links_that_began_together_do_not_speak_together() -> None:
    periods = [spread_ms(60_000, f"tokyo-19b-2-{number:x}") for number in range(20_000)]
    seconds = [0] * 61
    for period_ms in periods:
        seconds[period_ms // 1_000] += 1
    assert min(seconds[48:60]) > 1_200, "twelve seconds, and none of them empty"
    assert max(seconds) < 2_200
