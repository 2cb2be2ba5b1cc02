"""A TLS server that holds its part of each handshake back until it is told to speak: for what happens in one turn of a loop.

Owns one thread. It must never be asked by the loop that it holds up: `speak` blocks that loop until the bytes are there.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import ssl
import threading
from types import TracebackType
from typing import Self

import trustme

from tests.support.httpserver import answer

NAME = "core.test"
PATIENCE_S = 20


class HeldHandshake:
    """`with HeldHandshake(count) as server:`; so many connections are served, each with one answer, one after another."""

    def __init__(self, count: int) -> None:
        authority = trustme.CA()
        self.client_tls = ssl.create_default_context()
        authority.configure_trust(self.client_tls)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(NAME).configure_cert(self._tls)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(PATIENCE_S)
        self._hello, self._proceed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(count,))

    @property
    def place(self) -> tuple[str, int]:
        return "127.0.0.1", int(self._listening.getsockname()[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._proceed.set()
        self._thread.join(PATIENCE_S)
        self._listening.close()

    async def hello(self) -> None:
        """Wait until the first client has begun its handshake."""
        async with asyncio.timeout(PATIENCE_S):
            while not self._hello.is_set():  # noqa: ASYNC110  another thread does it
                await asyncio.sleep(0)

    def speak(self, sock: socket.socket) -> None:
        """Speaks, and holds the loop up until `sock`, the client's, has it."""
        self._proceed.set()
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        assert poll.poll(PATIENCE_S * 1_000)

    def _serve(self, count: int) -> None:
        with contextlib.suppress(TimeoutError):
            for _ in range(count):
                sock, _ = self._listening.accept()
                with sock, contextlib.suppress(OSError):
                    sock.settimeout(PATIENCE_S)
                    self._talk(sock)

    def _talk(self, sock: socket.socket) -> None:
        sock.recv(1, socket.MSG_PEEK)
        self._hello.set()
        self._proceed.wait(PATIENCE_S)
        with self._tls.wrap_socket(sock, server_side=True) as tls:
            if tls.recv(65_536):
                tls.sendall(answer())
                tls.recv(1)  # until the client closes
