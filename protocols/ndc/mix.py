"""Which notes make an amount: the note mix, decided before the debit, so that what cannot be dispensed is never asked.

Owns one pure function. It must never know a terminal. The trap: greedy alone fails where the small notes are out (6,000
from 5,000 and 2,000), so that it looks further, within a bound.
"""

from __future__ import annotations

STEPS_MAX = 5_000
TYPE_NOTES_MAX = 99  # two digits in the reply


def mix(
    amount_minor: int, denominations: tuple[int, ...], available: tuple[int, ...], notes_max: int
) -> tuple[int, ...] | None:
    """Notes per cassette type for exactly `amount_minor`, as few as may be found quickly; None where there is no such mix.

    `available` is how many notes of each type may be used (0: none).
    """
    order = sorted((index for index, value in enumerate(denominations) if value > 0), key=lambda index: -denominations[index])
    chosen = [0] * len(denominations)
    steps = 0

    def fill(place: int, left: int, notes_left: int) -> bool:
        nonlocal steps
        steps += 1
        if not left:
            return True
        if place == len(order) or steps > STEPS_MAX or notes_left <= 0:
            return False
        index = order[place]
        usable = available[index] if index < len(available) else 0
        for count in range(min(left // denominations[index], usable, notes_left, TYPE_NOTES_MAX), -1, -1):
            chosen[index] = count
            if fill(place + 1, left - count * denominations[index], notes_left - count):
                return True
        chosen[index] = 0
        return False

    if amount_minor <= 0 or not fill(0, amount_minor, notes_max):
        return None
    return tuple(chosen)
