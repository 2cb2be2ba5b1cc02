"""A reply's next state says who said no, where it can; the general no counts neither way."""

from __future__ import annotations

from relay.loopback.ndctally import REFUSED, SHOWN, NdcTally


def test_what_a_reply_says() -> None:
    tally = NdcTally()
    tally.replied("125", True, 0, 5)
    tally.replied(SHOWN, False, 0, 5)
    tally.replied("133", False, 0, 5)
    assert (tally.approved, tally.declined, tally.replies) == (2, 1, 3)
    assert (tally.outside_requests, tally.outside_core_outcomes) == (3, 3)
    tally.replied(REFUSED, False, 0, 5)
    assert (tally.declined, tally.outside_requests) == (2, 3)
