"""A whole day on an RC line: the daemon as a process, the fake center on a port, kill -9 in the middle; nothing lost,
nothing doubled.

The center's books are its own (they import neither relay nor protocol library), the core's ledger is the fake core's; the
relay is asked only through its control socket. Telegrams in: each is in the ledger exactly once. Telegrams out: what the
relay calls acknowledged is in the center's books once, what it calls failed is not.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from protocols.zengin.telegram.reference import compose
from relay.control.client import Refused
from relay.control.commands import CommandArgs, OutboundListArgs, OutboundPostArgs, ParkedArgs
from relay.loopback.center import CenterMind, CenterState
from relay.loopback.centerbooks import CenterBooks, Known
from relay.loopback.centerdeeds import CenterFault, CenterSettings
from relay.loopback.centerserver import CenterServer
from tests.support.daemonworld import DaemonWorld, next_look
from tests.support.noon import NOON_MINUTES

IN_COUNT, OUT_COUNT = 40, 24
FIRST_OUT = 100_000  # amounts of outward telegrams are their names in the center's books

LINE = """
[[dialer]]
name = "zengin"
dialect = "zrc"
channel = "partner"
endpoint = "tcp:host=127.0.0.1:port={center}"
backoff_first_ms = 50
backoff_max_ms = 200

