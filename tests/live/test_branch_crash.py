"""A branch against the daemon as a process, killed with -9 where it hurts: in 後送, in 取消, between an answer and the number
that confirms it, in 精査 and after 閉局. And what a bad terminal sends over a real socket."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from protocols.branch.message import BranchMessage
from relay.loopback.books import Books
from relay.loopback.branch import BranchPolicy, BranchTerminal, Refused
from relay.loopback.branchslips import Place
from relay.loopback.faults import Fault
from relay.loopback.outboundclient import OutboundClient
from relay.loopback.report import Listed, compare, lines_of
from tests.support.branchlink import BRANCH_P1, deposit, messages_in, opening, telegram, withdrawal
from tests.support.daemonworld import PATIENCE_S, DaemonWorld

BRANCH = """
[[listener]]
name = "branch"
dialect = "branch-p1"
channel = "branch"
endpoint = "tcp:{port}:interface=127.0.0.1"
reply_deadline_ms = {reply_deadline_ms}
[listener.profile.session]
notice_ms = 5000
"""
A, B = "123-1-0000001", "123-1-0000002"
OPENING = 10_000_000
QUICK = BranchPolicy(reply_timeout_s=35.0, again_s=0.05, tries_max=1_000)  # the relay may take a while to start again


class DyingTerminal(BranchTerminal):
    """Kills the relay at the moment it hears a telegram of one kind, before or after it answered."""

    world: DaemonWorld
    kill_at = ""
    is_killed_before = True

    def _other(self, heard: BranchMessage) -> None:
        is_now = heard.message_type == self.kill_at
        if is_now and self.is_killed_before:
            self._kill()
        super()._other(heard)
        if is_now and not self.is_killed_before:
            self._kill()

    def _kill(self) -> None:
        self.kill_at = ""
        assert self.world.process is not None
        self.world.process.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    await world.start_core()
    world.outbound_port = world.hold_port()  # type: ignore[attr-defined]  # of this file only
    configure(world)
    await world.start()
    yield world
    await world.close()


def configure(world: DaemonWorld) -> None:
    world.configure(BRANCH, f'[outbound]\nendpoint = "tcp:{world.outbound_port}:interface=127.0.0.1"\n')  # type: ignore[attr-defined]


def terminal(world: DaemonWorld, books: Books, number: str = "0001", kind: str = "T") -> DyingTerminal:
    place = Place(terminal=number, kind=kind, operator="" if kind == "A" else "TEL00001")
    made = DyingTerminal("127.0.0.1", world.port, place, books, OPENING, lambda: time.time() * 1_000, QUICK)
    made.world = world
    return made


async def settled(world: DaemonWorld, states: frozenset[str] = frozenset()) -> None:
    """Wait until the relay has open exchanges of these states only."""
    async with asyncio.timeout(PATIENCE_S):
        while not set((await asyncio.to_thread(world.control.status)).exchanges) <= states:  # noqa: ASYNC110  another process does it
            await asyncio.sleep(0.02)


async def restarted(world: DaemonWorld, act: "asyncio.Task[None] | None" = None) -> None:
    """The relay was killed; it comes back, and the act goes on to its end."""
    await world.exit_code()
    await world.start()
    if act is not None:
        async with asyncio.timeout(PATIENCE_S):
            await act


def balanced(world: DaemonWorld, books: Books, *terminals: BranchTerminal, listed: tuple[Listed, ...] = ()) -> None:
    report = compare(books, lines_of(world.ledger.entries()), list(listed), world.ledger.posted_twice())
    assert report.holds, report
    assert not report.differences, report
    for one in terminals:
        assert not one.violations
        moved = sum(line.delta_minor for line in lines_of(world.ledger.entries()) if line.terminal == one.place.name)
        assert one.till.cash == OPENING + moved


@pytest.mark.parametrize("left", [7, 3])
async def test_killed_during_the_drain_of_what_was_done_offline(world: DaemonWorld, left: int) -> None:
    books = Books()
    teller = terminal(world, books)
    await teller.open()
    await teller.deposit(A, 100_000)
    teller.go_offline()
    for amount in range(1_000, 9_000, 1_000):
        await (teller.withdraw(A, amount) if amount % 3_000 == 0 else teller.deposit(A, amount))
    act = asyncio.ensure_future(teller.go_online())
    while len(teller.till.outbox) > left:  # noqa: ASYNC110  the act is another task's
        await asyncio.sleep(0)
    await world.kill()
    await restarted(world, act)
    await teller.deposit(B, 500)
    await settled(world)
    await teller.close()
    balanced(world, books, teller)
    order = [entry.key.rsplit(":", 1)[1] for entry in world.ledger.entries()]
    assert sorted(set(order)) == [f"{serial:06}" for serial in range(1, 11)]


@pytest.mark.parametrize("power", ["told", "after", "before"])
async def test_killed_between_an_answer_and_the_number_that_confirms_it(world: DaemonWorld, power: str) -> None:
    books = Books()
    atm = terminal(world, books, "0042", "A")
    await atm.open()
    await atm.withdraw(A, 15_000, power=power)
    await world.kill()
    await restarted(world)
    await atm.open()
    if power == "told":
        await settled(world)
        assert world.log().count("confirmed-by-number") == 1
    await atm.withdraw(B, 3_000)
    await settled(world, frozenset({"awaiting_completion"}))
    await atm.close()
    await settled(world)
    balanced(world, books, atm)
    assert sum(act.paid for act in books.acts()) == (3_000 if power == "before" else 18_000)


@pytest.mark.parametrize("delay_ms", [1, 4])
async def test_killed_during_a_cancellation_and_a_correction(world: DaemonWorld, delay_ms: int) -> None:
    books = Books()
    teller = terminal(world, books)
    await teller.open()
    wrong, high = await teller.deposit(A, 50_000), await teller.withdraw(B, 30_000)
    for act in (teller.cancel(wrong), teller.correct(high, 10_000)):
        going = asyncio.ensure_future(act)
        await asyncio.sleep(delay_ms / 1_000)
        await world.kill()
        await restarted(world, going)
    await settled(world)
    await teller.close()
    balanced(world, books, teller)
    assert sorted(line.delta_minor for line in lines_of(world.ledger.entries()) if line.delta_minor) == [-10_000]


@pytest.mark.parametrize(("is_killed_before", "power"), [(True, "after"), (False, "after"), (False, "before"), (False, "")])
async def test_killed_in_the_count(world: DaemonWorld, is_killed_before: bool, power: str) -> None:
    books = Books()
    atm = terminal(world, books, "0042", "A")
    await atm.open()
    await atm.withdraw(A, 15_000, power=power)
    if power:
        await atm.open()
    atm.kill_at, atm.is_killed_before = "16", is_killed_before
    act = asyncio.ensure_future(atm.close())
    await restarted(world, act)
    await settled(world)
    balanced(world, books, atm)
    with pytest.raises(Refused) as caught:
        await atm.open()
    assert caught.value.code == "1003"


async def test_a_core_that_is_away_is_told_and_the_next_number_goes_on(world: DaemonWorld) -> None:
    assert await world.stop() == 0
    world.reply_deadline_ms = 4_000  # it passes
    configure(world)
    await world.start()
    books = Books()
    teller = terminal(world, books)
    await teller.open()
    await teller.deposit(A, 20_000)
    world.faults.set_rates({Fault.HANG: 1.0})
    doubted = await teller.withdraw(A, 5_000)
    assert doubted.paid == 0
    world.faults.set_rates({})
    await teller.withdraw(A, 4_000)
    await settled(world)
    await teller.close()
    balanced(world, books, teller)


def say(world: DaemonWorld, *pieces: bytes, answers: int = 1) -> list[BranchMessage]:
    """What the relay says to these pieces on one connection: so many answers; 0: nothing, and it hangs up."""
    with socket.create_connection(("127.0.0.1", world.port), timeout=PATIENCE_S) as link:
        for piece in pieces:
            link.sendall(piece)
        heard = b""
        while (not answers or len(messages_in(heard)) < answers) and (data := link.recv(65_536)):
            heard += data
    return messages_in(heard)


def codes(heard: list[BranchMessage]) -> list[str]:
    return [f"{message.message_type} {message.code}" for message in heard]


WRITE = BRANCH_P1.codec.write


async def test_split_and_merged_telegrams_mean_the_same(world: DaemonWorld) -> None:
    stream = WRITE(opening(terminal="0101")) + WRITE(
        telegram("30", terminal="0101", body={"from_serial": "0", "to_serial": "0"})
    )
    whole = await asyncio.to_thread(say, world, stream, answers=2)
    assert codes(whole) == ["11 0000", "31 0000"]
    for at in range(1, len(stream), 7):
        assert codes(await asyncio.to_thread(say, world, stream[:at], stream[at:], answers=2)) == codes(whole), at
    assert codes(await asyncio.to_thread(say, world, *(stream[at : at + 1] for at in range(len(stream))), answers=2)) == codes(
        whole
    )


async def test_bad_telegrams_have_their_answers_and_the_daemon_lives(world: DaemonWorld) -> None:
    kana = bytearray(WRITE(withdrawal(1)))
    kana[171:174] = "ｱｲｳ".encode("cp932")  # 金額
    header = bytearray(WRITE(withdrawal(2)))
    header[63:66] = "ｱｲｳ".encode("cp932")  # 送信日時
    jump = WRITE(deposit(9))
    short = (100).to_bytes(4, "big") + bytes(100)
    heard = await asyncio.to_thread(
        say, world, WRITE(opening()), bytes(kana), bytes(header), short, jump, WRITE(deposit(2)), answers=5
    )
    assert codes(heard) == ["11 0000", "21 2001", "21 2001", "30 0000", "21 1001"], "8 missing, and 2 was used up"
    for wrong in ((5_000).to_bytes(4, "big"), bytes(4), b"\xff" * 8, b"GET / HTTP/1.1\r\n\r\n"):
        assert await asyncio.to_thread(say, world, wrong, answers=0) == []
    metrics = world.metrics()
    assert sum(value for name, value in metrics.items() if "relay_links_closed_total" in name and "frame-error" in name) == 4
    assert sum(value for name, value in metrics.items() if "relay_refusals_total" in name and "format-error" in name) == 3
    assert codes(await asyncio.to_thread(say, world, WRITE(opening()))) == ["11 0000"]


async def test_a_notice_of_the_core_is_shown_once_over_kill_9_and_a_lost_acknowledgement(world: DaemonWorld) -> None:
    teller = terminal(world, Books())
    client = OutboundClient("127.0.0.1", world.outbound_port)  # type: ignore[attr-defined]  # of this file only

    async def state(key: str, *wanted: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                said = await client.find(key)
                if said.message is not None and said.message.state in wanted:
                    return
                await asyncio.sleep(0.02)

    for number in (1, 2, 3):
        said = await client.post(f"n{number}", "branch", "notice", teller.place.name, {"text": f"オシラセ {number}"})
        assert said.http_status == 202
    await teller.open()
    await teller.read_notices(1)
    await state("n1", "acknowledged")
    teller.is_mute = True
    await teller.read_notices(2)
    await world.kill()
    await restarted(world)
    await state("n2", "unknown")
    teller.is_mute = False
    await teller.open()
    await state("n2", "acknowledged")
    await teller.read_notices(3)
    await state("n3", "acknowledged")
    teller.is_mute = True
    await client.post("n4", "branch", "notice", teller.place.name, {"text": "オシラセ 4"})
    await teller.read_notices(4)
    await state("n4", "unknown")
    assert teller.notices == {number: f"ｵｼﾗｾ {number}" for number in (1, 2, 3, 4)}
    assert not teller.violations
    await client.post("n5", "branch", "reboot", teller.place.name, {})
    await state("n5", "failed")
    teller.cut()
