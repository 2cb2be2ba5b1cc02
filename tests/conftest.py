"""One loop and one reactor for the whole test session.

The reactor belongs to the loop it was installed on: a test on a loop of its own would wait for ever, hence the session
scope here and in pyproject.toml. `startRunning`, not `run`: asyncio owns the loop.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio


@pytest_asyncio.fixture(scope="session", autouse=True, loop_scope="session")
async def reactor() -> AsyncIterator[Any]:
    from twisted.internet import asyncioreactor

    assert "twisted.internet.reactor" not in sys.modules, "something imported the reactor before it was installed"
    asyncioreactor.install(asyncio.get_running_loop())
    from twisted.internet import reactor as installed

    installed.startRunning(installSignalHandlers=False)  # type: ignore[attr-defined]  # the module is the reactor
    yield installed
    # Not the reactor's own shutdown: it would stop the loop, which is pytest's to close. Its threads are not daemons.
    installed.getThreadPool().stop()  # type: ignore[attr-defined]  # as above
