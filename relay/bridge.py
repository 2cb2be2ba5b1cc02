"""The only border between Twisted's Deferreds and asyncio, and the one door for background work.

Owns the tracking of every task that nobody awaits: each has a name, its failure is logged, and a stop waits for it. It
must never know what a task does. The traps: an asyncio coroutine awaited under a Deferred has no current task, so httpx
and friends fail in it (hence `as_deferred`, which makes one); and each side has its own CancelledError, which the other
side does not recognise, so both are translated here. Twisted is imported where the border is crossed: who has background
work and no Deferred (the orchestrator, the lab) starts without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from relay.telemetry.log import get_log

if TYPE_CHECKING:
    from twisted.internet import defer
    from twisted.python.failure import Failure

T = TypeVar("T")

_log = get_log("bridge")
_tasks: set[asyncio.Task[Any]] = set()  # strong references: the loop itself keeps only weak ones


def spawn(name: str, coro: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run `coro` on the running loop: tracked, its failure logged under `name`, drained at stop."""
    task = asyncio.get_running_loop().create_task(coro, name=name)
    _tasks.add(task)
    task.add_done_callback(_finished)
    return task


def _finished(task: asyncio.Task[Any]) -> None:
    _tasks.discard(task)
    if task.cancelled():
        return
    try:
        task.result()
    except Exception:  # noqa: BLE001  not swallowed: whoever awaits the task still gets it, but usually nobody does
        _log.exception("background work failed", work=task.get_name())


def running() -> list[str]:
    """Names of the background work under way, sorted."""
    return sorted(task.get_name() for task in _tasks)


async def drain(deadline_ms: int) -> list[str]:
    """Wait for all background work up to `deadline_ms` milliseconds, then cancel the rest.

    Returns the names of what was cancelled, sorted. The caller's own task is left alone.
    """
    waiting = {task for task in _tasks if task is not asyncio.current_task()}
    if not waiting:
        return []
    _, late = await asyncio.wait(waiting, timeout=deadline_ms / 1000)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=1.0)  # bounded: a task that swallows its cancellation must not hold the stop
    return sorted(task.get_name() for task in late)


async def answer_of(ask: Callable[[Callable[[T], None]], None]) -> T:
    """The result of a call that answers by callback, perhaps before it returns. One that comes when nobody waits any more (who
    asked has gone, or its time is over) is dropped."""
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def done(result: T) -> None:
        if not future.done():
            future.set_result(result)

    ask(done)
    return await future


def as_deferred(coro: Coroutine[Any, Any, T], name: str = "deferred") -> defer.Deferred[T]:
    """`coro` as a task whose result fires a Deferred. Cancelling the Deferred cancels the task.

    A cancelled task fires Twisted's CancelledError. The failure belongs to the Deferred's owner and is not logged here.
    """
    from twisted.internet import defer  # see the header

    task = asyncio.get_running_loop().create_task(coro, name=name)
    _tasks.add(task)
    deferred: defer.Deferred[T] = defer.Deferred(lambda _: _cancel(task))

    def finished(task: asyncio.Task[T]) -> None:
        _tasks.discard(task)
        error = defer.CancelledError() if task.cancelled() else task.exception()
        if deferred.called:
            return  # the owner cancelled: Twisted has told it so already
        if error is not None:
            deferred.errback(error)
        else:
            deferred.callback(task.result())

    task.add_done_callback(finished)
    return deferred


def as_future(deferred: defer.Deferred[T]) -> asyncio.Future[T]:
    """A Deferred's result as a future of the running loop. Cancelling the future cancels the Deferred.

    Twisted's CancelledError cancels the future, so that the awaiting task sees asyncio's.
    """
    from twisted.internet import defer  # see the header

    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def succeeded(result: T) -> None:
        if not future.done():
            future.set_result(result)

    def failed(failure: Failure) -> None:
        if future.done():
            return
        if isinstance(failure.value, defer.CancelledError):
            future.cancel()
        elif failure.value is not None:
            future.set_exception(failure.value)

    deferred.addCallbacks(succeeded, failed)
    future.add_done_callback(lambda done: deferred.cancel() if done.cancelled() else None)
    return future


def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
