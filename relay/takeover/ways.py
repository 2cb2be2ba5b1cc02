"""What a take-over does to the world, as a port: the core, the copy's database, the journal in it. Each may be repeated.

Owns the protocol `Ways` and the exception of all of them. It must never know who fulfils it (relay/takingover.py in the
daemon). The trap: "asked" is not "done": whatever changes something returns when it was asked for, and the next look says
whether it is so.
"""

from __future__ import annotations

from typing import Protocol

from relay.core.contract import CenterAnswer, FenceRequest
from relay.errors import RelayError
from relay.journal.generation import Generation
from relay.takeover.record import Record


class NotNow(RelayError):
    """It could not be seen or done just now: looked at again a little later."""


class Ways(Protocol):
    @property
    def region_epoch(self) -> int:
        """In which the core may be asked now; 0 where it may not."""
        ...

    @property
    def is_at_work(self) -> bool:
        """The other center's journal is open, and what was open in it was taken up."""
        ...

    @property
    def open_count(self) -> int:
        """Of it: exchanges and messages of the core that are not at their end."""
        ...

    async def standing(self, center: str) -> CenterAnswer:
        """The core's word about a center. Raises NotNow."""
        ...

    async def fence(self, center: str, request: FenceRequest) -> None:
        """Raises NotNow."""
        ...

    async def is_writing(self) -> bool:
        """Whether the copy's database writes, asked of itself. Raises NotNow."""
        ...

    async def copied_until(self) -> int:
        """Wall clock of the newest record that the copy has; 0 where it cannot say. Raises NotNow."""
        ...

    async def promote(self) -> None:
        """Raises NotNow."""
        ...

    async def open(self, life_floor: int) -> Generation:
        """Open the journal in a new life, `life_floor` or above, where it is not open, and say what it knows of itself. Raises
        NotNow."""
        ...

    async def raise_generation(self, generation: Generation) -> None:
        """Durable in the open journal when it returns. Raises NotNow."""
        ...

    async def adopt(self, record: Record) -> None:
        """What is open in it is taken up, and messages find it, from now on."""
        ...

    def follow(self) -> None:
        """At work, and the fence was seen in the region's present epoch: what a new epoch asks of the journal is begun."""
        ...

    async def is_handed_back(self, generation: Generation) -> bool:
        """Whether the journal knows that it is its own center's again, seen without opening it. Raises NotNow."""
        ...

    async def close(self, generation: Generation) -> None:
        """Nothing more is taken; the generation is written; it is closed. Raises NotNow."""
        ...
