"""The figures of a Zengin day on the report's sheet: in balance, and with a telegram that only the center's books have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from relay.loopback.center import CenterState
from tests.live.test_totals import report
from tests.live.test_zrc_day import Day
from tests.support.daemonworld import next_look
from tests.support.noon import NOON_MINUTES

RECONCILE = f"[reconcile]\nmargin_ms = 1\nlook_ms = 3600000\nutc_offset_minutes = {NOON_MINUTES}\n"


@pytest_asyncio.fixture(loop_scope="session")
async def day(tmp_path: Path) -> AsyncIterator[Day]:
    made = Day(tmp_path)
    yield made
    await made.stop()


async def closed(day: Day) -> dict[str, Any]:
    """Traffic both ways, 閉局, and the sheet of that day."""
    await day.start(RECONCILE)
    await day.until(lambda: day.mind.state is CenterState.OPEN, "no 開局")
    for number in (1, 2, 3):
        day.center.order(number, "001-1-1234567", 1_000 * number)
    for amount in (500, 700):
        await asyncio.to_thread(day.post, amount)
    await day.until(lambda: day.mind.is_settled and len(list(day.books.got())) == 2, "no traffic")
    await day.until_ledger_has(3)
    async with asyncio.timeout(40):
        while set((await day.outbound()).values()) != {"acknowledged"}:
            await next_look()
    await day.say("close")
    await day.until(lambda: day.mind.state is CenterState.CLOSED, "no 閉局")
    date = f"{day.mind.day[:4]}-{day.mind.day[4:6]}-{day.mind.day[6:]}"
    sheet: dict[str, Any] = (await report(day.world.control, date))["totals"]
    return sheet


@pytest.mark.timeout(120)
async def test_the_centers_figures_agree_with_our_own_count(day: Day) -> None:
    sheet = await closed(day)
    assert {(line["name"], line["count"], line["minor"], line["own_count"], line["own_minor"]) for line in sheet["stated"]} == {
        ("仕向 1000", 2, 1_200, 2, 1_200),
        ("被仕向 1000", 3, 6_000, 3, 6_000),
    }
    assert (sheet["differs"], sheet["statements"]) == (0, 1)
    inward = next(line for line in sheet["kinds"] if line["kind"] == "interbank-transfer")
    assert (inward["count"], inward["minor"], inward["core_minor"]) == (3, 6_000, 6_000)


@pytest.mark.timeout(120)
async def test_a_telegram_that_only_the_center_counted_is_named(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    true = day.books.figures_to_bank
    monkeypatch.setattr(day.books, "figures_to_bank", lambda: (true()[0] + 1, true()[1] + 9_000, *true()[2:]))
    sheet = await closed(day)
    (line,) = [line for line in sheet["stated"] if line.get("why")]
    assert (line["name"], line["minor"], line["own_minor"]) == ("被仕向 1000", 15_000, 6_000)
    assert "the partner says 4 of 15,000 JPY, the journal 3 of 6,000 JPY" in line["why"]
    assert sheet["differs"] == 1
