"""Rate, room, handshakes and refusals at their limits; and a whole storm at the speed of the CPU."""

from __future__ import annotations

import heapq
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.wire.admission import Refused
from relay.wire.door import ROOM_COUNT_MIN, Door, DoorLimits
from relay.wire.ramp import Ramp, RampRules
from relay.wire.ranks import Rank
from relay.wire.waitingroom import Ticket

LIMITS = DoorLimits(accept_per_s=100, accept_burst_count=10, refuse_per_s_max=100, waiting_count_max=50, waiting_ms_max=1_000)


def ticket(rank: Rank = Rank.ATM, network: str = "", since_ms: int = 0, needs_handshake: bool = False) -> Ticket:
    def enter(ticket: Ticket) -> None:
        raise AssertionError("the driver's business")

    def refuse(reason: Refused) -> None:
        raise AssertionError("as above")

    return Ticket(rank, network, since_ms, enter, refuse, needs_handshake)


def enter_all(door: Door, now_ms: int) -> int:
    count = 0
    while door.take_next(now_ms) is not None:
        count += 1
    return count


def test_a_burst_at_once_then_the_rate() -> None:
    door = Door(LIMITS, 0)
    for _ in range(30):
        assert door.knock(ticket(), 0) is None
    assert enter_all(door, 0) == 10
    assert door.wait_ms(0) == 10
    assert enter_all(door, 9) == 0
    assert enter_all(door, 10) == 1
    assert enter_all(door, 100) == 9
    enter_all(door, 1_000)
    assert door.wait_ms(1_000) is None, "nobody waits: nothing to look at"


def test_the_room_holds_what_can_be_let_in_in_time_and_the_rest_is_refused_at_once() -> None:
    door = Door(DoorLimits(accept_per_s=20, accept_burst_count=1, waiting_count_max=50, waiting_ms_max=1_000), 0)
    assert door.room_count_max == 20
    refused = [door.knock(ticket(), 0) for _ in range(22)]
    assert [one is None for one in refused] == [True] * 20 + [False] * 2
    door.use(DoorLimits(accept_per_s=1_000, accept_burst_count=1, waiting_count_max=50, waiting_ms_max=1_000), 0)
    assert door.room_count_max == 50
    door.use(DoorLimits(accept_per_s=1, accept_burst_count=1, waiting_count_max=50, waiting_ms_max=1), 0)
    assert door.room_count_max == ROOM_COUNT_MIN


def test_nobody_waits_longer_than_is_said() -> None:
    door = Door(DoorLimits(accept_per_s=1, accept_burst_count=1, waiting_ms_max=2_000), 0)
    first, second = ticket(since_ms=0), ticket(since_ms=500)
    door.knock(first, 0)
    door.knock(second, 500)
    assert enter_all(door, 500) == 1
    assert list(door.expired(2_500)) == []
    assert list(door.expired(2_501)) == [second]


def test_a_part_of_the_rate_is_a_part_of_burst_and_room() -> None:
    door = Door(LIMITS, 0)
    door.set_percent(25, 0)
    assert (door.accept_per_s, door.room_count_max) == (25, 25)
    for _ in range(25):
        door.knock(ticket(), 0)
    assert enter_all(door, 0) == 2, "a quarter of ten"
    assert enter_all(door, 1_000) == 2, "saved up no more than the burst"
    door.set_percent(100, 1_000)
    assert enter_all(door, 1_010) == 1, "what was not saved up is not given later"


def test_beyond_the_rate_of_refusals_the_backlog_is_left_alone() -> None:
    door = Door(DoorLimits(accept_per_s=1, accept_burst_count=1, refuse_per_s_max=100, waiting_ms_max=1), 0)
    for _ in range(ROOM_COUNT_MIN):
        assert door.wait_to_accept_ms(0) == 0
        assert door.knock(ticket(), 0) is None
    refused = 0
    while not door.wait_to_accept_ms(0):
        assert door.knock(ticket(), 0) is not None
        refused += 1
    assert refused == 10, "a tenth of a second's worth"
    assert door.wait_to_accept_ms(0) == 10
    assert enter_all(door, 0) == 1
    assert door.wait_to_accept_ms(0) == 0, "whoever may wait costs no refusal"


