"""One loop and one reactor for the whole test session, and the order of the tests: what takes long begins first.

The reactor belongs to the loop it was installed on: a test on a loop of its own would wait for ever, hence the session
scope here and in pyproject.toml. `startRunning`, not `run`: asyncio owns the loop.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longest first, so that no worker has a long test left when the others are done: a test that may take long says so by a
    timeout of its own; then the other live tests, then the rest in their order. The same in every worker, as xdist demands."""
    items.sort(key=lambda item: (-_patience_s(item), "live" not in item.path.parts))


def _patience_s(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker is not None and marker.args else 0.0
