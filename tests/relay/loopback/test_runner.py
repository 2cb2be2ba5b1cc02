"""The way in and out: the first signal asks, the second is Python's own again; nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import signal

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
