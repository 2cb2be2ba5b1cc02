"""The fake terminals' own books: what cash went out of the machine, what came in, and what was never found out.

Owns the cash lines that the conservation check (law 10) holds against the core's ledger. Imports nothing of the relay, nor
the ledger: two parties that share code share mistakes. The trap: a line is written when the notes move, not when a message
says so; whoever calls must be the one with its hands on the notes.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum


class Fate(Enum):
    """What the terminal knows of one act."""

    OPEN = "open"  # asked; the customer still waits
    ANSWERED = "answered"  # the terminal got a word and acted on it
    REVERSAL_OWED = "reversal-owed"  # no word in time: it sends a reversal until that is acknowledged
    REVERSED = "reversed"  # its reversal was acknowledged
    UNRESOLVED = "unresolved"  # money is in the machine and nobody said whose it is


class Act:
    """One thing a customer did: (terminal, trace) names it, as on the paper slip. Amounts in minor units."""

    __slots__ = ("account", "amount", "fate", "kind", "paid", "retracted", "returned", "taken", "terminal", "trace")

    def __init__(self, terminal: str, trace: str, kind: str, account: str, amount: int) -> None:
        self.terminal = terminal
        self.trace = trace
        self.kind = kind
        self.account = account
        self.amount = amount
        self.fate = Fate.OPEN
        self.paid = 0  # notes (or goods) given out
        self.retracted = 0  # of those, what the customer did not take
        self.taken = 0  # notes put in
        self.returned = 0  # of those, what was given back

    @property
    def owed_by_ledger(self) -> int:
        """What the account must have gained (negative: lost) for what happened to the notes."""
        return (self.taken - self.returned) - (self.paid - self.retracted)


class Books:
    """All acts of all terminals of one room."""

    def __init__(self) -> None:
        self._acts: dict[tuple[str, str], Act] = {}
        self.told: dict[tuple[str, str], int] = {}  # (terminal, what the host told it) -> how often

    def __len__(self) -> int:
        return len(self._acts)

    def begin(self, terminal: str, trace: str, kind: str, account: str, amount: int) -> Act:
        """Open the line of one act. Raises ValueError where the terminal used this trace before."""
        if (terminal, trace) in self._acts:
            raise ValueError(f"terminal {terminal} used trace {trace} twice")
        act = self._acts[terminal, trace] = Act(terminal, trace, kind, account, amount)
        return act

    def tell(self, terminal: str, what: str) -> None:
        """The host told a terminal something of its own accord, and the terminal accepted it."""
        self.told[terminal, what] = self.told.get((terminal, what), 0) + 1

    def find(self, terminal: str, trace: str) -> Act | None:
        return self._acts.get((terminal, trace))

    def acts(self) -> Iterator[Act]:
        return iter(self._acts.values())

    def counts(self) -> dict[Fate, int]:
        """How many acts have each fate."""
        counts = dict.fromkeys(Fate, 0)
        for act in self._acts.values():
            counts[act.fate] += 1
        return counts

    def net_by_account(self) -> dict[tuple[str, str], int]:
        """(terminal, account) -> what the account must have gained there."""
        sums: dict[tuple[str, str], int] = {}
        for act in self._acts.values():
            where = (act.terminal, act.account)
            sums[where] = sums.get(where, 0) + act.owed_by_ledger
        return sums
