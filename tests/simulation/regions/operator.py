"""The person who moves the bank to the other region: by the book, or by DNS alone; and sets up the old one again as the copy.

Owns the sequence of one failover, and what it knows of seals. It must never reach into a relay but by the commands that
people have. The trap: a relay that does not acknowledge its seal is proven out of the path before a database is promoted; by
DNS alone nothing is proven, and the old region may go on confirming for a moment what nobody will have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.control import regions as c
from relay.region.record import RegionRecord

if TYPE_CHECKING:
    from tests.simulation.regions.world import Center, RegionsWorld

SEAL_PATIENCE_MS = 4_000
ZOMBIE_MS = (200, 4_000)  # how long an old region may live on after the promotion
AGAIN_MS = (4_000, 9_000)  # until the old one is the copy
CLASSES = ("all",)


class Operator:
    def __init__(self, world: RegionsWorld) -> None:
        self._world = world
        self.is_busy = False
        self.failovers = 0
        self.refused_releases = 0
        self._acks: set[str] = set()

    def move(self) -> None:
        """Begin a failover; nothing while there is one."""
        world = self._world
        if self.is_busy or world.replica.standby is None:
            return
        self.is_busy = True
        self.failovers += 1
        chance = world.people
        is_dead, by_the_book = chance.random() < 0.5, chance.random() < 0.6
        world.note(f"failover: old region {'dead' if is_dead else 'alive'}, {'by the book' if by_the_book else 'by DNS alone'}")
        if is_dead:
            world.site_of(world.replica.primary).is_down = True
        if by_the_book:
            if chance.random() < 0.5:
                self._block()
            self._seal()
        else:
            world.time.after(chance.randint(100, 3_000), lambda: self._promote(is_fenced=False))

    def _block(self) -> None:
        args = c.RegionBlockArgs(classes=CLASSES, who="Sato", why="failover")
        for center in self._world.centers:
            if center.relay is not None:
                center.relay.do("region-block", args, lambda _: None)

    def _seal(self) -> None:
        world = self._world
        epoch = world.epoch
        self._acks = set()

        def acknowledged(center: Center, is_sealed: bool) -> None:
            if is_sealed:
                center.sealed.add(epoch)
                self._acks.add(center.name)

        for center in world.centers:
            if center.relay is not None:
                center.relay.seal(epoch, lambda is_sealed, center=center: acknowledged(center, is_sealed))
        world.time.after(SEAL_PATIENCE_MS, self._sealed)

    def _sealed(self) -> None:
        """Who has not acknowledged is shut out at the old entrance."""
        world = self._world
        if len(self._acks) < len(world.centers):
            world.site_of(world.replica.primary).is_down = True
            world.note(f"sealed by {sorted(self._acks)}, the old entrance is shut")
        self._promote(is_fenced=True)

    def _promote(self, is_fenced: bool) -> None:
        world = self._world
        old = world.site_of(world.replica.primary)
        world.epoch += 1
        lost = world.replica.promote(world.epoch)
        world.lost += len(lost)
        new = world.site_of(world.replica.primary)
        new.is_down = False
        world.note(f"promoted {new.name} in epoch {world.epoch}, without {len(lost)}")
        record = RegionRecord(world.epoch, new.name, f"run-{world.epoch}")
        chance = world.people
        world.time.after(chance.randint(0, 1_500), lambda: world.names.publish(record))
        world.time.after(0 if is_fenced else chance.randint(*ZOMBIE_MS), lambda: setattr(old, "is_down", True))
        world.time.after(chance.randint(*AGAIN_MS), lambda: self._copy_again(old.name))
        world.time.after(2_000, self._release)

    def _copy_again(self, name: str) -> None:
        world = self._world
        site = world.sites[name]
        world.replica.copy_to(site.ledger)
        site.is_down = False
        self.is_busy = False

    def _release(self) -> None:
        """Until every relay has released: one whose tail is not replayed refuses, and the person waits."""
        blocked = [center for center in self._world.centers if center.relay is None or center.relay.book.blocked()]
        if not blocked:
            return
        args = c.RegionReleaseArgs(classes=CLASSES, who="Sato", why="done")

        def told(answer: object) -> None:
            self.refused_releases += isinstance(answer, Exception)

        for center in blocked:
            if center.relay is not None and center.disk.region_epoch == self._world.epoch:
                center.relay.do("region-release", args, told)
        self._world.time.after(1_000, self._release)
