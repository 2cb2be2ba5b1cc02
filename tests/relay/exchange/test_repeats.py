"""Law 2 as transcripts: the same message again, with the same body or another."""

from collections.abc import Iterator

import pytest

from protocols.vocabulary import Approved
from relay.journal.port import JournalState
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


def test_a_repeat_on_its_way_while_a_full_disk_refuses_the_first_copy_is_refused_too(world: DeskWorld) -> None:
    """The terminal hears the refusal and ends; its repeat, already sent, arrives when the disk has space again."""
    link = world.link()
    world.journal.disk.is_full = True
    world.say(link, Message(trace="1"))
    world.time.run(50)
    world.journal.disk.is_full = False
    world.time.run(2_000)  # the journal has noticed
    world.say(link, Message(trace="2"))
    world.say(link, Message(trace="1", repeat=True))
    world.time.run(50)
    assert link.said == [("1", "no-journal"), ("1", "no-journal")]
    assert [call.verb for call in world.core.calls] == ["submit"], "only the other message is asked"


def test_a_copy_that_comes_while_the_first_is_looked_up_is_not_approved_when_the_disk_has_space_again() -> None:
    """The first copy is looked for in the journal, and before the answer is there the journal can be written again."""

    def with_a_full_disk() -> DeskWorld:
        world = DeskWorld()
        world.journal.disk.is_full = True
        world.say(world.link(), Message(trace="0"))
        world.journal.disk.is_full = False
        return world

    world, waited_ms = with_a_full_disk(), 0
    while world.journal.state is not JournalState.WRITABLE:
        world.time.run(1)
        waited_ms += 1
    world = with_a_full_disk()
    world.time.run(waited_ms - 1)
    link = world.link()
    world.desk.open(Message(trace="1"), link)
    while world.journal.state is not JournalState.WRITABLE:
        assert world.time.step()
    assert not link.said, "the look has not been answered yet: else this proves nothing"
    world.desk.open(Message(trace="1", repeat=True), link)
    world.time.run(50)
    assert link.said == [("1", "no-journal"), ("1", "no-journal")]
    assert not world.core.calls


def test_where_a_refusal_ends_nothing_the_same_message_is_taken_when_it_comes_again(world: DeskWorld) -> None:
    link = world.link()
    link.listener.dialect.refusal_ends_message = False  # type: ignore[misc]
    world.journal.disk.is_full = True
    world.say(link, Message(trace="1"))
    world.time.run(50)
    world.journal.disk.is_full = False
    world.time.run(2_000)
    world.say(link, Message(trace="1", repeat=True))
    world.core.last("submit").reply(Approved())
    world.time.run(50)
    assert link.said == [("1", "no-journal"), ("1", "approved")]
