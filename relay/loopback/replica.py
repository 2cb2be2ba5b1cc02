"""Two regions' ledgers, one the asynchronous copy of the other: with a lag, a promotion that loses the tail, and a new copy.

Owns the log between them. Pure: time is asked of a callable. It must never change what the old region says of itself: a
primary that nobody shuts goes on as before, and posts, which is what an isolated region does; only the epoch in its own
ledger says whose calls it takes. The traps: the log is in the order of the commits, so what the copy holds is a prefix, never
a selection; and what a promotion did not wait for is gone for the copy, but nobody's memory: `lost` says what it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from relay.loopback.ledger import Commit, Ledger


class Replica:
    """`lag_ms` may be set at any time; what is on its way takes the new one. `primary` copies to `standby`, None where there is
    no copy. `now_ms` is any clock that does not go back."""

    def __init__(self, primary: Ledger, standby: Ledger, now_ms: Callable[[], int], lag_ms: int = 0) -> None:
        self._now_ms = now_ms
        self.lag_ms = lag_ms
        self.primary = primary
        self.standby: Ledger | None = None
        self.lost: list[Commit] = []  # by all promotions so far, oldest first
        self._log: deque[tuple[int, Commit]] = deque()
        self.copy_to(standby)

    def copy_to(self, standby: Ledger) -> None:
        """Set up a standby anew: whatever it held is forgotten. Raises ValueError for the primary itself."""
        if standby is self.primary:
            raise ValueError("a region is no copy of itself")
        self._log.clear()
        standby.on_commit = None
        standby.state = "standby"
        standby.become_copy_of(self.primary)
        self.standby = standby
        self.primary.on_commit = self._committed

    @property
    def behind_count(self) -> int:
        """Commits that the standby does not have."""
        return len(self._log)

    @property
    def behind_ms(self) -> int:
        """How much time of the primary the standby does not have: from the oldest commit that it lacks to the newest."""
        return self._log[-1][0] - self._log[0][0] if self._log else 0

    def ship(self) -> None:
        """What is older than the lag reaches the standby."""
        until_ms = self._now_ms() - self.lag_ms
        while self._log and self._log[0][0] <= until_ms:
            _, commit = self._log.popleft()
            if self.standby is not None:
                self.standby.redo(commit)

    def promote(self, epoch: int) -> list[Commit]:
        """The standby serves, in `epoch`, with what has reached it. Returns what it never gets. Raises ValueError without a
        standby. The old primary is not told."""
        promoted = self.standby
        if promoted is None:
            raise ValueError("there is no standby")
        self.ship()
        gone = [commit for _, commit in self._log]
        self._log.clear()
        self.lost += gone
        self.primary.on_commit = None  # nobody copies it any more
        promoted.activate(epoch)
        self.primary, self.standby = promoted, None
        return gone

    def _committed(self, commit: Commit) -> None:
        if not self.lag_ms and not self._log and self.standby is not None:
            self.standby.redo(commit)
        else:
            self._log.append((self._now_ms(), commit))
            self.ship()
