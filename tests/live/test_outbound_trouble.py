"""Messages of the core through the running daemon while something is wrong: a full disk, a line that is down with thousands
waiting, a core that cannot be told, a terminal that reads nothing, a key with another body, and an end of their time.

The terminals are a stranger's (tests/support/foreignatm.py). The disk is made full below the real sqlite3 by a preloaded shim.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from relay.control.commands import OutboundListArgs, OutboundPostArgs
from relay.loopback.outboundclient import OutboundClient, Said
from relay.outbound.contract import OutboundStatus
from tests.support.daemonworld import LISTENER, ROOT, DaemonWorld, next_look
from tests.support.foreignatm import ForeignAtm
from tests.support.tools import need_tool

PATIENCE_S = 60.0
HOUR_MS = 3_600_000
WAITING_COUNT = 10_000
TOGETHER = 32  # posts at once


class Trouble(DaemonWorld):
    def __init__(self, directory: Path, shim: Path) -> None:
        super().__init__(directory)
        self.environment = {"LD_PRELOAD": str(shim), "SICK_FOLDER": str(directory)}
        self.outbound_port = self.hold_port()
        self.client = OutboundClient("127.0.0.1", self.outbound_port)

    async def begin(self, more: str = "") -> None:
        await self.start_core()
        extra = f'[outbound]\nendpoint = "tcp:{self.outbound_port}:interface=127.0.0.1"\n{more}'
        self.configure(LISTENER + "[listener.profile.session]\ncommand_reply_ms = 5000\n", extra)
        await self.start()

    def reported(self, key: str) -> list[dict[str, str]]:
        return [dict(report.detail) for report in self.core.core.reports.values() if report.detail.get("key") == key]

    async def state(self, key: str) -> str:
        said = await self.client.find(key)
        assert said.message is not None, said
        return said.message.state

    async def until_confirmed(self, key: str) -> OutboundStatus:
        """The core has the report before the relay has heard and written down that it has."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = (await self.client.find(key)).message
                assert found is not None
                if found.is_reported:
                    return found
                await next_look()

    async def until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not what():  # noqa: ASYNC110  another process does it
                await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("shim") / "sickdisk.so"
    source = ROOT / "tests" / "support" / "sickdisk.c"
    subprocess.run([need_tool("gcc"), "-shared", "-fPIC", "-Wall", "-o", library, source, "-ldl"], check=True, timeout=60)
    return library


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path, shim: Path) -> AsyncIterator[Trouble]:
    world = Trouble(tmp_path, shim)
    yield world
    await world.close()


def signed_on(world: DaemonWorld, terminal: str = "ATM00001") -> ForeignAtm:
    atm = ForeignAtm(world.port, terminal=terminal)
    assert atm.sign_on()["39"] == "00"
    return atm


def acknowledge(atm: ForeignAtm, asked: dict[str, str]) -> None:
    atm.say({"t": "0810", "7": asked["7"], "11": asked["11"], "39": "00", "70": asked["70"]})


async def test_a_full_disk_takes_nothing_sends_nothing_and_loses_nothing(world: Trouble) -> None:
    await world.begin()
    await world.client.post("before", "atm", "cutover", "ATM00001", {"business_date": "2026-12-01"})
    full = world.directory / "full"
    full.touch()
    said = await world.client.post("during", "atm", "cutover", "ATM00001", {"business_date": "2026-12-02"})
    assert (said.http_status, said.problem and said.problem.type) == (503, "urn:relay:problem:no-journal")
    atm = await asyncio.to_thread(signed_on, world)
    again = await world.client.post("before", "atm", "cutover", "ATM00001", {"business_date": "2026-12-01"})
    assert again.http_status == 200, "a repeat is answered from the journal"
    assert await world.state("before") == "queued", "its line is up, and nothing is sent whose intent is not on disk"
    cancel = await world.client.cancel("before")
    assert cancel.http_status == 503
    full.unlink()
    said = await world.client.post_until_answered("during", "atm", "cutover", "ATM00001", {"business_date": "2026-12-02"})
    assert said.http_status == 202
    for date in ("1201", "1202"):
        heard = await asyncio.to_thread(atm.hear)
        assert heard["15"] == date
        acknowledge(atm, heard)
    await world.until(lambda: [r["state"] for key in ("before", "during") for r in world.reported(key)] == ["acknowledged"] * 2)
    atm.close()


