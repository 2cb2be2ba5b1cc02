"""What follows from looks and from people; whatever comes, the route moves seldom and no sick center is announced."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.machine import Unexpected
from relay.announce.damping import MINUTE_MS, DampingLimits
from relay.announce.health import Signs
from relay.announce.port import Level
from relay.announce.role import Event, Role
from relay.announce.standing import Change, Standing, StandingLimits

DAMPING = DampingLimits(stay_ms=1_000, stay_ms_max=8_000, calm_ms=60_000, changes_per_minute_max=6)
QUICK = StandingLimits(rise_count=2, fall_count=2, damping=DAMPING)
WELL = Signs()


class World:
    """A center that is looked at every 100 ms."""

    def __init__(self, limits: StandingLimits = QUICK, paused: str = "") -> None:
        self.standing = Standing(limits, paused)
        self.now_ms = 0
        self.changes: list[Change] = []

    def look(self, signs: Signs = WELL, traffic: bool = False, for_ms: int = 100) -> Role:
        for _ in range(for_ms // 100):
            self.now_ms += 100
            change = self.standing.look(self.now_ms, signs, traffic)
            if change is not None:
                self.changes.append(change)
        return self.standing.role

    def people(self, event: Event, why: str = "Sato: drill") -> Role:
        self.changes.append(self.standing.people(self.now_ms, event, why))
        return self.standing.role


@pytest.fixture
def holder() -> World:
    world = World()
    world.look(traffic=True, for_ms=3_000)
    assert world.standing.role is Role.HOLDING
    return world


def test_a_fit_center_is_standby_and_holds_only_when_terminals_come() -> None:
    world = World()
    assert world.look() is Role.WITHDRAWN
    assert world.look() is Role.STANDBY
    assert world.look(for_ms=60_000) is Role.STANDBY
    assert world.look(traffic=True) is Role.HOLDING
    assert [change.event for change in world.changes] == [Event.FIT, Event.TRAFFIC]


def test_a_center_that_returns_takes_nothing_back(holder: World) -> None:
    """Tokyo fails and comes back: it is least preferred until terminals come to it, however long that takes."""
    assert holder.look(Signs(journal=False), for_ms=200) is Role.WITHDRAWN
    assert holder.standing.why == "the journal cannot be written"
    assert holder.look(for_ms=3_600_000) is Role.STANDBY


def test_a_drained_center_is_withdrawn_and_standby_when_it_is_not_drained_any_more(holder: World) -> None:
    assert holder.look(Signs(drain=False), traffic=True, for_ms=60_000) is Role.WITHDRAWN
    assert (holder.changes[-1].event, holder.standing.why) == (Event.UNFIT, "whoever serves the address is drained")
    assert holder.look(for_ms=60_000) is Role.STANDBY


def test_terminals_that_are_leaving_do_not_bring_the_role_back(holder: World) -> None:
    holder.people(Event.HANDED_BACK)
    assert holder.look(traffic=True, for_ms=900) is Role.STANDBY
    assert holder.look(for_ms=60_000) is Role.STANDBY


def test_what_was_handed_back_to_nobody_is_held_again(holder: World) -> None:
    holder.people(Event.HANDED_BACK)
    assert holder.look(traffic=True, for_ms=1_000) is Role.HOLDING


def test_without_its_region_the_holder_steps_back_and_stays_announced(holder: World) -> None:
    assert holder.look(Signs(region=False), traffic=True, for_ms=60_000) is Role.STANDBY
    assert holder.standing.level is Level.STANDBY
    assert holder.look(traffic=True, for_ms=3_000) is Role.HOLDING, "nobody else took it, so terminals still come"


def test_a_holder_that_nobody_hears_steps_back_so_that_it_takes_nothing_back_when_it_is_heard_again(holder: World) -> None:
    assert holder.look(Signs(heard=False), for_ms=200) is Role.STANDBY
    assert holder.changes[-1].event is Event.UNHEARD
    assert holder.look(for_ms=3_600_000) is Role.STANDBY


def test_where_only_the_other_center_reaches_the_region_it_gets_the_terminals(holder: World) -> None:
    """The preferred center's standby beats the other's: to step back moves nothing, so it withdraws, and is standby again when
    the other is no better any more."""
    alone = Signs(region=False, peer=False)
    assert holder.look(alone, traffic=True, for_ms=1_000) is Role.WITHDRAWN
    assert holder.standing.why == "only the other center reaches the active region"
    assert holder.look(alone, for_ms=600_000) is Role.WITHDRAWN
    assert holder.look(Signs(region=False), for_ms=60_000) is Role.STANDBY, "the other has lost it, too, or is gone"


def test_a_standby_that_has_no_terminals_stays_announced_whoever_is_better() -> None:
    """It may be needed when the holder dies."""
    world = World()
    world.look(for_ms=1_000)
    assert world.look(Signs(region=False, peer=False), for_ms=60_000) is Role.STANDBY
    assert world.look(Signs(region=False, peer=False), traffic=True) is Role.WITHDRAWN


def test_where_it_is_chosen_so_a_silent_region_withdraws() -> None:
    world = World(StandingLimits(rise_count=1, fall_count=1, region_is_hard=True, damping=DAMPING))
    world.look()
    assert world.look(Signs(region=False)) is Role.WITHDRAWN


@pytest.mark.parametrize("sign", ["loop", "journal", "device"])
def test_each_hard_cause_withdraws_at_once(holder: World, sign: str) -> None:
    bad = Signs(**{sign: False})
    assert holder.look(bad) is Role.HOLDING
    assert holder.look(bad) is Role.WITHDRAWN
    assert holder.look(bad, traffic=True, for_ms=60_000) is Role.WITHDRAWN


def test_people_withdraw_over_a_restart_and_give_back_by_hand(holder: World) -> None:
    assert holder.people(Event.PEOPLE_WITHDREW) is Role.PAUSED
    assert holder.look(traffic=True, for_ms=60_000) is Role.PAUSED
    again = World(paused="Sato: drill")
    assert again.look(traffic=True, for_ms=60_000) is Role.PAUSED
    assert again.standing.why == "Sato: drill"
    assert again.people(Event.PEOPLE_RESUMED) is Role.WITHDRAWN
    assert again.look() is Role.STANDBY
    with pytest.raises(Unexpected):
        again.people(Event.HANDED_BACK)


def test_a_drain_steps_back_and_never_up_again(holder: World) -> None:
    assert holder.people(Event.DRAINING) is Role.LEAVING
    assert holder.look(traffic=True, for_ms=60_000) is Role.LEAVING
    assert holder.people(Event.ENDED) is Role.GONE
    assert holder.look(traffic=True, for_ms=60_000) is Role.GONE


def test_damping_is_told_while_it_holds_back(holder: World) -> None:
    holder.look(Signs(journal=False), for_ms=200)
    holder.look(for_ms=200)
    assert holder.standing.role is Role.WITHDRAWN
    assert holder.standing.waits_ms == 1_800, "two seconds after one flap, 200 ms of them gone"


signs = st.builds(Signs, loop=st.booleans(), journal=st.booleans(), region=st.booleans(), heard=st.booleans())
looks = st.tuples(st.just("look"), signs, st.booleans())
people = st.sampled_from([Event.PEOPLE_WITHDREW, Event.PEOPLE_RESUMED, Event.HANDED_BACK])
deeds = st.one_of(
    looks, st.tuples(st.just("well"), st.just(WELL), st.just(True)), st.tuples(st.just("people"), people, st.just(False))
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([1, 50, 500, 1_000, 7_000, 30_000]), deeds), max_size=120),
    st.integers(4, 9),
    st.sampled_from([1, 500, 1_000]),
    st.booleans(),
)
def test_whatever_comes_the_route_moves_no_more_than_k_times_a_minute(
    steps: list[tuple[int, tuple[str, object, bool]]], most: int, stay_ms: int, is_hard: bool
) -> None:
    damping = DampingLimits(stay_ms=stay_ms, stay_ms_max=2_000, calm_ms=1_000, changes_per_minute_max=most)
    standing = Standing(StandingLimits(rise_count=1, fall_count=1, region_is_hard=is_hard, damping=damping))
    now_ms, moves = 0, list[int]()
    for delay_ms, (kind, what, traffic) in steps:
        now_ms += delay_ms
        change: Change | None = None
        if isinstance(what, Event):
            try:
                change = standing.people(now_ms, what, kind)
            except Unexpected:
                continue
        elif isinstance(what, Signs):
            before = standing.role
            change = standing.look(now_ms, what, traffic)
            hard = what.loop and what.journal and (what.region or not is_hard)
            assert hard or standing.level is Level.NONE, "a sick center is announced"
            assert not (standing.role is Role.HOLDING and before is not Role.HOLDING) or before is Role.STANDBY
        if change is not None and change.moves_route:
            moves.append(now_ms)
            assert sum(now_ms - moment < MINUTE_MS for moment in moves) <= most


@pytest.mark.parametrize("cause", ["standing", "journal", "loop", "device", "drain"])
def test_a_center_that_was_taken_over_is_withdrawn_and_says_why(holder: World, cause: str) -> None:
    """As for whatever else makes it unfit; each says its own word."""
    ill = Signs(**{cause: False})
    assert holder.look(ill, traffic=True) is Role.HOLDING
    assert holder.look(ill, traffic=True) is Role.WITHDRAWN
    assert (holder.standing.why == "the other center has taken this one over") == (cause == "standing")
    assert holder.look(ill, for_ms=120_000) is Role.WITHDRAWN
