"""The border crosses results, failures and cancellation both ways, and a stop waits for background work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest
from twisted.internet import defer

from relay import bridge
from relay.bridge import answer_of


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests left running in this process is not this test's to wait for, or to cancel."""
    monkeypatch.setattr(bridge, "_tasks", set())


async def test_a_coroutine_fires_a_deferred() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        assert asyncio.current_task() is not None  # what httpx needs, and a bare Deferred does not give
        return 7

    assert await bridge.as_future(bridge.as_deferred(work())) == 7


async def test_a_coroutines_failure_reaches_the_deferred() -> None:
    async def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await bridge.as_future(bridge.as_deferred(work()))


async def test_cancelling_the_deferred_cancels_the_task() -> None:
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    deferred = bridge.as_deferred(work())
    failures: list[object] = []
    deferred.addErrback(lambda failure: failures.append(failure.type))
    await asyncio.sleep(0)
    deferred.cancel()
    await asyncio.wait_for(cancelled.wait(), 10)
    assert failures == [defer.CancelledError]


async def test_a_task_cancelled_from_asyncio_gives_twisteds_word_for_it() -> None:
    tasks: list[asyncio.Task[object]] = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        await asyncio.Event().wait()

    deferred = bridge.as_deferred(work())
    fired = asyncio.Event()
    failures: list[object] = []
    deferred.addErrback(lambda failure: failures.append(failure.type)).addCallback(lambda _: fired.set())
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.wait_for(fired.wait(), 10)
    assert failures == [defer.CancelledError]


async def test_cancelling_the_future_cancels_the_deferred() -> None:
    asked: list[str] = []
    deferred: defer.Deferred[None] = defer.Deferred(lambda _: asked.append("cancel"))
    future = bridge.as_future(deferred)
    future.cancel()
    with pytest.raises(asyncio.CancelledError):
        await future
    await asyncio.sleep(0)
    assert asked == ["cancel"]


async def test_a_deferred_cancelled_from_twisted_cancels_the_future() -> None:
    deferred: defer.Deferred[None] = defer.Deferred()
    future = bridge.as_future(deferred)
    deferred.cancel()
    with pytest.raises(asyncio.CancelledError):
        await future


async def test_a_result_after_the_future_was_cancelled_is_dropped() -> None:
    deferred: defer.Deferred[int] = defer.Deferred(lambda d: d.callback(3))
    future = bridge.as_future(deferred)
    future.cancel()
    await asyncio.sleep(0)
    assert future.cancelled()


async def test_failed_background_work_is_logged_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise RuntimeError("broken")

    with caplog.at_level(logging.ERROR, logger="relay.bridge"):
        task = bridge.spawn("poll-dns", work())
        with pytest.raises(RuntimeError, match="broken"):
            await task
        await asyncio.sleep(0)
    (record,) = [record for record in caplog.records if record.name == "relay.bridge"]
    assert record.getMessage() == "background work failed"
    assert record.fields == {"work": "poll-dns"}  # type: ignore[attr-defined]  # put there by relay.telemetry.log
    assert "poll-dns" not in bridge.running()


async def test_drain_waits_for_work_that_ends() -> None:
    go = asyncio.Event()
    done: list[int] = []

    async def work() -> None:
        await go.wait()
        done.append(1)

    bridge.spawn("ends", work())
    asyncio.get_running_loop().call_soon(go.set)
    assert await bridge.drain(10_000) == []
    assert done == [1]


async def test_drain_cancels_what_does_not_end_and_names_it() -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    task = bridge.spawn("never-ends", work())
    assert bridge.running() == ["never-ends"]
    assert await bridge.drain(1) == ["never-ends"]
    assert task.cancelled()
    assert bridge.running() == []


async def test_drain_from_background_work_does_not_wait_for_itself() -> None:
    async def stop() -> list[str]:
        return await bridge.drain(10_000)

    assert await asyncio.wait_for(bridge.spawn("stop", stop()), 10) == []


async def test_an_answer_by_callback_is_awaited_and_dropped_when_nobody_waits() -> None:
    assert await answer_of(lambda done: done(7)) == 7
    later: list[Callable[[int], None]] = []
    waiting = asyncio.ensure_future(answer_of(later.append))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    later[0](8)
    assert waiting.cancelled()
