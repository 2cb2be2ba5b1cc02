"""The person's own book: which lines of the list were decided, and what was booked by hand because of it.

Owns one line per decision. Imports neither the relay nor its protocols: two parties that share code share mistakes. The trap:
a decision is a figure, not an excuse. Whoever had the patience to look at both sides first writes down what was missing, and
from then on ledger and hand together must be what the terminal's books say; only a decision made in haste excuses its line.
"""

from __future__ import annotations


class Decision:
    """`act` is (terminal, number), as on the paper slip. `by_hand_minor` is what its account gained by hand; None where the
    person did not look. `is_known`: the relay said that it is recorded."""

    __slots__ = ("act", "by_hand_minor", "is_known", "key")

    def __init__(self, key: str, act: tuple[str, str], by_hand_minor: int | None) -> None:
        self.key = key
        self.act = act
        self.by_hand_minor = by_hand_minor
        self.is_known = False


class HandBook:
    def __init__(self) -> None:
        self._signed: dict[str, Decision] = {}
        self.tried_again = 0
        self.turned_down = 0  # what was asked at a wrong moment, and got the sentence that says so

    def sign(self, key: str, act: tuple[str, str], by_hand_minor: int | None) -> Decision:
        """About to be told to the relay. What was signed for this key before and never recorded is void."""
        decision = self._signed[key] = Decision(key, act, by_hand_minor)
        return decision

    def void(self, key: str) -> None:
        """The relay did not take it, for sure."""
        self._signed.pop(key, None)

    def signed(self, key: str) -> Decision | None:
        return self._signed.get(key)

    def unknown(self) -> list[Decision]:
        """Told to a relay that died before it answered: to be looked up on its next list."""
        return [decision for decision in self._signed.values() if not decision.is_known]

    @property
    def count(self) -> int:
        return sum(decision.is_known for decision in self._signed.values())

    def by_hand(self, act: tuple[str, str]) -> int:
        """What the account of `act` gained by hand."""
        return sum(d.by_hand_minor or 0 for d in self._signed.values() if d.is_known and d.act == act)

    def moved(self) -> dict[tuple[str, str], int]:
        """Acts with something booked by hand."""
        sums: dict[tuple[str, str], int] = {}
        for decision in self._signed.values():
            if decision.is_known and decision.by_hand_minor:
                sums[decision.act] = sums.get(decision.act, 0) + decision.by_hand_minor
        return sums

    def decided(self) -> list[Decision]:
        return [decision for decision in self._signed.values() if decision.is_known]

    def in_haste(self) -> list[Decision]:
        """Decided without a look at both sides: still somebody's to work out, like a line on the list."""
        return [decision for decision in self._signed.values() if decision.is_known and decision.by_hand_minor is None]
