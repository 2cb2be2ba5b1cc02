"""Note mixes: exact or none, within what is there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocols.ndc.mix import mix

YEN = (1_000, 5_000, 10_000, 0)
PLENTY = (99, 99, 99, 99)


def test_few_notes_first() -> None:
    assert mix(27_000, YEN, PLENTY, 40) == (2, 1, 2, 0)


def test_it_looks_further_than_greed() -> None:
    assert mix(6_000, (5_000, 2_000), (99, 99), 40) == (0, 3)
    assert mix(30_000, YEN, (99, 99, 1, 0), 40) == (0, 4, 1, 0)


def test_what_cannot_be_paid_is_none() -> None:
    for amount, available, notes_max in ((500, PLENTY, 40), (0, PLENTY, 40), (5_000, (4, 0, 9, 9), 40), (50_000, PLENTY, 4)):
        assert mix(amount, YEN, available, notes_max) is None
    assert mix(1_000, (0, 0), (9, 9), 40) is None


@given(
    amount=st.integers(1, 500).map(lambda n: n * 500),
    denominations=st.lists(st.sampled_from([0, 500, 1_000, 2_000, 5_000, 10_000]), min_size=1, max_size=7).map(tuple),
    available=st.lists(st.integers(0, 99), min_size=7, max_size=7).map(tuple),
    notes_max=st.integers(1, 99),
)
def test_a_mix_is_exact_and_within_every_limit(
    amount: int, denominations: tuple[int, ...], available: tuple[int, ...], notes_max: int
) -> None:
    found = mix(amount, denominations, available, notes_max)
    if found is not None:
        assert sum(n * value for n, value in zip(found, denominations, strict=True)) == amount
        assert all(n <= available[index] for index, n in enumerate(found))
        assert sum(found) <= notes_max
