"""How long to wait before trying again. Pure.

Owns the one back-off curve of the relay. The trap: without chance, everything that failed together comes back together.
"""

from __future__ import annotations

from random import Random


def backoff_ms(tries: int, first_ms: int, max_ms: int, random: Random) -> int:
    """The pause after the `tries`-th failure (1, 2, ...), milliseconds: `first_ms` doubling up to `max_ms`, of which the
    upper half is left to chance, so that it is never shorter than half and never longer than the whole."""
    whole = min(max_ms, first_ms << min(max(tries, 1) - 1, 30))
    return max(1, whole - random.randrange(whole // 2 + 1))
