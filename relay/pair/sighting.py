"""How somebody is seen, from looks that succeed and fail: a few in a row change it, one does not. Pure.

Owns rise and fall of one who is looked at: a region, a name server. It must never look itself, nor know what for. The trap: a
process that was stopped wakes with old looks; so each sight says how old its last look is, and an old one is no sight.
"""

from __future__ import annotations

from relay.pair.beat import Seen, Sight


class Sighting:
    """`rise_count` good looks in a row make it OK, `fall_count` bad ones FAILING; until then UNKNOWN at first, then what it
    was.
    """

    __slots__ = ("_bad", "_fall_count", "_good", "_looked_ms", "_rise_count", "_since_ms", "sight")

    def __init__(self, rise_count: int, fall_count: int, now_ms: int) -> None:
        self._rise_count = rise_count
        self._fall_count = fall_count
        self._good = 0
        self._bad = 0
        self._since_ms = now_ms
        self._looked_ms = now_ms
        self.sight = Sight.UNKNOWN

    def looked(self, is_good: bool, now_ms: int) -> bool:
        """One look ended. True when it changed what is seen."""
        self._looked_ms = now_ms
        self._good, self._bad = (self._good + 1, 0) if is_good else (0, self._bad + 1)
        # The first good look of all is enough: there is nothing that it could flap from.
        rise_count = 1 if self.sight is Sight.UNKNOWN else self._rise_count
        becomes = self.sight
        if self._good >= rise_count:
            becomes = Sight.OK
        elif self._bad >= self._fall_count:
            becomes = Sight.FAILING
        if becomes is self.sight:
            return False
        self.sight, self._since_ms = becomes, now_ms
        return True

    def seen(self, name: str, now_ms: int) -> Seen:
        return Seen(name, self.sight, now_ms - self._since_ms, now_ms - self._looked_ms)

    def since_ms(self, now_ms: int) -> int:
        """For how long it has been so."""
        return now_ms - self._since_ms

    def now(self, now_ms: int, old_ms: int) -> Sight:
        """As seen; UNKNOWN where nobody has looked for `old_ms`."""
        return self.sight if now_ms - self._looked_ms <= old_ms else Sight.UNKNOWN


def sight_in(rows: tuple[Seen, ...], name: str, elapsed_ms: int, old_ms: int) -> Sight:
    """What a heartbeat that came `elapsed_ms` ago says of `name`; UNKNOWN for nothing, and where the look was older than
    `old_ms`.
    """
    for row in rows:
        if row.name == name:
            return row.sight if row.age_ms + elapsed_ms <= old_ms else Sight.UNKNOWN
    return Sight.UNKNOWN
