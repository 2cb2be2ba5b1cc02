"""The region that is lost while another center's journal is at work: its database is a copy that lacks the last.

Owns the copying, and the moment of the move. It must never tell a relay: they hear of the new epoch from the core. The traps:
the copy may lack the fence as well; and where the journal's copy is behind, too, nobody at all knows the newest, which is two
faults at once and no tail: such histories move a region that lost nothing.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from relay.loopback.ledger import Commit, Ledger
from relay.loopback.replica import Replica
from tests.simulation.takeovers.center import Lag

if TYPE_CHECKING:
    from tests.simulation.takeovers.world import TakeoverWorld

LAG_MS = (500, 12_000)  # what the lost center had confirmed is among it
AFTER_MS = (0, 3_000)  # of the adoption
MOVED_SHARE = {Lag.EXACT: 0.8, Lag.BEHIND: 0.3, Lag.AWAY: 0.3}  # of histories


class RegionMove:
    def __init__(self, world: TakeoverWorld) -> None:
        self._world = world
        people = Random(f"{world.seed}/region")
        self.is_planned = people.random() < MOVED_SHARE[world.lag]
        self._after_ms = people.randint(*AFTER_MS)
        lag_ms = people.randint(*LAG_MS) if world.lag is Lag.EXACT else 0
        self.lost: list[Commit] = []
        self.is_done, self.at_ms = False, 0  # wall clock
        self.replica = Replica(world.ledger, Ledger("osaka", 1), world.time.monotonic_ms, lag_ms)
        copied = world.ledger.on_commit

        def committed(commit: Commit) -> None:
            world.laws.committed(commit)
            if copied is not None:
                copied(commit)

        world.ledger.on_commit = committed

    def adopted(self) -> None:
        """The other center's journal is at work: from now on it may happen."""
        if self.is_planned:
            self._world.time.after(self._after_ms, self._move)

    def _move(self) -> None:
        world = self._world
        self.is_done, self.at_ms = True, world.time.wall_ms()
        self.lost = self.replica.promote(2)
        world.note(f"the region is lost: {len(self.lost)} postings are missing in the next one")
        world.ledger = world.core.ledger = self.replica.primary
        world.ledger.on_commit = world.laws.committed
        world.peers.moved()
