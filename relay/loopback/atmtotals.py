"""A fake ATM's own totals: what it counted itself while notes moved, and the 0500 that states it at the end of its day. Pure.

Owns the count, the message, and saying it until it is answered. It imports nothing of reconciliation, so that both sides of a
comparison have counted by themselves. The trap: an act that the ATM gave up on is no debit of its own, neither done nor taken
back, whatever it sent since.
"""

from __future__ import annotations

from collections.abc import Sequence

from protocols.iso8583.message import IsoMessage, Value
from relay.loopback import slips
from relay.loopback.deeds import AtmPolicy, Deed, Say, Wake
from relay.loopback.slips import ACQUIRER, YEN, Stamps
from relay.loopback.tally import Tally

COLUMNS = {"withdrawal": "debits", "purchase": "debits", "deposit": "credits", "balance-inquiry": "inquiries"}
TAKEN = frozenset({"00", "95"})  # in balance or not: it is theirs now


class DayCount:
    """`off_minor`: a mistake on purpose, added to the debits that are stated."""

    __slots__ = ("done", "minor", "off_minor", "undone", "undone_minor")

    def __init__(self, off_minor: int = 0) -> None:
        self.off_minor = off_minor
        self.done = {"debits": 0, "credits": 0, "inquiries": 0}
        self.minor = {"debits": 0, "credits": 0, "inquiries": 0}
        self.undone = 0  # withdrawals whose notes came back
        self.undone_minor = 0

    def did(self, kind: str, minor: int, is_done: bool = True) -> None:
        """An act was approved; for a deposit, or the notes are in the machine and nobody said whose they are."""
        column = COLUMNS[kind]
        self.done[column] += is_done
        self.minor[column] += minor if is_done else 0

    def took_back(self, minor: int) -> None:
        self.undone += 1
        self.undone_minor += minor

    def message(self, terminal: str, trace: str, stamps: Stamps) -> IsoMessage:
        """The 0500 of this count. Its date (DE 15) is the bank's day."""
        done, minor = self.done, self.minor
        debits = minor["debits"] + self.off_minor
        net = debits - self.undone_minor - minor["credits"]
        fields: dict[int, Value] = {
            7: stamps.sent,
            11: trace,
            12: stamps.time,
            13: stamps.date,
            15: stamps.day,
            32: ACQUIRER,
            41: terminal.ljust(8),
            50: YEN,
            74: f"{done['credits']:010d}",
            76: f"{done['debits']:010d}",
            77: f"{self.undone:010d}",
            80: f"{done['inquiries']:010d}",
            86: f"{minor['credits']:016d}",
            88: f"{debits:016d}",
            89: f"{self.undone_minor:016d}",
            97: f"{'D' if net >= 0 else 'C'}{abs(net):016d}",
        }
        return IsoMessage("0500", fields)


class StatedTotals:
    """What is owed at the end of the day: the totals, said until somebody has taken them."""

    __slots__ = ("_count", "_message", "_policy", "_tally", "_terminal")

    def __init__(self, terminal: str, count: DayCount, policy: AtmPolicy, tally: Tally) -> None:
        self._terminal = terminal
        self._count = count
        self._policy = policy
        self._tally = tally
        self._message: IsoMessage | None = None

    @property
    def is_owed(self) -> bool:
        return self._message is not None

    def make(self, trace: str, stamps: Stamps) -> None:
        self._message = self._count.message(self._terminal, trace, stamps)

    def say(self) -> Sequence[Deed]:
        return [] if self._message is None else [Say(self._message), Wake("totals", self._policy.totals_repeat_ms)]

    def repeat(self, stamps: Stamps) -> Sequence[Deed]:
        if self._message is not None:
            self._message = slips.repeated(self._message, stamps)
            self._tally.repeats_sent += 1
        return self.say()

    def answered(self, reply: IsoMessage) -> Sequence[Deed]:
        stated = self._message
        if stated is None or stated.fields[11] != reply.fields.get(11):
            self._tally.duplicate_replies += 1
            return []
        wrong = slips.mismatch(stated, reply)
        if wrong:
            self._tally.violation(f"{self._terminal}: {wrong}")
            return []
        if reply.fields.get(39) not in TAKEN:
            return []  # not taken over: the timer says it again
        balance = reply.fields.get(66)  # absent where the relay only takes them
        self._tally.totals_in_balance += balance == "1"
        self._tally.totals_out_of_balance += balance == "2"
        self._message = None
        return [Wake("totals", None)]