async def test_a_key_with_another_body_and_one_that_is_over(world: Trouble) -> None:
    world.module = "tests.support.jumpingrelay"
    await world.begin()
    control = world.control
    await world.client.post("k1", "atm", "cutover", "ATM00001", {"business_date": "2026-12-01"})
    said = await world.client.post("k1", "atm", "cutover", "ATM00001", {"business_date": "2026-12-02"})
    assert (said.http_status, said.problem and said.problem.type) == (422, "urn:relay:problem:key-conflict")
    now_ms = (await asyncio.to_thread(control.status)).at_ms
    timed = OutboundPostArgs(key="k2", listener="atm", line="ATM00001", kind="echo", expires_ms=now_ms + HOUR_MS)
    assert (await asyncio.to_thread(control.outbound_post, timed)).state == "queued"
    await world.kill()
    world.environment["DAYS_AHEAD"] = "1"  # its time passes while the relay is dead
    await world.start()
    await world.until(lambda: bool(world.reported("k2")))
    (report,) = world.reported("k2")
    assert (report["state"], report["reason"]) == ("failed", "expired")
    found = await world.until_confirmed("k2")
    assert (found.reason, found.sent_ms) == ("expired", None)
    atm = await asyncio.to_thread(signed_on, world)
    heard = await asyncio.to_thread(atm.hear)
    assert heard["70"] == "201", "the cutover, and no echo"
    atm.close()


async def test_a_core_that_cannot_be_told_is_told_later_over_a_restart(world: Trouble) -> None:
    await world.begin()
    atm = await asyncio.to_thread(signed_on, world)
    await world.client.post("k1", "atm", "echo", "ATM00001")
    heard = await asyncio.to_thread(atm.hear)
    await world.core.stop()
    acknowledge(atm, heard)
    async with asyncio.timeout(PATIENCE_S):
        while await world.state("k1") != "acknowledged":
            await next_look()
    found = await world.client.find("k1")
    assert found.message is not None
    assert not found.message.is_reported
    await world.kill()
    atm.close()
    await world.start()
    assert (await asyncio.to_thread(world.control.status)).outbound.reports_owed == 1
    await world.core.start()
    await world.until(lambda: [r["state"] for r in world.reported("k1")] == ["acknowledged"])
    async with asyncio.timeout(PATIENCE_S):
        while (await asyncio.to_thread(world.control.status)).outbound.reports_owed:
            await next_look()


@pytest.mark.timeout(240)
async def test_ten_thousand_wait_for_a_line_that_is_down_over_a_kill(world: Trouble) -> None:
    await world.begin(f"line_queue_count_max = {WAITING_COUNT}\n")

    async def post(numbers: range) -> list[Said]:
        return [await world.client.post(f"k{number:05}", "atm", "echo", "ATM00001") for number in numbers]

    share = WAITING_COUNT // TOGETHER + 1
    ranges = [range(at, min(at + share, WAITING_COUNT)) for at in range(0, WAITING_COUNT, share)]
    answers = [said for part in await asyncio.gather(*map(post, ranges)) for said in part]
    assert {said.http_status for said in answers} == {202}
    over = await world.client.post("over", "atm", "echo", "ATM00001")
    assert (over.http_status, over.problem and over.problem.type) == (503, "urn:relay:problem:overloaded")
    other = await world.client.post("other", "atm", "cutover", "ATM00002", {"business_date": "2026-12-01"})
    assert other.http_status == 202
    await world.kill()
    await world.start()
    assert (await asyncio.to_thread(world.control.status)).outbound.queued == WAITING_COUNT + 1
    neighbour = await asyncio.to_thread(signed_on, world, "ATM00002")
    heard = await asyncio.to_thread(neighbour.hear)
    assert heard["15"] == "1201", "the line beside it waits for nobody"
    acknowledge(neighbour, heard)
    await world.until(lambda: [r["state"] for r in world.reported("other")] == ["acknowledged"])
    atm = await asyncio.to_thread(signed_on, world)
    for _ in range(50):
        acknowledge(atm, await asyncio.to_thread(atm.hear))
    await world.until(lambda: len(world.core.core.reports) >= 50)
    first = sorted(report.detail["key"] for report in world.core.core.reports.values() if report.detail["key"] != "other")
    rows = (await asyncio.to_thread(world.control.outbound_list, OutboundListArgs(state="acknowledged", count_max=100))).rows
    taken = sorted((row.recorded_ms, row.key) for row in rows if row.key != "other")
    assert set(first) <= {key for _, key in taken}
    assert (await asyncio.to_thread(world.control.status)).outbound.queued >= WAITING_COUNT - 51
    neighbour.close()
    atm.close()


async def test_a_terminal_that_reads_nothing_holds_its_own_line_only(world: Trouble) -> None:
    await world.begin()
    deaf = await asyncio.to_thread(signed_on, world)
    other = await asyncio.to_thread(signed_on, world, "ATM00002")
    for number in range(20):
        await world.client.post(f"deaf{number}", "atm", "echo", "ATM00001")
        await world.client.post(f"other{number}", "atm", "echo", "ATM00002")
        acknowledge(other, await asyncio.to_thread(other.hear))
    await world.until(lambda: all(world.reported(f"other{number}") for number in range(20)))
    behind = await world.state("deaf1")
    assert behind == "queued" or await world.state("deaf0") != "sent"  # 5 s may be over by now
    await world.until(lambda: [r["state"] for r in world.reported("deaf0")] == ["unknown"])
    deaf.close()
    other.close()
