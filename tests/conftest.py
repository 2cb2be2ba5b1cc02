"""One loop and one reactor for the whole test session, and the order of the tests: what takes long begins first.

The reactor belongs to the loop it was installed on: a test on a loop of its own would wait for ever, hence the session
scope here and in pyproject.toml. `startRunning`, not `run`: asyncio owns the loop.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from itertools import zip_longest
from typing import Any

import hypothesis
import pytest
import pytest_asyncio

# An example that takes long says how busy the machine is, and nothing about the code: pytest's own timeout says who hangs.
# And the same examples come on every machine and in every run: what fails there fails here. `--hypothesis-profile search` tries
# others.
SLOW = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("search", deadline=None, suppress_health_check=SLOW)
hypothesis.settings.register_profile("machine", hypothesis.settings.get_profile("search"), derandomize=True)
hypothesis.settings.load_profile("machine")


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
    timeout of its own. And one of those that wait for processes beside one that only reckons, as long as there are both, so
    that there is something to do while a daemon drains. The same in every worker, as xdist demands."""
    items.sort(key=_patience_s, reverse=True)
    waiting = {"live", "browser"}
    live = [item for item in items if waiting & set(item.path.parts)]
    others = [item for item in items if not waiting & set(item.path.parts)]
    pairs = zip_longest(live, others)
    items[:] = [item for pair in pairs for item in pair if item is not None]


def pytest_collection_finish() -> None:
    """What ten thousand collected tests are made of stays to the end: no search for garbage has to walk through it again."""
    gc.collect()
    gc.freeze()


def _patience_s(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker is not None and marker.args else 0.0
