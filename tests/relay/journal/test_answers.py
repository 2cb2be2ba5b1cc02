"""Each callback exactly once, in order, whatever its neighbours do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.journal.answers import Outcomes, run_callbacks


@given(st.lists(st.booleans(), max_size=20))
def test_every_callback_runs_once_in_order(breaks: list[bool]) -> None:
    ran: list[int] = []
    left: list[Outcomes] = []

    def callback(number: int) -> None:
        ran.append(number)
        if breaks[number]:
            raise RuntimeError(str(number))

    left.append([(callback, number) for number in range(len(breaks))])
    errors = 0
    while left:
        try:
            run_callbacks(left.pop(), left.append)
        except RuntimeError:
            errors += 1
    assert ran == list(range(len(breaks)))
    assert errors == sum(breaks)


def test_the_error_is_not_swallowed() -> None:
    def broken(_: object) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run_callbacks([(broken, None)], lambda rest: pytest.fail(f"nothing is left, got {rest}"))
