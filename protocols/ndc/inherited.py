"""The book of serials that another relay center kept for this ATM, while this center does that one's business.

Owns what of it counts here. An ATM that comes over says in its next request how the last reply ended, by a serial that only the
lost center's book explains. So both books count: this center gives numbers from its own, and looks up in both. The rules:

* a serial that only the lost center may have given is looked up in its book, for as long as its journal is here;
* where the two centers' ranges overlap, only as long as this center has given this ATM no number at all: afterwards nobody
  knows whose it is, and what is said of it is proof of nothing (a note for the list);
* what is proven is taken out of that book, which goes back without it; this center's own numbers never come into it.

It must never give a number nor judge one. The trap: the view fills in the middle of a session, so it is asked each time, and
what the ATM said before is kept for then, in memory only: an ATM on one link cannot have been elsewhere in between, while a
word of another session may be older than the serial that it seems to speak of.
"""

from __future__ import annotations

from collections.abc import Mapping

from protocols.ndc.evidence import Sent
from protocols.ndc.serials import Serials


class InheritedSerials:
    """`variables` is the live view, `name` the book's name in it, `own` this center's book of the same ATM."""

    __slots__ = ("_book", "_gone", "_name", "_own", "_read", "_variables")

    def __init__(self, variables: Mapping[str, bytes], name: str, own: Serials) -> None:
        self._variables = variables
        self._name = name
        self._own = own
        self._read: bytes | None = None
        self._book = Serials(None)
        self._gone: set[int] = set()  # proven here, whether or not the view shows that already

    def _now(self) -> Serials:
        stored = self._variables.get(self._name)
        if stored != self._read:
            self._read, self._book = stored, Serials(stored)
            for tsn in self._gone:
                self._book.closed(tsn)
        return self._book

    def find(self, tsn: str) -> Sent | None:
        """The lost center's open reply that a terminal's four digits name."""
        return self._now().find(tsn)

    def is_certain(self, sent: Sent) -> bool:
        """Whether a terminal that names this serial can mean no other. Asked before this center gives its next number."""
        return self._own.is_unused or not self._own.covers(sent.tsn)

    def numbers(self) -> frozenset[int]:
        """Of its open replies: not to be given here meanwhile."""
        return frozenset(sent.tsn for sent in self._now().open())

    def closed(self, tsn: int) -> bytes | None:
        """Its end is known. The book as it goes back, None where nothing of it changes."""
        book = self._now()
        if all(sent.tsn != tsn for sent in book.open()):
            return None
        self._gone.add(tsn)
        book.closed(tsn)
        return book.packed()
