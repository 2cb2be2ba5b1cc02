"""The wire's part of a reload: listeners and dialers that come, change and go, all of them or none.

Owns the order. First everything that may fail is done where nobody sees it (certificates read, ports bound and not accepted
from); then, in one go and without a word to the loop, the new ones begin, the changed ones change, and those that go stop. It
must never read a file or compare settings. The traps: a listener that takes over another's endpoint (it was renamed, say) can
bind only what the other still holds, so it shares the sockets, and who dials meanwhile waits in their backlog; and a dialer
dials only when the one of its name is gone, for a far end may know us by one link only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from relay.bridge import spawn
from relay.clock import Cancellable, Timers
from relay.exchange.ports import ListenerFacts
from relay.settings import ListenerSettings
from relay.telemetry.log import get_log
from relay.wire.link import Link
from relay.wire.listener import Listener

if TYPE_CHECKING:
    from relay.wire.dialer import Dialer

_log = get_log("swap")
LOOK_MS = 200  # between two looks whether a dialer that goes has finished


class Leaving:
    """What reloads took out of service and has not finished yet. The daemon's end ends it."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._dialers: dict[Dialer, Cancellable] = {}

    def links(self, links: Iterable[Link], deadline_ms: int) -> None:
        """Let them finish what they owe; after `deadline_ms` they are closed."""
        leaving = tuple(links)
        for link in leaving:
            link.drain()

        def enough() -> None:
            for link in leaving:
                if link.is_open:
                    _log.warning("drain deadline of a reload passed", listener=link.listener.name, terminal=link.terminal)
                    link.close("drained")

        if leaving:
            self._timers.after(deadline_ms, enough)

    def dialer(self, dialer: Dialer, deadline_ms: int, gone: Callable[[], None]) -> None:
        """Let it finish; then, or after `deadline_ms`, stop it. `gone` follows."""
        dialer.drain()
        self._look(dialer, deadline_ms, gone)

    def _look(self, dialer: Dialer, left_ms: int, gone: Callable[[], None]) -> None:
        if dialer.link is not None and left_ms > 0:
            self._dialers[dialer] = self._timers.after(LOOK_MS, lambda: self._look(dialer, left_ms - LOOK_MS, gone))
            return
        self._dialers.pop(dialer, None)
        spawn(f"stop dialer {dialer.name}", _stop(dialer, gone))

    async def end(self, why: str) -> None:
        """Whatever is left: now."""
        dialers, self._dialers = self._dialers, {}
        for dialer, look in dialers.items():
            look.cancel()
            await dialer.stop(why)


async def _stop(dialer: Dialer, gone: Callable[[], None]) -> None:
    await dialer.stop("drained")
    gone()


class Swap:
    """One reload: `change` and `add_...` for each, then `bind`, then `commit`. Until `commit` nothing is seen of it.

    `listeners` and `dialers` are the daemon's own tables. What `is_barred` says of a new one's name keeps it shut: whoever bars
    it opens it.
    """

    def __init__(
        self,
        listeners: dict[str, Listener],
        dialers: dict[str, Dialer],
        leaving: Leaving,
        is_barred: Callable[[str], bool] = lambda name: False,
    ) -> None:
        self._is_barred = is_barred
        self._listeners = listeners
        self._dialers = dialers
        self._leaving = leaving
        self._changes: list[Callable[[], None]] = []
        self._new_listeners: list[Listener] = []
        self._new_dialers: list[Dialer] = []

    def change(self, settings: ListenerSettings, facts: ListenerFacts) -> None:
        """Raises ConfigurationError."""
        self._changes.append(self._listeners[settings.name].prepared(settings, facts))

    def add_listener(self, listener: Listener) -> None:
        self._new_listeners.append(listener)

    def add_dialer(self, dialer: Dialer) -> None:
        self._new_dialers.append(dialer)

    def bind(self, going: Iterable[str], later: Collection[str] = ()) -> None:
        """Take the ports of the new listeners but of those that are to be bound `later`, for their address is not here; `going`
        are the names of those that will stop. Raises ListenFailed or ConfigurationError, with every port let go again."""
        held: Mapping[str, Listener] = {self._listeners[name].endpoint: self._listeners[name] for name in going}
        try:
            for listener in (each for each in self._new_listeners if each.name not in later):
                listener.bind(held.get(listener.endpoint))
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        for listener in self._new_listeners:
            listener.unbind()

    def commit(self, going_listeners: Iterable[str], going_dialers: Iterable[str], drain_deadline_ms: int) -> None:
        """Runs inside the loop."""
        going = [self._listeners.pop(name) for name in going_listeners]
        old_dialers = [self._dialers.pop(name) for name in going_dialers]
        links = [link for listener in going for link in listener.retire()]
        for change in self._changes:
            change()
        for listener in self._new_listeners:
            self._listeners[listener.name] = listener
            if self._is_barred(listener.name):
                listener.unbind()
            else:
                listener.begin()
        for dialer in self._new_dialers:
            self._dialers[dialer.name] = dialer
        self._leaving.links(links, drain_deadline_ms)
        waiting = {dialer.name for dialer in old_dialers}
        for dialer in old_dialers:
            self._leaving.dialer(dialer, drain_deadline_ms, self._begin(dialer.name))
        for dialer in self._new_dialers:
            if dialer.name not in waiting and not self._is_barred(dialer.name):
                dialer.start()

    def _begin(self, name: str) -> Callable[[], None]:
        """What follows the end of the dialer called `name`: the new one of that name, if it is still wanted by then."""
        successor = next((dialer for dialer in self._new_dialers if dialer.name == name), None)

        def begin() -> None:
            if successor is not None and self._dialers.get(name) is successor and not self._is_barred(name):
                successor.start()

        return begin
