"""What the database said and when it was asked, as a right to speak: edges of time, one by one."""

from __future__ import annotations

import pytest

from protocols.dialect import LineRight
from protocols.machine import Unexpected
from relay.lease.lease import Denied, Granted, Lease, Silent
from relay.lease.limits import LeaseLimits
from relay.lease.states import State

LIMITS = LeaseLimits(ttl_ms=10_000, renew_ms=2_000, request_timeout_ms=1_000, clock_drift_ms=500)
HOLD_MS = 8_500
GRANTED = Granted(LineRight(5))
OSAKA = Denied("osaka", 2, 7, 3_000)


def seeking(now_ms: int = 0) -> Lease:
    lease = Lease(LIMITS)
    lease.wanted(now_ms, "start")
    return lease


def held(asked_ms: int = 0, now_ms: int = 100) -> Lease:
    lease = seeking()
    lease.heard(asked_ms, now_ms, GRANTED)
    assert lease.state is State.HELD
    return lease


def test_it_is_held_from_the_question_on_and_not_from_the_answer() -> None:
    lease = held(asked_ms=0, now_ms=900)
    assert lease.may_speak(HOLD_MS - 1)
    assert not lease.may_speak(HOLD_MS)
    assert lease.left_ms(HOLD_MS - 1) == 1


def test_a_renewal_moves_the_end_and_an_older_one_never_back() -> None:
    lease = held()
    lease.heard(3_000, 3_100, GRANTED)
    assert lease.deadline_ms == 3_000 + HOLD_MS
    lease.heard(2_500, 3_200, GRANTED)
    assert lease.deadline_ms == 3_000 + HOLD_MS


@pytest.mark.parametrize(("late_ms", "until_ms"), [(1_000, 3_000 + HOLD_MS), (1_001, HOLD_MS)])
def test_an_answer_that_takes_longer_than_a_request_may_extends_nothing(late_ms: int, until_ms: int) -> None:
    lease = held()
    lease.heard(3_000, 3_000 + late_ms, GRANTED)
    assert lease.deadline_ms == until_ms


def test_the_end_is_the_end_whatever_is_heard_then() -> None:
    lease = held()
    lease.heard(HOLD_MS - 10, HOLD_MS, GRANTED)
    assert lease.state is State.DEMOTING, "the line is shut before anything else"
    lease.line_down()
    assert lease.state is State.FAULT
    assert lease.right is None
    lease.heard(HOLD_MS - 10, HOLD_MS, GRANTED)
    assert lease.state is State.FAULT
    assert "stopped before the lease ends" in lease.why


def test_silence_is_no_answer_and_ends_nothing_before_its_time() -> None:
    lease = held()
    lease.heard(3_000, 3_100, Silent("away"))
    assert lease.state is State.HELD
    assert lease.deadline_ms == HOLD_MS


def test_another_holder_ends_it_at_once() -> None:
    lease = held()
    lease.heard(3_000, 3_100, OSAKA)
    assert lease.state is State.DEMOTING
    assert not lease.may_speak(3_100)
    assert lease.token_seen == 7


def test_a_standby_waits_while_another_holds() -> None:
    lease = seeking()
    for now_ms in range(0, 100_000, 5_000):
        lease.heard(now_ms, now_ms + 10, OSAKA)
        assert lease.state is State.SEEKING
    assert lease.other == OSAKA


def test_a_standby_that_hears_nothing_for_a_lease_goes_to_fault() -> None:
    lease = seeking()
    lease.heard(2_000, 2_010, OSAKA)
    lease.look(11_999)
    assert lease.state is State.SEEKING
    assert lease.next_look_ms() == 12_000
    lease.look(12_000)
    assert lease.state is State.FAULT


def test_a_grant_that_is_used_up_when_it_is_heard_is_none() -> None:
    limits = LeaseLimits(ttl_ms=3_000, renew_ms=100, request_timeout_ms=1_500, clock_drift_ms=500)
    lease = Lease(limits)
    lease.wanted(0, "start")
    lease.heard(0, 1_000, GRANTED)  # held for 1,000 ms from the question on
    assert lease.state is State.SEEKING


def test_fault_is_left_by_two_people_or_by_one_who_stands_by() -> None:
    lease = Lease(LIMITS, token_seen=3)
    lease.found_in_fault("as before")
    lease.heard(0, 10, GRANTED)
    assert lease.state is State.FAULT
    assert lease.taken(50, 60, GRANTED, "two people")
    assert lease.may_speak(60)
    other = Lease(LIMITS)
    other.found_in_fault("as before")
    other.wanted(0, "standby")
    assert other.state is State.SEEKING


def test_by_hand_has_no_end_of_its_own() -> None:
    lease = Lease(LIMITS)
    lease.found_in_fault("as before")
    lease.taken_by_hand(1, "two people")
    assert lease.may_speak(10**12)
    assert lease.next_look_ms() is None
    with pytest.raises(Unexpected):
        lease.taken_by_hand(2, "again")


def test_by_hand_knows_who_had_it_before_as_far_as_this_center_heard() -> None:
    lease = Lease(LIMITS, center="tokyo")
    lease.wanted(0, "start")
    lease.heard(0, 10, Denied("tokyo", 1, 6, 100))  # an earlier life of this very center
    lease.heard(20, 30, Denied("osaka", 2, 7, 100))
    lease.look(20 + LIMITS.ttl_ms)
    lease.taken_by_hand(8, "two people")
    assert lease.right == LineRight(8, 7, "osaka")
    again = Lease(LIMITS, 8, center="tokyo", last_other=lease.last_other)
    again.found_in_fault("as before")
    again.taken_by_hand(9, "two people")
    assert again.right == LineRight(9, 7, "osaka")
