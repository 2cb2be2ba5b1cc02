"""The till book in the hands of one link: changed in memory, stored, and what waits until it is.

Owns the order "durable before visible" for everything the book decides: actions are given to `keep` and come out when `Stored`
says so. It must never judge a telegram. The traps: `Stored` has no number, so what waits is a queue in the order of the stores;
and a link that takes a terminal over may have an older book than the link it replaced was about to write, which is why the
desk's keys, not this book, decide what is a duplicate. While another center's journal is at work here, its book of the terminal
is looked at, too (inherited.py): when the terminal names itself, and when a number does not fit, for that journal may have been
opened since.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from protocols.branch.inherited import merged
from protocols.branch.till import RECENT_COUNT, TillBook, pack, unpack, variable_name
from protocols.dialect import Action, Ask, HandBack, Note, Store

Otherwise: TypeAlias = list[Action] | Callable[[], list[Action]] | None  # a callable where making it costs something


class Keeper:
    __slots__ = (
        "_name",
        "_seen",
        "_waiting",
        "beside",
        "book",
        "inherited",
        "is_stale",
        "named",
        "realm",
        "terminal",
        "variables",
    )

    def __init__(self) -> None:
        self.book = TillBook()
        self.beside = TillBook()  # the other center's, as last looked at
        self._seen: bytes | None = None
        self.named: tuple[tuple[str, int], ...] = ()  # (営業日, 通番) said to be complete, of which no book here knows yet
        self.is_stale = False  # the journal did not take the last change: whatever rests on the book keeps it again
        self.realm = ""
        self.terminal = ""
        self._name = ""
        self.variables: Mapping[str, bytes] = {}  # the listener's, a live view
        self.inherited: Mapping[str, bytes] = {}  # of that listener at a center that was taken over, a live view
        self._waiting: deque[tuple[list[Action], Otherwise]] = deque()

    @property
    def is_waiting(self) -> bool:
        return bool(self._waiting)

    @property
    def waiting_count(self) -> int:
        """Changes of the book that are on their way to disk."""
        return len(self._waiting)

    def opened(self, realm: str, stored: Mapping[str, bytes], inherited: Mapping[str, bytes]) -> None:
        self.realm = realm
        self.variables = stored
        self.inherited = inherited

    def take_over(self, terminal: str, actions: list[Action]) -> None:
        """From now on this is the book of `terminal`, as last stored. One that cannot be read begins anew, and says so."""
        self.terminal = terminal
        self._name = variable_name(terminal)
        data = self.variables.get(self._name)
        if data is not None:
            try:
                self.book = unpack(data)
            except msgspec.MsgspecError:
                actions.append(Note("till-book-unreadable", terminal))
        self.catch_up(actions)

    def catch_up(self, actions: list[Action]) -> bool:
        """Take in what the other center's journal says of this terminal. Whether it says anything that was not seen before; the
        book that it makes becomes durable with the next change."""
        data = self.inherited.get(self._name)
        if data is None or data == self._seen:
            return False
        self._seen = data
        try:
            self.beside = unpack(data)
        except msgspec.MsgspecError:
            actions.append(Note("till-book-unreadable", self.terminal))
            return False
        before, self.book = self.book, merged(self.book, self.beside)
        if self.book != before:
            actions.append(Note("till-book-inherited", self.terminal))
        return True

    def name(self, date: str, serial: int) -> None:
        """The terminal says that a number is complete that is not in this center's book: kept for the other's."""
        book, said = self.book, (date, serial)
        is_here = date == book.date and book.since < serial <= book.last
        if serial and not is_here and said not in self.named:
            self.named = (*self.named, said)[-RECENT_COUNT:]

    def keep(self, book: TillBook, actions: list[Action], then: list[Action], otherwise: Otherwise = None) -> None:
        """`book` from now on; `then` when it is durable, `otherwise` (none: `then`) where the journal does not take it."""
        self.book = book
        self._waiting.append((then, otherwise))
        actions.append(Store(self._name, pack(book)))

    def after(self, actions: list[Action], then: list[Action]) -> None:
        """`then`, in its turn: behind what waits already."""
        if self._waiting:
            kept, otherwise = self._waiting[-1]
            lost = None if otherwise is None else [*_made(otherwise), *then]
            self._waiting[-1] = ([*kept, *then], lost)
        else:
            actions.extend(then)

    def stored(self, name: str, ok: bool, actions: list[Action]) -> list[object]:
        """The messages that are not asked because the journal did not take the book."""
        if name != self._name or not self._waiting:
            return []
        then, otherwise = self._waiting.popleft()
        self.is_stale = not ok
        if ok:
            actions.extend(then)
            if not self._waiting and self._name in self.inherited:
                self._seen = pack(self.book)
                actions.append(HandBack(self._name, self._seen))
            return []
        instead = then if otherwise is None else _made(otherwise)
        actions += [Note("till-book-not-stored", self.terminal), *instead]
        return [action.message for action in then if isinstance(action, Ask) and action not in instead]


def _made(otherwise: list[Action] | Callable[[], list[Action]]) -> list[Action]:
    return otherwise if isinstance(otherwise, list) else otherwise()
