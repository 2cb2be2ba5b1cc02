"""Whether this life is still listened to: asked at the start until it is known, and never clear again once it was refused."""

from __future__ import annotations

from collections.abc import Callable

from protocols.vocabulary import NotProcessed, Unknown
from relay.core.contract import CenterAnswer
from relay.permit import Permit
from relay.takeover.standing import OwnStanding, Standing
from tests.support.virtualtime import VirtualTime

LOOK_MS = 100


class Core:
    """The one call that is made of the client."""

    def __init__(self) -> None:
        self.on_superseded: Callable[[], None] | None = None
        self.answers: list[CenterAnswer | NotProcessed | Unknown] = []
        self.asked: list[str] = []

    def center(
        self,
        name: str,
        permit: Permit,
        timeout_ms: int,
        done: Callable[[CenterAnswer | NotProcessed | Unknown], None],
    ) -> None:
        self.asked.append(name)
        done(self.answers.pop(0))


class Life:
    def __init__(self, *answers: CenterAnswer | NotProcessed | Unknown) -> None:
        self.time = VirtualTime()
        self.core = Core()
        self.core.answers = list(answers)
        self.permit: Permit | None = Permit(1, "tokyo")
        self.told: list[Standing] = []
        self.own = OwnStanding(
            "tokyo",
            7,
            self.core,  # type: ignore[arg-type]  # its one call
            lambda: self.permit,
            self.time,
            self.told.append,
            LOOK_MS,
            1_000,
        )
        self.own.start()


def test_the_newest_life_is_clear() -> None:
    life = Life(CenterAnswer(center="tokyo", newest=7))
    assert life.told == [Standing.CLEAR]
    assert life.core.asked == ["tokyo"]


def test_a_life_below_the_fence_is_superseded_and_knows_by_whom() -> None:
    life = Life(CenterAnswer(center="tokyo", newest=10_000_000, fence=10_000_000, run="osaka-1", by="osaka"))
    assert life.told == [Standing.SUPERSEDED]
    assert life.own.by == "osaka"


def test_silence_is_no_word_and_it_is_asked_again() -> None:
    life = Life(Unknown(why="lost"), NotProcessed(reason="wrong-region"), CenterAnswer(center="tokyo", newest=3))
    assert life.told == []
    life.time.run(LOOK_MS)
    assert life.told == []
    life.time.run(LOOK_MS)
    assert life.told == [Standing.CLEAR]


def test_nobody_is_asked_where_nobody_may_be_asked() -> None:
    life = Life(Unknown(why="lost"), CenterAnswer(center="tokyo", newest=7))
    life.permit = None
    life.time.run(LOOK_MS * 5)
    assert len(life.core.asked) == 1
    life.permit = Permit(1, "tokyo")
    life.time.run(LOOK_MS)
    assert life.told == [Standing.CLEAR]


def test_a_refused_call_ends_this_life_once_and_for_all() -> None:
    life = Life(CenterAnswer(center="tokyo", newest=7))
    assert life.core.on_superseded is not None
    life.core.on_superseded()
    life.core.on_superseded()
    life.own._heard(CenterAnswer(center="tokyo", newest=7))
    assert life.told == [Standing.CLEAR, Standing.SUPERSEDED]
    assert life.own.standing is Standing.SUPERSEDED


def test_after_the_stop_nothing_is_asked() -> None:
    life = Life(Unknown(why="lost"))
    life.own.stop()
    life.time.run(LOOK_MS * 3)
    assert life.core.asked == ["tokyo"]
