"""Links over real sockets: what one of them suffers, no other notices."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct

import pytest

from tests.support.linedialect import LineDialect
from tests.support.wireworld import WireWorld


async def test_a_conversation(world: WireWorld) -> None:
    listener = await world.listen()
    peer = await world.dial(listener)
    assert await peer.ask("PING") == "PONG"
    assert await peer.ask("HELLO ATM1") == "OK ATM1"
    peer.say("ASK cash")
    await world.until(lambda: len(world.desk.asked) == 1)
    assert world.desk.answer() is True
    assert await peer.hear() == "ANS cash 00"
    assert await peer.ask("BYE") == "BYE"
    assert await peer.is_gone()
    await world.until(lambda: world.roster.link_count == 0)
    assert world.told == [
        ("session-up", "ATM1", "atm", {}),
        ("session-down", "ATM1", "atm", {"reason": "bye"}),
    ]
    assert len(world.desk.closed) == 1
    assert world.count("relay_links_closed_total", listener="atm", reason="bye") == 1
    assert world.count("relay_links_open", listener="atm") == 0
    assert world.count("relay_sessions_signed_on", listener="atm") == 0
    assert world.count("relay_received_bytes_total", listener="atm") == len(b"PING\nHELLO ATM1\nASK cash\nBYE\n")
    assert world.count("relay_sent_bytes_total", listener="atm") == len(b"PONG\nOK ATM1\nANS cash 00\nBYE\n")


async def test_a_reply_decided_inside_open_leaves_in_order(world: WireWorld) -> None:
    world.desk.at_once = True
    listener = await world.listen()
    peer = await world.dial(listener)
    peer.send(b"ASK one\nPING\nASK two\nPING\n")
    # The answers were decided while the pings still waited; they queue behind them.
    assert [await peer.hear() for _ in range(4)] == ["PONG", "PONG", "ANS one 00", "ANS two 00"]


async def test_two_links_of_one_terminal_the_newer_wins(world: WireWorld) -> None:
    listener = await world.listen()
    bystander = await world.terminal(listener, "ATM2")
    old = await world.terminal(listener, "ATM1")
    old.say("ASK cash")
    await world.until(lambda: len(world.desk.asked) == 1)
    new = await world.terminal(listener, "ATM1")
    assert await old.is_gone()
    assert world.count("relay_links_closed_total", listener="atm", reason="replaced") == 1
    # The answer to the old link's question goes to where the terminal is now.
    assert world.desk.answer() is True
    assert await new.hear() == "ANS cash 00"
    assert await bystander.ask("PING") == "PONG"
    assert sorted(entry.terminal for entry in world.roster.entries()) == ["ATM1", "ATM2"]


async def test_a_dialect_may_forbid_answers_on_the_new_link(world: WireWorld) -> None:
    listener = await world.listen(world.facts(dialect=LineDialect(answers_on_new_link=False)))
    old = await world.terminal(listener, "ATM1")
    old.say("ASK cash")
    await world.until(lambda: len(world.desk.asked) == 1)
    new = await world.terminal(listener, "ATM1")
    assert await old.is_gone()
    assert world.desk.answer() is False
    assert await new.ask("PING") == "PONG"


async def test_no_answer_crosses_to_a_link_of_another_dialect(world: WireWorld) -> None:
    old = await world.terminal(await world.listen(), "ATM1")
    old.say("ASK cash")
    await world.until(lambda: len(world.desk.asked) == 1)
    new = await world.terminal(await world.listen(world.facts("other")), "ATM1")
    assert await old.is_gone()
    assert world.desk.answer() is False
    assert await new.ask("PING") == "PONG"


async def test_an_answer_for_a_link_that_is_gone_goes_nowhere(world: WireWorld) -> None:
    listener = await world.listen()
    peer = await world.dial(listener)
    peer.say("ASK cash")
    await world.until(lambda: len(world.desk.asked) == 1)
    await peer.close()
    await world.until(lambda: world.roster.link_count == 0)
    assert world.desk.answer() is False


async def test_garbage_is_answered_counted_and_logged(world: WireWorld, caplog: pytest.LogCaptureFixture) -> None:
    listener = await world.listen()
    bystander = await world.terminal(listener, "ATM2")
    peer = await world.dial(listener)
    with caplog.at_level(logging.WARNING, logger="relay.link"):
        peer.send(b"\x00\xff\x17 what\n")
        assert await peer.hear() == "ERR format"
    assert world.count("relay_refusals_total", listener="atm", reason="format-error") == 1
    assert [record.getMessage() for record in caplog.records if record.name == "relay.link"] == ["message refused"]
    assert await bystander.ask("PING") == "PONG"


async def test_garbage_without_end_is_reset(world: WireWorld) -> None:
    listener = await world.listen()
    bystander = await world.terminal(listener, "ATM2")
    peer = await world.dial(listener)
    peer.send(b"\x00" * 100_000)
    assert await peer.is_gone()
    assert world.count("relay_links_closed_total", listener="atm", reason="frame-error") == 1
    assert await bystander.ask("PING") == "PONG"


async def test_half_a_frame_then_silence(world: WireWorld) -> None:
    listener = await world.listen()
    bystander = await world.terminal(listener, "ATM2")
    peer = await world.terminal(listener, "ATM1")
    peer.send(b"ASK ca")
    link = next(link for link in world.roster.links() if link.terminal == "ATM1")
    await world.until(lambda: not link._dialogue.is_idle)
    world.time.run(4_999)
    assert await peer.ask("sh\nPING") in {"PONG"}  # completed in time: nothing happens
    peer.send(b"ASK ca")
    await world.until(lambda: not link._dialogue.is_idle)
    world.time.run(5_000)
    assert await peer.is_gone()
    assert world.count("relay_links_closed_total", listener="atm", reason="partial-frame") == 1
    assert await bystander.ask("PING") == "PONG"


async def test_one_byte_per_second_buys_no_time(world: WireWorld) -> None:
    listener = await world.listen()
    bystander = await world.terminal(listener, "ATM2")
    peer = await world.dial(listener)
    assert await peer.ask("PING") == "PONG"
    (link,) = (link for link in world.roster.links() if not link.terminal)
    sent_count = 0
    for byte in b"ASKCASHPLEASE":
        sent = link._dialogue._buffer  # type: ignore[attr-defined]  # the line dialogue's
        peer.send(bytes([byte]))
        sent_count += 1
        await world.until(lambda sent=sent: link._dialogue._buffer != sent)  # type: ignore[misc,attr-defined]
        world.time.run(1_000)
        if not link.is_open:
            break
    assert sent_count == 5
    assert await peer.is_gone()
    assert await bystander.ask("PING") == "PONG"


async def test_a_slow_reader_is_reset(world: WireWorld) -> None:
    listener = await world.listen(write_buffer_bytes_max=65_536)
    bystander = await world.terminal(listener, "ATM2")
    peer = await world.dial(listener)
    assert await peer.ask("PING") == "PONG"
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a stream transport has it
    for _ in range(200):
        peer.say("BIG 100000")
    await world.until(lambda: world.roster.link_count == 1)
    assert world.count("relay_links_closed_total", listener="atm", reason="slow-reader") == 1
    assert await bystander.ask("PING") == "PONG"


async def test_a_peer_that_resets_while_we_write(world: WireWorld) -> None:
    listener = await world.listen()
    bystander = await world.terminal(listener, "ATM2")
    peer = await world.dial(listener)
    peer.say("ASK cash")
    await world.until(lambda: len(world.desk.asked) == 1)
    sock = peer.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.writer.transport.abort()
    # The reset is on its way or here already: whichever it is, the reply hurts nobody.
    world.desk.answer()
    await world.until(lambda: world.roster.link_count == 1)
    assert await bystander.ask("PING") == "PONG"


async def test_a_bug_in_a_dialogue_costs_one_link(world: WireWorld, caplog: pytest.LogCaptureFixture) -> None:
    listener = await world.listen()
    bystander = await world.terminal(listener, "ATM2")
    peer = await world.terminal(listener, "ATM1")
    with caplog.at_level(logging.ERROR, logger="relay.link"):
        assert await peer.ask("CRASH") in {"", "reset"}
    assert [record.getMessage() for record in caplog.records if record.name == "relay.link"] == ["link fault"]
    assert world.count("relay_links_closed_total", listener="atm", reason="internal-error") == 1
    assert await bystander.ask("PING") == "PONG"


async def test_a_bug_in_the_desk_costs_one_link(world: WireWorld, caplog: pytest.LogCaptureFixture) -> None:
    listener = await world.listen()
    bystander = await world.terminal(listener, "ATM2")
    peer = await world.terminal(listener, "ATM1")
    world.desk.failure = RuntimeError("a bug")
    with caplog.at_level(logging.ERROR, logger="relay.link"):
        assert await peer.ask("ASK cash") in {"", "reset"}
    assert world.count("relay_links_closed_total", listener="atm", reason="internal-error") == 1
    assert await bystander.ask("PING") == "PONG"


async def test_drain_waits_for_what_is_owed(world: WireWorld) -> None:
    listener = await world.listen()
    idle = await world.terminal(listener, "ATM2")
    busy = await world.terminal(listener, "ATM1")
    busy.say("ASK cash")
    await world.until(lambda: len(world.desk.asked) == 1)
    emptied: list[int] = []
    await listener.stop_accepting()
    listener.drain()
    world.roster.when_empty(lambda: emptied.append(1))
    assert await idle.hear() == "DRAINING"
    assert await idle.is_gone()
    assert await busy.hear() == "DRAINING"
    assert world.roster.link_count == 1
    assert world.desk.answer() is True
    assert await busy.hear() == "ANS cash 00"
    assert await busy.is_gone()
    await world.until(lambda: emptied == [1])
    assert world.count("relay_links_closed_total", listener="atm", reason="drained") == 2


async def test_drain_waits_for_half_a_frame(world: WireWorld) -> None:
    listener = await world.listen()
    peer = await world.terminal(listener, "ATM1")
    (link,) = world.roster.links()
    peer.send(b"PI")
    await world.until(lambda: not link._dialogue.is_idle)
    listener.drain()
    assert await peer.hear() == "DRAINING"
    assert link.is_open
    peer.send(b"NG\n")
    assert await peer.hear() == "PONG"
    assert await peer.is_gone()


async def test_a_closing_link_that_is_not_read_is_reset_in_the_end(world: WireWorld) -> None:
    listener = await world.listen(write_buffer_bytes_max=100_000_000)
    peer = await world.dial(listener)
    assert await peer.ask("PING") == "PONG"
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # as above
    (link,) = world.roster.links()
    peer.say("BIG 30000000")
    await world.until(lambda: link.messages_out == 2)
    link.close("stopped")
    for _ in range(100):
        await asyncio.sleep(0)
    assert world.roster.link_count == 1
    world.time.run(10_000)
    await world.until(lambda: world.roster.link_count == 0)


async def test_the_roster_shows_the_link(world: WireWorld) -> None:
    listener = await world.listen()
    peer = await world.terminal(listener, "ATM1")
    peer.say("ASK cash")
    await world.until(lambda: len(world.desk.asked) == 1)
    (entry,) = world.roster.entries()
    assert (entry.terminal, entry.listener, entry.signed_on, entry.messages_in, entry.messages_out) == (
        "ATM1",
        "atm",
        True,
        1,
        1,
    )
    host, port = peer.writer.get_extra_info("sockname")
    assert entry.peer == f"{host}:{port}"
    assert entry.since_ms == world.time.wall_ms()
