"""TLS handshakes of a server: how many at once, of how many from one address, and who gives way.

Owns accepting where there is TLS. It must never read a request. The traps: a handshake costs its far end nothing, so whoever
opens connections and says nothing could keep everybody else out by number long before a time limit ends theirs; so each
address has a share, and where all places are taken one that is slow gives way to one that has just come; a place is given
back also by a handshake that was given up before its first step; and a host without file descriptors goes on serving those
that it has.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from relay.bridge import spawn
from relay.outbound.crowd import Crowd
from relay.telemetry.log import get_log

log = get_log("outbound.handshakes")

ACCEPT_AGAIN_S: Final = 1.0  # after an accept that failed: there is no descriptor left, for one


class HandshakeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`share_max`: of one address, 0 for no shares. A handshake that takes `slow_ms` gives way when all places are taken; one
    that takes `longest_ms` ends."""

    count_max: int
    share_max: int
    slow_ms: int
    longest_ms: int


class Handshakes:
    """`make`: a protocol that is told of its connection when the handshake is done. `refused`: another one found no place."""

    def __init__(
        self, limits: HandshakeLimits, tls: ssl.SSLContext, make: Callable[[], asyncio.Protocol], refused: Callable[[], None]
    ) -> None:
        self._limits, self._tls, self._make, self._refused = limits, tls, make, refused
        self._crowd: Crowd[_Handshake] = Crowd(limits.count_max, limits.share_max)
        self._accepting: list[asyncio.Task[None]] = []
        self._sockets: list[socket.socket] = []

    def __len__(self) -> int:
        return len(self._crowd)

    def start(self, sockets: Sequence[socket.socket]) -> None:
        """They listen already."""
        for sock in sockets:
            sock.setblocking(False)
        self._sockets = list(sockets)
        self._accepting = [spawn("accepting TLS", self._accept(each)) for each in sockets]

    async def stop(self) -> None:
        for accepting in self._accepting:
            accepting.cancel()
        for each in self._crowd.all():
            each.give_up()
        await asyncio.gather(*self._accepting, return_exceptions=True)  # nobody waits at a socket when it is closed
        for sock in self._sockets:
            sock.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, who = await loop.sock_accept(listening)
            except OSError as error:
                log.error("cannot accept", why=error.strerror or str(error))
                await asyncio.sleep(ACCEPT_AGAIN_S)
                continue
            self._admit(sock, str(who[0]) if isinstance(who, tuple) else "")

    def _admit(self, sock: socket.socket, address: str) -> None:
        one = _Handshake(sock, asyncio.get_running_loop().time())
        may_stay, gone = self._crowd.enter(one, address, lambda other: True)
        if not may_stay:
            gone = self._slow()
        if not may_stay and gone is None:
            self._crowd.leave(one)
            sock.close()
            self._refused()
            return
        if gone is not None:
            self._crowd.leave(gone)
            gone.give_up()
        one.task = spawn("TLS handshake", self._shake(one))
        one.task.add_done_callback(lambda _: self._ended(one))

    def _slow(self) -> _Handshake | None:
        """The oldest, where an honest one would be done by now."""
        oldest = next(iter(self._crowd.all()))
        waited_ms = (asyncio.get_running_loop().time() - oldest.began_s) * 1_000
        return oldest if waited_ms >= self._limits.slow_ms else None

    async def _shake(self, one: _Handshake) -> None:
        one.has_begun = True
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._make, one.sock, ssl=self._tls, ssl_handshake_timeout=self._limits.longest_ms / 1_000
            )
            one.is_done = True
        except OSError as error:  # ssl.SSLError and TimeoutError, too: a stranger's business
            log.debug("no TLS handshake", why=str(error))

    def _ended(self, one: _Handshake) -> None:
        self._crowd.leave(one)
        if not one.has_begun:
            one.sock.close()
        elif not one.is_done:
            # The loop's from its first step on, and the loop closes it. One that was done in the very turn in which it was
            # given up is closed politely, and the loop goes on watching it until its far end agrees: so it ends here.
            with contextlib.suppress(OSError):
                one.sock.shutdown(socket.SHUT_RDWR)


class _Handshake:
    """One accepted connection. `began_s` by the loop's clock."""

    def __init__(self, sock: socket.socket, began_s: float) -> None:
        self.sock = sock
        self.began_s = began_s
        self.task: asyncio.Task[None] | None = None
        self.has_begun = self.is_done = False

    def give_up(self) -> None:
        if self.task is not None:
            self.task.cancel()
