"""A daemon's control socket with answers that a test chooses, served by the real server on a loop of its own thread.

Owns the thread. The tools are blocking, so the server cannot share the test's loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from relay.control.commands import COMMANDS
from relay.control.failovercommands import FAILOVER_COMMANDS
from relay.control.server import ControlServer, Handler
from relay.errors import RelayError

PATIENCE_S = 30.0


class Answering:
    """`answers` maps a command to its answer, or to an error to raise; `asked` holds the args that came, in order."""

    def __init__(self, path: str, answers: dict[str, msgspec.Struct | RelayError]) -> None:
        self.path = path
        self.answers = answers
        self.asked: list[msgspec.Struct] = []
        self._loop = asyncio.new_event_loop()
        self._server = ControlServer(
            path, {name: self._handler(name) for name in answers}, commands=COMMANDS | FAILOVER_COMMANDS
        )
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._is_running = True
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._server.start(), self._loop).result(PATIENCE_S)

    def _handler(self, name: str) -> Handler:
        def handle(args: msgspec.Struct) -> msgspec.Struct:
            self.asked.append(args)
            answer = self.answers[name]
            if isinstance(answer, RelayError):
                raise answer
            return answer

        return handle

    def stop(self) -> None:
        if not self._is_running:
            return
        self._is_running = False
        asyncio.run_coroutine_threadsafe(self._server.close(), self._loop).result(PATIENCE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()


@contextmanager
def answering(folder: Path, answers: dict[str, msgspec.Struct | RelayError]) -> Iterator[Answering]:
    daemon = Answering(str(folder / "control.sock"), answers)
    try:
        yield daemon
    finally:
        daemon.stop()
