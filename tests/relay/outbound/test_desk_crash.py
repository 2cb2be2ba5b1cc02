"""A crash after every single step of a story, and two: nothing is sent twice, nothing is lost, the core hears of every end.

The story: a core posts five messages to two lines and repeats each post until it is answered; cancels one; one line gives the
first offers back; one message is refused by its line and one is never answered. After the crash the line's far end is there
again.
"""

from __future__ import annotations

from random import Random

import pytest

from relay.outbound.ports import Conflict, Known, NoSuch, Posted, Taken, TooLate
from tests.support.outboundworld import FarLink, OutboundWorld

MESSAGES = [("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a"), ("b2", "b")]
CANCELLED = "a3"


class Story:
    """A core that repeats what was not answered, and far ends that come back; both outlive the relay."""

    def __init__(self, seed: int = 0, remembers: bool = False) -> None:
        self.world = OutboundWorld()
        self.world.remembers = remembers
        self.chance = Random(seed)
        self.accepted: list[str] = []
        self.cancel_answers: list[object] = []
        self.life = 0
        self._begin()

    def _begin(self) -> None:
        self.life = self.world.lives
        world = self.world
        for key, line in MESSAGES:
            if key not in self.accepted:
                self._post(key, line, self.life)
        if not self.cancel_answers:
            world.time.after(4, lambda: self._cancel(world.lives))
        world.time.after(2, self._connect)

    def _post(self, key: str, line: str, life: int) -> None:
        def answered(result: object) -> None:
            if life == self.world.lives:
                assert not isinstance(result, Conflict)
                if isinstance(result, (Taken, Known)) and key not in self.accepted:
                    self.accepted.append(key)

        body = b"{}"
        posted = Posted(key=key, listener="switch", line=line, kind="echo", body=body, canonical=f"{line}|{key}")
        self.world.outbound.post(posted, answered)

    def _cancel(self, life: int) -> None:
        def answered(result: object) -> None:
            if life == self.world.lives:
                assert isinstance(result, (Known, TooLate, NoSuch))
                self.cancel_answers.append(result)

        if life == self.world.lives:
            self.world.outbound.cancel(CANCELLED, "cancelled by the core", answered)

    def _connect(self) -> None:
        world = self.world
        if ("switch", "a") not in world.links:
            link = world.connect(line="a", mode="defer" if world.lives == 1 else "send")
            link.timers.after(3, lambda: self._willing(link))
            world.connect(line="b", mode="mute" if world.lives == 1 else "send")
            if world.lives == 1:
                self.world.timers.after(8, self._lose_b)

    def _willing(self, link: FarLink) -> None:
        link.mode = "send"
        self.world.outbound.link_ready("switch", "a")

    def _lose_b(self) -> None:
        """The line to b breaks with its first message unanswered, and comes back."""
        self.world.links["switch", "b"].close()
        self.world.connect(line="b", mode="fail")

    def crash(self, keep_in_flight: bool) -> None:
        self.world.crash(keep_in_flight=keep_in_flight)
        self._begin()

    def run_steps(self, count: int) -> bool:
        """False when nothing more happens."""
        return all(self.world.time.step() for _ in range(count))

    def finish(self) -> None:
        self.world.time.run(300_000)


def check(story: Story) -> None:
    world = story.world
    assert sorted(story.accepted) == sorted(key for key, _ in MESSAGES), "every post was answered in the end"
    assert len(set(world.wire)) == len(world.wire), f"sent twice: {world.wire}"
    for line in ("a", "b"):
        sent = [key for key in world.wire if dict(MESSAGES)[key] == line]
        assert sent == sorted(sent), "in the order of their taking"
    for key, _ in MESSAGES:
        stored = world.stored(key)
        state = stored.state.value
        assert state in {"acknowledged", "unknown", "failed", "cancelled"}, f"{key} is {state}: lost"
        assert stored.reported is stored.state
        assert world.core.states_of(key) == [state], "the core heard of exactly this end"
        if state == "acknowledged":
            assert key in world.wire
        if state in {"cancelled", "failed"}:
            assert key not in world.wire
        if state == "cancelled":
            assert key == CANCELLED
    if any(isinstance(answer, Known) for answer in story.cancel_answers):
        assert world.state(CANCELLED) == "cancelled"
    assert world.outbound.register.open == {}
    assert world.outbound.register.open_bytes == 0
    unknown = sum(world.state(key) == "unknown" for key, _ in MESSAGES)
    assert world.count("relay_outbound_unknown_messages") == unknown
    assert world.unexpected() == 0
    if world.remembers:
        for key, _ in MESSAGES:
            assert world.state(key) != "unknown" or key in world.wire, f"{key} never left, and is left to a person"


def steps_of_the_whole_story() -> int:
    story = Story()
    before = story.world.time.steps
    story.finish()
    check(story)
    assert story.world.wire == ["b1", "a1", "a2"]
    assert [story.world.state(key) for key in ("a1", "a2", "a3", "b1", "b2")] == [
        "acknowledged",
        "acknowledged",
        "cancelled",
        "unknown",
        "failed",
    ]
    return story.world.time.steps - before


def test_the_story_without_a_crash() -> None:
    assert steps_of_the_whole_story() > 30


@pytest.mark.parametrize("keep_in_flight", [False, True], ids=["group lost", "group kept"])
def test_a_crash_after_every_step(keep_in_flight: bool) -> None:
    ends: set[str] = set()
    for step in range(steps_of_the_whole_story() + 1):
        story = Story()
        story.run_steps(step)
        story.crash(keep_in_flight)
        story.finish()
        check(story)
        ends |= {f"{key} {story.world.state(key)}" for key, _ in MESSAGES}
    # The crashes fell where it matters: each of these was both finished and cut short somewhere.
    assert {"a1 acknowledged", "a1 unknown", "a3 cancelled", "b1 acknowledged", "b1 unknown"} <= ends


@pytest.mark.parametrize("seed", range(60))
def test_crashes_at_random_steps_of_life_after_life(seed: int) -> None:
    story = Story(seed)
    chance = Random(seed)
    for _ in range(chance.randint(2, 6)):
        story.run_steps(chance.randint(0, 45))
        story.crash(chance.random() < 0.5)
    story.finish()
    check(story)


@pytest.mark.parametrize("keep_in_flight", [False, True], ids=["group lost", "group kept"])
def test_a_crash_after_every_step_where_the_lines_remember(keep_in_flight: bool) -> None:
    """What never left is never called unknown, and still nothing is sent twice or out of order."""
    asked = 0
    for step in range(steps_of_the_whole_story() + 1):
        story = Story(remembers=True)
        story.run_steps(step)
        story.crash(keep_in_flight)
        story.finish()
        check(story)
        asked += sum(len(link.questions) for link in story.world.links.values())
    assert asked > 5, "the crashes fell where it matters"


@pytest.mark.parametrize("seed", range(40))
def test_crashes_in_life_after_life_where_the_lines_remember(seed: int) -> None:
    story = Story(seed, remembers=True)
    chance = Random(seed)
    for _ in range(chance.randint(2, 6)):
        story.run_steps(chance.randint(0, 45))
        story.crash(chance.random() < 0.5)
    story.finish()
    check(story)
