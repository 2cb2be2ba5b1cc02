"""The fake Zengin center's own books: what it gave to the bank, what it got from the bank, and what it does not know.

Owns both lists and their day figures for the conservation check (law 10). Imports nothing of the relay, nor of the protocol
library: two parties that share code share mistakes. The trap: a line is written when the center itself decides (it puts a
telegram on the wire, it takes one off), never when the other side says so; what the other side says only changes what is
known of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum


class Known(Enum):
    """What the center knows of a telegram that it gave."""

    WAITING = "waiting"  # not on the wire yet
    SENT = "sent"  # on the wire, no word
    TAKEN = "taken"  # the bank's logical ACK, or its word at 開局


class Given:
    """One telegram from another bank, for the relay's bank. `receipt` is our 受信通番, `lcn` the LCN that it travels on."""

    __slots__ = ("account", "amount", "bank", "known", "lcn", "receipt", "serial", "times_sent")

    def __init__(self, receipt: int, bank: str, serial: int, account: str, amount: int, lcn: int) -> None:
        self.lcn = lcn
        self.receipt = receipt
        self.bank = bank
        self.serial = serial
        self.account = account
        self.amount = amount
        self.known = Known.WAITING
        self.times_sent = 0


class Got:
    """One telegram of the relay's bank that we took. `subject` is its 種目コード."""

    __slots__ = ("account", "amount", "serial", "subject", "times")

    def __init__(self, serial: int, subject: str, account: str, amount: int) -> None:
        self.serial = serial
        self.subject = subject
        self.account = account
        self.amount = amount
        self.times = 1  # more than once is a double


class CenterBooks:
    """One business day of one line."""

    def __init__(self) -> None:
        self._given: list[Given] = []
        self._open: list[Given] = []  # those that may not be taken yet
        self._got: dict[int, Got] = {}
        self.refused_count = 0  # logical NAKs that we said to telegrams

    # ---- to the bank ---------------------------------------------------------------------------------------------------
    def order(self, bank: str, serial: int, account: str, amount: int, lcn: int = 0) -> Given:
        """Another bank hands in a telegram: from now on it must reach its account once, or be on a list."""
        given = Given(len(self._given) + 1, bank, serial, account, amount, lcn)
        self._given.append(given)
        self._open.append(given)
        return given

    @property
    def given_count(self) -> int:
        return len(self._given)

    def given(self) -> Iterator[Given]:
        return iter(self._given)

    def not_taken(self) -> list[Given]:
        """Those that the bank has not taken, in order: what is taken stays so, and is not looked at again."""
        self._open = [given for given in self._open if given.known is not Known.TAKEN]
        return self._open

    def by_receipt(self, receipt: int) -> Given | None:
        return self._given[receipt - 1] if 1 <= receipt <= len(self._given) else None

    def next_waiting(self, lcn: int = 0) -> Given | None:
        return next((given for given in self.not_taken() if given.known is Known.WAITING and given.lcn == lcn), None)

    def without_a_word(self, lcn: int) -> list[Given]:
        """On the wire of this LCN, and nobody said what became of them."""
        return [given for given in self.not_taken() if given.known is Known.SENT and given.lcn == lcn]

    def count_known(self, known: Known) -> int:
        return sum(given.known is known for given in self._given)

    # ---- from the bank -------------------------------------------------------------------------------------------------
    def take(self, serial: int, subject: str, account: str, amount: int) -> Got:
        """We took one off the wire and will say ACK. The same 発信通番 again is counted, not replaced."""
        known = self._got.get(serial)
        if known is not None:
            known.times += 1
            return known
        got = self._got[serial] = Got(serial, subject, account, amount)
        return got

    def got(self) -> Iterator[Got]:
        return iter(self._got.values())

    def holds(self, serial: int) -> bool:
        return serial in self._got

    def doubles(self) -> list[int]:
        """発信通番 that we took more than once: must be empty whatever happened."""
        return [got.serial for got in self._got.values() if got.times > 1]

    # ---- the day's figures ---------------------------------------------------------------------------------------------
    def figures_to_bank(self) -> tuple[int, int, int, int]:
        """Count, amount, first and last 受信通番 of everything that was put on the wire."""
        sent = [given for given in self._given if given.known is not Known.WAITING]
        if not sent:
            return (0, 0, 0, 0)
        return (len(sent), sum(given.amount for given in sent), sent[0].receipt, sent[-1].receipt)

    def figures_from_bank(self) -> dict[str, tuple[int, int, int, int]]:
        """種目コード -> count, amount, first and last 発信通番."""
        found: dict[str, tuple[int, int, int, int]] = {}
        for got in sorted(self._got.values(), key=lambda got: got.serial):
            count, amount, first, _ = found.get(got.subject, (0, 0, got.serial, 0))
            found[got.subject] = (count + 1, amount + got.amount, first, got.serial)
        return found
