"""A fake ATM's own totals: what it counted itself while notes moved, and the 0500 that states it at the end of its day. Pure.

Owns the count and the message. It imports nothing of reconciliation, so that both sides of a comparison have counted by
themselves. The trap: an act that the ATM gave up on is no debit of its own, neither done nor taken back, whatever it sent
since.
"""

from __future__ import annotations

from protocols.iso8583.message import IsoMessage, Value
from relay.loopback.slips import ACQUIRER, YEN, Stamps

COLUMNS = {"withdrawal": "debits", "purchase": "debits", "deposit": "credits", "balance-inquiry": "inquiries"}


class DayCount:
    """`off_minor`: a mistake on purpose, added to the debits that are stated."""

    __slots__ = ("done", "minor", "off_minor", "undone", "undone_minor")

    def __init__(self, off_minor: int = 0) -> None:
        self.off_minor = off_minor
        self.done = {"debits": 0, "credits": 0, "inquiries": 0}
        self.minor = {"debits": 0, "credits": 0, "inquiries": 0}
        self.undone = 0  # withdrawals whose notes came back
        self.undone_minor = 0

    def did(self, kind: str, minor: int) -> None:
        """An act was approved; for a deposit, or the notes are in the machine and nobody said whose they are."""
        column = COLUMNS[kind]
        self.done[column] += 1
        self.minor[column] += minor

    def took_back(self, minor: int) -> None:
        self.undone += 1
        self.undone_minor += minor

    def message(self, terminal: str, trace: str, stamps: Stamps) -> IsoMessage:
        """The 0500 of this count. Its date (DE 15) is the day in UTC, as its sent time has it."""
        done, minor = self.done, self.minor
        debits = minor["debits"] + self.off_minor
        net = debits - self.undone_minor - minor["credits"]
        fields: dict[int, Value] = {
            7: stamps.sent,
            11: trace,
            12: stamps.time,
            13: stamps.date,
            15: stamps.sent[:4],
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
