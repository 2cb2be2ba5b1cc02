"""One at a time per line, in order; the intent before the offer; and what each word of a dialogue does."""

from __future__ import annotations

from relay.outbound.desk import OutboundLimits
from relay.outbound.turns import TurnLimits
from tests.support.outboundworld import OutboundWorld


def test_one_line_is_first_in_first_out_one_at_a_time() -> None:
    world = OutboundWorld()
    link = world.connect(mode="mute")
    for number in range(5):
        world.posted(f"k{number}")
    for number in range(5):
        world.time.run(100)
        assert world.wire == [f"k{n}" for n in range(number + 1)], "the next only after the end of the one before"
        link.say(f"k{number}", "acknowledged")
    world.time.run(100)
    assert world.outbound.turns.waiting_count() == 0


def test_a_slow_line_blocks_no_other() -> None:
    world = OutboundWorld()
    world.connect(line="ATM1", mode="mute")
    world.connect(line="ATM2")
    world.connect(listener="atm", line="ATM1")
    for key, listener, line in (
        ("a", "switch", "ATM1"),
        ("b", "switch", "ATM2"),
        ("c", "atm", "ATM1"),
        ("d", "switch", "ATM1"),
    ):
        world.posted(key, listener=listener, line=line)
    world.time.run(100)
    assert sorted(world.wire) == ["a", "b", "c"]
    assert world.outbound.turns.waiting_on("switch", "ATM1") == 1
    assert world.outbound.turns.under_way_count() == 1


def test_the_intent_is_durable_before_the_dialogue_hears_of_it() -> None:
    world = OutboundWorld()
    seen: list[str] = []
    link = world.connect()
    plain = link.offer

    def offer(offered):  # type: ignore[no-untyped-def]  # a spy around the method
        seen.append(world.state(offered.id))
        return plain(offered)

    link.offer = offer  # type: ignore[method-assign]
    world.posted("k1")
    world.time.run(50)
    assert seen == ["sent"]


def test_an_intent_that_is_not_written_is_offered_to_nobody() -> None:
    world = OutboundWorld()
    world.posted("k1")
    world.journal.disk.is_full = True
    world.connect()
    world.time.run(5_000)
    assert world.offered == []
    world.journal.disk.is_full = False
    world.time.run(60_000)
    assert world.wire == ["k1"]


def test_given_back_it_is_the_head_again_and_the_pauses_grow() -> None:
    limits = OutboundLimits(turns=TurnLimits(deferred_first_ms=1_000, deferred_max_ms=4_000))
    world = OutboundWorld(limits)
    link = world.connect(mode="defer")
    world.posted("k1")
    world.posted("k2")
    assert world.state("k1") == "queued"
    assert world.stored("k1").detail == "not now"
    assert world.stored("k1").sent_ms is None
    offers = [len(link.offers)]
    for _ in range(5):
        world.time.run(1_000)
        offers.append(len(link.offers))
    assert offers == [1, 2, 2, 3, 3, 3], "after 1, 2 and 4 seconds"
    world.time.run(60_000)
    assert 15 <= len(link.offers) <= 22, "never rarer than every four seconds"
    link.mode = "send"
    world.time.run(5_000)
    assert world.wire == ["k1", "k2"]
    assert set(world.offered) == {"k1", "k2"}


def test_a_sign_on_ends_the_pause() -> None:
    world = OutboundWorld()
    link = world.connect(mode="defer")
    world.posted("k1")
    world.time.run(10)
    link.mode = "send"
    world.outbound.link_ready("switch", "")
    world.time.run(20)
    assert world.wire == ["k1"]


def test_a_link_of_a_terminal_wakes_the_line_of_its_listener_too() -> None:
    world = OutboundWorld()
    world.posted("k1", listener="atm")
    world.links["atm", ""] = link = world.connect(listener="elsewhere")
    world.outbound.link_ready("atm", "ATM00001")
    world.time.run(20)
    assert [offered.id for offered in link.offers] == ["k1"]


def test_a_lost_link_leaves_its_message_unknown_and_the_next_one_goes_on() -> None:
    world = OutboundWorld()
    link = world.connect(mode="mute")
    for key in ("k1", "k2"):
        world.posted(key)
    link.close()
    del world.links["switch", ""]
    world.time.run(100)
    assert (world.state("k1"), world.state("k2")) == ("unknown", "queued")
    world.connect()
    world.time.run(100)
    assert world.wire == ["k1", "k2"]
    assert world.state("k2") == "acknowledged"


def test_a_link_that_went_while_the_intent_was_written_was_told_nothing() -> None:
    world = OutboundWorld()
    link = world.connect()
    world.post("k1")
    world.time.run(1)
    link.close()
    world.time.run(50)
    assert (world.offered, world.state("k1")) == ([], "queued")
    del world.links["switch", ""]
    world.connect()
    world.time.run(50)
    assert world.wire == ["k1"]


