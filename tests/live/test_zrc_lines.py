"""Many lines at once: 2 physical × 3 logical lines × 4 LCNs carry telegrams both ways, kill -9 in the middle, and every line
closes matched; and a line where the relay listens and the center dials.

Each line of the center has books of its own; conservation is asked over all of them together, against the core's ledger.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from relay.control.client import Refused
from relay.control.commands import CommandArgs, OutboundListArgs, OutboundPostArgs
from relay.loopback.center import CenterState
from relay.loopback.centerbooks import Known
from relay.loopback.centerdeeds import CenterFault, CenterSettings
from relay.loopback.centerroom import CenterRoom
from tests.support.daemonworld import DaemonWorld, next_look
from tests.support.noon import NOON_MINUTES

LCNS = (0, 5, 10, 15)
IN_PER_LINE, OUT_PER_LINE = 12, 8
FIRST_OUT = 100_000  # amounts of outward telegrams are their names in the center's books
KINDS = ("interbank-transfer", "interbank-salary", "interbank-remittance", "interbank-settlement")  # each on an LCN of its own
BODY = {"to_bank": "0005", "to_branch": "002", "account_type": "1", "account": "7654321"}

LINE = """
name = "zengin-{name}"
dialect = "zrc"
channel = "partner"

[{place}.profile.line]
physical = {physical}
logical = {logical}
lcns = {lcns}
lcn_of = {{ "1000" = {lcns[0]}, "1100" = {lcns[1]}, "2000" = {lcns[2]}, "4000" = {lcns[3]} }}
[{place}.profile.telegram]
serial_first = {first}
serial_last = {last}
[{place}.profile.calendar]
service = "always"
utc_offset_minutes = {offset}
[{place}.profile.session]
closes = "by-hand"
[{place}.profile.timers]
ack_wait_ms = {ack_wait}
watch_send_ms = 1000
watch_silence_ms = 20000
open_retry_ms = 200
close_wait_ms = 20000
"""
DIALLED = """
[[dialer]]
endpoint = "tcp:host=127.0.0.1:port={port}"
backoff_first_ms = 50
backoff_max_ms = 200
"""


class Lines:
    """`ack_wait_ms` is the relay's patience with the center, which runs in this process and may have to wait itself: short
    only where the center owes an ACK on purpose."""

    ack_wait_ms = 20_000

    def __init__(self, directory: Path) -> None:
        self.world = DaemonWorld(directory)
        self.changed = asyncio.Event()
        self.room = CenterRoom(1, 1)
        self.posted = 0
        self.relay_dials = True

    async def start(self, physical: int, logical: int, *, relay_dials: bool = True) -> None:
        settings = CenterSettings(lcns=LCNS, ack_wait_ms=3_000, watch_ms=500)
        self.relay_dials = relay_dials
        self.room = CenterRoom(physical, logical, settings, self.changed.set)
        await self.room.start()
        await self.world.start_core()
        text = ""
        for n, (name, line) in enumerate(self.room.lines.items()):
            text += (
                DIALLED.format(port=line.port) if relay_dials else '\n[[listener]]\nendpoint = "tcp:{port}:interface=127.0.0.1"'
            )
            text += LINE.format(
                name=name,
                place="dialer" if relay_dials else "listener",
                physical=line.mind.settings.physical,
                logical=line.mind.settings.logical,
                lcns=list(LCNS),
                first=1 + n * 10_000,
                last=(n + 1) * 10_000,
                offset=NOON_MINUTES,
                ack_wait=self.ack_wait_ms,
            )
        self.world.configure(text)
        await self.world.start()

    async def stop(self) -> None:
        await self.world.close()
        await self.room.stop()

    async def until(self, what: Callable[[], bool], why: str) -> None:
        """Wait for something at the center; each of its changes is a moment to look."""
        try:
            async with asyncio.timeout(60):
                while not what():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            told = [(name, line.mind.state, line.mind.counts) for name, line in self.room.lines.items()]
            raise AssertionError(f"{why}: {told}\n{self.world.log()[-6_000:]}") from None

    async def until_open(self) -> None:
        await self.until(lambda: self.room.is_all(CenterState.OPEN), "not every line is open")

    def order(self, count: int) -> None:
        for _ in range(count):
            self.room.order(f"001-1-{1_000_000 + sum(1 for _ in self.room.given()):07}", 1_000)

    async def post(self, count: int) -> None:
        """`count` messages on each line, their kinds in turn."""
        for _ in range(count):
            for name in self.room.lines:
                amount = FIRST_OUT + self.posted
                kind = KINDS[self.posted // len(self.room.lines) % len(KINDS)]
                body = msgspec.Raw(msgspec.json.encode({**BODY, "amount": str(amount)}))
                args = OutboundPostArgs(
                    key=f"out-{amount}", listener=f"zengin-{name}", line=self.line_of(name), kind=kind, body=body
                )
                await asyncio.to_thread(self.world.control.outbound_post, args)
                self.posted += 1

    def line_of(self, name: str) -> str:
        """A listener's messages name the line, a dialer has only one."""
        return "" if self.relay_dials else f"zrc-{name}"

    async def states(self) -> dict[str, str]:
        report = await asyncio.to_thread(self.world.control.outbound_list, OutboundListArgs(count_max=1_000))
        return {row.key: row.state for row in report.rows}

    async def until_all_is_known(self) -> None:
        await self.until(lambda: self.room.is_all(CenterState.OPEN) and self.room.is_settled, "not settled")
        async with asyncio.timeout(60):
            while {"queued", "sent"} & set((await self.states()).values()):
                await next_look()
            while len(self.credits()) < sum(1 for _ in self.room.given()):
                await next_look()

    def credits(self) -> dict[str, tuple[str, int, str | None]]:
        """What the ledger has of the other bank's telegrams: key -> state, amount that stands, account."""
        entries = (entry for entry in self.world.ledger.entries() if entry.kind == "interbank-transfer")
        return {entry.key: (entry.state.value, entry.standing_minor, entry.account) for entry in entries}

    async def check(self) -> None:
        """Conservation, over all lines."""
        day = self.room.minds[0].day
        wanted = {f"bank:zrc:{g.bank}:{day}:{g.serial}": ("posted", g.amount, g.account) for g in self.room.given()}
        assert self.credits() == wanted
        assert not self.world.ledger.posted_twice()
        assert self.room.doubles() == []
        states = await self.states()
        assert len(states) == self.posted
        arrived = {f"out-{got.amount}" for got in self.room.got() if not got.subject.startswith("9")}
        assert arrived == {key for key, state in states.items() if state == "acknowledged"}
        assert set(states.values()) <= {"acknowledged", "failed", "unknown"}

    async def close(self) -> None:
        """閉局 on every line, matched."""
        for name in self.room.lines:
            args = CommandArgs(name="close", listener=f"zengin-{name}")
            async with asyncio.timeout(20):
                while True:
                    try:
                        await asyncio.to_thread(self.world.control.command, args)
                        break
                    except Refused:
                        self.changed.clear()
                        await self.changed.wait()
        await self.until(lambda: self.room.is_all(CenterState.CLOSED), "not every line is closed")
        await self.world.logged('"closed"', len(self.room.lines))
        assert '"closed-unmatched"' not in self.world.log()


