"""What goes wrong with centers, lines and disks while a history lasts.

Owns one strike, and the healing of everything. It must never lose a center for good: that is the history's own business. The
trap: the disk of a center whose journal went to the other one is nobody's any more, so nothing of it is broken or healed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.loopback.faults import STORM

if TYPE_CHECKING:
    from tests.simulation.takeovers.world import TakeoverWorld

FAULTS = ("kill", "kill", "kill", "storm", "storm", "cut-core", "cut-link", "half-open", "stall", "disk-full", "sync-fails")


def strike(world: TakeoverWorld) -> None:
    world.faults += 1
    what = world.chance.choice(FAULTS)
    center = world.chance.choice(world.centers)
    heal_ms = world.chance.randint(200, 4_000)
    world.note(f"{center.name} {what}")
    relay, disk = center.relay, center.disk
    if center.is_orphan and what in ("disk-full", "sync-fails"):
        return
    match what:
        case "kill":
            world.kill(center)
        case "storm":
            world.injector.set_rates({fault: rate * 2 for fault, rate in STORM.items()})
            world.time.after(heal_ms, lambda: world.injector.set_rates({}))
        case "cut-core" if relay is not None:
            relay.door.is_cut = True
            world.time.after(heal_ms, lambda: setattr(relay.door, "is_cut", False))
        case "cut-link" | "half-open":
            for pipe in [] if relay is None else relay.pipes[:2]:
                pipe.cut(half_open=what == "half-open")
        case "stall":
            for pipe in [] if relay is None else relay.pipes:
                pipe.stall(world.chance.randint(500, 5_000))
        case "disk-full":
            disk.is_full = True
            world.time.after(min(heal_ms, 3_000), lambda: setattr(disk, "is_full", False))
        case "sync-fails":
            disk.keeps_failed_sync = world.chance.random() < 0.5
            disk.sync_fails = True


def heal(world: TakeoverWorld) -> None:
    world.injector.set_rates({})
    for center in world.centers:
        if not center.is_orphan:
            center.disk.is_full = center.disk.sync_fails = False
        if center.relay is not None:
            center.relay.door.is_cut = False
