"""精査: a count decides only where all or none happened."""

import pytest

from protocols.branch.count import Count, judge
from protocols.branch.till import Pending, TillBook


def book(*effects: int) -> TillBook:
    return TillBook(cash=100_000, pending=tuple(Pending(n, f"k{n}", effect, True) for n, effect in enumerate(effects, 1)))


@pytest.mark.parametrize(
    ("effects", "counted", "verdict"),
    [
        ((), 100_000, Count.FITS),
        ((), 99_999, Count.DIFFERS),
        ((-10_000,), 90_000, Count.ALL_MOVED),
        ((-10_000,), 100_000, Count.NONE_MOVED),
        ((-10_000,), 95_000, Count.DIFFERS),
        ((-10_000, -20_000), 70_000, Count.ALL_MOVED),
        ((-10_000, -20_000), 100_000, Count.NONE_MOVED),
        ((-10_000, -20_000), 90_000, Count.DIFFERS),  # one of the two, or a teller's error: a person's
        ((-10_000, 10_000), 100_000, Count.DIFFERS),  # both or neither: the notes cannot say
    ],
)
def test_what_the_notes_prove(effects: tuple[int, ...], counted: int, verdict: Count) -> None:
    assert judge(book(*effects), counted) is verdict
