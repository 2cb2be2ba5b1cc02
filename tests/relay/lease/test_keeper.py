"""Two keepers on one lease: never two at once within the drift bound, whatever stalls, is lost or comes late; and mutations
that must be seen."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from protocols.dialect import LineRight
from relay.lease.keeper import Heard, Keeper, Overtaken, Signed
from relay.lease.lease import Answer, Denied, Granted, Lease, Silent
from relay.lease.limits import LeaseLimits
from relay.lease.states import State
from relay.telemetry.metrics import Metrics
from tests.support.leaseclocks import LIMITS, World
from tests.support.virtualtime import VirtualTime

MINUTE_MS = 60_000
SEEDS = range(16)
TAKEN = Signed("Sato", "Suzuki", "osaka is down")


@pytest.mark.parametrize("seed", SEEDS)
def test_never_two_at_once_and_tokens_only_rise(seed: int) -> None:
    world = World(seed)
    world.run(10 * MINUTE_MS, trouble_ms=8_000)
    assert not world.together, f"seed {seed}: both spoke at {world.together[:5]}"
    tokens = [token for token, _ in world.opened]
    assert tokens == sorted(tokens), "no token goes back"
    assert len(dict(world.opened)) == len(set(world.opened)), "no two centers have one token"
    assert sum(world.spoken_ms.values()) > 0, "a lease that nobody ever gets is safe, and of no use"


def test_without_trouble_one_holds_all_the_time() -> None:
    world = World(7, is_calm=True)
    world.time.run(10 * MINUTE_MS)
    assert max(world.spoken_ms.values()) > 9 * MINUTE_MS
    assert min(world.spoken_ms.values()) == 0
    assert len(world.opened) == 1


def found_by_seeds() -> int:
    """In how many of the seeds both spoke."""
    found = 0
    for seed in SEEDS:
        world = World(seed)
        world.run(10 * MINUTE_MS, trouble_ms=8_000)
        found += bool(world.together)
    return found


def test_a_holder_that_does_not_stop_by_itself_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lease, "may_speak", lambda self, now_ms: self.is_speaking)
    monkeypatch.setattr(Lease, "look", lambda self, now_ms: None)
    monkeypatch.setattr(Lease, "next_look_ms", lambda self: None)
    assert found_by_seeds() >= len(SEEDS) // 2


def test_a_lease_that_is_held_without_its_margin_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LeaseLimits, "hold_ms", property(lambda self: self.ttl_ms + self.clock_drift_ms))
    assert found_by_seeds()


class ScriptedDoor:
    """Keeps what it was asked; a test answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, Signed, Heard]] = []
        self.released: list[int] = []

    def acquire(self, resource: str, token_min: int, signed: Signed, done: Heard) -> None:
        self.asked.append((token_min, signed, done))

    def release(self, resource: str, token: int, done: Callable[[bool], None]) -> None:
        self.released.append(token)
        done(True)


class Line:
    def __init__(self) -> None:
        self.said: list[str] = []

    def open(self) -> None:
        self.said.append("open")

    def shut(self, why: str) -> None:
        self.said.append("shut")


class Rig:
    def __init__(self, token_seen: int = 0) -> None:
        self.time = VirtualTime()
        self.door = ScriptedDoor()
        self.line = Line()
        self.states: list[State] = []
        self.metrics = Metrics()
        self.keeper = Keeper(
            "line",
            Lease(LIMITS, token_seen),
            self.door,
            self.line,
            lambda keeper: self.states.append(keeper.lease.state),
            boot_ms=self.time.monotonic_ms,
            timers=self.time,
            random=Random(1),
            metrics=self.metrics,
        )

    def answer(self, answer: Answer, after_ms: int = 0) -> None:
        _, _, done = self.door.asked.pop(0)
        asked_ms = self.time.monotonic_ms()
        self.time.run(after_ms)
        done(asked_ms, answer)

    def held(self, token: int = 4) -> Rig:
        self.keeper.want("start")
        self.answer(Granted(LineRight(token)))
        return self

    def sample(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"lease": "line", **labels})


