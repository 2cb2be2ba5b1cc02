"""What the console may read and do: the commands of the control socket, the roster, the charts' points, the journal's reader.

Owns the port between pages and the daemon, and the sharing of its answers. It must never know a page. The trap: ten people
look at the overview, each every two seconds, and each look counts the relay's sessions; so one answer is shared by all who ask
within a second, and longer where it took long: what pages cost is bounded by a share of the loop's time, whoever looks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

import msgspec

from relay.console.ring import Point
from relay.console.roll import RollLink
from relay.journal.reader import ExchangeDetail, ExchangeView, Query
from relay.reconcile.report import Report

FRESH_MS: Final = 1_000
SHARE: Final = 100  # an answer is kept for so many times as long as it took
KEPT_MS_MAX: Final = 30_000

StructT = TypeVar("StructT", bound=msgspec.Struct)


class Busy(Exception):
    """So many people ask at once that another would have to wait too long."""


class Sources(Protocol):
    async def ask(self, command: str, args: msgspec.Struct) -> msgspec.Struct:
        """What the control socket would answer. Raises RelayError."""
        ...

    def links(self) -> Sequence[RollLink]: ...

    def dialects(self) -> Mapping[str, str]:
        """Of each listener and dialer by name."""
        ...

    def points(self, span: str) -> Sequence[Point]: ...

    async def search(self, query: Query) -> Sequence[ExchangeView]:
        """Not on the loop. Raises Busy, RelayError."""
        ...

    async def show(self, key: str) -> ExchangeDetail | None:
        """As `search`."""
        ...

    def reports(self) -> Sequence[Report]:
        """Oldest first, without the rows of their totals."""
        ...

    def report(self, number: int) -> Report | None: ...

    async def turn(self) -> None:
        """Let everybody else have the loop."""
        ...


class Shared:
    """Answers of `ask` that everybody who looks may share. `now_us` is monotonic, microseconds."""

    def __init__(
        self,
        ask: Callable[[str, msgspec.Struct], Awaitable[msgspec.Struct]],
        now_us: Callable[[], int],
        took: Callable[[float], None],
    ) -> None:
        self._ask = ask
        self._now_us = now_us
        self._took = took
        self._kept: dict[tuple[str, bytes], tuple[int, msgspec.Struct]] = {}  # until when, microseconds

    async def get(self, command: str, args: msgspec.Struct, kind: type[StructT]) -> StructT:
        """Raises RelayError, and TypeError where the answer is of another kind."""
        key = (command, msgspec.msgpack.encode(args))
        now_us = self._now_us()
        found = self._kept.get(key)
        if found is not None and now_us < found[0]:
            answer = found[1]
        else:
            answer = await self._ask(command, args)
            took_us = self._now_us() - now_us
            self._took(took_us / 1_000_000)
            kept_us = min(KEPT_MS_MAX * 1_000, max(FRESH_MS * 1_000, took_us * SHARE))
            self._kept = {each: kept for each, kept in self._kept.items() if kept[0] > now_us}
            self._kept[key] = (now_us + took_us + kept_us, answer)
        if not isinstance(answer, kind):
            raise TypeError(f"{command} answered {type(answer).__name__}")
        return answer

    def forget(self) -> None:
        """Somebody did something: what is shown next is asked for anew."""
        self._kept.clear()
