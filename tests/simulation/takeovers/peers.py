"""Machines and branch terminals of the center that is lost: they go to the other one with what they have, and come home again.

Owns where they connect, the rooms with their books (those of the one-center histories), and what excuses a line of the list.
It must never look at a relay's memory. The traps: a machine's link may stay at the other center after its own one is back, and
goes home when it breaks; an exchange is in two journals where both centers took it; and a till has notes whose question nobody
answered, so an act is only over when its terminal says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from relay.journal.memory_disk import MemoryDisk
from relay.journal.records import StoredExchange, StoredState
from relay.loopback.ndcbooks import NoteBooks
from tests.simulation.branchroom import BranchRoom
from tests.simulation.lines import BRANCH, NDC, Lines
from tests.simulation.machineroom import MachineRoom
from tests.simulation.rooms import Stage
from tests.simulation.takeovers.center import Lag
from tests.simulation.takeovers.laws import told_to_people
from tests.simulation.wires import Pipe

if TYPE_CHECKING:
    from tests.simulation.takeovers.world import TakeoverWorld

RANGES = ((1, 4_999), (5_000, 9_999))  # of the serials of the two centers: apart, or nobody knows whose one is
NAMES = ("atm", "ndc", "branch")


class CenterLines(Lines):
    """The lines of one of the two centers."""

    def __init__(self, number: int) -> None:
        super().__init__(NAMES)
        ranged = {"tsn_range": list(RANGES[number])}
        self.listeners = [
            each.model_copy(update={"profile": {**each.profile, **ranged}}) if each.name == "ndc" else each
            for each in self.listeners
        ]


class _Joined(msgspec.Struct):
    exchanges: dict[Any, StoredExchange] = {}
    ids: dict[str, Any] = {}
    lines: list[Any] = []


class JointDisk:
    """The journals that count, as one disk to look at. An exchange that is in both is found in the other center's; one that a
    report of a lost tail has is on a list."""

    def __init__(self, disks: Callable[[], list[MemoryDisk]]) -> None:
        self._disks = disks
        self._held: _Joined | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within it nothing is written, so what is looked at for each line of a list is put together once."""
        self._held = self._joined()
        try:
            yield
        finally:
            self._held = None

    @property
    def exchanges(self) -> dict[Any, StoredExchange]:
        return (self._held or self._joined()).exchanges

    @property
    def ids(self) -> dict[str, Any]:
        return (self._held or self._joined()).ids

    @property
    def lines(self) -> list[Any]:
        return (self._held or self._joined()).lines

    def _joined(self) -> _Joined:
        joined = _Joined()
        for number, disk in enumerate(self._disks()):
            told = told_to_people(disk)
            for id_, stored in disk.exchanges.items():
                joined.exchanges[number, id_] = replace(stored, state=StoredState.LISTED) if id_ in told else stored
            joined.ids.update((key, (number, id_)) for key, id_ in disk.ids.items())
            joined.lines += disk.lines
        return joined


class BooksOfTwice(NoteBooks):
    """Of machines whose center gives serials again that its copy never had: it was away, and their class fell back to the disk
    that is lost (docs/takeover.md, Numbers). An act and an account are held against each other by their sums."""

    def taken_by_act(self) -> dict[tuple[str, str], int]:
        taken: dict[tuple[str, str], int] = {}
        for act in self.acts():
            if act.tsn:
                taken[act.terminal, act.tsn] = taken.get((act.terminal, act.tsn), 0) + act.taken
        return taken


class Machines(MachineRoom):
    def _command_next(self) -> None:
        """The core wants nothing of them: its messages have their own tests."""


class Branches(BranchRoom):
    """`is_excused` says of which exchanges nobody could know how they ended, though the terminal had told."""

    is_excused: Callable[[StoredExchange], bool]

    def _is_given_up_duty(self, stored: StoredExchange) -> bool:
        return super()._is_given_up_duty(stored) or self.is_excused(stored)


class Peers:
    """Of the center that will be lost."""

    def __init__(self, world: TakeoverWorld) -> None:
        self._world = world
        self._joint = JointDisk(lambda: [world.lacking, *world.laws.disks()])  # a journal that has it counts
        joint: Any = self._joint
        stage = Stage(
            seed=world.seed,
            time=world.time,
            loop=world.loop,
            disk=joint,
            ledger=world.ledger,
            core=world.core,
            outbound=lambda: None,
            note=world.note,
        )
        for port, listener in ((NDC, "ndc"), (BRANCH, "branch")):
            world.loop.listening[port] = self._accepting(listener)
        Machines.new_books = BooksOfTwice if world.lag is Lag.AWAY else NoteBooks
        self.machines, self.branches = Machines(stage), Branches(stage)
        self.branches.is_excused = self._is_of_the_loss
        self.rooms = (self.machines, self.branches)

    def _accepting(self, listener: str) -> Callable[[str, Callable[[bytes], None], Callable[[], None]], Pipe | None]:
        world = self._world
        home = world.centers.index(world.lost)

        def accept(host: str, on_data: Callable[[bytes], None], on_lost: Callable[[], None]) -> Pipe | None:
            for number in (home, 1 - home):
                pipe = world.connect(number, listener, host, on_data, on_lost)
                if pipe is not None:
                    return pipe
            return None

        return accept

    def _is_of_the_loss(self, stored: StoredExchange) -> bool:
        """Its terminal told how it ended when its journal was not at hand, or to a life of the heir that died: a word that is
        said once, and not acknowledged."""
        return stored.taken.recorded_ms <= (self._world.adopted_ms or self._world.time.wall_ms())

    # ---- as one room -------------------------------------------------------------------------------------------------
    @property
    def is_settled(self) -> bool:
        return all(room.is_settled for room in self.rooms)

    def moved(self) -> None:
        """The ledger that counts is another one."""
        ledger = self._world.ledger
        for room in self.rooms:
            room._stage = _of(room._stage, ledger)

    def open(self) -> None:
        for room in self.rooms:
            room.open()

    def shut(self) -> None:
        for room in self.rooms:
            room.shut()

    def check_step(self) -> None:
        for room in self.rooms:
            room.check_step()

    def check_end(self) -> None:
        with self._joint.held():
            for room in self.rooms:
                room.check_end()

    def paid(self) -> int:
        """Machines' acts whose notes came out, of all centers."""
        return len(self.machines.books.taken_by_act())

    def proven_late(self, listener: str) -> int:
        """Exchanges of the adopted journal whose end was told at the other center."""
        adopted, world = self._world.heir.copy.disk, self._world
        if adopted is None:
            return 0
        return sum(
            stored.state is StoredState.CONFIRMED
            and stored.taken.listener == listener
            and world.adopted_ms <= stored.updated_ms <= (world.returned_ms or stored.updated_ms)
            for stored in adopted.exchanges.values()
        )


def _of(stage: Stage, ledger: Any) -> Stage:
    fields = {name: getattr(stage, name) for name in Stage.__struct_fields__}
    return Stage(**{**fields, "ledger": ledger})
