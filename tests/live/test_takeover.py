"""A lost center taken over for real: kill -9 of its relay and of its database, the copy promoted, its business carried
to an end, its terminals answered; it wakes up on its old disk and is let in nowhere; it gets its journal back.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from relay.control.takeover import TakeoverBeginArgs, TakeoverFinishArgs, TakeoverReport
from relay.loopback.faults import Fault
from tests.support.daemonworld import PATIENCE_S, DaemonWorld, next_look
from tests.support.foreignatm import PAN, ForeignAtm
from tests.support.pairroom import until
from tests.support.pgserver import PostgresPair, PostgresServer

AMOUNT = 10_000  # of each withdrawal, yen
SIGNED = {"who": "Sato", "second": "Suzuki", "why": "no power there"}
HOSTS = {"tokyo": "127.0.0.1", "osaka": "127.0.0.2"}
NOWHERE = "postgresql://relay@127.0.0.1:1/relay"


class Centers:
    """Tokyo keeps its journal on the pair's primary; osaka has a file, and the pair's standby as its copy of tokyo's."""

    def __init__(self, folder: Path) -> None:
        self.servers = PostgresPair()
        self.relays: dict[str, DaemonWorld] = {}
        for name in HOSTS:
            (folder / name).mkdir()
            self.relays[name] = DaemonWorld(folder / name)
        self.tokyo, self.osaka = self.relays["tokyo"], self.relays["osaka"]
        self._unused, self.osaka.core = self.osaka.core, self.tokyo.core
        self.ledger, self.faults = self.tokyo.ledger, self.tokyo.faults
        mac = secrets.token_hex(32)
        for name, peer in (("tokyo", self.osaka), ("osaka", self.tokyo)):
            folder = self.relays[name].directory / "credentials"
            key = (peer.directory / "credentials" / "journal-key").read_text()
            for credential, text in (("pair-mac", mac), ("peer-journal-key", key)):
                (folder / credential).write_text(text)
                (folder / credential).chmod(0o600)
        self._pair_port = self.tokyo.hold_port()

    async def start(self) -> None:
        await self.tokyo.core.start()
        self.servers.primary.sql("GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer) TO relay")
        self.configure("tokyo", self.servers.primary, NOWHERE)
        self.configure("osaka", None, self.servers.standby.dsn)
        for name in HOSTS:
            await self.relays[name].start()
            await self.until(name, lambda report: report.own == "clear")

    def configure(self, name: str, server: PostgresServer | None, copy: str) -> None:
        """`server` keeps its journal; None: a file does."""
        peer = next(each for each in HOSTS if each != name)
        journal = "" if server is None else f'engine = "postgresql"\ndsn = "{server.dsn}"\nschema_name = "live"\n'
        self.relays[name].configure(
            extra=(
                f'[pair]\npeer = "{peer}"\npaths = ["link={HOSTS[name]}>{HOSTS[peer]}"]\nport = {self._pair_port}\n'
                f'mac_credentials = ["pair-mac"]\n[takeover]\ndsn = "{copy}"\nschema_name = "live"\nlook_ms = 100\n'
            ),
            journal_extra=journal,
        )
        path = self.relays[name].config_path
        path.write_text(path.read_text().replace("[relay]\n", f'[relay]\ncenter = "{name}"\n', 1))

    async def close(self) -> None:
        try:
            for relay in (self.osaka, self.tokyo):
                if relay.process is not None and relay.process.returncode is None:
                    await relay.kill()
            self.osaka.core = self._unused
            for relay in (self.osaka, self.tokyo):
                await relay.close()
        finally:
            self.servers.remove()

    # ---- what is asked -----------------------------------------------------------------------------------------------
    async def until(self, name: str, holds: Callable[[TakeoverReport], bool]) -> TakeoverReport:
        control = self.relays[name].control
        report = TakeoverReport()
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    report = await asyncio.to_thread(control.takeover_status)
                    if holds(report):
                        return report
                    await next_look()
        except TimeoutError:
            raise AssertionError(f"{name}: {report}\n{self.relays[name].log()[-5_000:]}") from None

    async def atm(self, name: str) -> ForeignAtm:
        """Signed on, once the door is open."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    atm = await asyncio.to_thread(ForeignAtm, self.relays[name].port)
                    break
                except ConnectionRefusedError:
                    await next_look()
        assert (await asyncio.to_thread(atm.sign_on))["39"] == "00"
        return atm

    @property
    def paid(self) -> int:
        return (self.ledger.opening_minor - self.ledger.balance(PAN)) // AMOUNT


@pytest_asyncio.fixture(loop_scope="session")
async def centers(tmp_path: Path) -> AsyncIterator[Centers]:
    made = Centers(tmp_path)
    try:
        await made.start()
        yield made
    finally:
        await made.close()


async def ask(atm: ForeignAtm, trace: int, **changes: str) -> str:
    answer = await asyncio.to_thread(atm.ask, {**atm.withdrawal(f"{trace:06}"), **changes})
    return answer["39"]


@pytest.mark.timeout(300)
async def test_a_lost_center_is_taken_over_and_gets_its_journal_back(centers: Centers) -> None:
    tokyo, osaka = centers.tokyo, centers.osaka
    with closing(await centers.atm("tokyo")) as atm:
        for trace in (1, 2, 3):
            assert await ask(atm, trace) == "00"
        centers.faults.set_rates({Fault.DROP_AFTER_COMMIT: 1.0})
        await asyncio.to_thread(atm.say, atm.withdrawal("000004"))
        await until(lambda: centers.paid == 4, PATIENCE_S)  # posted, and nobody has heard of it
        await tokyo.kill()
        centers.servers.primary.kill()
    centers.faults.set_rates({})

    begin = TakeoverBeginArgs(center="tokyo", **SIGNED)
    await asyncio.to_thread(osaka.control.takeover_begin, begin)
    await asyncio.to_thread(osaka.control.takeover_begin, begin)
    await centers.until("osaka", lambda report: report.is_at_work)
    assert centers.paid == 4, "the copy could lack a reply that left: nothing is undone by itself"

    with closing(await centers.atm("osaka")) as atm:
        undo = atm.reversal(atm.withdrawal("000004"), "000008")
        assert (await asyncio.to_thread(atm.ask, undo))["39"] == "00"
        report = await centers.until("osaka", lambda report: report.is_at_work and not report.open_count)
        assert (report.fence, report.is_fence_seen) == (10_000_000, True)
        assert centers.paid == 3, "its terminal has said that it heard nothing"
        assert await ask(atm, 2, t="0201") == "00", "answered from tokyo's journal"
        undo = atm.reversal(atm.withdrawal("000003"), "000005")
        assert (await asyncio.to_thread(atm.ask, undo))["39"] == "00"
        await until(lambda: centers.paid == 2, PATIENCE_S)
        assert await ask(atm, 3, t="0201") != "00", "its reversal binds it"
        assert await ask(atm, 6) == "00", "osaka's own business"
    assert centers.ledger.posted_twice() == []
    assert centers.paid == 3

    # The region is lost as well, and the next one never got what tokyo's first withdrawal had posted.
    first = next(entry.key for entry in centers.ledger.entries() if entry.trace == "000001")
    centers.ledger.forget(first)
    centers.ledger.activate(centers.ledger.epoch + 1)
    epoch = centers.ledger.epoch
    report = await centers.until("osaka", lambda report: report.tail.epoch == epoch and report.tail.is_finished)
    assert (report.tail.missing, report.tail.mended, report.tail.listed) == (1, 1, 0)
    assert centers.ledger.knows(first), "said again at osaka, out of tokyo's journal"
    whose = {entry.trace: (entry.center, entry.reversed_by) for entry in centers.ledger.entries()}
    assert [whose[trace] for trace in ("000001", "000003", "000006")] == [("tokyo", ""), ("tokyo", "tokyo"), ("osaka", "")], (
        "out of tokyo's journal in tokyo's name, so that each line is in the report of the journal that has it"
    )
    assert centers.paid == 3

    # Tokyo wakes up on its old disk, and somebody has told its server not to wait for a copy.
    centers.servers.primary.start()
    for statement in ("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()"):
        centers.servers.primary.sql(statement, database="postgres")
    await tokyo.start()
    superseded = await centers.until("tokyo", lambda report: bool(report.own_superseded_by))
    assert (superseded.own, superseded.own_superseded_by) == ("superseded", "osaka"), "whichever word of the core came first"
    with pytest.raises(ConnectionRefusedError):
        await asyncio.to_thread(ForeignAtm, tokyo.port)
    await tokyo.kill()
    centers.servers.primary.kill()

    # In the middle of it the survivor dies, too.
    await osaka.kill()
    await osaka.start()
    await centers.until("osaka", lambda report: report.is_at_work and not report.open_count)
    await asyncio.to_thread(osaka.control.takeover_finish, TakeoverFinishArgs(**SIGNED))
    await centers.until("osaka", lambda report: report.state == "returned")

    centers.configure("tokyo", centers.servers.standby, NOWHERE)
    await tokyo.start()
    await centers.until("tokyo", lambda report: report.own == "clear")
    with closing(await centers.atm("tokyo")) as atm:
        assert await ask(atm, 2, t="0201") == "00"
        assert await ask(atm, 7) == "00"
    assert centers.paid == 4
    assert centers.ledger.posted_twice() == [first], "in the region that was lost, and said again in the next one; nothing else"
