"""The wire's world, one per test, closed after it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from tests.support.wireworld import WireWorld


@pytest_asyncio.fixture(loop_scope="session")
async def world(reactor: Any) -> AsyncIterator[WireWorld]:
    made = WireWorld(reactor)
    yield made
    await made.close()
