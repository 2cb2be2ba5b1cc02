"""Machines that do what no machine should, on real sockets against the daemon: each has its defined end, and money is right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from relay.control.commands import ListedArgs
from relay.loopback.entries import Entry
from relay.loopback.faults import Fault
from relay.loopback.outboundclient import OutboundClient
from tests.support.daemonworld import DaemonWorld, next_look
from tests.support.foreignndc import ForeignNdc

PATIENCE_S = 30.0
LISTENER = """
[[listener]]
name = "ndc"
dialect = "ndc"
endpoint = "tcp:{port}:interface=127.0.0.1"
reply_deadline_ms = 3000
[listener.profile]
config_id = "0001"
[listener.profile.session]
identify_wait_ms = 100
step_wait_ms = 2000
status_wait_ms = 4000
reply_window_ms = 4000
partial_frame_ms = 500
[listener.profile.configs."*".operations."FFFFFFFF"]
kind = "deposit"
"""


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    await world.start_core()
    world.configure(LISTENER)
    text = world.config_path.read_text()
    port = world.hold_port()
    text = text.replace("[relay]\n", "[relay]\ncompletion_deadline_ms = 4000\n")
    world.config_path.write_text(f'{text}\n[outbound]\nendpoint = "tcp:{port}:interface=127.0.0.1"\n')
    world.outbound_port = port  # type: ignore[attr-defined]  # this file's own
    await world.start()
    yield world
    await world.close()


@pytest_asyncio.fixture(loop_scope="session")
async def machines(world: DaemonWorld) -> AsyncIterator[Callable[[str], ForeignNdc]]:
    made: list[ForeignNdc] = []

    def machine(source: str = "127.0.2.1") -> ForeignNdc:
        made.append(ForeignNdc(world.port, source))
        return made[-1]

    yield machine
    for one in made:
        await one.close()


Machines = Callable[..., ForeignNdc]


def withdrawals(world: DaemonWorld) -> list[Entry]:
    return [entry for entry in world.ledger.entries() if entry.kind == "withdrawal"]


def noted(world: DaemonWorld, note: str) -> float:
    return sum(
        value for name, value in world.metrics().items() if "relay_link_notes_total" in name and f'note="{note}"' in name
    )


async def settled(world: DaemonWorld) -> set[str]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status = await asyncio.to_thread(world.control.status)
            if not status.exchanges and not status.owed:
                return {row.key for row in (await asyncio.to_thread(world.control.listed, ListedArgs())).rows}
            await next_look()


async def test_the_previous_answer_is_no_proof_of_this_dispense(world: DaemonWorld, machines: Machines) -> None:
    """A late ready comes while the core is asked; the dispense then fails, and that is what counts."""
    atm = machines()
    await atm.start()
    world.faults.set_rates({Fault.SLOW: 1.0})
    atm.ask(15_000)
    atm.status("9")
    world.faults.set_rates({})
    await atm.reply()
    atm.status("8", "E200000000", "40000", "01", "10000")
    recovery = await atm.reply()
    assert (recovery[4], recovery[5][:5]) == ("00000000", "00005")
    atm.status("9")
    assert not await settled(world)
    assert [entry.standing_minor for entry in withdrawals(world)] == [0]
    assert noted(world, "unmatched-status") == 1


async def test_the_same_coordination_number_with_another_body(world: DaemonWorld, machines: Machines) -> None:
    atm = machines()
    await atm.start()
    world.faults.set_rates({Fault.SLOW: 1.0})
    atm.ask(15_000, mcn="5")
    atm.ask(10_000, mcn="5")
    assert await atm.gone()
    world.faults.set_rates({})
    assert not await settled(world)
    assert all(entry.standing_minor == 0 for entry in withdrawals(world)), "no reply left: all of it is undone"
    assert noted(world, "request-overtaken") == 1
    # And after its end the same number is another customer's.
    await atm.start()
    for amount in (5_000, 1_000):
        atm.ask(amount, mcn="5")
        atm.pay(await atm.reply())
        atm.status("9")
    assert not await settled(world)
    assert sorted(entry.standing_minor for entry in withdrawals(world))[-2:] == [1_000, 5_000]
    assert not world.ledger.posted_twice()


async def test_the_same_request_three_times_is_one_posting_and_one_reply(world: DaemonWorld, machines: Machines) -> None:
    atm = machines()
    await atm.start()
    atm.ask(15_000)
    atm.ask(15_000)
    reply = await atm.reply()
    atm.ask(15_000)
    atm.pay(reply)
    atm.status("9")
    assert not await settled(world)
    assert [entry.standing_minor for entry in withdrawals(world)] == [15_000]
    assert noted(world, "repeat-joined") == 2


@pytest.mark.parametrize("paid", [True, False])
async def test_a_machine_that_comes_back_while_its_old_line_is_half_open(
    world: DaemonWorld, machines: Machines, paid: bool
) -> None:
    """The power fails behind the reply: the old socket says nothing. The new one replaces it. Counters prove nothing; the
    next request's last status does, where it is good."""
    atm = machines()
    await atm.start()
    atm.ask(15_000)
    reply = await atm.reply()
    if paid:
        atm.pay(reply)
    old = atm.let_go()
    await atm.start()
    assert await atm.is_over(old), "the older link of the same machine is reset"
    (entry,) = withdrawals(world)
    listed = await settled(world)
    assert (entry.standing_minor, entry.key in listed) == (15_000, True)
    atm.ask(1_000, mcn="2")
    atm.pay(await atm.reply())
    atm.status("9")
    assert (entry.key in await settled(world)) is not paid
    assert len(atm.paid) == 1 + paid


