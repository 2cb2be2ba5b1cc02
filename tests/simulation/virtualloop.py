"""An asyncio loop that has no clock and no sockets: it runs on virtual time, and its connections are simulated pipes.

Owns what asyncio code needs of a loop, so that the fake peers run in the simulation as they are, line for line. It must never
wait and never open a socket. The traps: a coroutine that awaits something real (a thread, a file descriptor) would hang for
ever, so every such wish raises; and an exception in a callback must end the history, not vanish in a log.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, Protocol
from weakref import WeakSet

from tests.support.virtualtime import VirtualTime, VirtualTimer


class Line(Protocol):
    """One end of a simulated connection, as a peer sees it."""

    def send(self, data: bytes) -> None: ...

    def close(self) -> None: ...


# Called with the peer's address, and what to do with its bytes and its end; None where nobody listens.
Accept = Callable[[str, Callable[[bytes], None], Callable[[], None]], Line | None]


class LoopTransport(asyncio.Transport):
    """A peer's end of a pipe, as asyncio's transports are."""

    def __init__(self, loop: VirtualLoop, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        loop.transports.add(self)
        self._loop = loop
        self._protocol: Any = protocol
        self._line: Line | None = None
        self._closing = False
        self._lost = False

    def attach(self, line: Line) -> None:
        self._line = line
        self._protocol.connection_made(self)

    def arrived(self, data: bytes) -> None:
        if not self._closing:
            self._protocol.data_received(data)

    def ended(self) -> None:
        """The connection is gone."""
        self._closing = True
        if not self._lost:
            self._lost = True
            self._protocol.connection_lost(None)

    def forget(self) -> None:
        """The history is over: nobody is told, and nobody is blamed for not having closed it."""
        self._closing = self._lost = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._line is not None and not self._closing:
            self._line.send(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """A pipe never fills."""

    def pause_reading(self) -> None:
        """A pipe never fills."""

    def resume_reading(self) -> None:
        """See pause_reading."""

    def is_reading(self) -> bool:
        return not self._closing

    def is_closing(self) -> bool:
        return self._closing

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            if self._line is not None:
                self._line.close()
            self._loop.call_soon(self.ended)

    def abort(self) -> None:
        self.close()


class LoopServer(asyncio.AbstractServer):
    """A listening peer. `sockets` has one thing that knows its port, because that is all that anybody asks."""

    class _Socket:
        def __init__(self, port: int) -> None:
            self._port = port

        def getsockname(self) -> tuple[str, int]:
            return ("10.9.0.1", self._port)

    def __init__(self, network: dict[int, Callable[[], asyncio.BaseProtocol]], port: int) -> None:
        self._network = network
        self.sockets = (self._Socket(port),)

    def close(self) -> None:
        self._network.pop(self.sockets[0].getsockname()[1], None)

    async def wait_closed(self) -> None:
        """Closed at once."""

    def is_serving(self) -> bool:
        return True

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()


class VirtualLoop(asyncio.AbstractEventLoop):
    """`listening` are the relay's ports, `serving` those of peers. `failures` are exceptions that nobody caught."""

    def __init__(self, time: VirtualTime, chance: Random) -> None:
        self._time = time
        self._chance = chance
        self.listening: dict[int, Accept] = {}
        self.serving: dict[int, Callable[[], asyncio.BaseProtocol]] = {}
        self.failures: list[BaseException] = []
        self._timers: dict[asyncio.TimerHandle, VirtualTimer] = {}
        self.transports: WeakSet[LoopTransport] = WeakSet()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Within it, `asyncio.get_running_loop()` is this loop."""
        asyncio.events._set_running_loop(self)
        try:
            yield
        finally:
            asyncio.events._set_running_loop(None)

    # ---- time ------------------------------------------------------------------------------------------------------------
    def time(self) -> float:
        return self._time.monotonic_ms() / 1_000

    def call_soon(self, callback: Any, *args: Any, context: contextvars.Context | None = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._time.after(0, lambda: None if handle.cancelled() else handle._run())
        return handle

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: contextvars.Context | None = None) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        delay_ms = max(0, round((when - self.time()) * 1_000))

        def fire() -> None:
            self._timers.pop(handle, None)
            if not handle.cancelled():
                handle._run()

        self._timers[handle] = self._time.after(delay_ms, fire)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        timer = self._timers.pop(handle, None)
        if timer is not None:
            timer.cancel()

    # ---- work ------------------------------------------------------------------------------------------------------------
    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: contextvars.Context | None = None
    ) -> asyncio.Task[Any]:  # type: ignore[override]  # typeshed has it generic
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.failures.append(error if isinstance(error, BaseException) else RuntimeError(str(context.get("message"))))

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    # ---- the network -----------------------------------------------------------------------------------------------------
    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        """A peer dials the relay. Raises ConnectionRefusedError where nobody listens. `local_addr` is the peer's address."""
        await asyncio.sleep(self._chance.randint(1, 5) / 1_000)
        accept = self.listening.get(port)
        address = options.get("local_addr") or ("10.0.0.1", 0)
        protocol = protocol_factory()
        transport = LoopTransport(self, protocol)
        line = None if accept is None else accept(address[0], transport.arrived, transport.ended)
        if line is None:
            raise ConnectionRefusedError(f"nobody listens on {port}")
        transport.attach(line)
        return transport, protocol

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> LoopServer:
        """A peer listens."""
        port = port or 40_000 + len(self.serving)
        self.serving[port] = protocol_factory
        return LoopServer(self.serving, port)
