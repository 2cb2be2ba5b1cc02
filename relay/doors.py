"""Which listeners and dialers are at work: each is open unless somebody bars it, and several may.

Owns the bars and the order of opening and shutting one door. It must never decide why (exclusive.py and drainer.py do). The
traps: shutting is two things, the reset of what stands, which is done before `bar` returns, and the end of listening or
dialling, which takes turns of the loop; a door that is unbarred meanwhile opens when that is over. And a listener that cannot
listen again must be heard of: nobody dials it twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.bridge import spawn
from relay.errors import RelayError
from relay.telemetry.log import get_log

if TYPE_CHECKING:
    from relay.daemon import Daemon

log = get_log("doors")
RETRY_MS = 1_000


class Doors:
    """`names` are those of all listeners and dialers that are not open from the start."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._bars: dict[str, set[str]] = {}
        self._bars_of_all: set[str] = set()
        self._is_begun = False
        self._is_started = False
        self._busy: set[str] = set()

    async def start(self) -> None:
        """Open every door that nobody bars. Raises ListenFailed."""
        self._is_begun = self._is_started = True
        for name in self._names():
            if not self.is_barred(name):
                await self._open(name)

    def is_barred(self, name: str) -> bool:
        return bool(self._bars_of_all or self._bars.get(name))

    def bar(self, name: str, reason: str, *, why: str = "", abort: bool = False) -> None:
        """Nothing is dialled or accepted any more. With `abort` every link is reset before this returns; else they stay."""
        self._bars.setdefault(name, set()).add(reason)
        self._no_more(name, why, abort)

    def bar_all(self, reason: str, *, why: str = "", abort: bool = False) -> None:
        """As `bar`, for every door, also for those that a reload brings."""
        self._bars_of_all.add(reason)
        for name in self._names():
            self._no_more(name, why, abort)

    def _no_more(self, name: str, why: str, abort: bool) -> None:
        if not self._is_begun:
            return
        dialer = self._daemon.dialers.get(name)
        if dialer is not None:
            dialer.dial_no_more()
        if abort:
            for link in self._daemon.roster.links():
                if link.is_of(name):
                    link.close(why, abort=True)
        if self._is_started:
            self._settle(name, why)

    def withhold(self, name: str, reason: str) -> None:
        """As `bar`, for somebody who shuts the door in person."""
        self._bars.setdefault(name, set()).add(reason)

    def release(self, name: str, reason: str) -> bool:
        """The other way: whether nobody else bars it, so that the caller may open it."""
        self._bars.get(name, set()).discard(reason)
        return not self.is_barred(name)

    def look(self, name: str) -> None:
        """A link of a barred dialer may have gone: it is stopped then."""
        if self._is_started and self.is_barred(name):
            self._settle(name, "")

    def unbar(self, name: str, reason: str) -> None:
        self._bars.get(name, set()).discard(reason)
        if self._is_started:
            self._settle(name, "")

    def unbar_all(self, reason: str) -> None:
        self._bars_of_all.discard(reason)
        if self._is_started:
            for name in self._names():
                self._settle(name, "")

    def _names(self) -> tuple[str, ...]:
        return (*self._daemon.listeners, *self._daemon.dialers)

    def stop(self) -> None:
        """The daemon ends: it shuts its doors itself. What is barred with `abort` is reset all the same."""
        self._is_started = False

    def _settle(self, name: str, why: str) -> None:
        if name not in self._busy:
            self._busy.add(name)
            spawn(f"door {name}", self._make_it_so(name, why))

    async def _make_it_so(self, name: str, why: str) -> None:
        try:
            while self._is_started:
                is_barred = self.is_barred(name)
                if is_barred:
                    await self._shut(name, why)
                else:
                    await self._open(name)
                if is_barred is self.is_barred(name):
                    return
        except RelayError as error:
            log.error("a listener cannot listen again: tried once more", listener=name, why=str(error))
            self._daemon.timers.after(RETRY_MS, lambda: self._settle(name, why))
        finally:
            self._busy.discard(name)

    async def _shut(self, name: str, why: str) -> None:
        listener, dialer = self._daemon.listeners.get(name), self._daemon.dialers.get(name)
        if listener is not None:
            await listener.stop_accepting()
        if dialer is not None and dialer.link is None:
            await dialer.stop(why or "stopped")

    async def _open(self, name: str) -> None:
        listener, dialer = self._daemon.listeners.get(name), self._daemon.dialers.get(name)
        if listener is not None and not listener.is_accepting:
            await listener.start()
        if dialer is not None:
            dialer.start()