@pytest_asyncio.fixture(loop_scope="session")
async def lines(tmp_path: Path) -> AsyncIterator[Lines]:
    made = Lines(tmp_path)
    yield made
    await made.stop()


@pytest.mark.timeout(240)
async def test_six_lines_of_four_lcns_with_kill_9_conserve_and_match(lines: Lines) -> None:
    lines.ack_wait_ms = 1_000  # one ACK is lost
    await lines.start(2, 3)
    await lines.until_open()
    faults = (CenterFault.DUPLICATE, CenterFault.GAP, CenterFault.LOST_ACK, CenterFault.CUT, CenterFault.NAK)
    for line, fault in zip(lines.room.lines.values(), faults, strict=False):  # the sixth line has a quiet day
        line.inject(fault)
    lines.order(6 * IN_PER_LINE // 2)
    await lines.post(OUT_PER_LINE // 2)

    def some_moved() -> bool:
        taken = sum(1 for given in lines.room.given() if given.known is Known.TAKEN)
        return taken >= 12 and sum(1 for _ in lines.room.got()) >= 8

    await lines.until(some_moved, "no traffic")
    await lines.world.kill()
    await lines.world.start()
    await lines.until_open()
    lines.order(6 * IN_PER_LINE // 2)
    await lines.post(OUT_PER_LINE // 2)
    await lines.until_all_is_known()
    await lines.check()
    states = list((await lines.states()).values())
    assert states.count("acknowledged") >= len(states) - 6 - 2, "at most one of each line was met by the kill, and NAK, CUT"
    for name, line in lines.room.lines.items():
        assert {given.lcn for given in line.mind.books.given()} == set(LCNS), name
        assert line.mind.counts["acked"] >= IN_PER_LINE, name
    await lines.close()
    await lines.check()
    assert await lines.world.stop() == 0
    assert {fault for mind in lines.room.minds for fault in mind.struck} == set(faults)


@pytest.mark.timeout(120)
async def test_the_relay_listens_and_the_center_dials(lines: Lines) -> None:
    await lines.start(1, 1, relay_dials=False)
    (center,) = lines.room.lines.values()
    await center.dial(lines.world.port)
    await lines.until_open()
    lines.order(6)
    await lines.post(4)
    await lines.until_all_is_known()
    await center.dial(lines.world.port)  # a second connection, the first one still there: the newer one is the line
    await lines.until(lambda: center.mind.links >= 2 and center.mind.state is CenterState.OPEN, "no 開局 on the newer one")
    await lines.world.kill()
    await lines.until(lambda: center.mind.state is CenterState.SHUT, "the center did not notice")
    await lines.world.start()
    await center.dial(lines.world.port)
    await lines.until_open()
    lines.order(6)
    await lines.post(4)
    await lines.until_all_is_known()
    await lines.check()
    assert set((await lines.states()).values()) == {"acknowledged"}
    await lines.close()
