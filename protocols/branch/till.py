"""The till book of one terminal: which 端末通番 were taken, how much cash must be in the till, and what is not proven yet.

Owns the durable value (one link variable per terminal, JSON) and its pure changes. It must never know a link, nor judge a count
(count.py). The traps: an entry is in the book before its request is asked, and "approved" in it before the approval leaves, so
that after a crash an entry that is only asked means that no notes have moved; a number is settled once, whatever is repeated;
and the book counts yen of *this* terminal and day only.

Source: the counter as a safety net, JPH04102169; the receipt rules are our profile [P].
"""

from __future__ import annotations

from enum import Enum, auto

import msgspec

from protocols.branch.message import BranchMessage

RECENT_COUNT = 16  # numbers whose repeats are still recognised


class Receipt(Enum):
    """What a 端末通番 is, measured against the book."""

    NEXT = auto()
    REPEAT = auto()
    CONFLICT = auto()  # the same number with another body or without 再送表示, or one long past
    GAP = auto()


class Taken(msgspec.Struct, frozen=True, omit_defaults=True):
    """One number lately taken. `settled`: its cash is counted, or known not to have moved, or it is in `pending`.
    `refused`: the word with which this line refused it before anybody was asked; a repeat is refused with the same one.
    `effect`: yen that the till gained by it (negative: lost) as far as `cash` counts them, less what was taken back since."""

    serial: int
    digest: str
    settled: bool = False
    refused: str = ""
    effect: int = 0


class Pending(msgspec.Struct, frozen=True):
    """A transaction whose cash is not proven. `effect`: yen that the till gains (negative: loses) if it happened.
    `approved`: the approval may have been seen, and a 完了確認 is owed."""

    serial: int
    key: str
    effect: int
    approved: bool = False


class TillBook(msgspec.Struct, frozen=True):
    """`cash` is what must be in the till by everything that is proven; `pending` is not in it."""

    date: str = ""
    last: int = 0
    recent: tuple[Taken, ...] = ()
    cash: int = 0
    pending: tuple[Pending, ...] = ()
    is_closed: bool = False
    since: int = 0  # the numbers up to it are not in this book: another center took them, or nobody
    opening: int = -1  # yen in the till as 開局 said when the book was begun; -1: begun before this was kept

    # ---- numbers ---------------------------------------------------------------------------------------------------------
    def is_next(self, serial: int) -> bool:
        return serial == self.last + 1

    def receipt(self, message: BranchMessage, digest: str) -> Receipt:
        """Against the last number taken: next, a repeat, a conflict, or a gap."""
        serial = message.serial
        if self.is_next(serial):
            return Receipt.NEXT
        if serial > self.last:
            return Receipt.GAP
        taken = self.taken(serial)
        if taken is not None and message.is_repeat and taken.digest == digest:
            return Receipt.REPEAT
        return Receipt.CONFLICT

    def taken(self, serial: int) -> Taken | None:
        for taken in reversed(self.recent):  # it is nearly always the last one
            if taken.serial == serial:
                return taken
        return None

    def with_taken(self, serial: int, digest: str) -> TillBook:
        """`serial` is the last one taken."""
        recent = (*self.recent, Taken(serial, digest))[-RECENT_COUNT:]
        return msgspec.structs.replace(self, last=serial, recent=recent)

    def with_refused(self, serial: int, digest: str, word: str) -> TillBook:
        """`serial` is the last one taken, and was refused for good: nothing is asked for it, today or later."""
        book = self.with_taken(serial, digest)
        return msgspec.structs.replace(book, recent=(*book.recent[:-1], Taken(serial, digest, True, word)))

    def with_unused(self, last: int) -> TillBook:
        """Numbers up to `last` were never used, as far as this center knows; a person said so."""
        return msgspec.structs.replace(self, last=last, since=self.since if self.last else last)

    def _settled(self, serial: int, *, cash: int = 0, pending: tuple[Pending, ...] | None = None) -> TillBook:
        recent = tuple(
            Taken(t.serial, t.digest, True, t.refused, t.effect + cash) if t.serial == serial else t for t in self.recent
        )
        left = tuple(p for p in self.pending if p.serial != serial) if pending is None else pending
        return msgspec.structs.replace(self, recent=recent, cash=self.cash + cash, pending=left)

    # ---- cash ------------------------------------------------------------------------------------------------------------
    def find(self, serial: int) -> Pending | None:
        for entry in self.pending:
            if entry.serial == serial:
                return entry
        return None

    def with_asked(self, entry: Pending) -> TillBook:
        """`entry` is about to be asked."""
        return msgspec.structs.replace(self, pending=(*(p for p in self.pending if p.serial != entry.serial), entry))

    def with_approved(self, entry: Pending) -> TillBook:
        """The approval is about to leave, and evidence is owed."""
        approved = Pending(entry.serial, entry.key, entry.effect, True)
        left = tuple(p for p in self.pending if p.serial != entry.serial)
        return self._settled(entry.serial, pending=(*left, approved))

    def with_moved(self, serial: int, effect: int) -> TillBook:
        """The cash of `serial` has moved, or certainly will by the teller's hand; `effect` in yen."""
        return self._settled(serial, cash=effect)

    def with_unmoved(self, serial: int) -> TillBook:
        """The cash of `serial` did not move, for good."""
        return self._settled(serial)

    def with_standing(self, serial: int, standing: int) -> TillBook:
        """取消 or 訂正 of `serial`, which was taken lately: `standing` yen of it stand, without sign. What is gone already does
        not come back twice, and nothing rises."""
        taken, entry = self.taken(serial), self.find(serial)
        if taken is None:
            return self
        if entry is not None:  # nobody knows whether it moved; together they leave what stands
            return self._settled(serial, cash=standing if entry.effect > 0 else -standing)
        left = min(standing, abs(taken.effect))
        return self._settled(serial, cash=(left if taken.effect > 0 else -left) - taken.effect)

    def is_settled(self, serial: int) -> bool:
        entry = self.find(serial)
        if entry is not None:
            return entry.approved
        taken = self.taken(serial)
        return taken is None or taken.settled

    # ---- days ------------------------------------------------------------------------------------------------------------
    def opened(self, date: str, cash: int) -> TillBook:
        """A new 営業日 begins at number 1 with `cash` yen in the till; the same day goes on where it was."""
        if date == self.date:
            return msgspec.structs.replace(self, is_closed=False)
        return TillBook(date=date, cash=cash, opening=cash)

    def closed(self, cash: int) -> TillBook:
        """The day is over: nothing is pending any more, `cash` was counted."""
        return msgspec.structs.replace(self, is_closed=True, pending=(), cash=cash)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(TillBook)


def variable_name(terminal: str) -> str:
    """All links of a listener share their variables: the terminal is in the name."""
    return f"till-{terminal}"


def pack(book: TillBook) -> bytes:
    return _encoder.encode(book)


def unpack(data: bytes) -> TillBook:
    """Raises msgspec.MsgspecError where the bytes are no book."""
    return _decoder.decode(data)
