"""Who goes first, who has to go, and that nobody is lost or counted twice on the way."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from relay.wire.admission import Refused
from relay.wire.ranks import Rank
from relay.wire.waitingroom import LOWEST_EVERY, Ticket, WaitingRoom


def ticket(rank: Rank = Rank.ATM, network: str = "10.0.0.0", since_ms: int = 0, needs_handshake: bool = False) -> Ticket:
    def enter(ticket: Ticket) -> None:
        raise AssertionError("the room lets nobody in by itself")

    def refuse(reason: Refused) -> None:
        raise AssertionError("nor does it turn anybody away")

    return Ticket(rank, network, since_ms, enter, refuse, needs_handshake)


def take_all(room: WaitingRoom) -> list[Ticket]:
    taken = []
    while (one := room.take(lambda rank: True)) is not None:
        taken.append(one)
    return taken


def test_higher_ranks_first_and_every_eighth_turn_from_the_other_end() -> None:
    room = WaitingRoom()
    for _ in range(20):
        for rank in (Rank.ATM, Rank.BRANCH):
            assert room.offer(ticket(rank), 100) is None
    ranks = [one.rank for one in take_all(room)]
    assert ranks[:16] == ([Rank.BRANCH] * (LOWEST_EVERY - 1) + [Rank.ATM]) * 2
    assert Counter(ranks) == {Rank.BRANCH: 20, Rank.ATM: 20}


def test_networks_take_turns_and_within_one_the_first_comes_first() -> None:
    room = WaitingRoom()
    loud = [ticket(network="loud") for _ in range(4)]
    quiet = [ticket(network="quiet") for _ in range(2)]
    for one in (*loud, *quiet):
        room.offer(one, 100)
    assert take_all(room) == [loud[0], quiet[0], loud[1], quiet[1], loud[2], loud[3]]


def test_at_the_limit_the_newest_of_the_network_with_most_goes() -> None:
    room = WaitingRoom()
    loud = [ticket(network="loud") for _ in range(3)]
    for one in loud:
        assert room.offer(one, 3) is None
    last = ticket(network="loud")
    assert room.offer(last, 3) is last, "a loud network pushes nobody out, least of all itself"
    newcomer = ticket(network="quiet")
    assert room.offer(newcomer, 3) is loud[2]
    assert (room.count, newcomer.is_waiting, loud[2].is_waiting) == (3, True, False)
    again = ticket(network="quiet")
    assert room.offer(again, 3) is again, "two and one: the one who comes would not make it fairer"


def test_at_the_limit_a_lower_rank_goes_for_a_higher_one_and_never_the_other_way() -> None:
    room = WaitingRoom()
    atm = ticket(Rank.ATM)
    assert room.offer(atm, 1) is None
    bank = ticket(Rank.PARTNER)
    assert room.offer(bank, 1) is atm
    for rank in (Rank.BRANCH, Rank.ATM_BUSY, Rank.ATM):
        other = ticket(rank, network="another")
        assert room.offer(other, 1) is other


def test_who_needs_a_handshake_waits_for_one_and_holds_up_nobody_else() -> None:
    room = WaitingRoom()
    secured, plain = ticket(Rank.BRANCH, needs_handshake=True), ticket(Rank.ATM)
    room.offer(secured, 10)
    room.offer(plain, 10)
    assert room.take(lambda rank: False) is plain
    assert room.take(lambda rank: False) is None
    assert room.take(lambda rank: rank is Rank.BRANCH) is secured


def test_secured_and_plain_listeners_of_a_rank_take_turns() -> None:
    room = WaitingRoom()
    for needs in (False, True):
        for _ in range(3):
            room.offer(ticket(needs_handshake=needs), 10)
    assert [one.needs_handshake for one in take_all(room)] == [False, True] * 3


def test_those_who_waited_too_long_come_out_oldest_first() -> None:
    room = WaitingRoom()
    old = [ticket(since_ms=since_ms) for since_ms in (1, 2, 3)]
    for one in old:
        room.offer(one, 10)
    assert list(room.expired(3)) == old[:2]
    assert (room.count, room.take(lambda rank: True)) == (1, old[2])
    assert list(room.expired(1_000)) == []


class Room(RuleBasedStateMachine):
    """Against a list: what is in the room is what came, less what went."""

    def __init__(self) -> None:
        super().__init__()
        self.room = WaitingRoom()
        self.inside: list[Ticket] = []
        self.now_ms = 0

    @rule(rank=st.sampled_from(Rank), network=st.sampled_from("abcd"), needs=st.booleans(), count_max=st.integers(1, 8))
    def offer(self, rank: Rank, network: str, needs: bool, count_max: int) -> None:
        self.now_ms += 1
        new = ticket(rank, network, self.now_ms, needs)
        full = len(self.inside) >= count_max
        gone = self.room.offer(new, count_max)
        assert (gone is not None) == full
        if gone is not new:
            self.inside.append(new)
        if gone is not None and gone is not new:
            assert gone.rank >= rank
            self.inside.remove(gone)
        if gone is new:
            assert not any(one.rank > rank for one in self.inside), "a lower rank would have had to go"

    @precondition(lambda self: self.inside)
    @rule(may_shake=st.booleans())
    def take(self, may_shake: bool) -> None:
        taken = self.room.take(lambda rank: may_shake)
        able = [one for one in self.inside if may_shake or not one.needs_handshake]
        assert (taken is None) == (not able)
        if taken is not None:
            same = [
                one
                for one in able
                if (one.rank, one.network, one.needs_handshake) == (taken.rank, taken.network, taken.needs_handshake)
            ]
            assert taken is same[0], "within a network, in the order of arrival"
            self.inside.remove(taken)

    @rule(back_ms=st.integers(0, 5))
    def expire(self, back_ms: int) -> None:
        before_ms = self.now_ms - back_ms
        gone = list(self.room.expired(before_ms))
        assert gone == [one for one in self.inside if one.since_ms < before_ms]
        self.inside = [one for one in self.inside if one.since_ms >= before_ms]

    @precondition(lambda self: self.inside)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.inside))
        self.room.withdraw(one)
        self.inside.remove(one)

    @invariant()
    def counts_agree(self) -> None:
        assert self.room.count == len(self.inside)
        assert {rank: self.room.count_of(rank) for rank in Rank} == {
            rank: sum(one.rank is rank for one in self.inside) for rank in Rank
        }
        assert all(one.is_waiting for one in self.inside)


TestRoom = Room.TestCase
TestRoom.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


@given(st.lists(st.tuples(st.sampled_from(Rank), st.sampled_from("abc")), min_size=1, max_size=60))
def test_everybody_is_served_in_the_end(arrivals: list[tuple[Rank, str]]) -> None:
    room = WaitingRoom()
    came = [ticket(rank, network) for rank, network in arrivals]
    for one in came:
        room.offer(one, 100)
    assert set(take_all(room)) == set(came)
    assert room.count == 0