[dialer.profile.calendar]
service = "always"
utc_offset_minutes = {offset}
[dialer.profile.session]
closes = "by-hand"
[dialer.profile.timers]
ack_wait_ms = {ack_wait}
watch_send_ms = 1000
watch_silence_ms = {silence}
open_retry_ms = 200
close_wait_ms = 20000
{more}
"""


class Day:
    """`ack_wait_ms` and `silence_ms` are the relay's patience with the center, which runs in this process and may have to wait
    itself: short only where the center owes an ACK, or a word, on purpose."""

    ack_wait_ms = 20_000
    silence_ms = 20_000

    def __init__(self, directory: Path) -> None:
        self.world = DaemonWorld(directory, NOON_MINUTES)
        self.books = CenterBooks()
        self.mind = CenterMind(self.books, CenterSettings(ack_wait_ms=3_000, watch_ms=500))
        self.changed = asyncio.Event()
        self.center = CenterServer(self.mind, on_change=self.changed.set)

    async def start(self, more: str = "") -> None:
        await self.center.start()
        await self.world.start_core()
        self.configure(more)
        await self.world.start()

    def configure(self, more: str) -> None:
        line = LINE.replace("{center}", str(self.center.port)).replace("{offset}", str(NOON_MINUTES)).replace("{more}", more)
        line = line.replace("{ack_wait}", str(self.ack_wait_ms)).replace("{silence}", str(self.silence_ms))
        self.world.configure(line)

    async def stop(self) -> None:
        await self.world.close()
        await self.center.stop()

    async def until(self, what: Callable[[], bool], why: str) -> None:
        """Wait for something at the center; each of its changes is a moment to look."""
        try:
            async with asyncio.timeout(40):
                while not what():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            raise AssertionError(f"{why}: {self.mind.state} {self.mind.counts}\n{self.world.log()[-6_000:]}") from None

    async def outbound(self) -> dict[str, str]:
        """Key -> state, as the relay tells it."""
        report = await asyncio.to_thread(self.world.control.outbound_list, OutboundListArgs(count_max=1_000))
        return {row.key: row.state for row in report.rows}

    def post(self, amount: int) -> None:
        body = {"to_bank": "0005", "to_branch": "002", "account_type": "1", "account": "7654321", "amount": str(amount)}
        args = OutboundPostArgs(
            key=f"out-{amount}", listener="zengin", kind="interbank-transfer", body=msgspec.Raw(msgspec.json.encode(body))
        )
        self.world.control.outbound_post(args)

    async def say(self, name: str, data: str = "") -> None:
        args = CommandArgs(name=name, listener="zengin", data=data)  # type: ignore[arg-type]  # one of the words
        async with asyncio.timeout(20):
            while True:
                try:
                    await asyncio.to_thread(self.world.control.command, args)
                    return
                except Refused:
                    self.changed.clear()
                    await self.changed.wait()

    async def kill_and_restart(self) -> None:
        await self.world.kill()
        await self.world.start()

    async def until_ledger_has(self, count: int) -> None:
        async with asyncio.timeout(40):
            while sum(1 for entry in self.world.ledger.entries() if entry.kind == "interbank-transfer") < count:
                await next_look()

    def check_ledger(self) -> None:
        posted = {entry.key: entry for entry in self.world.ledger.entries() if entry.kind == "interbank-transfer"}
        for given in self.books.given():
            entry = posted.pop(f"bank:zrc:{given.bank}:{self.mind.day}:{given.serial}")
            assert (entry.state.value, entry.standing_minor, entry.account) == ("posted", given.amount, given.account)
        assert not posted, "the ledger has what the center never gave"
        assert not self.world.ledger.posted_twice()
        assert sum(m.delta_minor for m in self.world.ledger.movements) == sum(g.amount for g in self.books.given())


@pytest_asyncio.fixture(loop_scope="session")
async def day(tmp_path: Path) -> AsyncIterator[Day]:
    made = Day(tmp_path)
    yield made
    await made.stop()


@pytest.mark.timeout(180)
async def test_a_whole_day_with_faults_and_kill_9(day: Day) -> None:
    day.ack_wait_ms = 500  # one ACK is lost
    await day.start()
    await day.until(lambda: day.mind.state is CenterState.OPEN, "no 開局")
    day.center.inject(CenterFault.DUPLICATE, CenterFault.GAP, CenterFault.LOST_ACK, CenterFault.WRONG_LINE)
    for number in range(1, IN_COUNT // 2 + 1):
        day.center.order(number, "001-1-1234567", 1_000 + number)
    for number in range(OUT_COUNT // 2):
        await asyncio.to_thread(day.post, FIRST_OUT + number)
    await day.until(lambda: day.books.count_known(Known.TAKEN) >= 8 and len(list(day.books.got())) >= 4, "no traffic")
    await day.kill_and_restart()
    day.center.inject(CenterFault.CUT, CenterFault.NAK)
    for number in range(IN_COUNT // 2 + 1, IN_COUNT + 1):
        day.center.order(number, "002-2-7654321", 1_000 + number)
    for number in range(OUT_COUNT // 2, OUT_COUNT):
        await asyncio.to_thread(day.post, FIRST_OUT + number)
    await day.until(lambda: day.books.count_known(Known.TAKEN) >= IN_COUNT - 8, "no traffic after the restart")
    await day.kill_and_restart()
    await day.until(lambda: day.mind.state is CenterState.OPEN and day.mind.is_settled, "not settled")
    async with asyncio.timeout(60):
        while {"queued", "sent"} & set((await day.outbound()).values()):
            await next_look()
    await day.until_ledger_has(IN_COUNT)
    day.check_ledger()

    states = await day.outbound()
    assert len(states) == OUT_COUNT
    arrived = {f"out-{got.amount}" for got in day.books.got() if got.subject == "1000"}
    assert day.books.doubles() == []
    assert arrived == {key for key, state in states.items() if state == "acknowledged"}
    # What a kill met between the desk's intent and the line's numbers never left, and the line said so: it went out after all.
    assert set(states.values()) <= {"acknowledged", "failed"}

    await day.say("close")
    await day.until(lambda: day.mind.state is CenterState.CLOSED, "no 閉局")
    assert day.mind.relay_figures
    assert await day.world.stop() == 0
    log = day.world.log()
    assert '"closed-unmatched"' not in log
    assert set(day.mind.struck) == set(CenterFault) - {CenterFault.SILENCE}


@pytest.mark.timeout(120)
async def test_a_silent_center_is_left_and_dialled_again(day: Day) -> None:
    day.silence_ms = 3_000
    await day.start()
    await day.until(lambda: day.mind.state is CenterState.OPEN, "no 開局")
    day.center.inject(CenterFault.SILENCE)
    for number in (1, 2, 3):
        day.center.order(number, "001-1-1234567", 1_000 + number)
    await day.until(lambda: day.mind.links >= 2 and day.mind.is_settled, "never came back")
    await day.until_ledger_has(3)
    day.check_ledger()
    assert "line-silent" in day.world.log()


@pytest.mark.timeout(120)
async def test_one_bad_telegram_is_parked_and_a_person_decides(day: Day) -> None:
    """The other bank uses a 種目コード that this relay does not know: listed, dropped by name, and the line never noticed."""
    await day.start()
    await day.until(lambda: day.mind.state is CenterState.OPEN, "no 開局")
    day.mind.next_subject = "7777"
    for number in (1, 2):
        day.center.order(number, "001-1-1234567", 1_000 + number)
    await day.until(lambda: day.mind.is_settled, "the session did not live on")
    await day.until_ledger_has(1)
    (row,) = (await asyncio.to_thread(day.world.control.parked, ParkedArgs())).rows
    assert (row.listener, row.reason, row.decision) == ("zengin", "unsupported", "")
    await day.kill_and_restart()
    await day.until(lambda: day.mind.links >= 2 and day.mind.state is CenterState.OPEN, "no 開局 after the restart")
    await day.say("drop-parked", f"{row.name} Sato")
    async with asyncio.timeout(20):
        while (await asyncio.to_thread(day.world.control.parked, ParkedArgs())).total:
            await next_look()
    (row,) = (await asyncio.to_thread(day.world.control.parked, ParkedArgs(all=True))).rows
    assert (row.decision, row.who) == ("dropped", "Sato")


def write_tables(directory: Path) -> None:
    """v1 is good; v2 has a row of zeros in its middle, and agrees with its own count and hash."""
    banks = [(f"{n:04}", f"ｷﾞﾝｺｳ{n}", f"銀行{n}") for n in range(1, 31)]
    branches = [(code, "001", "ﾎﾝﾃﾝ", "本店") for code, _, _ in banks]
    fees = [("1", "29999", "52"), ("30000", "999999999999", "105")]
    broken = [*banks[:16], ("\0\0\0\0", "\0", "\0"), *banks[17:]]
    for version, rows in (("v1", banks), ("v2", broken)):
        folder = directory / "tables" / version
        folder.mkdir(parents=True)
        for name, table in (("banks", rows), ("branches", branches), ("fees", fees)):
            (folder / f"{name}.tsv").write_text(compose(name, version, table), encoding="utf-8")


@pytest.mark.timeout(120)
async def test_the_outage_of_2023_is_refused_before_the_opening(day: Day, tmp_path: Path) -> None:
    """The generator reported success; the row is named, the previous version comes back with one command."""
    write_tables(tmp_path)
    await day.start('[dialer.profile.tables]\nenrichment = "on"\ncurrent = "v2"\nprevious = "v1"')
    await day.until(lambda: day.mind.links >= 1, "no connection")
    async with asyncio.timeout(30):
        while "banks: row 17 is not well formed" not in day.world.log():
            await next_look()
    assert day.mind.state is CenterState.SHUT
    await day.say("tables-previous")
    await day.until(lambda: day.mind.state is CenterState.OPEN, "the previous version did not open the day")
    day.center.order(1, "001-1-1234567", 1_000)
    await day.until_ledger_has(1)
    await day.kill_and_restart()
    await day.until(lambda: day.mind.links >= 2 and day.mind.state is CenterState.OPEN, "a restart does not stay with it")


@pytest.mark.timeout(120)
async def test_one_switch_opens_the_day_without_any_table(day: Day, tmp_path: Path) -> None:
    """The only version there is is broken: bypass, a reload, and telegrams pass both ways without names and fees."""
    write_tables(tmp_path)
    await day.start('[dialer.profile.tables]\nenrichment = "on"\ncurrent = "v2"')
    await day.world.logged("banks: row 17 is not well formed")
    assert day.mind.state is CenterState.SHUT
    day.configure('[dialer.profile.tables]\nenrichment = "bypass"\ncurrent = "v2"')
    day.world.signal(signal.SIGHUP)
    await day.until(lambda: day.mind.state is CenterState.OPEN, "bypass did not open the day")
    day.center.order(1, "001-1-1234567", 1_000)
    await asyncio.to_thread(day.post, FIRST_OUT)
    await day.until_ledger_has(1)
    await day.until(lambda: day.books.holds(1), "nothing was sent")
    day.check_ledger()
