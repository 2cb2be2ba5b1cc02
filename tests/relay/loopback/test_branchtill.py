"""The fake till: notes, numbers, and what does not exist."""

import pytest

from relay.loopback.branchtill import SERIAL_MAX, Till


def test_notes_go_in_and_out() -> None:
    till: Till[str] = Till(1_000)
    till.put_in(500)
    till.take_out(1_200)
    assert (till.cash, till.in_count, till.in_total, till.out_count, till.out_total) == (300, 1, 500, 1, 1_200)
    with pytest.raises(ValueError, match="not in the till"):
        till.take_out(301)
    assert till.cash == 300


def test_numbers_run_from_one_to_the_last_of_a_day() -> None:
    till: Till[str] = Till(0)
    assert till.next_serial() == 1
    till.jump(SERIAL_MAX - 2)
    assert till.next_serial() == SERIAL_MAX
    with pytest.raises(ValueError, match="today"):
        till.next_serial()
