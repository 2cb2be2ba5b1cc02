"""TSNs of one terminal: chosen by us, durable, never used twice while somebody still asks what became of one.

Owns the book of one terminal: the next number, and the replies whose end is unknown, with what is needed to judge late
evidence. It must never know a link. The traps: the book is written before the request goes to the desk, so that no reply
can leave with a number that a restart would give again; 0000 is never given, because it is what a fresh terminal reports,
and what replies without money carry; and the oldest open entry leaves a full book, which only costs evidence (its exchange
is on the list by then).
"""

from __future__ import annotations

from collections.abc import Container

import msgspec

from protocols.ndc.evidence import Sent

TSN_MAX = 9_999
NO_MONEY = 0  # the TSN of replies that move nothing: refusals by the dialogue, recovery after a fault
OPEN_COUNT_MAX = 32  # replies of one terminal whose end is unknown
VARIABLE = "tsn/"  # and the terminal


class _Book(msgspec.Struct, frozen=True):
    last: int
    open: tuple[Sent, ...] = ()


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Book)


class Serials:
    """The book while a link speaks for its terminal. `stored` is the link variable as last written, None for a new terminal.

    Numbers are given from `first` to `last`. Two centers that serve the same terminals need ranges apart, or the serial of one
    would be evidence for the other's.
    """

    __slots__ = ("_first", "_is_new", "_last", "_open", "_until")

    def __init__(self, stored: bytes | None, first: int = 1, last: int = TSN_MAX) -> None:
        self._first, self._until = first, last
        self._last = first - 1
        self._open: dict[int, Sent] = {}
        self._is_new = not stored
        if stored:
            try:
                book = _decoder.decode(stored)
            except msgspec.MsgspecError:
                return  # written by something else: begin again, evidence of before is lost, its exchanges are on the list
            self._last = book.last
            self._open = {sent.tsn: sent for sent in book.open}

    @property
    def is_unused(self) -> bool:
        """No number of this range was ever given to the terminal."""
        return self._is_new and self._last == self._first - 1

    def covers(self, tsn: int) -> bool:
        """Whether it may be a number of this center's."""
        return self._first <= tsn <= self._until

    def take(self, elsewhere: Container[int] = ()) -> int:
        """The next number of the range, skipping those whose end is unknown, here or `elsewhere`."""
        for _ in range(2 * OPEN_COUNT_MAX + 1):
            self._last = self._last + 1 if self._first <= self._last + 1 <= self._until else self._first
            if self._last not in self._open and self._last not in elsewhere:
                break
        return self._last

    def opened(self, sent: Sent) -> None:
        """A reply that may leave with this number: kept until its end is known."""
        self._open[sent.tsn] = sent
        while len(self._open) > OPEN_COUNT_MAX:
            del self._open[next(iter(self._open))]

    def closed(self, tsn: int) -> None:
        self._open.pop(tsn, None)

    def proven(self, sent: Sent) -> None:
        """`sent` is at its end. Nothing where its number is another's here: `sent` may be of another center's book."""
        mine = self._open.get(sent.tsn)
        if mine is not None and mine.key == sent.key:
            del self._open[sent.tsn]

    def open(self) -> tuple[Sent, ...]:
        return tuple(self._open.values())

    def find(self, tsn: str) -> Sent | None:
        """The open reply that a terminal's four digits name."""
        return self._open.get(int(tsn)) if tsn.isascii() and tsn.isdigit() else None

    def packed(self) -> bytes:
        """The book for the link variable."""
        return _encoder.encode(_Book(self._last, tuple(self._open.values())))
