"""The people at the fake terminals: their cards, and what they want, from a seed. Pure data.

Owns test cards with valid check digits (issuer number 400000, which no bank uses), the mix of kinds and the amounts. It must
never know a message or a ledger: a card only says which refusal its bank should give.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

import msgspec

from protocols.vocabulary import Pan

ISSUER = "400000"
NOTE_MINOR = 1_000  # the smallest note, yen
NOTES_MAX = 30

# Every so many-th card is refused by the core, each time for the next of these reasons.
REFUSED_EVERY = 33
REFUSALS = ("stolen-card", "expired-card", "incorrect-pin")

DEFAULT_MIX: dict[str, float] = {"withdrawal": 60, "deposit": 10, "balance-inquiry": 20, "purchase": 10}
KINDS = frozenset(DEFAULT_MIX)


class Card(msgspec.Struct, frozen=True):
    pan: Pan
    expiry: str  # YYMM
    by_track: bool  # read from the stripe: the message carries track 2, not the number alone
    refusal: str = ""  # what its bank says to every request

    @property
    def track2(self) -> str:
        return f"{self.pan.reveal()}={self.expiry}2010000012300"


class Order(msgspec.Struct, frozen=True):
    """What a customer wants. `due_ms` is when they pressed the key, on the load's clock: latencies count from there."""

    kind: str
    amount_minor: int
    card: Card
    due_ms: float


def luhn_digit(digits: str) -> str:
    """The check digit that makes `digits` + it valid (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (2 if place % 2 == 0 else 1)
        total += number - 9 if number > 9 else number
    return str(-total % 10)


def _card(number: int) -> Card:
    body = f"{ISSUER}{number:09d}"
    turn, rest = divmod(number + 1, REFUSED_EVERY)
    refusal = "" if rest else REFUSALS[(turn - 1) % len(REFUSALS)]
    return Card(Pan(body + luhn_digit(body)), "3012", number % 2 == 1, refusal)


def parse_mix(text: str) -> dict[str, float]:
    """ "withdrawal=60,deposit=10" -> weights. Raises ValueError with the part at fault."""
    mix: dict[str, float] = {}
    for part in text.split(","):
        kind, found, weight = part.strip().partition("=")
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is not one of {', '.join(sorted(KINDS))}")
        try:
            mix[kind] = float(weight) if found else 1.0
        except ValueError:
            raise ValueError(f"{part.strip()!r}: the weight is not a number") from None
        if mix[kind] < 0:
            raise ValueError(f"{part.strip()!r}: the weight is negative")
    if not sum(mix.values()) > 0:
        raise ValueError("all weights are zero")
    return mix


class Customers:
    """An endless queue of orders. Same seed, same orders."""

    def __init__(self, seed: int = 1, card_count: int = 500, mix: Mapping[str, float] = DEFAULT_MIX) -> None:
        self._chance = random.Random(seed)
        self.cards = [_card(number) for number in range(card_count)]
        self._kinds = list(mix)
        self._weights = list(mix.values())

    def next(self, due_ms: float) -> Order:
        kind = self._chance.choices(self._kinds, self._weights)[0]
        amount = 0 if kind == "balance-inquiry" else NOTE_MINOR * self._chance.randint(1, NOTES_MAX)
        return Order(kind, amount, self._chance.choice(self.cards), due_ms)

    def think_ms(self, mean_ms: float) -> float:
        """How long somebody takes before the next order, milliseconds, around `mean_ms`."""
        return self._chance.expovariate(1 / mean_ms) if mean_ms > 0 else 0.0
