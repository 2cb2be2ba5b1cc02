"""From a terminal to a running load: event loop, signals, temporary folder, and the way out.

Owns what `relay demo` and `relay load` have in common around a `Load`. It must never know what is printed. The traps: the
first Ctrl-C asks to stop and drains, only the second one breaks off; and whatever happens, no child process and no folder is
left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import signal
import tempfile
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, TypeVar

from relay.bridge import drain
from relay.loopback.customers import Customers
from relay.loopback.figures import LoadReport
from relay.loopback.load import Audience, Load, LoadSettings
from relay.loopback.scenario import Step
from relay.loopback.stage import Stage, StageSettings

T = TypeVar("T")


def run_loop(coro: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop where it is installed."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if importlib.util.find_spec("uvloop") is not None:
        factory = importlib.import_module("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(coro)


async def on_a_stage(
    settings: LoadSettings,
    stage_settings: StageSettings,
    steps: Iterable[Step],
    audience: Audience,
    *,
    opened: Callable[[Stage], None] = lambda stage: None,
    stopping: Callable[[], None] = lambda: None,
) -> LoadReport:
    """A load against a core, a name server and a daemon of its own. `opened` is called when the daemon serves, `stopping`
    at the first Ctrl-C. Raises RelayError when the stage cannot be set up."""
    customers = Customers(settings.seed, max(100, settings.terminals), settings.mix)
    with tempfile.TemporaryDirectory(prefix="relay-", ignore_cleanup_errors=True) as directory:
        stage = Stage(Path(directory), stage_settings, customers)
        try:
            await stage.start()
            opened(stage)
            load = Load(settings, customers, audience, stage=stage, steps=steps)
            with asking_to_stop(load, stopping):
                return await load.run()
        finally:
            await stage.stop()
            await drain(1_000)


async def against(
    target: tuple[str, int],
    settings: LoadSettings,
    audience: Audience,
    *,
    ledger_url: str,
    control_path: str = "",
    stopping: Callable[[], None] = lambda: None,
) -> LoadReport:
    """A load against a relay that runs elsewhere."""
    customers = Customers(settings.seed, max(100, settings.terminals), settings.mix)
    load = Load(settings, customers, audience, target=target, control_path=control_path, ledger_url=ledger_url)
    try:
        with asking_to_stop(load, stopping):
            return await load.run()
    finally:
        await drain(1_000)


@contextlib.contextmanager
def asking_to_stop(load: Load, stopping: Callable[[], None]) -> Any:
    """The first SIGINT or SIGTERM ends the load in order; the second one is Python's own again."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def first() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)
        stopping()
        load.stopping.set()

    for number in numbers:
        loop.add_signal_handler(number, first)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
