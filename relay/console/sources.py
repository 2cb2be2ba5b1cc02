"""What the console may read and do: the commands of the control socket, the roster, the charts' points, the journal's reader.

Owns the port between pages and the daemon, and the sharing of its answers. It must never know a page. The trap: ten people
look at the overview, each every two seconds, and each look counts the relay's sessions; so one answer is shared by all who ask
within a second, and longer where it took long: what pages cost is bounded by a share of the loop's time, whoever looks. Two
who ask while a third one's answer is on its way wait for that one.
"""

from __future__ import annotations

import asyncio
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
SLICED_KEPT_MS: Final = 5_000  # of one that lets go of the loop between its slices, so that the time it took says nothing

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
        self._asking: dict[tuple[str, bytes], asyncio.Task[msgspec.Struct]] = {}
        self._tasks: set[asyncio.Task[msgspec.Struct]] = set()  # strong references, after a deed too

    async def get(self, command: str, args: msgspec.Struct, kind: type[StructT], *, is_sliced: bool = False) -> StructT:
        """`is_sliced`: it is gathered in slices. Raises RelayError, and TypeError where the answer is of another kind."""
        key = (command, msgspec.msgpack.encode(args))
        now_us = self._now_us()
        found = self._kept.get(key)
        if found is not None and now_us < found[0]:
            answer = found[1]
        else:
            asking = self._asking.get(key)
            if asking is None:
                asking = asyncio.get_running_loop().create_task(self._fresh(key, command, args, is_sliced))
                self._asking[key] = asking
                self._tasks.add(asking)
                asking.add_done_callback(lambda ended: self._ended(key, ended))
            answer = await asyncio.shield(asking)
        if not isinstance(answer, kind):
            raise TypeError(f"{command} answered {type(answer).__name__}")
        return answer

    async def _fresh(self, key: tuple[str, bytes], command: str, args: msgspec.Struct, is_sliced: bool) -> msgspec.Struct:
        now_us = self._now_us()
        answer = await self._ask(command, args)
        took_us = self._now_us() - now_us
        kept_us = SLICED_KEPT_MS * 1_000
        if not is_sliced:
            self._took(took_us / 1_000_000)
            kept_us = min(KEPT_MS_MAX * 1_000, max(FRESH_MS * 1_000, took_us * SHARE))
        self._kept = {each: kept for each, kept in self._kept.items() if kept[0] > now_us}
        if self._asking.get(key) is asyncio.current_task():  # nobody did something meanwhile
            self._kept[key] = (now_us + took_us + kept_us, answer)
        return answer

    def _ended(self, key: tuple[str, bytes], task: asyncio.Task[msgspec.Struct]) -> None:
        self._tasks.discard(task)
        if self._asking.get(key) is task:
            del self._asking[key]
        if not task.cancelled():
            task.exception()  # whoever waits has it; where nobody does any more, it is no news

    def forget(self) -> None:
        """Somebody did something: what is shown next is asked for anew."""
        self._kept.clear()
        self._asking.clear()
