"""Rise and fall: a few in a row, at their limits; and what is old is no sight."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.pair.beat import Seen, Sight
from relay.pair.sighting import Sighting, sight_in


def test_the_first_good_look_is_enough_and_then_a_few_in_a_row_change_it() -> None:
    sighting = Sighting(2, 3, 0)
    assert sighting.sight is Sight.UNKNOWN
    assert sighting.looked(True, 1_000)
    assert [sighting.looked(False, 2_000 + n) for n in range(3)] == [False, False, True]
    assert sighting.seen("tokyo", 2_010) == Seen("tokyo", Sight.FAILING, 8, 8)
    assert [sighting.looked(True, 3_000 + n) for n in range(2)] == [False, True]


def test_one_lost_look_after_another_with_a_good_one_between_them_changes_nothing() -> None:
    sighting = Sighting(3, 3, 0)
    sighting.looked(True, 0)
    for number in range(1, 100):
        sighting.looked(number % 3 == 0, number)
        assert sighting.sight is Sight.OK


@given(st.integers(1, 5), st.integers(1, 5), st.lists(st.booleans(), max_size=60))
def test_a_change_has_always_so_many_in_a_row_behind_it(rise: int, fall: int, looks: list[bool]) -> None:
    sighting = Sighting(rise, fall, 0)
    for number, is_good in enumerate(looks):
        before = sighting.sight
        if sighting.looked(is_good, number):
            if sighting.sight is Sight.FAILING:
                assert looks[number - fall + 1 : number + 1] == [False] * fall
            elif before is not Sight.UNKNOWN:
                assert looks[number - rise + 1 : number + 1] == [True] * rise


def test_nobody_has_looked_for_long() -> None:
    sighting = Sighting(1, 1, 0)
    sighting.looked(True, 1_000)
    assert sighting.now(6_000, 5_000) is Sight.OK
    assert sighting.now(6_001, 5_000) is Sight.UNKNOWN


@pytest.mark.parametrize(
    ("name", "elapsed_ms", "sight"),
    [("tokyo", 4_700, Sight.OK), ("tokyo", 4_701, Sight.UNKNOWN), ("nagoya", 0, Sight.UNKNOWN)],
)
def test_what_a_heartbeat_says_ages_on_both_sides(name: str, elapsed_ms: int, sight: Sight) -> None:
    assert sight_in((Seen("tokyo", Sight.OK, 0, 300),), name, elapsed_ms, 5_000) is sight
