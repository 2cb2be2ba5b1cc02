"""A bit for each number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.reconcile.seen import Seen


@given(st.lists(st.integers(0, 200_000) | st.integers(3 * 10**12, 3 * 10**12 + 70_000)))
def test_it_is_a_set_of_numbers_and_survives_packing(numbers: list[int]) -> None:
    seen, known = Seen(), set[int]()
    for number in numbers:
        assert seen.add(number) is (number not in known)
        known.add(number)
    again = Seen.unpack(seen.pack())
    assert again.count == len(known)
    for number in numbers:
        assert number in again
        assert (number + 1 in again) is (number + 1 in known)


def test_a_million_numbers_are_small() -> None:
    seen = Seen()
    for number in range(5 * 10**12, 5 * 10**12 + 1_000_000):
        seen.add(number)
    assert seen.count == 1_000_000
    assert len(seen.pack()) < 200_000