def test_silence_ends_as_unknown_at_the_deadline() -> None:
    world = OutboundWorld(OutboundLimits(turns=TurnLimits(delivery_deadline_ms=10_000)))
    world.connect(mode="silent")
    world.posted("k1")
    world.time.run(9_900)
    assert world.state("k1") == "sent"
    world.time.run(200)
    assert world.state("k1") == "unknown"


def test_what_was_sent_cannot_be_given_back() -> None:
    world = OutboundWorld()
    link = world.connect(mode="mute")
    world.posted("k1")
    world.time.run(10)
    link.say("k1", "deferred", "a bug of the dialect")
    world.time.run(60_000)
    assert world.wire == ["k1"]
    assert world.state("k1") == "sent"
    assert world.unexpected() == 1


def test_words_that_nobody_may_say_move_nothing() -> None:
    world = OutboundWorld()
    link = world.connect(mode="mute")
    world.posted("k1")
    world.posted("k2")
    world.time.run(10)
    stranger = world.connect(line="elsewhere")
    stranger.say("k1", "deferred")
    stranger.say("k2", "sent")
    link.say("k1", "eaten")
    link.say("k2", "acknowledged")  # it waits, and nobody was offered it
    link.say("never", "acknowledged")
    world.time.run(50)
    assert (world.state("k1"), world.state("k2")) == ("sent", "queued")
    assert world.unexpected() == 4


def test_evidence_that_comes_late_settles_an_unknown_one_on_any_link() -> None:
    """What the sequence numbers of the next opening prove."""
    world = OutboundWorld()
    world.connect(mode="mute")
    for key in ("k1", "k2"):
        world.posted(key)
        world.links["switch", ""].close()
        world.time.run(50)
        world.connect(mode="mute")
        world.time.run(50)
    assert world.wire == ["k1", "k2"]
    link = world.connect()
    world.links["switch", ""].close()
    link = world.connect()
    world.time.run(50)
    link.say("k1", "unknown", "still")
    link.say("k1", "acknowledged", "their last number covers it")
    world.time.run(100)
    assert world.state("k1") == "acknowledged"
    assert world.core.states_of("k1") == ["unknown", "acknowledged"]


def test_an_end_that_is_said_again_before_its_report_arrived_changes_nothing() -> None:
    """A dialogue names everything that is acknowledged at each opening of its day."""
    world = OutboundWorld()
    link = world.connect()
    world.core.is_confirming = False
    world.posted("k1")
    world.time.run(50)
    link.say("k1", "acknowledged")
    link.say("k1", "failed")  # another word is not the same word
    assert world.state("k1") == "acknowledged"
    assert world.unexpected() == 1


def test_evidence_of_a_new_link_about_what_an_old_one_has_still() -> None:
    """The far end came back before the loss of the old link was noticed, and named what it had received."""
    world = OutboundWorld()
    old = world.connect(mode="mute")
    world.posted("k1")
    world.time.run(10)
    new = world.connect(mode="send")
    new.say("k1", "acknowledged", "named as received")
    world.posted("k2")
    old.close()
    world.time.run(100)
    assert (world.state("k1"), world.state("k2")) == ("acknowledged", "acknowledged")
    assert world.core.states_of("k1") == ["acknowledged"]
    assert world.wire == ["k1", "k2"]


def test_an_end_that_the_journal_does_not_take_is_written_again_and_reported_only_then() -> None:
    world = OutboundWorld()
    link = world.connect(mode="mute")
    world.posted("k1")
    world.time.run(10)
    world.journal.disk.is_full = True
    link.say("k1", "acknowledged")
    world.time.run(3_000)
    assert world.state("k1") == "sent"
    assert world.core.calls == []
    world.journal.disk.is_full = False
    world.time.run(3_000)
    assert world.state("k1") == "acknowledged"
    assert world.core.states_of("k1") == ["acknowledged"]


def test_figures() -> None:
    world = OutboundWorld()
    for number in range(3):
        world.posted(f"k{number}")
    world.time.run(5_000)
    assert world.count("relay_outbound_queued_messages") == 3
    assert 5 <= world.count("relay_outbound_oldest_queued_seconds") < 6
    assert world.count("relay_outbound_open_messages") == 3
    link = world.connect(answer_ms=2_000)
    world.time.run(20_000)
    assert world.count("relay_outbound_queued_messages") == 0
    assert world.count("relay_outbound_acknowledge_seconds_count") == 3
    assert 6 <= world.count("relay_outbound_acknowledge_seconds_sum") < 7
    link.close()


def test_why_it_was_given_back_is_forgotten_when_it_is_sent() -> None:
    world = OutboundWorld()
    link = world.connect(mode="defer")
    world.posted("k1")
    world.time.run(10)
    assert (world.state("k1"), world.stored("k1").detail) == ("queued", "not now")
    link.mode = "mute"
    world.time.run(5_000)
    assert (world.state("k1"), world.stored("k1").detail) == ("sent", "")
    link.say("k1", "acknowledged")
    world.time.run(10)
    assert (world.state("k1"), world.stored("k1").detail) == ("acknowledged", "")
    assert "detail" not in world.core.calls[-1].detail
