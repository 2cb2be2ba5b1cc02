"""What the trailers of Zengin files state on the report's sheet: beside our own count and the core's, days before their date.

The figures are those that the company wrote into its trailers, and the daemon is killed before the sheet is made.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from protocols.zengin.format.settings import FormatSettings
from protocols.zengin.format.writer import write_file
from relay.clock import SystemClock
from relay.loopback.core import FakeCore
from relay.loopback.coreserver import CoreServer
from relay.loopback.station import FileStation, Parcel
from tests.live.test_totals import report
from tests.support.daemonworld import DaemonWorld
from tests.support.zenginfiles import header, payment, total
from tests.support.zenginlink import BANK, COMPANY, profile
from tests.support.zenginrelay import LISTENER, WaitedLedger, write_credentials

HOST = "127.0.0.1"
RECONCILE = "[reconcile]\nmargin_ms = 1\nlook_ms = 3600000\nutc_offset_minutes = 0\n"
AHEAD_DAYS = 4  # a file of salaries comes before the day on which they are paid


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    world.ledger = WaitedLedger(utc_offset_minutes=0)
    world.core = CoreServer(FakeCore(world.ledger), world.faults, zones=(HOST,))
    write_credentials(tmp_path / "credentials")
    await world.start_core()
    world.configure(LISTENER, extra=RECONCILE)
    yield world
    await world.close()


def of_day(day: datetime, count: int, cycle: str) -> Parcel:
    fields = {**header("21"), "date_mmdd": f"{day:%m%d}"}
    content = write_file("21", fields, [payment("21", number) for number in range(1, count + 1)], FormatSettings())
    return Parcel(name="SOUFURI", cycle=cycle, content=content, access_key="KEY1")


@pytest.mark.timeout(120)
async def test_files_of_a_day_to_come_balance_with_what_the_journal_and_the_core_hold(world: DaemonWorld) -> None:
    station = FileStation(profile(COMPANY, BANK, text_bytes_max=2048, send_count=3), SystemClock().wall_ms)
    await world.start()
    day = datetime.now(UTC) + timedelta(days=AHEAD_DAYS)
    parcels = [of_day(day, 30, "01"), of_day(day, 12, "02"), of_day(day + timedelta(days=1), 5, "03")]
    assert await station.send(HOST, world.port, parcels) == ["ok", "ok", "ok"]
    ledger = world.ledger
    assert isinstance(ledger, WaitedLedger)
    for cycle, count in (("01", 30), ("02", 12), ("03", 5)):
        await ledger.until("SOUFURI", cycle, count)
    await world.kill()
    await world.start()
    sheet = (await report(world.control, f"{day:%Y-%m-%d}"))["totals"]
    (line,) = sheet["stated"]
    said = total(30) + total(12)
    assert (line["party"], line["source"], line["name"]) == ("COMPANY", "トレーラ", "bulk-transfer")
    assert (line["count"], line["minor"]) == (42, said)
    assert (line["own_count"], line["own_minor"], line["core_minor"]) == (42, said, said)
    assert (sheet["statements"], sheet["differs"]) == (2, 0)
    assert await world.stop() == 0
