"""TSNs: durable, never zero, never one whose end is unknown."""

from __future__ import annotations

from protocols.ndc.evidence import Sent
from protocols.ndc.serials import OPEN_COUNT_MAX, TSN_MAX, Serials


def sent(tsn: int) -> Sent:
    return Sent(f"key-{tsn}", tsn, "2", 10_000, (0, 0, 1, 0))


def test_numbers_go_on_after_a_restart() -> None:
    first = Serials(None)
    assert [first.take(), first.take()] == [1, 2]
    assert Serials(first.packed()).take() == 3


def test_numbers_wrap_without_zero_and_skip_what_is_open() -> None:
    serials = Serials(None)
    serials.opened(sent(1))
    serials.opened(sent(2))
    numbers = [serials.take() for _ in range(TSN_MAX)]
    assert 0 not in numbers
    assert numbers[-2:] == [3, 4], "1 and 2 are still unknown after the wrap"
    serials.closed(1)
    assert 1 in [serials.take() for _ in range(TSN_MAX)]


def test_the_open_ones_survive_and_are_found_by_what_a_terminal_says() -> None:
    serials = Serials(None)
    serials.opened(sent(7))
    again = Serials(serials.packed())
    assert again.open() == (sent(7),)
    assert again.find("0007") == sent(7)
    assert again.find("0008") is None
    assert again.find("000X") is None


def test_a_full_book_drops_the_oldest() -> None:
    serials = Serials(None)
    for tsn in range(1, OPEN_COUNT_MAX + 2):
        serials.opened(sent(tsn))
    assert len(serials.open()) == OPEN_COUNT_MAX
    assert serials.find("0001") is None


def test_every_number_but_one_may_be_open_and_there_is_still_one() -> None:
    serials = Serials(None)
    for tsn in range(1, OPEN_COUNT_MAX + 1):
        serials.opened(sent(tsn))
    assert serials.take() == OPEN_COUNT_MAX + 1


def test_a_book_that_cannot_be_read_begins_again() -> None:
    assert Serials(b"\xff\x00").take() == 1
    assert Serials(b"").take() == 1


def test_two_centers_with_ranges_apart_never_give_the_same_number() -> None:
    """Else a serial of the one, confirmed by the terminal, would pass for the other's that is still unknown."""
    tokyo, osaka = Serials(None, 1, 4_999), Serials(None, 5_000, 9_999)
    assert not {tokyo.take() for _ in range(6_000)} & {osaka.take() for _ in range(6_000)}
    moved = Serials(tokyo.packed(), 5_000, 9_999)
    assert moved.take() == 5_000, "a range that was changed holds from the next number on"
