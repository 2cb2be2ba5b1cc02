"""The till of a fake branch terminal: its notes, its numbers, what it has stored, and what it still has to send.

Owns what survives a power cut, and the physical truth about the notes. Imports nothing of the relay, nor the journal: two
parties that share code share mistakes. The traps: notes move when somebody's hands move them, whatever a telegram says; and
what the terminal *knows* (確定) is stored after the notes have gone out, so a power cut between the two leaves a till that is
right and a terminal that does not know it.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

MessageT = TypeVar("MessageT")
SERIAL_MAX = 999_999


class Till(Generic[MessageT]):
    """`cash` in yen; `outbox` are telegrams of acts done offline, oldest first."""

    def __init__(self, cash: int) -> None:
        self.opening = cash
        self.cash = cash
        self.serial = 0
        self.confirmed = 0  # 前回確定通番, as stored
        self.in_count = self.in_total = 0
        self.out_count = self.out_total = 0
        self.outbox: deque[MessageT] = deque()

    def next_serial(self) -> int:
        """The next 端末通番. Raises ValueError after the last one of a day."""
        if self.serial >= SERIAL_MAX:
            raise ValueError("no 端末通番 is left today")
        self.serial += 1
        return self.serial

    def jump(self, count: int) -> None:
        """The counter skips `count` numbers, as after a battery fault."""
        self.serial += count

    def put_in(self, amount: int) -> None:
        """Notes go into the till."""
        self.cash += amount
        self.in_count += 1
        self.in_total += amount

    def take_out(self, amount: int) -> None:
        """Notes go out of the till. Raises ValueError when there are not so many."""
        if amount > self.cash:
            raise ValueError(f"{amount} yen are not in the till")
        self.cash -= amount
        self.out_count += 1
        self.out_total += amount