def test_handshakes_are_bounded_and_atms_leave_some_to_the_others() -> None:
    door = Door(DoorLimits(accept_per_s=1_000, accept_burst_count=1_000, handshakes_count_max=4), 0)
    for _ in range(5):
        door.knock(ticket(Rank.ATM, needs_handshake=True), 0)
    assert enter_all(door, 0) == 3
    door.knock(ticket(Rank.PARTNER, needs_handshake=True), 0)
    door.knock(ticket(Rank.PARTNER, needs_handshake=True), 0)
    assert enter_all(door, 0) == 1
    assert door.handshake_count == 4
    door.knock(ticket(Rank.ATM), 0)
    assert enter_all(door, 0) == 1, "without TLS nobody waits for a handshake"
    door.handshake_ended(Rank.ATM)
    assert door.take_next(0) is not None
    assert (door.handshakes[Rank.PARTNER], door.handshakes[Rank.ATM]) == (2, 2)


def test_the_least_budget_of_handshakes_serves_everybody() -> None:
    door = Door(DoorLimits(handshakes_count_max=1), 0)
    door.knock(ticket(Rank.ATM, needs_handshake=True), 0)
    assert enter_all(door, 0) == 1


def test_one_who_cannot_wait_takes_no_turn_from_those_who_do() -> None:
    door = Door(DoorLimits(accept_per_s=1, accept_burst_count=2), 0)
    assert door.take_at_once(0)
    door.knock(ticket(), 0)
    assert not door.take_at_once(0)
    assert enter_all(door, 0) == 1
    assert not door.take_at_once(0), "no token"


@given(
    st.integers(1, 300),
    st.integers(1, 100),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 30), st.sampled_from(Rank)), max_size=50),
)
def test_never_more_than_rate_and_burst_and_nobody_is_lost(
    per_s: int, burst_count: int, steps: list[tuple[int, int, Rank]]
) -> None:
    door = Door(DoorLimits(accept_per_s=per_s, accept_burst_count=burst_count, waiting_count_max=40), 0)
    now_ms = came = entered = gone = 0
    for pause_ms, count, rank in steps:
        now_ms += pause_ms
        for _ in range(count):
            came += 1
            gone += door.knock(ticket(rank, since_ms=now_ms), now_ms) is not None
        entered += enter_all(door, now_ms)
        gone += len(list(door.expired(now_ms)))
        assert entered <= burst_count + per_s * now_ms / 1_000
        assert door.room.count <= 40
        assert came == entered + gone + door.room.count


# ---- a whole storm ---------------------------------------------------------------------------------------------------------
def storm(
    terminals: int, limits: DoorLimits, rules: RampRules, *, p99_ms: int = 5, networks: int = 80, seed: int = 1
) -> tuple[list[float], int]:
    """Everybody dials at 0, and again 1 to 5 s after a reset. Seconds at which each was let in, and how often one was reset."""
    chance = Random(seed)
    door, ramp = Door(limits, 0), Ramp(rules)
    ramp.begin("start", 0)
    door.set_percent(ramp.percent, 0)
    dials = [(chance.randrange(200), number) for number in range(terminals)]
    heapq.heapify(dials)
    who: dict[Ticket, int] = {}
    entered_s: list[float] = []
    resets = now_ms = 0
    while len(entered_s) < terminals:
        while dials and dials[0][0] <= now_ms:
            _, number = heapq.heappop(dials)
            one = ticket(network=str(number % networks), since_ms=now_ms)
            who[one] = number
            gone = door.knock(one, now_ms)
            if gone is not None:
                resets += 1
                heapq.heappush(dials, (now_ms + chance.randint(1_000, 5_000), who.pop(gone)))
        while (one := door.take_next(now_ms)) is not None:  # type: ignore[assignment]
            entered_s.append(now_ms / 1_000)
            del who[one]
        for old in door.expired(now_ms):
            resets += 1
            heapq.heappush(dials, (now_ms + chance.randint(1_000, 5_000), who.pop(old)))
        ramp.observe("core", p99_ms)
        if ramp.look(now_ms):
            door.set_percent(ramp.percent, now_ms)
        now_ms += 50
        assert now_ms < 600_000, "the storm never ends"
    return entered_s, resets


def test_twenty_thousand_are_back_within_a_minute_by_the_defaults() -> None:
    entered_s, _ = storm(20_000, DoorLimits(), RampRules())
    assert entered_s[-1] < 55
    assert max(sum(1 for at in entered_s if s <= at < s + 1) for s in range(56)) <= 501


def test_while_the_core_is_slow_the_first_step_stands() -> None:
    entered_s, _ = storm(3_000, DoorLimits(), RampRules(), p99_ms=600)
    assert 20 < entered_s[-1] < 30, "a quarter of five hundred a second"


@pytest.mark.parametrize("networks", [1, 3_000])
def test_a_site_of_its_own_for_each_or_one_for_all_makes_no_difference_to_the_whole(networks: int) -> None:
    entered_s, _ = storm(3_000, DoorLimits(), RampRules(start_percent=100), networks=networks)
    assert entered_s[-1] < 8