async def test_two_machines_with_luno_000_are_two(world: DaemonWorld, machines: Machines) -> None:
    first, second = machines("127.0.2.1"), machines("127.0.2.2")
    await asyncio.gather(first.start(), second.start())
    for atm, amount in ((first, 15_000), (second, 1_000)):
        atm.ask(amount)
    for atm in (second, first):
        atm.pay(await atm.reply())
        atm.status("9")
    assert not await settled(world)
    assert {entry.terminal: entry.standing_minor for entry in withdrawals(world)} == {
        "000@127.0.2.1": 15_000,
        "000@127.0.2.2": 1_000,
    }


async def test_frames_byte_by_byte_and_all_in_one(world: DaemonWorld, machines: Machines) -> None:
    atm = machines()
    await atm.connect()
    atm.drip = True
    atm.event("B0001")
    while atm.obey(await atm.hear()) != "11":
        pass
    atm.ask(15_000)
    atm.pay(await atm.reply())
    atm.drip = False
    with atm.together():  # the proof of the last, the next request, and an event, in one segment
        atm.status("9")
        atm.event("G20")
        atm.ask(1_000, mcn="2")
    atm.pay(await atm.reply())
    atm.status("9")
    assert not await settled(world)
    assert sorted(entry.standing_minor for entry in withdrawals(world)) == [1_000, 15_000]


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (b"\xff\xff22", "frame-error"),  # longer than any frame may be
        (b"\x00\x30" + b"22\x1c000", "partial-frame"),  # says 48, and that is all
        (b"\x20\x01" + b"x" * 20, "frame-error"),  # one more than the longest
    ],
)
async def test_wrong_lengths_end_the_link_and_only_that(world: DaemonWorld, machines: Machines, data: bytes, note: str) -> None:
    atm, other = machines(), machines("127.0.2.9")
    await asyncio.gather(atm.start(), other.start())
    atm.say_raw(data)
    assert await atm.gone()
    assert noted(world, note) == 1
    other.ask(1_000)
    assert (await other.reply())[4] == "01000000"
    assert "Traceback" not in world.log()


