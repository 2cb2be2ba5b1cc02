"""Wrong passwords: how long somebody has to wait before the next try counts. Pure.

Owns the counting. It must never see a password. The traps: a lock on the account alone lets a stranger lock everybody out, so
the long wait is for an account *from one address*, and what strangers do from many addresses costs the owner seconds; a lock on
the address alone would shut out a whole branch behind one gateway; nothing here lasts for ever; and the table is bounded, so
what is forgotten first is what is oldest, and never what is locked now.
"""

from __future__ import annotations

from typing import Final

import msgspec

FREE_TRIES: Final = 5  # wrong ones in a row that cost nothing
FIRST_WAIT_MS: Final = 2_000  # then; doubled with each wrong one
LONGEST_WAIT_MS: Final = 300_000  # from one address
ACCOUNT_FREE_TRIES: Final = 50  # from everywhere together
ACCOUNT_WAIT_MS: Final = 5_000  # for addresses from which nobody signed in to this account yet
FORGET_MS: Final = 3_600_000  # without another wrong one
ENTRIES_COUNT_MAX: Final = 4_096


class _Tries(msgspec.Struct):
    wrong: int = 0
    last_ms: int = 0
    until_ms: int = 0


class Lockout:
    """`now_ms` is monotonic. A name that does not exist is counted like one that does."""

    def __init__(self, entries_count_max: int = ENTRIES_COUNT_MAX) -> None:
        self._entries_count_max = entries_count_max
        self._tries: dict[tuple[str, str], _Tries] = {}
        self._known: dict[tuple[str, str], None] = {}  # from where somebody signed in to it

    def wait_ms(self, name: str, address: str, now_ms: int) -> int:
        """How long until the next try counts; 0: now."""
        pair = self._tries.get((name, address))
        waits = 0 if pair is None else pair.until_ms - now_ms
        whole = self._tries.get((name, ""))
        if whole is not None and (name, address) not in self._known:
            waits = max(waits, whole.until_ms - now_ms)
        return max(0, waits)

    def failed(self, name: str, address: str, now_ms: int) -> None:
        pair = self._count((name, address), now_ms)
        if pair.wrong > FREE_TRIES:
            doubled = FIRST_WAIT_MS << min(pair.wrong - FREE_TRIES - 1, 20)
            pair.until_ms = now_ms + min(LONGEST_WAIT_MS, doubled)
        whole = self._count((name, ""), now_ms)
        if whole.wrong > ACCOUNT_FREE_TRIES:
            whole.until_ms = now_ms + ACCOUNT_WAIT_MS

    def succeeded(self, name: str, address: str) -> None:
        self._tries.pop((name, address), None)
        self._known.pop((name, address), None)
        self._known[(name, address)] = None
        if len(self._known) > self._entries_count_max:
            del self._known[next(iter(self._known))]

    def _count(self, who: tuple[str, str], now_ms: int) -> _Tries:
        tries = self._tries.pop(who, None)
        if tries is None or now_ms - tries.last_ms > FORGET_MS:
            tries = _Tries()
            self._make_room(now_ms)
        self._tries[who] = tries  # the youngest is last
        tries.wrong += 1
        tries.last_ms = now_ms
        return tries

    def _make_room(self, now_ms: int) -> None:
        if len(self._tries) < self._entries_count_max:
            return
        free = next((who for who, tries in self._tries.items() if tries.until_ms <= now_ms), None)
        del self._tries[next(iter(self._tries)) if free is None else free]
