"""The adopted business speaks in the name of the center that it belongs to, and knows when nothing of it is open."""

from __future__ import annotations

from random import Random
from typing import Any

from relay.core.port import Undone
from relay.journal.memory import MemoryJournal
from relay.outbound.desk import OutboundLimits
from relay.takeover.adopted import Adopted
from relay.telemetry.metrics import Metrics
from tests.support.deskworld import W1, DeskWorld, Message, stored


def adopted(world: DeskWorld) -> Adopted:
    """What `world` leaves when it dies, adopted."""
    world.desk.fence()
    world.core.calls.clear()
    world.journal.crash()
    world.journal = MemoryJournal(world.journal.disk, world.time, world.time)
    core: Any = world.core
    made = Adopted(
        "tokyo",
        world.journal,
        core,
        lambda: world.permit,
        lambda listener, line: None,
        lambda listener, line: "",
        world.time,
        world.time,
        Metrics(),
        Random(1),
        world.limits,
        OutboundLimits(),
    )
    made.take_up()
    return made


def test_an_open_exchange_goes_on_under_its_own_key_and_attempt() -> None:
    world = DeskWorld()
    world.say(world.link(), Message(trace="1"))
    first = world.core.calls[-1]
    business = adopted(world)
    assert business.open_count > 0
    world.time.run(20)
    undo = world.core.calls[-1]
    assert (undo.verb, undo.key, undo.attempt) == ("undo", first.key, first.attempt)
    undo.reply(Undone("reversed"))
    world.time.run(20)
    assert business.open_count == 0
    assert stored(world, W1).state.value == "settled"


def test_a_new_life_gives_no_number_again() -> None:
    world = DeskWorld()
    world.say(world.link(), Message(trace="1"))
    before = set(world.journal.disk.exchanges)
    business = adopted(world)
    business.desk.open(Message(trace="2"), world.link())
    world.time.run(5)
    assert before < set(world.journal.disk.exchanges)
    assert len(world.journal.disk.exchanges) == 2


def test_stopped_or_fenced_it_says_nothing_more() -> None:
    for end in ("stop", "fence"):
        world = DeskWorld()
        world.say(world.link(), Message(trace="1"))
        business = adopted(world)
        getattr(business, end)()
        world.time.run(60_000)
        assert not world.core.calls
        assert business.open_count > 0, "what is open stays so on disk"
