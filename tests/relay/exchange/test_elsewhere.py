"""Two centers of a pair, each with its journal: what one acknowledged, the other one does not contradict."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from protocols.vocabulary import Approved
from relay.exchange.elsewhere import is_reversed_here
from tests.support.deskworld import W1, DeskWorld, Message, reversal

REPEAT = Message(trace="1", repeat=True)


@pytest.fixture
def tokyo() -> Iterator[DeskWorld]:
    world = DeskWorld()
    yield world
    assert world.unexpected() == 0


@pytest.fixture
def osaka(tokyo: DeskWorld) -> Iterator[DeskWorld]:
    """It asks Tokyo, whose answer is there when Tokyo's time has gone on."""
    world = DeskWorld()
    world.desk.is_in_pair = True
    world.desk.ask_other = partial(ask, tokyo)
    yield world
    assert world.unexpected() == 0


def ask(center: DeskWorld, key: str, done: Callable[[bool], None]) -> None:
    is_reversed_here(center.journal, key, lambda said: done(bool(said)))


def reversed_at(center: DeskWorld, has_original: bool) -> None:
    """Its reversal is acknowledged, and the core has not heard of it."""
    link = center.link()
    if has_original:
        center.say(link, Message(trace="1"))
        center.core.last("submit").reply(Approved())
        center.time.run(5)
    center.say(link, reversal("2", "1"))
    assert link.said[-1][0] == "2"


@pytest.mark.parametrize("has_original", [True, False], ids=["original known", "only the reversal known"])
def test_an_original_whose_reversal_the_other_center_acknowledged_is_declined(
    tokyo: DeskWorld, osaka: DeskWorld, has_original: bool
) -> None:
    reversed_at(tokyo, has_original)
    link = osaka.link()
    osaka.say(link, REPEAT)
    tokyo.time.run(50)
    osaka.time.run(50)
    assert link.said == [("1", "reversed")]
    assert osaka.core.calls == [], "the core does not know it yet, and would approve"
    assert osaka.states() == {}


def test_what_was_approved_here_and_reversed_there_is_not_approved_again_from_this_journal(
    tokyo: DeskWorld, osaka: DeskWorld
) -> None:
    link = osaka.link()
    osaka.say(link, Message(trace="1"))
    osaka.core.last("submit").reply(Approved())
    osaka.time.run(50)
    reversed_at(tokyo, has_original=False)
    osaka.say(link, REPEAT)
    tokyo.time.run(50)
    assert link.said == [("1", "approved"), ("1", "reversed")]


def test_a_repeat_of_which_the_other_center_knows_no_reversal_goes_on_as_ever(tokyo: DeskWorld, osaka: DeskWorld) -> None:
    link = osaka.link()
    osaka.say(link, REPEAT)
    assert osaka.core.calls == [], "not before the answer"
    tokyo.time.run(50)
    osaka.time.run(50)
    osaka.core.last("submit").reply(Approved())
    osaka.time.run(50)
    assert link.said == [("1", "approved")]


def test_the_first_copy_asks_nobody(osaka: DeskWorld) -> None:
    osaka.desk.ask_other = None  # type: ignore[assignment]  # not called
    osaka.say(osaka.link(), Message(trace="1"))
    assert osaka.core.last("submit").key == W1


def test_a_reversal_that_comes_while_the_other_center_is_asked_is_not_overtaken(tokyo: DeskWorld, osaka: DeskWorld) -> None:
    link = osaka.link()
    osaka.say(link, REPEAT)
    osaka.say(link, reversal("2", "1"))
    tokyo.time.run(50)
    osaka.time.run(50)
    assert sorted(link.said) == [("1", "reversed"), ("2", "taken")]


def test_a_desk_that_is_fenced_meanwhile_says_nothing(tokyo: DeskWorld, osaka: DeskWorld) -> None:
    link = osaka.link()
    osaka.say(link, REPEAT)
    osaka.desk.fence()
    tokyo.time.run(50)
    assert link.said == []


def test_a_journal_that_cannot_be_read_gives_no_word(tokyo: DeskWorld) -> None:
    said: list[bool | None] = []
    tokyo.journal.crash(keep_in_flight=False)
    is_reversed_here(tokyo.journal, W1, said.append)
    tokyo.time.run(1_000)
    assert said in ([], [None])
