"""What the herald does, and in what order: the address before who serves on it, the route before the sessions."""

from __future__ import annotations

import pytest

from relay.announce.damping import DampingLimits
from relay.announce.health import Cause, Signs
from relay.announce.herald import DEVICE_AGAIN_MS, LATE_MS_MAX, Herald, Serving
from relay.announce.port import Level, SpeakerState
from relay.announce.role import Event, Role
from relay.announce.standing import Standing, StandingLimits
from relay.errors import RelayError
from relay.telemetry.metrics import Metrics
from tests.support.virtualtime import VirtualTime

LIMITS = StandingLimits(rise_count=2, fall_count=2, damping=DampingLimits(stay_ms=1_000))


class World:
    """Fulfils the announcer's port, and is who serves; writes down what it is told, in order."""

    def __init__(self, paused: str = "", is_told: bool = True) -> None:
        self.time = VirtualTime()
        self.metrics = Metrics()
        self.signs = Signs()
        self.sent = 0.0
        self.told: list[str] = []
        self.problem = self.cannot_accept = self.lost = ""
        self.speaker = SpeakerState(seen=Level.STANDBY, sessions_up=2)
        self.herald = Herald(
            Standing(LIMITS, paused),
            self,
            lambda: self.signs,
            lambda: self.sent,
            Serving(
                self.accept,
                lambda: self.told.append("refuse"),
                lambda: lambda: self.told.append("reset"),
                lambda why: self.told.append(why),
            ),
            self.time,
            self.time,
            self.metrics,
            100,
            500,
            is_told,
        )

    async def start(self) -> None:
        self.told.append("start")

    def announce(self, level: Level) -> str:
        self.told.append(level.value)
        return self.problem

    def keep(self) -> str:
        return self.lost

    def withdraw(self) -> None:
        self.told.append("withdraw")

    def state(self) -> SpeakerState:
        return self.speaker

    async def stop(self) -> None:
        self.told.append("stop")

    def accept(self) -> str:
        self.told.append("accept")
        return self.cannot_accept

    def take(self) -> list[str]:
        told, self.told = self.told, []
        return told

    def pass_ms(self, for_ms: int, traffic: bool = False) -> Role:
        for _ in range(for_ms // 100):
            self.sent += traffic
            self.time.run(100)
        return self.herald.role

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
async def holder() -> World:
    world = World()
    await world.herald.start()
    assert world.pass_ms(2_000, traffic=True) is Role.HOLDING
    return world


async def test_the_address_comes_before_who_serves_on_it(holder: World) -> None:
    assert holder.take() == ["start", "standby", "accept", "holding", "terminals come here"]
    assert holder.value("relay_announce_role", role="holding") == 1
    assert holder.value("relay_announce_role", role="standby") == 0
    assert holder.value("relay_announce_route_changes_total", level="holding") == 1
    assert holder.value("relay_announce_sessions") == 2


async def test_the_route_goes_before_the_sessions(holder: World) -> None:
    holder.take()
    holder.signs = Signs(journal=False)
    assert holder.pass_ms(200) is Role.WITHDRAWN
    assert holder.take() == ["withdraw", "refuse"]
    holder.pass_ms(500)
    assert holder.take() == ["reset"]
    assert holder.herald.why == "the journal cannot be written"
    assert holder.value("relay_announce_healthy", cause="journal") == 0


async def test_handed_back_sessions_are_reset_when_the_route_has_moved(holder: World) -> None:
    holder.take()
    holder.herald.decide(Event.HANDED_BACK, "Sato: back to Tokyo")
    holder.pass_ms(400)
    assert holder.take() == ["standby"]
    holder.pass_ms(200)
    assert holder.take() == ["reset"]


async def test_a_silent_region_steps_back_and_resets_nobody(holder: World) -> None:
    holder.take()
    holder.signs = Signs(region=False)
    assert holder.pass_ms(5_000) is Role.STANDBY
    assert holder.take() == ["standby"]


@pytest.mark.parametrize("speaker", [SpeakerState(seen=Level.HOLDING, sessions_up=0), SpeakerState(problem="BIRD is gone")])
async def test_where_nobody_hears_us_the_sessions_are_dead_and_reset(holder: World, speaker: SpeakerState) -> None:
    holder.take()
    holder.speaker = speaker
    assert holder.pass_ms(5_000) is Role.STANDBY
    assert holder.take() == ["standby", "reset"]
    assert holder.herald.why == "nobody hears the announcement"


async def test_sessions_that_stayed_at_a_silent_region_are_reset_when_nobody_hears_us_any_more(holder: World) -> None:
    """Cut off from everything: without BFD the region is silent before the neighbour is given up."""
    holder.signs = Signs(region=False)
    assert holder.pass_ms(5_000) is Role.STANDBY
    holder.take()
    holder.speaker = SpeakerState(seen=Level.STANDBY, sessions_up=0)
    assert holder.pass_ms(5_000) is Role.STANDBY
    assert holder.take() == ["standby", "reset"], "once"
    assert holder.value("relay_announce_route_changes_total", level="standby") == 2, "that moves no route"
    for sessions_up in (1, 0, 1):
        holder.speaker = SpeakerState(seen=Level.STANDBY, sessions_up=sessions_up)
        holder.pass_ms(5_000)
    assert holder.take() == [], "a speaker that comes and goes does not reset a standby's sessions each time"


async def test_what_makes_no_sense_now_is_refused_in_words(holder: World) -> None:
    with pytest.raises(RelayError, match="this center is holding: people resumed means nothing now"):
        holder.herald.decide(Event.PEOPLE_RESUMED, "x")


async def test_an_address_that_cannot_be_held_is_served_by_nobody_and_tried_again_later() -> None:
    world = World()
    world.problem = "the device svc0 cannot be made: Operation not permitted."
    await world.herald.start()
    assert world.pass_ms(1_000) is Role.WITHDRAWN
    assert world.take() == ["start", "standby", "withdraw", "refuse", "reset"]
    assert world.herald.why == world.problem
    assert not world.herald.is_good(Cause.DEVICE)
    world.problem = ""
    assert world.pass_ms(DEVICE_AGAIN_MS - 2_000) is Role.WITHDRAWN
    assert world.pass_ms(2_500) is Role.STANDBY
    assert world.take() == ["standby", "accept"]
    assert world.herald.why == "fit to serve"


async def test_an_address_that_was_taken_away_and_cannot_be_put_back_takes_the_role(holder: World) -> None:
    holder.take()
    holder.lost = "the device svc0 cannot be made: Operation not permitted."
    assert holder.pass_ms(100) is Role.WITHDRAWN
    assert holder.take() == ["withdraw", "refuse"]
    assert holder.herald.why == holder.lost
    assert not holder.herald.is_good(Cause.DEVICE)
    assert holder.pass_ms(1_000) is Role.WITHDRAWN, "nobody keeps what is not announced"
    holder.lost = ""
    assert holder.pass_ms(DEVICE_AGAIN_MS + 1_000) is Role.STANDBY


async def test_a_port_that_is_taken_takes_the_address_back() -> None:
    world = World()
    world.cannot_accept = "Cannot listen on 198.18.0.10 port 8583: Address already in use."
    await world.herald.start()
    assert world.pass_ms(1_000) is Role.WITHDRAWN
    assert world.take() == ["start", "standby", "accept", "withdraw", "refuse", "reset"]
    assert "already in use" in world.herald.why


async def test_a_loop_that_was_late_twice_is_no_center_to_come_to(holder: World) -> None:
    for _ in range(2):
        assert holder.herald.role is Role.HOLDING
        holder.time._now_ms += LATE_MS_MAX + 100  # the loop stood still
        holder.time.run(0)
    assert holder.herald.role is Role.WITHDRAWN
    assert holder.herald.why == "the event loop is late"


async def test_what_is_announced_and_not_seen_is_a_metric(holder: World) -> None:
    assert holder.value("relay_announce_unheard") == 0
    holder.speaker = SpeakerState(problem="BIRD is gone")
    holder.pass_ms(100)
    assert holder.value("relay_announce_unheard") == 1


async def test_where_there_is_no_service_address_the_metrics_tell_no_role() -> None:
    world = World(is_told=False)
    await world.herald.start()
    assert world.pass_ms(2_000) is Role.STANDBY
    assert world.value("relay_announce_role", role="standby") == 0


async def test_a_stop_withdraws_and_looks_no_more(holder: World) -> None:
    holder.take()
    holder.herald.leave()
    assert holder.herald.role is Role.LEAVING
    await holder.herald.stop()
    assert holder.take() == ["standby", "withdraw", "refuse", "reset", "stop"]
    assert holder.pass_ms(60_000, traffic=True) is Role.GONE
    assert holder.take() == []


async def test_a_center_that_people_withdrew_says_so_from_its_start() -> None:
    world = World(paused="Sato: the line is being moved")
    await world.herald.start()
    assert world.pass_ms(60_000, traffic=True) is Role.PAUSED
    assert world.herald.why == "Sato: the line is being moved"
    assert world.take() == ["start"]
    world.herald.leave()
    assert world.herald.role is Role.GONE


async def test_a_look_that_fails_by_a_mistake_of_ours_is_not_the_last_one(
    holder: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a center whose journal fails afterwards keeps its route for ever."""

    def broken() -> SpeakerState:
        raise LookupError("of ours")

    holder.take()
    with monkeypatch.context() as patched:
        patched.setattr(holder, "state", broken)
        with pytest.raises(LookupError):
            holder.pass_ms(100)
    holder.signs = Signs(journal=False)
    assert holder.pass_ms(1_000) is Role.WITHDRAWN
    assert holder.take()[0] == "withdraw"


async def test_whoever_lets_terminals_in_hears_each_time_that_another_centers_begin_to_come(holder: World) -> None:
    """So that the door ramps for a fleet that comes to a center which has listened for long."""
    holder.take()
    holder.pass_ms(10_000, traffic=True)
    assert holder.take() == [], "they come all the time"
    holder.herald.decide(Event.HANDED_BACK, "Sato: back to Tokyo")
    holder.pass_ms(60_000)
    holder.take()
    holder.pass_ms(1_000, traffic=True)
    assert holder.take() == ["holding", "terminals come here"]
