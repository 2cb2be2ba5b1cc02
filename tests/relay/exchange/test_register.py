"""A move that the table does not have moves nothing; what is closed leaves memory; each call's attempt is one text."""

from protocols.vocabulary import Approved
from relay.exchange.exchange import Event, State
from tests.support.deskworld import W1, DeskWorld, Message


def test_an_unexpected_event_is_counted_and_moves_nothing() -> None:
    world = DeskWorld()
    world.say(world.link(), Message(trace="1"))
    entry = world.desk.register.by_key[W1]
    assert not world.desk.register.move(entry, Event.UNDO_ACKNOWLEDGED)
    assert entry.state is State.ASKED
    assert world.unexpected() == 1


def test_the_attempt_names_center_incarnation_and_exchange() -> None:
    world = DeskWorld()
    world.say(world.link(), Message(trace="1"))
    entry = world.desk.register.by_key[W1]
    assert world.core.last("submit").attempt.text() == f"tokyo/1/{entry.exchange_id}"


def test_open_exchanges_are_counted_by_state_and_closed_ones_are_gone() -> None:
    world = DeskWorld()
    world.say(world.link(), Message(trace="1"))
    world.say(world.link(), Message(trace="2", terminal="ATM2"))
    assert world.desk.register.count_open() == {"asked": 2}
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    assert world.desk.register.count_open() == {"asked": 1}