def test_it_opens_when_granted_and_is_shut_before_its_state_is_told_when_nobody_answers() -> None:
    rig = Rig().held()
    assert rig.line.said == ["open"]
    assert rig.keeper.may_speak()
    rig.time.run(LIMITS.hold_ms - 1)
    assert rig.keeper.may_speak()
    rig.time.run(2)
    assert rig.line.said == ["open", "shut"]
    assert rig.states == [State.SEEKING, State.HELD, State.FAULT]
    assert rig.sample("relay_lease_state", state="fault") == 1
    assert rig.sample("relay_lease_demotions_total") == 1
    rig.time.run(10 * LIMITS.ttl_ms)
    assert len(rig.door.asked) == 1, "in FAULT nobody is asked any more"


def test_a_process_that_was_stopped_may_not_speak_before_any_timer_fired() -> None:
    rig = Rig().held()
    rig.time._now_ms += LIMITS.ttl_ms  # as a stop does: no timer fires meanwhile
    assert not rig.keeper.may_speak()
    assert rig.keeper.lease.state is State.HELD, "and nobody has told it yet"


def test_a_granted_answer_after_the_deadline_finds_the_line_given_up() -> None:
    rig = Rig().held()
    rig.time.run(LIMITS.renew_ms)
    rig.answer(Granted(LineRight(4)), after_ms=LIMITS.hold_ms)
    assert rig.keeper.lease.state is State.FAULT
    assert rig.sample("relay_lease_answers_total", result="late") == 1


def test_a_standby_without_a_database_goes_to_fault_too() -> None:
    rig = Rig()
    rig.keeper.want("start")
    rig.answer(Silent("away"))
    rig.time.run(LIMITS.ttl_ms)
    assert rig.keeper.lease.state is State.FAULT
    assert rig.line.said == []


def test_a_release_shuts_first_and_then_tells_the_database() -> None:
    rig = Rig().held(9)
    rig.keeper.release("drill")
    assert rig.line.said == ["open", "shut"]
    assert rig.door.released == [9]
    assert rig.keeper.lease.state is State.IDLE


def test_two_people_take_it_by_the_database_under_a_token_above_every_one_seen() -> None:
    rig = Rig(token_seen=6)
    rig.keeper.found_in_fault("as before")
    heard: list[Answer] = []
    rig.keeper.take(TAKEN, "taken", rig.keeper.release_count, heard.append)
    assert rig.door.asked[0][:2] == (7, TAKEN)
    rig.answer(Granted(LineRight(7)))
    assert heard == [Granted(LineRight(7))]
    assert rig.keeper.lease.state is State.HELD
    assert rig.line.said == ["open"]


@pytest.mark.parametrize("answer", [Denied("osaka", 3, 9, 4_000), Silent("away")])
def test_what_the_database_does_not_give_is_not_taken(answer: Answer) -> None:
    rig = Rig()
    rig.keeper.found_in_fault("as before")
    heard: list[Answer] = []
    rig.keeper.take(TAKEN, "taken", rig.keeper.release_count, heard.append)
    rig.answer(answer)
    assert heard == [answer]
    assert rig.keeper.lease.state is State.FAULT


def test_a_taking_whose_answer_came_too_late_is_none() -> None:
    rig = Rig()
    rig.keeper.found_in_fault("as before")
    heard: list[Answer] = []
    rig.keeper.take(TAKEN, "taken", rig.keeper.release_count, heard.append)
    rig.answer(Granted(LineRight(1)), after_ms=LIMITS.request_timeout_ms + 1)
    assert isinstance(heard[0], Silent)
    assert rig.keeper.lease.state is State.FAULT


def test_by_hand_goes_on_without_a_database_and_becomes_a_lease_with_it() -> None:
    rig = Rig(token_seen=6)
    rig.keeper.found_in_fault("as before")
    assert rig.keeper.take_by_hand("Sato and Suzuki", rig.keeper.release_count) is None
    rig.time.run(10 * LIMITS.ttl_ms)
    assert rig.keeper.may_speak()
    assert rig.keeper.right == LineRight(7)
    token_min, _, _ = rig.door.asked[0]
    assert token_min == 7
    rig.answer(Granted(LineRight(7)))
    assert rig.keeper.lease.state is State.HELD
    assert rig.line.said == ["open"], "the same token: the links stay"


def test_by_hand_against_a_higher_token_opens_the_line_anew() -> None:
    rig = Rig(token_seen=6)
    rig.keeper.found_in_fault("as before")
    assert rig.keeper.take_by_hand("Sato and Suzuki", rig.keeper.release_count) is None
    rig.time.run(LIMITS.renew_ms)
    rig.answer(Granted(LineRight(9, 8, "osaka")))
    assert rig.line.said == ["open", "shut", "open"]
    assert rig.keeper.right == LineRight(9, 8, "osaka")


