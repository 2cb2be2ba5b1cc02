"""Which link speaks for which terminal. Pure: it binds and finds, the caller closes what it is told to.

Owns the open links of all listeners and dialers, and the binding from (realm, terminal) to the newest link. It must never
touch a transport. The trap: a terminal that lost power reconnects while its old link still looks open here (half open), so
the newest link wins, and an old link that closes later must not unbind the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

import msgspec


class RosterEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `relay status` and `relay top`. `terminal` is empty until the far end said who it is."""

    terminal: str
    listener: str
    peer: str
    since_ms: int  # wall clock, UTC epoch milliseconds
    signed_on: bool
    messages_in: int
    messages_out: int


class RosterLink(Protocol):
    """What the roster needs of a link."""

    def entry(self) -> RosterEntry: ...

    def is_of(self, listener: str) -> bool:
        """Whether it came by this listener or dialer."""
        ...

    @property
    def is_whole_line(self) -> bool:
        """Whether a message that names no terminal may go to it: it was dialled, or speaks for no single terminal."""
        ...


LinkT = TypeVar("LinkT", bound=RosterLink)


class Roster(Generic[LinkT]):
    def __init__(self) -> None:
        self._links: dict[LinkT, tuple[str, str] | None] = {}  # every open link, and what it is bound to
        self._by_terminal: dict[tuple[str, str], LinkT] = {}
        self._when_empty: list[Callable[[], None]] = []

    def opened(self, link: LinkT) -> None:
        self._links[link] = None

    def bind(self, link: LinkT, realm: str, terminal: str) -> LinkT | None:
        """`link` speaks for `terminal` from now on. Returns the link that did until now, to be closed as replaced.

        A link speaks for one terminal at a time: binding it to another unbinds the first.
        """
        key = (realm, terminal)
        bound = self._links.get(link)
        if bound == key:
            return None
        if link not in self._links:
            raise ValueError("bind of a link that is not open")
        if bound is not None:
            del self._by_terminal[bound]
        older = self._by_terminal.get(key)
        if older is not None:
            self._links[older] = None  # so that its closing, whenever that is noticed, unbinds nothing
        self._links[link] = key
        self._by_terminal[key] = link
        return older

    def closed(self, link: LinkT) -> None:
        bound = self._links.pop(link, None)
        if bound is not None:
            del self._by_terminal[bound]
        if not self._links:
            waiting, self._when_empty = self._when_empty, []
            for callback in waiting:
                callback()

    def when_empty(self, callback: Callable[[], None]) -> None:
        """Call once when no link is open: now, or after the last has closed. For a drain."""
        if self._links:
            self._when_empty.append(callback)
        else:
            callback()

    def find(self, realm: str, terminal: str) -> LinkT | None:
        return self._by_terminal.get((realm, terminal))

    def find_line(self, realm: str, listener: str, line: str) -> LinkT | None:
        """The link for messages to a line of a listener (or dialer): the one bound to terminal `line`; with "" the oldest that
        is a whole line, so that a message without a terminal never reaches one of a thousand ATMs.

        The oldest is looked for among all links: only a listener with few links, or a dialer, has messages without a line.
        """
        if line:
            link = self._by_terminal.get((realm, line))
            return link if link is not None and link.is_of(listener) else None
        return next((link for link in self._links if link.is_of(listener) and link.is_whole_line), None)

    def links(self) -> tuple[LinkT, ...]:
        """All open links, oldest first: a snapshot, so that the caller may close them."""
        return tuple(self._links)

    def entries(self) -> Iterator[RosterEntry]:
        """The listing, oldest link first."""
        return (link.entry() for link in tuple(self._links))

    @property
    def link_count(self) -> int:
        return len(self._links)

    @property
    def terminal_count(self) -> int:
        return len(self._by_terminal)
