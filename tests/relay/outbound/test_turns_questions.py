"""A message whose intent is on disk after a restart, on a line that remembers what it began with: asked about before anything
else of that line is offered."""

from __future__ import annotations

from relay.outbound.desk import OutboundLimits
from relay.outbound.ports import TooLate
from relay.outbound.turns import TurnLimits
from tests.support.outboundworld import OutboundWorld


def died_with_k1_in_hand(began: bool) -> OutboundWorld:
    """The intent of k1 was durable, k2 waits behind it; the relay died before any word of the line."""
    world = OutboundWorld()
    world.remembers = True
    world.connect(mode="mute" if began else "silent")
    world.posted("k1")
    world.posted("k2")
    assert [world.state(key) for key in ("k1", "k2")] == ["sent", "queued"]
    world.crash()
    world.time.run(5)
    return world


def test_what_never_left_is_offered_again_in_its_old_place() -> None:
    world = died_with_k1_in_hand(began=False)
    assert world.state("k1") == "sent"
    assert world.core.calls == [], "nothing is said of it before its line was asked"
    link = world.connect()
    world.time.run(50)
    assert [(asked.id, asked.order) for asked in link.questions] == [("k1", world.stored("k1").taken.outbound_id)]
    assert world.wire == ["k1", "k2"]
    assert [world.state(key) for key in ("k1", "k2")] == ["acknowledged", "acknowledged"]
    assert world.stored("k1").detail == "", "that it was asked about is no word about its acknowledgement"
    assert world.count("relay_outbound_messages_total", listener="switch", state="never-left") == 1
    assert world.unexpected() == 0


def test_what_began_is_unknown_and_the_next_one_goes() -> None:
    world = died_with_k1_in_hand(began=True)
    world.connect()
    world.time.run(50)
    assert world.wire == ["k1", "k2"]
    assert [world.state(key) for key in ("k1", "k2")] == ["unknown", "acknowledged"]
    assert world.core.states_of("k1") == ["unknown"]


def test_nothing_overtakes_the_question_and_each_link_is_asked_once() -> None:
    world = died_with_k1_in_hand(began=False)
    world.answers_questions = False
    first = world.connect()
    world.outbound.link_ready("switch", "")
    world.time.run(5_000)
    assert (len(first.questions), world.wire) == (1, [])
    first.close()
    world.answers_questions = True
    world.connect()
    world.time.run(50)
    assert world.wire == ["k1", "k2"]


def test_a_line_that_does_not_come_back_leaves_it_unknown_at_the_deadline() -> None:
    world = died_with_k1_in_hand(began=False)
    limit_ms = OutboundLimits().turns.delivery_deadline_ms
    world.time.run(limit_ms - 10)
    assert world.state("k1") == "sent"
    world.time.run(20)
    assert world.state("k1") == "unknown"
    assert "could not be asked" in world.stored("k1").detail
    link = world.connect()
    world.time.run(50)
    assert link.questions == []
    assert world.wire == ["k2"]
    assert world.unexpected() == 0


def test_evidence_and_a_cancel_while_it_is_asked_about() -> None:
    world = died_with_k1_in_hand(began=True)
    assert isinstance(world.cancelled("k1"), TooLate)
    world.answers_questions = False
    link = world.connect()
    link.say("k1", "acknowledged", "named as received")
    world.time.run(50)
    assert world.state("k1") == "acknowledged"
    assert world.wire == ["k1", "k2"]
    assert world.unexpected() == 0


def test_never_left_is_believed_only_of_what_was_asked_about() -> None:
    world = OutboundWorld()
    link = world.connect(mode="mute")
    world.posted("k1")
    world.time.run(10)
    link.say("k1", "unsent")
    world.time.run(10)
    assert (world.state("k1"), world.wire) == ("sent", ["k1"])
    assert world.unexpected() == 1
    link.close()
    world.time.run(10)
    link = world.connect()
    link.say("k1", "unsent")
    world.time.run(10)
    assert (world.state("k1"), world.wire) == ("unknown", ["k1"])


def test_two_that_a_full_disk_left_are_asked_about_in_their_order() -> None:
    world = OutboundWorld(OutboundLimits(turns=TurnLimits(deferred_first_ms=10)))
    world.remembers = True
    world.connect(mode="silent")
    for key in ("k1", "k2", "k3"):
        world.posted(key)
    world.journal.disk.is_full = True
    world.links["switch", ""].say("k1", "unknown")  # its end cannot be written
    world.time.run(5)
    world.journal.disk.is_full = False
    world.time.run(900)
    assert [world.state(key) for key in ("k1", "k2", "k3")] == ["sent", "sent", "queued"]
    world.crash()
    world.connect()
    world.time.run(100)
    assert world.wire == ["k1", "k2", "k3"]
