"""The door: taken once, durable before it is answered, cancelled while it waits, settled by a person; and a restart."""

from __future__ import annotations

import pytest

from relay.journal.outbound import OutboundState
from relay.outbound.desk import OutboundLimits
from relay.outbound.ports import Conflict, Known, NoSuch, NotTaken, Taken, TooLate
from tests.support.outboundworld import OutboundWorld


def test_a_message_from_post_to_report() -> None:
    world = OutboundWorld()
    world.connect()
    results = world.post("k1")
    assert results == [], "not before it is durable"
    world.time.run(1)
    assert isinstance(results[0], Taken)
    assert results[0].message.state is OutboundState.QUEUED
    world.time.run(50)
    assert world.wire == ["k1"]
    stored = world.stored("k1")
    assert (stored.state, stored.reported) == (OutboundState.ACKNOWLEDGED, OutboundState.ACKNOWLEDGED)
    assert world.core.states_of("k1") == ["acknowledged"]
    assert world.outbound.register.open == {}
    assert world.outbound.register.open_bytes == 0
    for event in ("taken", "sent", "acknowledged"):
        assert world.count("relay_outbound_messages_total", listener="switch", state=event) == 1
    assert world.unexpected() == 0


def test_a_repeat_gets_the_current_state_and_is_sent_once() -> None:
    world = OutboundWorld()
    first, second = world.post("k1"), world.post("k1")  # the second before the first is durable
    world.time.run(3)
    assert isinstance(first[0], Taken)
    assert isinstance(second[0], Known)
    world.connect()
    world.time.run(50)
    again = world.posted("k1")
    assert isinstance(again, Known)
    assert again.message.state is OutboundState.ACKNOWLEDGED
    assert world.wire == ["k1"]


def test_the_same_key_with_another_message_is_a_conflict_for_ever() -> None:
    world = OutboundWorld()
    assert isinstance(world.posted("k1"), Taken)
    assert world.posted("k1", kind="cutover") == Conflict()
    world.crash()
    assert world.posted("k1", body=b'{"a":1}') == Conflict()
    assert isinstance(world.posted("k1"), Known)


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (OutboundLimits(open_count_max=2), "overloaded"),
        (OutboundLimits(open_bytes_max=4), "overloaded"),
        (OutboundLimits(line_queue_count_max=2), "overloaded"),
    ],
)
def test_the_limits_refuse_and_a_repeat_is_still_answered(limits: OutboundLimits, why: str) -> None:
    world = OutboundWorld(limits)
    for key in ("k1", "k2"):
        assert isinstance(world.posted(key), Taken)
    refused = world.posted("k3")
    assert isinstance(refused, NotTaken)
    assert refused.why == why
    assert isinstance(world.posted("k1"), Known), "it was taken before: refusing it would make the caller doubt"
    assert world.posted("k1", kind="cutover") == Conflict()
    world.connect()
    world.time.run(100)
    assert isinstance(world.posted("k3"), Taken)
    world.time.run(100)
    assert world.wire == ["k1", "k2", "k3"]


def test_a_journal_with_too_much_to_do_refuses() -> None:
    world = OutboundWorld(OutboundLimits(journal_waiting_count_max=1))
    first, second = world.post("k1"), world.post("k2")
    world.time.run(5)
    assert isinstance(first[0], Taken)
    assert second[0].why == "overloaded"


def test_no_journal_no_message() -> None:
    world = OutboundWorld()
    world.journal.disk.is_full = True
    assert world.posted("k1").why == "no-journal"
    assert world.posted("k2").why == "no-journal", "known to be full by now"
    world.journal.disk.is_full = False
    world.time.run(1_000)
    assert isinstance(world.posted("k1"), Taken)


def test_an_unknown_line_and_a_stopping_relay_refuse() -> None:
    world = OutboundWorld()
    world.unknown_lines.add(("switch", "elsewhere"))
    assert world.posted("k1", line="elsewhere").why == "unknown-line"
    world.outbound.drain()
    assert world.posted("k2").why == "draining"


# ---- cancel ------------------------------------------------------------------------------------------------------------
def test_what_waits_can_be_cancelled_and_the_core_hears_of_it() -> None:
    world = OutboundWorld()
    for key in ("k1", "k2", "k3"):
        world.posted(key)
    for key in ("k1", "k2"):
        result = world.cancelled(key)
        assert isinstance(result, Known)
        assert result.message.state is OutboundState.CANCELLED
    assert isinstance(world.cancelled("k1"), Known), "again: the same answer"
    world.connect()
    world.time.run(100)
    assert world.wire == ["k3"]
    assert world.core.states_of("k1") == ["cancelled"]
    assert world.outbound.register.open == {}


