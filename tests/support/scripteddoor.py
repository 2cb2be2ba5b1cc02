"""A door without sockets: the test sees each call and answers it when and how it likes.

Owns nothing of HTTP but the port's own promises: `done` exactly once, a cancel answered at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from relay.core.door import Address, HttpAnswer, HttpCall, HttpResult, Lost, NotSent, Why


class DoorCall:
    def __init__(self, address: Address, call: HttpCall, timeout_ms: int, done: Callable[[HttpResult], None]) -> None:
        self.address = address
        self.call = call
        self.timeout_ms = timeout_ms
        self._done: Callable[[HttpResult], None] | None = done
        self.is_sent = True
        head = call.head.decode("ascii")
        assert head.endswith("\r\n")
        pairs = (line.split(": ", 1) for line in head.split("\r\n") if line)
        self.headers = {name.lower(): value for name, value in pairs}

    @property
    def line(self) -> str:
        return f"{self.call.method.decode()} {self.call.target.decode()}"

    def finish(self, result: HttpResult) -> None:
        done, self._done = self._done, None
        assert done is not None, "answered twice"
        done(result)

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        lines = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        self.finish(HttpAnswer(status, lines, body))

    def cancel(self) -> None:
        if self._done is not None:
            self.finish(Lost(Why.CANCELLED) if self.is_sent else NotSent(Why.CANCELLED))


class ScriptedDoor:
    """Fulfils `HttpDoor`. `at_once` maps addresses to results given before `call` returns."""

    def __init__(self) -> None:
        self.calls: list[DoorCall] = []
        self.at_once: dict[Address, HttpResult] = {}
        self.kept: Collection[Address] = ()
        self.renewed = 0

    @property
    def last(self) -> DoorCall:
        return self.calls[-1]

    def call(self, address: Address, call: HttpCall, timeout_ms: int, done: Callable[[HttpResult], None]) -> DoorCall:
        made = DoorCall(address, call, timeout_ms, done)
        self.calls.append(made)
        result = self.at_once.get(address)
        if result is not None:
            made.finish(result)
        return made

    def keep_only(self, addresses: Collection[Address]) -> None:
        self.kept = addresses

    def renew(self) -> None:
        self.renewed += 1