def test_by_hand_against_a_living_holder_ends_at_once() -> None:
    rig = Rig(token_seen=6)
    rig.keeper.found_in_fault("as before")
    assert rig.keeper.take_by_hand("Sato and Suzuki", rig.keeper.release_count) is None
    rig.time.run(LIMITS.renew_ms)
    rig.answer(Denied("osaka", 3, 9, 4_000))
    assert rig.line.said == ["open", "shut"]
    assert rig.keeper.lease.state is State.FAULT
    assert rig.keeper.lease.token_seen == 9


def test_pauses_are_jittered_and_shorter_after_silence() -> None:
    rig = Rig().held()
    pauses = []
    for answer in (Granted(LineRight(4)), Granted(LineRight(4)), Silent("away"), Silent("away")):
        began_ms = rig.time.monotonic_ms()
        while not rig.door.asked:
            rig.time.step()
        pauses.append(rig.time.monotonic_ms() - began_ms)
        rig.answer(answer)
    assert len(set(pauses)) == len(pauses)
    assert all(0.75 * LIMITS.renew_ms <= pause <= LIMITS.renew_ms for pause in pauses[:3])
    assert pauses[3] <= LIMITS.retry_ms


def test_a_stopped_keeper_asks_nobody() -> None:
    rig = Rig().held()
    rig.keeper.stop()
    rig.time.run(5 * LIMITS.ttl_ms)
    assert rig.door.asked == []


@pytest.mark.parametrize("ended", ["stop", "release"])
def test_a_grant_that_nobody_wants_any_more_opens_nothing_and_is_given_back(ended: str) -> None:
    """A standby that stops, or whose line people release, while its question is under way: else the line would be nobody's
    until the lease ends."""
    rig = Rig()
    rig.keeper.want("start")
    if ended == "stop":
        rig.keeper.stop()
    else:
        rig.keeper.release("drill")
    rig.answer(Granted(LineRight(4)))
    assert rig.line.said == []
    assert rig.door.released == [4]
    assert not rig.keeper.may_speak()
    rig.time.run(5 * LIMITS.ttl_ms)
    assert rig.door.asked == [], "and nothing is asked any more"


def test_a_taking_that_the_stop_overtakes_opens_nothing_and_is_given_back() -> None:
    rig = Rig()
    rig.keeper.found_in_fault("as before")
    heard: list[Answer | Overtaken] = []
    rig.keeper.take(TAKEN, "taken", rig.keeper.release_count, heard.append)
    rig.keeper.stop()
    rig.answer(Granted(LineRight(1)))
    assert heard == [Overtaken("the relay stops")]
    assert rig.line.said == []
    assert rig.door.released == [1]
    rig.time.run(5 * LIMITS.ttl_ms)
    assert rig.door.asked == []


def test_a_taking_that_a_release_overtakes_opens_nothing_and_is_given_back() -> None:
    """Who releases said it last: a drain, a person, or a center that hears that it was taken over."""
    rig = Rig()
    rig.keeper.want("start")
    heard: list[Answer | Overtaken] = []
    rig.keeper.take(TAKEN, "taken", rig.keeper.release_count, heard.append)
    rig.keeper.release("drill")
    for _, _, done in list(rig.door.asked):
        done(rig.time.monotonic_ms(), Granted(LineRight(1)))
    assert heard == [Overtaken("it was released meanwhile")]
    assert rig.line.said == []
    assert rig.door.released == [1, 1], "the question's and the taking's"
    assert rig.keeper.lease.state is State.IDLE


def test_an_answer_of_before_a_release_is_none_for_whoever_wants_the_line_again() -> None:
    """The release has taken back what that answer gives: believed, two centers would speak on one line."""
    rig = Rig().held(4)
    rig.time.run(LIMITS.renew_ms)
    assert len(rig.door.asked) == 1, "a renewal is under way"
    rig.keeper.release("drill")
    rig.keeper.want("on second thoughts")
    rig.answer(Granted(LineRight(4)))
    assert rig.line.said == ["open", "shut"]
    assert not rig.keeper.may_speak()
    rig.time.run(LIMITS.retry_ms)
    rig.answer(Granted(LineRight(5)))
    assert rig.line.said == ["open", "shut", "open"]
    assert rig.keeper.right == LineRight(5)
