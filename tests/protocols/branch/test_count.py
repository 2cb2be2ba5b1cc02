"""精査: a count decides only where all or none happened."""

import msgspec
import pytest

from protocols.branch.count import Count, judge, stated
from protocols.branch.till import Pending, TillBook
from protocols.totals import weigh


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


def test_the_count_as_totals_sets_the_notes_beside_the_book_and_only_shows_what_moved() -> None:
    said = {"cash": 70_000, "in_count": 3, "in_total": 40_000, "out_count": 2, "out_total": 70_000}
    day = msgspec.structs.replace(book(-10_000, -20_000), date="20261124")
    sheet = stated(day, "0001", said, Count.ALL_MOVED)
    assert (sheet.party, sheet.business_date, sheet.mode) == ("0001", "2026-11-24", "running")
    notes, came, went = weigh(sheet.lines, lambda kinds: None)
    assert (notes.minor, notes.own_minor, notes.agrees) == (70_000, 70_000, True)
    assert not came.is_judged
    assert (went.count, went.minor, went.is_judged) == (2, 70_000, False)
    (wrong, *_) = weigh(stated(day, "0001", said, Count.DIFFERS).lines, lambda kinds: None)
    assert (wrong.own_minor, wrong.agrees) == (100_000, False)
