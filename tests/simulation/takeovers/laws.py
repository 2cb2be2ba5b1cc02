"""What must hold of two relay centers of which one is taken over: after each step, and at the end.

Owns the invariants. It must never change the history. The trap: the list must not grow to hide what an adoption forgot, so
what was refused before the other's journal was at hand is counted apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from protocols.vocabulary import MessageClass
from relay.journal.memory_disk import MemoryDisk
from relay.journal.port import StepResult
from relay.journal.records import LISTED_STATES, OPEN_STATES
from relay.loopback.ledger import Commit, Ledger
from relay.loopback.report import Listed
from relay.reconcile.matcher import Ending
from relay.reconcile.shelf import Shelf
from tests.simulation.rooms import Violation, act_of
from tests.simulation.takeovers.relay import CenterRelay
from tests.support.samples import sampled

if TYPE_CHECKING:
    from tests.simulation.takeovers.world import TakeoverWorld

SETTLE_MS = 240_000
FOLLOWED_MS = 5_000  # until a new epoch is known, its fence is seen and its tail begun, whoever died meanwhile


class Figures(msgspec.Struct, kw_only=True):
    seed: int
    exchanges: int
    lost: int  # centers
    behind: int  # groups of records that the copy lacked
    moved: int  # regions that were lost during the adoption
    lost_tail: int  # postings that the next region never got
    proven_by_serial: int  # exchanges of the lost center, by what a machine said at the heir of its last serial
    proven_by_branch: int  # the same, by 完了確認, 前回確定通番 or a count
    paid: int  # acts of machines whose notes came out
    adopted: int  # exchanges that were open
    listed: int  # of all journals, at the end: for a person
    answered: int  # repeats, from the adopted journal
    refused_calls: int  # of the lost center's lives, by the fence
    given_back: int
    told_again: int  # before it was taken over: approved after a reversal that only the lost center knew
    faults: int
    crashes: int
    crashes_amid: int  # of the heir, while it took over
    simulated_ms: int
    trace: str


class Laws:
    def __init__(self, world: TakeoverWorld) -> None:
        self._world = world
        self._fenced: Ledger | None = None  # the lost center's fence was seen in it; a ledger never takes one down

    def committed(self, commit: Commit) -> None:
        """Nothing is posted for a life that was fenced, nor for the adopted journal before its center was fenced."""
        caller = commit.caller
        standing = self._world.ledger.relay_epochs.standing(caller.center)
        if caller.relay_epoch < standing.fence:
            self._world.wrong = f"law 5: {caller.center} posted in life {caller.relay_epoch}, below the fence {standing.fence}"
        if commit.verb == "fence":
            self._world.note(f"fenced: {commit.key}")

    def check_step(self) -> None:
        world = self._world
        if world.wrong:
            raise Violation(world.wrong)
        if world.loop.failures:
            raise Violation(f"something broke: {world.loop.failures[0]!r}") from world.loop.failures[0]
        heir, ledger = world.heir.relay, world.ledger
        if heir is not None and ledger is not self._fenced and heir.heir.is_at_work:
            if ledger.relay_epochs.standing(world.lost.name).fence:
                self._fenced = ledger
            elif heir.takeover.fenced_epoch == ledger.epoch:
                raise Violation(f"law 5: {world.lost.name} is at work at {world.heir.name}, and nobody fenced it")
        world.room.check_step()
        world.peers.check_step()

    def check_relay(self, relay: CenterRelay) -> None:
        adopted = relay.heir.adopted
        unexpected = relay.unexpected
        if adopted is not None:
            unexpected += sampled(relay.adopted_metrics, "relay_unexpected_events_total")
        if unexpected:
            raise Violation("the exchange table met an event that it has no row for")

    def check_returned(self, disk: MemoryDisk) -> None:
        """Of a region that was lost well before: what it had confirmed last was asked for in the next one."""
        world = self._world
        is_long_ago = world.move.is_done and world.returned_ms - world.move.at_ms > FOLLOWED_MS
        if is_long_ago and disk.region_epoch < world.ledger.epoch:
            world.wrong = f"law 3: the journal of {world.lost.name} went back without its lost tail"

    def disks(self) -> list[MemoryDisk]:
        """The journals that count: not the one that was superseded."""
        disks = [center.disk for center in self._world.centers if not center.is_orphan]
        copied = self._world.heir.copy.disk
        return disks if copied is None or any(disk is copied for disk in disks) else [*disks, copied]

    def check_end(self) -> None:
        for center in self._world.centers:
            if center.relay is None:
                raise Violation(f"liveness: {center.name} did not come back")
            self.check_relay(center.relay)
        if not self._world.given_back:
            heir = self._world.heir.relay
            why = (
                "" if heir is None else f"{heir.takeover.record.state_name} {heir.takeover.trouble} {heir.heir.open_count} open"
            )
            raise Violation(f"liveness: the journal of {self._world.lost.name} was not given back: {why}")
        left = [stored.taken.key for disk in self.disks() for stored in disk.exchanges.values() if stored.state in OPEN_STATES]
        if left:
            raise Violation(f"law 3: still open after {SETTLE_MS} ms of quiet: {left[:5]}")
        if not self._world.room.is_settled:
            raise Violation(f"liveness: the terminals are not at rest after {SETTLE_MS} ms of quiet")
        if not self._world.peers.is_settled:
            raise Violation(f"liveness: machines or branches are not at rest after {SETTLE_MS} ms of quiet")
        unasked = [center.name for center in self._world.centers if center.relay and not center.relay.tails.is_finished]
        if unasked:
            raise Violation(f"liveness: a lost tail is not replayed: {unasked}")
        if self._world.ledger.posted_twice():
            raise Violation(f"law 2: posted twice: {self._world.ledger.posted_twice()[:3]}")
        self._check_numbers()
        held = self._world.room.held(list(self._world.ledger.entries()), self._listed())
        if not held.holds:
            found = [each for each in held.differences if not each.is_listed][:3]
            raise Violation(f"law 10: conservation does not hold: lost {held.lost}, doubled {held.doubled}: {found}")
        self._world.peers.check_end()

    def _check_numbers(self) -> None:
        """What the adopted journal had is in it under its number, and was not taken as new here while it was at work."""
        world = self._world
        adopted, own = world.heir.copy.disk, world.heir.disk
        if adopted is None:
            return
        for exchange_id, key in world.known.items():
            if adopted.exchanges[exchange_id].taken.key != key:
                raise Violation(f"law 2: number {exchange_id} of {world.lost.name} was given twice")
        for stored in own.exchanges.values():
            taken = stored.taken
            is_then = world.adopted_ms <= taken.recorded_ms < (world.returned_ms or world.time.wall_ms())
            theirs = adopted.exchanges.get(adopted.ids.get(taken.key, 0))
            if (
                is_then
                and theirs is not None
                and theirs.taken.recorded_ms < taken.recorded_ms
                and taken.message_class is MessageClass.FINANCIAL
                and taken.key not in own.reversal_ids
            ):
                raise Violation(f"law 2: {taken.key} was taken as new here, and {world.lost.name} had taken it")

    def _listed(self) -> list[Listed]:
        """What somebody has to work out, in either journal."""
        lines = []
        for disk in self.disks():
            told = told_to_people(disk)
            for stored in disk.exchanges.values():
                if stored.state not in LISTED_STATES and stored.taken.exchange_id not in told:
                    continue
                lines.append(Listed(stored.taken.key, stored.taken.terminal, act_of(stored)[1]))
                for each in self.disks():
                    original = each.exchanges.get(each.ids.get(stored.taken.original_key, 0))
                    if original is not None:
                        lines.append(Listed(original.taken.key, original.taken.terminal, act_of(original)[1]))
        return lines


class _DiskVariables:
    """What a shelf needs of a journal, read from its disk."""

    def __init__(self, disk: MemoryDisk) -> None:
        self.epoch = disk.region_epoch
        self._disk = disk

    def variables(self, link_name: str) -> Mapping[str, bytes]:
        return self._disk.link_variables.get(link_name, {})

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Callable[[StepResult], None]) -> None:
        raise AssertionError("a disk that is only looked at")


def told_to_people(disk: MemoryDisk) -> set[int]:
    """Exchanges of the reports about a lost tail."""
    reports = Shelf(_DiskVariables(disk)).reports()
    return {each.exchange_id for report in reports for each in report.differences if each.ending is Ending.LISTED}
