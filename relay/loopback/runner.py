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

import msgspec

from relay.bridge import drain
from relay.clock import SystemClock
from relay.loopback.customers import Customers
from relay.loopback.days import offset_minutes
from relay.loopback.figures import LoadReport
from relay.loopback.load import Audience, Load, LoadSettings
from relay.loopback.scenario import Step
from relay.loopback.stage import Stage, StageSettings
from relay.loopback.troupe import Troupe
from relay.loopback.troupes import DEFAULT_SHARES, ISO8583, Plan, assemble

T = TypeVar("T")


def run_loop(coro: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop where it is installed. SIGTERM ends it as Ctrl-C does, at any moment: cut off, it would leave its relay
    behind."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if importlib.util.find_spec("uvloop") is not None:
        factory = importlib.import_module("uvloop").new_event_loop
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(coro)
    finally:
        signal.signal(signal.SIGTERM, before)


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
    steps = list(steps)
    day_offset_minutes = offset_minutes(SystemClock().wall_ms())
    stage_settings = msgspec.structs.replace(stage_settings, day_offset_minutes=day_offset_minutes)
    customers, troupes = _cast(settings, with_faults=bool(steps), day_offset_minutes=day_offset_minutes)
    with tempfile.TemporaryDirectory(prefix="relay-", ignore_cleanup_errors=True) as directory:
        try:
            for troupe in troupes:
                await troupe.prepare()
            stage = Stage(Path(directory), stage_settings, customers, [troupe.site() for troupe in troupes])
            try:
                await stage.start()
                load = Load(settings, troupes, audience, stage=stage, steps=steps)
                with asking_to_stop(load, stopping):
                    opened(stage)
                    return await load.run()
            finally:
                await stage.stop()
        finally:
            for troupe in troupes:
                await troupe.stop()
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
    """A load of ISO 8583 ATMs against a relay that runs elsewhere."""
    alone = msgspec.structs.replace(settings, dialects={ISO8583: 1.0})
    _, troupes = _cast(alone, target=target)
    load = Load(alone, troupes, audience, control_path=control_path, ledger_url=ledger_url)
    try:
        with asking_to_stop(load, stopping):
            return await load.run()
    finally:
        await drain(1_000)


def _cast(
    settings: LoadSettings,
    *,
    with_faults: bool = False,
    target: tuple[str, int] | None = None,
    day_offset_minutes: int | None = None,
) -> tuple[Customers, list[Troupe]]:
    """The people and the troupes of a load."""
    customers = Customers(settings.seed, max(100, settings.terminals), settings.mix)
    plan = Plan(
        shares=settings.dialects or dict(DEFAULT_SHARES),
        terminals=settings.terminals,
        rate_per_s=settings.rate_per_s,
        think_ms=settings.think_ms,
        policy=settings.policy,
        framing=settings.framing,
        encoding=settings.encoding,
        seed=settings.seed,
        with_faults=with_faults,
        target=target,
        day_offset_minutes=day_offset_minutes,
    )
    return customers, assemble(plan, customers)


@contextlib.contextmanager
def asking_to_stop(load: Load, stopping: Callable[[], None]) -> Any:
    """The first SIGINT or SIGTERM ends the load in order; the second one is as it was before."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    terminate = signal.getsignal(signal.SIGTERM)

    def no_more() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)
        signal.signal(signal.SIGTERM, terminate)  # the loop gives back the system's, which would leave the relay behind

    def first() -> None:
        no_more()
        stopping()
        load.stopping.set()

    for number in numbers:
        loop.add_signal_handler(number, first)
    try:
        yield
    finally:
        no_more()
