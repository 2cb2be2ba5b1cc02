"""One browser for all tests of a worker, and a showroom for each test that asks for one: both are gone in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.support.chromium import Chromium
from tests.support.showroom import Showroom


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Chromium]:
    browser = Chromium()
    try:
        await browser.start()
        yield browser
    finally:
        await browser.stop()


@pytest_asyncio.fixture
async def showroom(tmp_path: Path) -> AsyncIterator[Showroom]:
    room = Showroom(tmp_path)
    await room.start()
    yield room
    await room.stop()
