"""What the replay of a lost tail reads of the journal besides its sides: where the tail begins, and where it ends.

Owns three questions (the newest confirmation of the old region, the last number of a life, the history's line before a
moment), for both engines. It must never decide what is asked again. The traps: there is no index by time, so moments are
found by bisection within what grows with it, and a clock that was set back is the caller's margin; each read is short, as in
sides.py; and a refusal because nobody could be reached is no confirmation, so that hours of an outage do not hide the tail
behind them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from relay.journal.items import IDS_PER_INCARNATION
from relay.journal.sides import SideReader

SPAN_COUNT: Final = 5_000  # numbers looked at in one read
LIVES_MAX: Final = 16  # newest lives in which a confirmation is looked for

_CONFIRMED: Final = (
    "SELECT exchange_id, updated_ms FROM exchange WHERE exchange_id > ? AND exchange_id <= ? AND epoch_now > 0"
    " AND epoch_now < ? AND (verdict = 'approve' OR state IN ('settled', 'confirmed')) ORDER BY exchange_id DESC LIMIT 1"
)


class TailReader(SideReader):
    def last_id(self, life: int) -> int:
        """The highest number that `life` has taken so far."""
        low, end = life * IDS_PER_INCARNATION, (life + 1) * IDS_PER_INCARNATION
        rows = self._all("SELECT coalesce(max(exchange_id), 0) FROM taken WHERE exchange_id < ?", (end,))
        return max(low, int(rows[0][0]))

    def newest_confirmed_ms(self, below_epoch: int) -> int | None:
        """When the newest exchange that was confirmed in an epoch below got that word (wall clock), give or take a reply
        deadline; None where there is none."""
        newest: int | None = None
        found = 0
        for life in reversed(self.lives()):
            at_ms = self._confirmed_in(life, below_epoch)
            if at_ms is not None:
                newest = at_ms if newest is None else max(newest, at_ms)
                found += 1
            if found >= LIVES_MAX:
                break
        return newest

    def _confirmed_in(self, life: int, below_epoch: int) -> int | None:
        bottom, high = life * IDS_PER_INCARNATION, self.last_id(life)
        while high > bottom:
            low = max(bottom, high - SPAN_COUNT)
            rows = self._all(_CONFIRMED, (low, high, below_epoch))
            if rows:
                return int(rows[0][1])
            high = low
        return None

    def line_before(self, wall_ms: int) -> int:
        """The highest line of the history below the first that was written at or after `wall_ms`."""

        def first_from(line: int) -> Any:
            rows = self._all("SELECT line_id, at_ms FROM history WHERE line_id >= ? ORDER BY line_id LIMIT 1", (line,))
            return rows[0] if rows else None

        return bisected(1, self.last_line() + 1, first_from, wall_ms)


def bisected(low: int, high: int, first_from: Callable[[int], Any], wall_ms: int) -> int:
    """`first_from(number)` is (number, moment) of the first row from there on, or None. Returns the number before the first row
    whose moment is not below `wall_ms`."""
    while low < high:
        middle = (low + high) // 2
        row = first_from(middle)
        if row is None or row[1] >= wall_ms:
            high = middle
        else:
            low = row[0] + 1
    return low - 1