def test_what_is_on_its_way_cannot_be_cancelled() -> None:
    world = OutboundWorld()
    world.connect(mode="mute")
    world.posted("k1")
    world.time.run(10)
    result = world.cancelled("k1")
    assert isinstance(result, TooLate)
    assert result.message.state is OutboundState.SENT
    assert world.cancelled("never") == NoSuch()


def test_a_cancel_and_the_line_at_the_same_time() -> None:
    """Whoever comes first has it: a message is never both cancelled and sent."""
    world = OutboundWorld()
    world.posted("k1")
    results: list[object] = []
    world.outbound.cancel("k1", "cancelled by the core", results.append)
    world.connect()
    world.time.run(100)
    assert isinstance(results[0], Known)
    assert world.wire == []
    world.posted("k2")
    late: list[object] = []
    world.outbound.cancel("k2", "cancelled by the core", late.append)  # its intent is on the way to disk
    world.time.run(100)
    assert isinstance(late[0], TooLate)
    assert world.wire == ["k2"]


def test_a_cancel_that_is_not_written_changes_nothing() -> None:
    world = OutboundWorld()
    world.posted("k1")
    world.journal.disk.is_full = True
    assert world.cancelled("k1").why == "no-journal"
    assert world.cancelled("k1").why == "no-journal"
    world.journal.disk.is_full = False
    world.time.run(1_000)
    world.connect()
    world.time.run(100)
    assert world.wire == ["k1"]
    assert world.stored("k1").detail == ""


# ---- settle ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("state", [OutboundState.ACKNOWLEDGED, OutboundState.FAILED])
@pytest.mark.parametrize("is_in_memory", [False, True])
def test_a_person_settles_an_unknown_one_and_the_core_hears_of_that_too(state: OutboundState, is_in_memory: bool) -> None:
    world = OutboundWorld()
    world.core.is_confirming = not is_in_memory
    world.connect(mode="mute")
    world.posted("k1")
    world.links["switch", ""].close()
    world.time.run(100)
    assert world.state("k1") == "unknown"
    assert world.count("relay_outbound_unknown_messages") == 1
    assert ("k1" in world.outbound.register.open) is is_in_memory
    result = world.settled("k1", state)
    assert isinstance(result, Known)
    assert result.message.state is state
    assert "night shift" in result.message.detail
    assert world.count("relay_outbound_unknown_messages") == 0
    world.core.is_confirming = True
    world.time.run(60_000)
    assert world.core.states_of("k1")[-1] == state.value
    assert isinstance(world.settled("k1", state), TooLate)
    assert world.settled("never", state) == NoSuch()
    assert world.outbound.register.open == {}
    assert world.wire == ["k1"]


# ---- lives -------------------------------------------------------------------------------------------------------------
def test_queued_goes_on_after_a_crash_in_order() -> None:
    world = OutboundWorld()
    for key in ("k1", "k2", "k3"):
        world.posted(key)
    world.crash()
    world.posted("k4")
    world.connect()
    world.time.run(200)
    assert world.wire == ["k1", "k2", "k3", "k4"]


def test_sent_without_acknowledgement_is_unknown_after_a_crash_and_never_sent_again() -> None:
    world = OutboundWorld()
    world.connect(mode="mute")
    for key in ("k1", "k2"):
        world.posted(key)
    assert world.wire == ["k1"]
    world.crash()
    world.time.run(10)
    assert world.state("k1") == "unknown"
    assert world.count("relay_outbound_unknown_messages") == 1
    world.connect()
    world.time.run(200)
    assert world.wire == ["k1", "k2"]
    assert world.core.states_of("k1") == ["unknown"]
    world.crash()
    assert world.count("relay_outbound_unknown_messages") == 1, "until a person settles it"


def test_a_drain_offers_nothing_more_and_lets_what_is_under_way_end() -> None:
    world = OutboundWorld()
    world.connect(answer_ms=50)
    for key in ("k1", "k2"):
        world.posted(key)
    world.outbound.drain()
    world.time.run(1_000)
    assert (world.state("k1"), world.state("k2")) == ("acknowledged", "queued")
    world.crash()
    world.connect()
    world.time.run(100)
    assert world.wire == ["k1", "k2"]


def test_a_drain_between_intent_and_offer_gives_it_back() -> None:
    world = OutboundWorld()
    world.connect()
    world.post("k1")
    world.time.run(1)  # durable, and the intent on its way
    world.outbound.drain()
    world.time.run(100)
    assert world.offered == []
    assert world.state("k1") == "queued"


def test_fenced_says_nothing_to_anybody() -> None:
    world = OutboundWorld()
    world.core.is_confirming = False
    world.connect(mode="fail")
    world.posted("k1")
    world.time.run(20)
    calls = len(world.core.calls)
    world.outbound.fence()
    world.time.run(100_000)
    assert len(world.core.calls) == calls
    assert world.posted("k2").why == "draining"