async def test_what_cannot_be_read_is_refused_and_counted(world: DaemonWorld, machines: Machines) -> None:
    atm = machines()
    await atm.start()
    for fields in (("99", "000"), ("22", "000", "", "Q"), ("11", "000"), ("12", "000", ""), ("61", "", "", "", "short")):
        atm.say(*fields)
    atm.ask(1_000, operation="UNKNOWN!")
    declined = await atm.reply()
    assert (declined[4], declined[5][:4]) == ("00000000", "0000")
    atm.status("9")
    atm.ask(1_000, mcn="2", operation="DDDDDDDD")
    assert (await atm.reply())[4] == "00000000"
    atm.status("9")
    assert not withdrawals(world)
    refused = [value for name, value in world.metrics().items() if name.startswith("relay_refusals_total") and "format" in name]
    assert sum(refused) == 6


async def test_the_supervisor_takes_the_machine_before_and_during_a_restart(world: DaemonWorld, machines: Machines) -> None:
    atm = machines()
    await atm.start()
    atm.event("P21")
    await world.logged("P21")
    await world.kill()
    await world.start()
    atm.rejects = "C03"  # whatever it is told
    await atm.connect()
    atm.event("B0001")
    atm.obey(await atm.hear())
    await world.logged("configuration-error")
    atm.rejects = ""
    atm.event("P20")
    while atm.obey(await atm.hear()) != "11":
        pass
    atm.ask(1_000)
    atm.pay(await atm.reply())
    atm.status("9")
    assert not await settled(world)


async def test_killed_after_a_command_of_the_core_was_sent(world: DaemonWorld, machines: Machines) -> None:
    """Sent, and no answer known: unknown to the core, never sent again by itself, and out of service stays out."""
    atm = machines()
    await atm.start()
    core = OutboundClient("127.0.0.1", world.outbound_port)  # type: ignore[attr-defined]  # this file's own
    await core.post("k1", "ndc", "atm-command", atm.terminal, {"command": "go-out-of-service"})
    assert (await atm.hear())[3] == "2"
    await world.kill()
    await world.start()
    await atm.connect()
    atm.event("B0001")
    atm.commands.clear()
    async with asyncio.timeout(PATIENCE_S):
        while "31C" not in atm.commands:  # the last step of a start that does not go in service
            atm.obey(await atm.hear())
        said = await core.find("k1")
        while said.message is None or said.message.state != "unknown":
            await next_look()
            said = await core.find("k1")
    atm.ask(1_000)
    assert (await atm.reply())[4] == "00000000"
    assert atm.commands.count("12") == 1, "out of service is how every start begins"


@pytest.mark.parametrize("answers", [2, 1])
async def test_a_command_that_was_sent_again_needs_its_second_answer(
    world: DaemonWorld, machines: Machines, answers: int
) -> None:
    """A silent machine is asked who it is; the second "ready" to a command that was sent twice is never a dispense's."""
    atm = machines()
    await atm.connect()
    assert (await atm.hear())[3] == "3", "nothing was said: it is asked for its configuration id"
    atm.status("F", "60001")
    first = await atm.hear()
    again = await atm.hear()
    assert first == again
    assert first[3] == "2"
    for _ in range(answers):
        atm.status("9")
    if answers == 1:
        assert await atm.gone()
        assert noted(world, "command-unanswered") == 1
        return
    while atm.obey(await atm.hear()) != "11":
        pass
    atm.ask(1_000)
    atm.pay(await atm.reply())
    atm.status("9")
    assert not await settled(world)
    assert [entry.standing_minor for entry in withdrawals(world)] == [1_000]


async def test_a_deposit_is_booked_once_its_notes_are_in_and_listed_when_nobody_knows(
    world: DaemonWorld, machines: Machines
) -> None:
    atm = machines()
    await atm.start()
    for mcn, status, ends_on_list in (("1", ("9",), False), ("2", ("8", "w2"), True)):
        atm.ask(15_000, mcn=mcn, operation="FFFFFFFF")
        reply = await atm.reply()
        assert (reply[4], reply[5][4]) == ("00000000", "-")
        atm.status(*status)
        if ends_on_list:
            assert (await atm.reply())[5][4] == "5"
            atm.status("9")
        listed = await settled(world)
        deposits = [entry for entry in world.ledger.entries() if entry.kind == "deposit"]
        assert [entry.standing_minor for entry in deposits] == [15_000] * len(deposits)
        assert (deposits[-1].key in listed) is ends_on_list
