"""Whether this life is still listened to: asked at the start until it is known, then again and again, and never clear again
once it was refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from protocols.vocabulary import NotProcessed, Unknown
from relay.core.contract import CenterAnswer
from relay.permit import Permit
from relay.takeover.standing import RARE_MS, OwnStanding, Standing
from tests.support.virtualtime import VirtualTime

LOOK_MS = 100
OWN_LOOK_MS = 1_000
CLEAR = CenterAnswer(center="tokyo", newest=7)
FENCED = CenterAnswer(center="tokyo", newest=10_000_000, fence=10_000_000, run="osaka-1", by="osaka")


class Core:
    """The one call that is made of the client."""

    def __init__(self) -> None:
        self.on_superseded: Callable[[], None] | None = None
        self.answers: list[CenterAnswer | NotProcessed | Unknown] = []
        self.is_slow = False  # answers when it is told to
        self.slow: list[Callable[[CenterAnswer | NotProcessed | Unknown], None]] = []
        self.asked: list[str] = []

    def center(
        self,
        name: str,
        permit: Permit,
        timeout_ms: int,
        done: Callable[[CenterAnswer | NotProcessed | Unknown], None],
    ) -> None:
        self.asked.append(name)
        if self.is_slow:
            self.slow.append(done)
        else:
            done(self.answers.pop(0))


class Life:
    def __init__(self, *answers: CenterAnswer | NotProcessed | Unknown, is_awaited: bool = True) -> None:
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
            OWN_LOOK_MS,
            1_000,
            is_awaited,
        )
        self.own.start()


def test_the_newest_life_is_clear() -> None:
    life = Life(CenterAnswer(center="tokyo", newest=7))
    assert life.told == [Standing.CLEAR]
    assert life.core.asked == ["tokyo"]


def test_a_life_below_the_fence_is_superseded_and_knows_by_whom() -> None:
    life = Life(FENCED)
    assert life.told == [Standing.SUPERSEDED]
    assert life.own.by == "osaka"


def test_doors_are_barred_until_the_first_word_and_only_where_it_is_awaited() -> None:
    silent = NotProcessed(reason="connect")
    assert Life(silent).own.bars_doors
    assert not Life(silent, is_awaited=False).own.bars_doors
    assert not Life(CLEAR).own.bars_doors
    assert not Life(FENCED).own.bars_doors, "superseded is another thing, and for ever"


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
    assert len(life.core.asked) == 1, "nobody may be asked"
    life.permit = Permit(1, "tokyo")
    life.time.run(LOOK_MS)
    assert life.told == [Standing.CLEAR]


def test_a_refused_call_ends_this_life_once_and_for_all() -> None:
    life = Life(CenterAnswer(center="tokyo", newest=7))
    assert life.core.on_superseded is not None
    life.core.answers = [CenterAnswer(center="tokyo", newest=7)]  # of a region whose copy lacks the fence
    life.core.on_superseded()
    life.core.on_superseded()
    assert life.told == [Standing.CLEAR, Standing.SUPERSEDED]
    assert life.own.standing is Standing.SUPERSEDED
    assert len(life.core.asked) == 2


def test_whom_a_refused_call_did_not_name_is_asked_for() -> None:
    life = Life(CenterAnswer(center="tokyo", newest=7))
    assert life.core.on_superseded is not None
    life.core.answers = [Unknown(why="lost"), FENCED]
    life.core.on_superseded()
    assert life.own.by == ""
    life.time.run(LOOK_MS)
    assert life.own.by == "osaka"
    life.time.run(LOOK_MS * 5)
    assert len(life.core.asked) == 3, "and no more once it is known"
    assert life.told == [Standing.CLEAR, Standing.SUPERSEDED]


def test_a_call_that_is_refused_before_the_first_answer_costs_no_answer() -> None:
    life = Life(Unknown(why="lost"), FENCED)
    assert life.core.on_superseded is not None
    life.core.on_superseded()  # what recovery had to say came first
    assert len(life.core.asked) == 1, "it is being asked for already"
    life.time.run(LOOK_MS)
    assert (life.own.by, life.told) == ("osaka", [Standing.SUPERSEDED])


def test_after_the_stop_nothing_is_asked() -> None:
    life = Life(Unknown(why="lost"))
    life.own.stop()
    life.time.run(LOOK_MS * 3)
    assert life.core.asked == ["tokyo"]


def test_a_clear_life_without_a_single_call_hears_of_its_fence_within_one_look() -> None:
    life = Life(CLEAR, CLEAR, Unknown(why="lost"), FENCED)
    life.time.run(OWN_LOOK_MS - 1)
    assert len(life.core.asked) == 1
    life.time.run(1)
    life.time.run(OWN_LOOK_MS)
    assert (len(life.core.asked), life.told) == (3, [Standing.CLEAR]), "silence of the core is no word"
    life.time.run(OWN_LOOK_MS - 1)
    assert life.told == [Standing.CLEAR]
    life.time.run(1)
    assert life.told == [Standing.CLEAR, Standing.SUPERSEDED]
    assert life.own.by == "osaka"
    life.time.run(OWN_LOOK_MS * 5)
    assert len(life.core.asked) == 4, "it is over: nothing is asked any more"


def test_a_look_under_way_when_a_call_is_refused_is_the_one_that_says_by_whom() -> None:
    life = Life(CLEAR)
    life.core.is_slow = True
    life.time.run(OWN_LOOK_MS)
    assert life.core.on_superseded is not None
    life.core.on_superseded()
    assert len(life.core.asked) == 2
    life.core.slow.pop()(FENCED)
    assert (life.own.by, life.told) == ("osaka", [Standing.CLEAR, Standing.SUPERSEDED])
    life.time.run(OWN_LOOK_MS * 5)
    assert len(life.core.asked) == 2


def test_a_call_that_is_refused_between_two_looks_is_asked_about_at_once_and_only_once() -> None:
    life = Life(CLEAR)
    life.time.run(OWN_LOOK_MS // 2)
    life.core.answers = [FENCED]
    assert life.core.on_superseded is not None
    life.core.on_superseded()
    assert (life.own.by, len(life.core.asked)) == ("osaka", 2)
    life.time.run(OWN_LOOK_MS * 5)
    assert len(life.core.asked) == 2


def test_an_answer_that_comes_after_the_stop_begins_no_other_question() -> None:
    life = Life(CLEAR)
    life.core.is_slow = True
    life.time.run(OWN_LOOK_MS)
    life.own.stop()
    life.core.slow.pop()(Unknown(why="lost"))
    life.time.run(OWN_LOOK_MS * 5)
    assert len(life.core.asked) == 2


@pytest.mark.parametrize("unknown", [Unknown(why="status"), NotProcessed(reason="invalid")], ids=["a page", "our problem"])
def test_a_core_that_does_not_know_the_question_is_seldom_asked(unknown: NotProcessed | Unknown) -> None:
    """An older one: two seconds of it would be an alert that never ends. It may learn."""
    life = Life(unknown, unknown, CLEAR, is_awaited=False)
    life.time.run(RARE_MS - 1)
    assert len(life.core.asked) == 1
    life.time.run(1)
    assert len(life.core.asked) == 2
    life.time.run(RARE_MS)
    assert life.told == [Standing.CLEAR]
    life.core.answers = [unknown, FENCED]  # one that has known it: whoever answers now is asked again soon
    life.time.run(2 * OWN_LOOK_MS)
    assert life.told == [Standing.CLEAR, Standing.SUPERSEDED]


def test_silence_of_a_core_is_no_word_that_it_does_not_know_the_question() -> None:
    life = Life(Unknown(why="lost: timeout"), NotProcessed(reason="not-authorised"), FENCED, is_awaited=False)
    life.time.run(2 * OWN_LOOK_MS)
    assert life.told == [Standing.SUPERSEDED]


def test_where_nobody_is_served_before_the_answer_it_is_asked_for_all_the_time() -> None:
    life = Life(Unknown(why="status"), Unknown(why="status"), CLEAR)
    life.time.run(2 * LOOK_MS)
    assert life.told == [Standing.CLEAR]


def test_who_is_refused_by_a_core_that_cannot_say_by_whom_asks_seldom() -> None:
    life = Life(Unknown(why="status"), Unknown(why="status"))
    assert life.core.on_superseded is not None
    life.core.on_superseded()
    life.time.run(LOOK_MS + RARE_MS - 1)
    assert len(life.core.asked) == 2
