"""Law 2 as transcripts: the same message again, with the same body or another."""

from collections.abc import Iterator

import pytest

from protocols.vocabulary import Approved
from tests.support.deskworld import DeskWorld, Message


@pytest.fixture
def world() -> Iterator[DeskWorld]:
    world = DeskWorld()
    yield world
    assert world.unexpected() == 0


def test_the_same_message_again_is_answered_from_the_journal(world: DeskWorld) -> None:
    world.say(first := world.link(), Message(trace="1"))
    world.core.last("submit").reply(Approved(authorisation_id="A1"))
    world.time.run(5)
    second = world.link()
    world.say(second, Message(trace="1", repeat=True))
    assert first.said == second.said == [("1", "approved")]
    assert len(world.core.calls) == 1


def test_the_same_message_again_joins_the_one_in_flight(world: DeskWorld) -> None:
    first, second = world.link(), world.link()
    world.say(first, Message(trace="1"))
    world.say(second, Message(trace="1", repeat=True))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    assert first.said == second.said == [("1", "approved")]
    assert len(world.core.calls) == 1


@pytest.mark.parametrize("in_flight", [True, False])
def test_the_same_key_with_another_amount_is_refused_and_never_reversed(world: DeskWorld, in_flight: bool) -> None:
    first, second = world.link(), world.link()
    world.say(first, Message(trace="1", minor=10_000))
    if not in_flight:
        world.core.last("submit").reply(Approved())
        world.time.run(5)
    world.say(second, Message(trace="1", minor=20_000))
    assert second.said == [("1", "key-conflict")]
    if in_flight:
        world.core.last("submit").reply(Approved())
    world.time.run(60_000)
    assert first.said == [("1", "approved")]
    assert [call.verb for call in world.core.calls] == ["submit"]


@pytest.mark.parametrize("in_flight", [True, False])
def test_the_line_about_it_names_listener_terminal_and_key(
    world: DeskWorld, in_flight: bool, caplog: pytest.LogCaptureFixture
) -> None:
    world.say(world.link(), Message(trace="1", minor=10_000))
    if not in_flight:
        world.core.last("submit").reply(Approved())
        world.time.run(5)
    world.say(link := world.link(), Message(trace="1", minor=20_000))
    [line] = [record for record in caplog.records if record.message == "same key with another amount, account or kind"]
    fields = line.fields  # type: ignore[attr-defined]  # by our own log
    terminal, key = Message(trace="1").terminal, world.core.last("submit").key
    assert (fields["listener"], fields["terminal"], fields["key"]) == (link.listener.name, terminal, key)


def test_a_refused_message_that_repeats_an_approved_one_gets_the_approval(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1"))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    world.permit = None
    link = world.link()
    world.say(link, Message(trace="1"))
    world.say(link, Message(trace="2"))
    assert link.said == [("1", "approved"), ("2", "core-unreachable")]
