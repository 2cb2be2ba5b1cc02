"""What the tests of the core floor share: real timers, one transport per test, and a call that can be awaited."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2 as httpx
import pytest_asyncio

from relay.clock import SystemClock
from relay.core.door import Address, HttpCall, HttpDoor, HttpResult
from relay.core.httpx_facade import RelayHttpxTransport
from relay.core.transport import Transport, TransportLimits
from relay.wheel import TimingWheel

Ask = Callable[..., Awaitable[HttpResult]]
HEAD = b"Host: core.test\r\n"
PATIENCE_MS = 20_000


def real_timers() -> TimingWheel:
    return TimingWheel(SystemClock(), asyncio.get_running_loop().call_later, tick_ms=5)


async def ask(door: HttpDoor, address: Address, call: HttpCall | None = None, timeout_ms: int = 20_000) -> HttpResult:
    """One call, awaited. Fails the test when `done` is called twice."""
    future: asyncio.Future[HttpResult] = asyncio.get_running_loop().create_future()
    door.call(address, call or HttpCall(b"GET", b"/v1/region", HEAD), timeout_ms, future.set_result)
    return await future


def patient(**changes: Any) -> TransportLimits:
    """Limits of a transport to which a busy machine is no slow core."""
    return TransportLimits(**{"connect_timeout_ms": PATIENCE_MS} | changes)


MakeTransport = Callable[..., Transport]


@pytest_asyncio.fixture
async def make_transport() -> AsyncIterator[MakeTransport]:
    made: list[Transport] = []

    def make(limits: TransportLimits | None = None, name: str = "core.test", **more: object) -> Transport:
        transport = Transport(name, timers=real_timers(), clock=SystemClock(), limits=limits or patient(), **more)  # type: ignore[arg-type]
        made.append(transport)
        return transport

    yield make
    for transport in made:
        await transport.aclose()


@pytest_asyncio.fixture
async def transport(make_transport: MakeTransport) -> Transport:
    return make_transport()


def facade(tls: ssl.SSLContext | None = None, **more: Any) -> RelayHttpxTransport:
    def make(name: str, is_tls: bool) -> Transport:
        limits = patient(connections_per_address_max=8, **more)
        return Transport(name, timers=real_timers(), clock=SystemClock(), tls=tls if is_tls else None, limits=limits)

    return RelayHttpxTransport(make)


@pytest_asyncio.fixture
async def clients() -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    async with (
        httpx.AsyncClient(transport=facade(), timeout=20) as ours,
        httpx.AsyncClient(trust_env=False, timeout=20) as theirs,
    ):
        yield ours, theirs
