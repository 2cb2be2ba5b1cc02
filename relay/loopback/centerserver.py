"""The fake Zengin center on a TCP port: one relay at a time, as a logical line has it. Or it dials, where the relay listens.

Owns the socket and the timers of the mind. It must never decide anything (center.py does). The trap: a relay that was
killed leaves a half-open connection; the newer one replaces it, and nothing that the older one still says is heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

from relay.loopback.center import CenterMind
from relay.loopback.centerdeeds import CenterDeed, CenterFault, Cut, Later, Write

HOST = "127.0.0.1"


class CenterServer:
    """`on_change` is called after each thing that happened, for whoever waits for a state."""

    def __init__(self, mind: CenterMind, port: int = 0, on_change: Callable[[], None] = lambda: None, host: str = HOST) -> None:
        self.mind = mind
        self.port = port
        self._host = host
        self._on_change = on_change
        self._link: _CenterLink | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(partial(_CenterLink, self), self._host, self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def dial(self, port: int) -> None:
        """Connect to a relay that listens, once. Raises OSError."""
        await asyncio.get_running_loop().create_connection(partial(_CenterLink, self), HOST, port)

    async def stop(self) -> None:
        self._forget_timers()
        if self._link is not None:
            self._link.transport.abort()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    # ---- what people and tests order --------------------------------------------------------------------------------------
    def order(self, serial: int, account: str, amount: int) -> None:
        self._do(self.mind.order(serial, account, amount))

    def inject(self, *faults: CenterFault) -> None:
        self.mind.faults.extend(faults)

    # ---- the link ------------------------------------------------------------------------------------------------------------
    def opened(self, link: _CenterLink) -> None:
        older, self._link = self._link, link
        if older is not None:
            older.transport.abort()
            self._forget_timers()
            self.mind.link_closed()
        self._do(self.mind.link_opened())

    def heard(self, link: _CenterLink, data: bytes) -> None:
        if link is self._link:
            self._do(self.mind.bytes_arrived(data))

    def closed(self, link: _CenterLink) -> None:
        if link is self._link:
            self._link = None
            self._forget_timers()
            self.mind.link_closed()
            self._on_change()

    def _do(self, deeds: Sequence[CenterDeed]) -> None:
        for deed in deeds:
            link = self._link
            if link is None:
                break
            if isinstance(deed, Write):
                link.transport.write(deed.data)
            elif isinstance(deed, Later):
                self._later(deed)
            elif isinstance(deed, Cut):
                link.transport.close()
        self._on_change()

    def _later(self, deed: Later) -> None:
        running = self._timers.pop(deed.name, None)
        if running is not None:
            running.cancel()
        if deed.after_ms is not None:
            loop = asyncio.get_running_loop()
            self._timers[deed.name] = loop.call_later(deed.after_ms / 1000, self._woken, deed.name)

    def _woken(self, name: str) -> None:
        self._timers.pop(name, None)
        self._do(self.mind.woken(name))

    def _forget_timers(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()


class _CenterLink(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, server: CenterServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._server.opened(self)

    def data_received(self, data: bytes) -> None:
        self._server.heard(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.closed(self)
