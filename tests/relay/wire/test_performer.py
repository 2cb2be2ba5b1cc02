"""Every action of the dialect port is performed, in order and within its limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from protocols import dialect as d
from protocols.totals import TotalsKept, TotalsStated
from relay.journal.inherited import Inherited
from relay.settings import TlsSettings
from relay.wire.performer import _DEEDS
from tests.support.certificates import Certificates
from tests.support.wireworld import Peer, Variables, WireWorld


def test_every_action_of_the_port_has_a_deed() -> None:
    assert set(_DEEDS) == set(d.Action.__args__)  # type: ignore[attr-defined]  # a union has it


async def test_store_is_told_when_durable_and_not_before(world: WireWorld) -> None:
    listener = await world.listen()
    peer = await world.terminal(listener, "ATM1")
    peer.say("STORE serial 7")
    await world.until(lambda: len(world.variables.waiting) == 1)
    assert await peer.ask("PING") == "PONG"
    world.variables.make_durable()
    assert await peer.hear() == "STORED serial True"
    world.variables.is_failing = True
    peer.say("STORE serial 8")
    await world.until(lambda: len(world.variables.waiting) == 1)
    world.variables.make_durable()
    assert await peer.hear() == "STORED serial False"
    # The next link of this listener begins with what is durable.
    later = await world.dial(listener)
    assert await later.hear() == "OPEN serial=7"


async def test_what_another_center_had_is_seen_when_it_is_there_and_written_where_it_is(world: WireWorld) -> None:
    alone = await world.terminal(await world.listen(), "ATM1")
    alone.say("BACK serial 9")
    assert await alone.ask("THEIRS") == "", "nobody was taken over"
    theirs = Variables()
    theirs.kept["other"] = {"serial": b"7"}
    inherited = Inherited()
    world.parts = replace(world.parts, inherited=inherited)
    peer = await world.terminal(await world.listen(world.facts("other")), "ATM2")
    assert await peer.ask("THEIRS") == ""
    inherited.adopted = theirs
    assert await peer.ask("THEIRS") == "serial=7", "the link was there before the journal"
    peer.say("BACK serial 8")
    await world.until(lambda: len(theirs.waiting) == 1)
    theirs.make_durable()
    assert theirs.kept == {"other": {"serial": b"8"}}


async def test_stated_totals_go_to_their_keeper_and_his_word_comes_back_unless_the_link_is_gone(world: WireWorld) -> None:
    kept: list[tuple[TotalsStated, str, Callable[[TotalsKept], None]]] = []

    class Keeper:
        def keep(self, stated: TotalsStated, listener: str, done: Callable[[TotalsKept], None]) -> None:
            kept.append((stated, listener, done))

    plain = await world.terminal(await world.listen(), "ATM1")
    assert await plain.ask("TOTALS t1") == "TOTALS t1 off", "where nobody keeps them"
    world.parts = replace(world.parts, statements=Keeper())
    peer = await world.terminal(await world.listen(world.facts("other")), "ATM2")
    for id_ in ("t1", "t2"):
        peer.say(f"TOTALS {id_}")
    await world.until(lambda: len(kept) == 2)
    assert [(stated.id, stated.party, listener) for stated, listener, _ in kept] == [
        ("t1", "ATM2", "other"),
        ("t2", "ATM2", "other"),
    ]
    assert await peer.ask("PING") == "PONG"
    kept[1][2](TotalsKept("t2", "kept"))
    assert await peer.hear() == "TOTALS t2 kept"
    await peer.close()
    await world.until(lambda: world.roster.find("bank", "ATM2") is None)
    kept[0][2](TotalsKept("t1", "kept"))  # told to nobody


async def test_what_is_forgotten_is_not_there_for_the_next_link(world: WireWorld) -> None:
    listener = await world.listen()
    peer = await world.terminal(listener, "ATM1")
    for said in ("STORE serial 7", "STORE other 8", "FORGET serial"):
        peer.say(said)
    await world.until(lambda: len(world.variables.waiting) == 3)
    world.variables.make_durable()
    assert [await peer.hear() for _ in range(3)] == ["STORED serial True", "STORED other True", "STORED serial True"]
    later = await world.dial(listener)
    assert await later.hear() == "OPEN other=8"


async def test_what_becomes_durable_after_the_link_is_gone_is_told_to_nobody(world: WireWorld) -> None:
    listener = await world.listen()
    peer = await world.terminal(listener, "ATM1")
    peer.say("STORE serial 7")
    await world.until(lambda: len(world.variables.waiting) == 1)
    await peer.close()
    await world.until(lambda: world.roster.link_count == 0)
    world.variables.make_durable()
    assert world.variables.kept == {"atm": {"serial": b"7"}}


async def test_a_timer_restarts_and_is_cancelled_by_name(world: WireWorld) -> None:
    listener = await world.listen()
    peer = await world.dial(listener)
    peer.send(b"TIMER a 1000\nTIMER b 1500\nTIMER a 3000\nPING\n")
    assert await peer.hear() == "PONG"
    world.time.run(2_999)
    assert await peer.hear() == "FIRED b"
    assert await peer.ask("TIMER a 0\nPING") == "PONG"
    world.time.run(10_000)
    assert await peer.ask("PING") == "PONG"


async def test_timers_end_with_the_link(world: WireWorld) -> None:
    listener = await world.listen()
    peer = await world.dial(listener)
    assert await peer.ask("TIMER a 1000\nPING") == "PONG"
    await peer.close()
    await world.until(lambda: world.roster.link_count == 0)
    world.time.run(10_000)


async def test_evidence_and_network_events_go_where_they_belong(world: WireWorld) -> None:
    listener = await world.listen()
    peer = await world.terminal(listener, "ATM1")
    assert await peer.ask("EVIDENCE k1 undone\nTELL cutover\nPING") == "PONG"
    assert world.desk.evidences == [("k1", "undone", None, "")]
    assert world.told[-1] == ("cutover", "ATM1", "atm", {})


async def test_no_reply_while_a_resent_command_is_unanswered(world: WireWorld) -> None:
    """Law 4: which answer belongs to which command is not known, so nothing may be said about cash."""
    listener = await world.listen()
    peer = await world.terminal(listener, "ATM1")
    assert await peer.ask("COMMAND eject") == "COMMAND eject"
    peer.say("ASK first")
    await world.until(lambda: len(world.desk.asked) == 1)
    assert world.desk.answer() is True  # sent once, not yet answered: no doubt about the order
    assert await peer.hear() == "ANS first 00"
    assert await peer.ask("COMMAND eject") == "COMMAND eject"
    peer.say("ASK second")
    await world.until(lambda: len(world.desk.asked) == 1)
    assert world.desk.answer() is False
    assert await peer.is_gone()
    assert world.count("relay_links_closed_total", listener="atm", reason="commands-unanswered") == 1


async def test_replies_again_once_all_commands_are_answered(world: WireWorld) -> None:
    listener = await world.listen()
    peer = await world.terminal(listener, "ATM1")
    peer.send(b"COMMAND eject\nCOMMAND eject\nANSWER eject\nANSWER eject\nASK cash\n")
    await world.until(lambda: len(world.desk.asked) == 1)
    assert world.desk.answer() is True
    assert [await peer.hear() for _ in range(3)] == ["COMMAND eject", "COMMAND eject", "ANS cash 00"]


async def test_a_command_asked_for_by_the_daemon(world: WireWorld) -> None:
    listener = await world.listen()
    peer = await world.terminal(listener, "ATM1")
    link = world.roster.find("bank", "ATM1")
    assert link is not None
    link.command("echo")
    assert await peer.hear() == "COMMAND echo"


async def test_reading_pauses_at_the_limit_and_goes_on_with_an_answer(world: WireWorld) -> None:
    listener = await world.listen(pipelined_count_max=3)
    peer = await world.terminal(listener, "ATM1")
    (link,) = world.roster.links()
    for number in range(3):
        peer.say(f"ASK {number}")
    await world.until(lambda: len(world.desk.asked) == 3)
    assert world.count("relay_link_notes_total", listener="atm", note="reading-paused") == 1
    received = world.count("relay_received_bytes_total", listener="atm")
    peer.say("ASK 3")
    other = await world.terminal(listener, "ATM2")  # the loop turned, and time passed on the wire
    assert await other.ask("PING") == "PONG"
    assert len(world.desk.asked) == 3
    assert link.messages_in == 3
    world.desk.answer()
    assert await peer.hear() == "ANS 0 00"
    await world.until(lambda: len(world.desk.asked) == 3)
    assert link.messages_in == 4
    assert world.count("relay_received_bytes_total", listener="atm") > received


async def test_questions_never_answered_do_not_choke_the_link(world: WireWorld) -> None:
    """An exchange in doubt is never answered. After the reply deadline it counts no more."""
    listener = await world.listen(pipelined_count_max=2)
    peer = await world.terminal(listener, "ATM1")
    peer.say("ASK a")
    peer.say("ASK b")
    await world.until(lambda: len(world.desk.asked) == 2)
    peer.say("PING")
    world.time.run(14_999)
    other = await world.terminal(listener, "ATM2")
    assert await other.ask("PING") == "PONG"
    world.time.run(15_001)
    assert await peer.hear() == "PONG"


async def test_an_identity_that_is_not_allowed_replaces_nobody(world: WireWorld) -> None:
    listener = await world.listen(world.facts(terminals=frozenset({"ATM1"})))
    known = await world.terminal(listener, "ATM1")
    stranger = await world.terminal(listener, "ATM9")
    assert await known.ask("PING") == "PONG"
    assert await stranger.ask("PING") == "PONG"
    assert world.roster.find("bank", "ATM9") is None
    assert world.count("relay_link_notes_total", listener="atm", note="unknown-terminal") == 1


async def test_a_link_speaks_for_whom_its_certificate_names_and_for_nobody_else(world: WireWorld, tmp_path: Path) -> None:
    made = Certificates(tmp_path)
    certificate, key = made.relay
    tls = TlsSettings(certificate=certificate, key=key, authorities=made.authorities, require_peer_certificate=True)
    listener = await world.listen(world.facts(certificate_is_terminal=True), tls=tls)

    async def dial() -> Peer:
        peer = await world.dial(listener, ssl=made.client_context(made.terminal))
        assert await peer.hear() == "OPEN atm1.test"
        return peer

    own = await dial()
    assert await own.ask("HELLO atm1.test") == "OK atm1.test"
    own.say("ASK mine")
    await world.until(lambda: len(world.desk.asked) == 1)
    for claim in (b"HELLO atm2.test\nASK stolen\nPING\n", b"ASK stolen\nPING\n", b"HELLO ATM1.TEST\nASK stolen\n"):
        stranger = await dial()
        stranger.send(claim)
        assert await stranger.is_gone()
    await world.until(lambda: world.roster.link_count == 1)
    assert len(world.desk.asked) == 1, "nothing of what came with the claim"
    assert world.roster.find("bank", "atm2.test") is None
    assert await own.ask("PING") == "PONG"
    assert world.count("relay_link_notes_total", listener="atm", note="certificate-mismatch") == 3
    assert world.count("relay_links_closed_total", listener="atm", reason="certificate-mismatch") == 3
    own.send(b"HELLO atm2.test\nASK stolen\n")
    assert await own.is_gone(), "a link that was somebody already may not become another"
    assert len(world.desk.asked) == 1


async def test_a_message_of_the_core_is_offered_and_its_delivery_told(world: WireWorld) -> None:
    listener = await world.listen()
    peer = await world.terminal(listener, "ATM1")
    link = world.roster.find_line("bank", "atm", "ATM1")
    assert link is not None
    assert world.roster.find_line("bank", "atm", "") is None, "a terminal hears only what names it"
    assert link.offer(d.OutboundOffered("k1", "notice", b"{}"))
    assert await peer.hear() == "OUT k1 notice {}"
    assert await peer.ask("ACK k1\nPING") == "PONG"
    assert link.offer(d.OutboundOffered("k2", "later", b"{}"))
    assert world.outbound.deliveries == [("k1", "sent"), ("k1", "acknowledged"), ("k2", "deferred")]
    assert link.question(d.OutboundQuestioned("k0", 2))
    assert world.outbound.deliveries[3:] == [("k0", "unsent")]
    link.drain()
    assert not link.offer(d.OutboundOffered("k3", "notice", b"{}")), "a link that drains takes nothing new"
    assert not link.question(d.OutboundQuestioned("k0", 2))
    assert await peer.hear() == "DRAINING"


async def test_a_line_is_ready_when_it_opens_names_itself_and_signs_on(world: WireWorld) -> None:
    listener = await world.listen()
    peer = await world.dial(listener)
    assert await peer.ask("PING") == "PONG"
    assert world.outbound.ready == [("atm", "")]
    assert await peer.ask("HELLO ATM1") == "OK ATM1"
    assert world.outbound.ready[1:] == [("atm", "ATM1")] * 2
    (link,) = world.roster.links()
    await peer.close()
    await world.until(lambda: world.roster.link_count == 0)
    assert world.outbound.closed == [link]
    assert not link.offer(d.OutboundOffered("k1", "notice", b"{}"))


async def test_every_link_has_an_id_of_its_own(world: WireWorld) -> None:
    listener = await world.listen()
    first, second = await world.dial(listener), await world.dial(listener)
    assert [await first.ask("WHO"), await second.ask("WHO")] == ["LINK tokyo-19a-a-1", "LINK tokyo-19a-a-2"]
