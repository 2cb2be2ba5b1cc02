"""The day's table: what cannot happen raises and moves nothing; a drain has no way back; the page shows the running table."""

from pathlib import Path

import pytest

from protocols.branch.session import INITIAL, TERMINAL, TRANSITIONS, Moment, State
from protocols.machine import Unexpected, next_state, to_mermaid

PAGE = Path(__file__).parents[3] / "docs" / "machines" / "branch-session.md"


def test_a_day() -> None:
    state = INITIAL
    for moment in (Moment.OPENED, Moment.CLOSING_ASKED, Moment.COUNT_FAILED, Moment.CLOSING_ASKED, Moment.DAY_ENDED):
        state = next_state(TRANSITIONS, state, moment)
    assert state is State.DAY_CLOSED
    assert next_state(TRANSITIONS, state, Moment.OPENED) is State.OPEN


@pytest.mark.parametrize("moment", [Moment.CLOSING_ASKED, Moment.DAY_ENDED, Moment.COUNT_FAILED])
def test_a_day_that_is_not_open_cannot_end(moment: Moment) -> None:
    with pytest.raises(Unexpected):
        next_state(TRANSITIONS, State.CONNECTED, moment)


def test_a_drain_has_no_way_back() -> None:
    after = {state for (before, _), state in TRANSITIONS.items() if before is State.DRAINING}
    assert after == {State.DRAINING, State.CLOSED}


def test_the_page_shows_the_running_table() -> None:
    assert to_mermaid(TRANSITIONS, INITIAL, TERMINAL) in PAGE.read_text(encoding="utf-8")
