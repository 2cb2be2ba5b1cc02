"""The way in and out: the first signal asks, the second is Python's own again; nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from relay.loopback.customers import Customers
from relay.loopback.load import Load, LoadSettings, Silence
from relay.loopback.runner import asking_to_stop, on_a_stage, run_loop
from relay.loopback.stage import Stage, StageSettings
from relay.loopback.troupes import ISO8583, Plan, assemble

IDLE = LoadSettings(terminals=1, rate_per_s=1.0, dialects={ISO8583: 1.0})


async def test_the_first_signal_asks_to_stop_and_gives_the_handlers_back() -> None:
    load = Load(IDLE, assemble(Plan(shares=IDLE.dialects, terminals=1, target=("127.0.0.1", 1)), Customers()), Silence())
    asked: list[str] = []
    with asking_to_stop(load, lambda: asked.append("stopping")):
        os.kill(os.getpid(), signal.SIGINT)
        async with asyncio.timeout(10):
            await load.stopping.wait()
        assert asked == ["stopping"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.fixture
def harmless() -> Iterator[signal.Handlers]:
    """SIGTERM does nothing to whoever runs the tests."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield signal.SIG_IGN
    signal.signal(signal.SIGTERM, before)


async def test_a_second_sigterm_is_as_it_was_before(harmless: signal.Handlers) -> None:
    load = Load(IDLE, assemble(Plan(shares=IDLE.dialects, terminals=1, target=("127.0.0.1", 1)), Customers()), Silence())
    with asking_to_stop(load, lambda: None):
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(10):
            await load.stopping.wait()
        assert signal.getsignal(signal.SIGTERM) is harmless
    assert signal.getsignal(signal.SIGTERM) is harmless


def test_sigterm_is_ctrl_c_at_any_moment_and_what_was_begun_is_cleared_away(harmless: signal.Handlers) -> None:
    cleared: list[bool] = []

    async def begin() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            async with asyncio.timeout(10):
                await asyncio.Event().wait()
        finally:
            cleared.append(True)

    with pytest.raises(KeyboardInterrupt):
        run_loop(begin())
    assert cleared == [True]
    assert signal.getsignal(signal.SIGTERM) is harmless


async def test_whatever_happens_neither_process_nor_folder_is_left() -> None:
    opened: list[Stage] = []

    def break_off(stage: Stage) -> None:
        opened.append(stage)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await on_a_stage(IDLE, StageSettings(), [], Silence(), opened=break_off)
    (stage,) = opened
    assert not stage.directory.exists()
    assert stage.daemon_ended() is not None


def test_run_loop_returns_what_the_coroutine_returns() -> None:
    async def seven() -> int:
        return 7

    assert run_loop(seven()) == 7
