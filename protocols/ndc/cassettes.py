"""How many notes of each type may be ordered: what the ATM last said of its cassettes, less what was ordered since.

Owns the counts of one session. It must never decide about money: a wrong count costs a refusal, or a status "none
dispensed", never a posting. The trap: many sites never set their counters; counts that are all zero, or none, mean "not
known", not "empty".
"""

from __future__ import annotations

from protocols.ndc.fields import CASH_HANDLERS
from protocols.ndc.message import DeviceStatus
from protocols.ndc.mix import TYPE_NOTES_MAX
from protocols.ndc.status import SupplyCounters, cassettes_out


class Cassettes:
    __slots__ = ("_counts", "_out", "_types")

    def __init__(self, types: int) -> None:
        self._types = types
        self._counts: list[int] | None = None
        self._out = [False] * types

    def counted(self, counters: SupplyCounters) -> None:
        counts = counters.in_cassette[: self._types]
        self._counts = [*counts, *((0,) * (self._types - len(counts)))] if any(counts) else None

    def reported(self, device: DeviceStatus) -> None:
        """A cash handler's supplies. A cassette that is not "out" any more was filled."""
        if device.device in CASH_HANDLERS and len(device.supplies) > 1:
            self.supplies(device.supplies)

    def supplies(self, text: str) -> None:
        """Reject bin, then one character per type; "0" leaves a type as it was."""
        for index, is_out in enumerate(cassettes_out(text)[: self._types]):
            if text[index + 1] != "0":
                self._out[index] = is_out

    def ordered(self, notes: tuple[int, ...]) -> None:
        if self._counts is not None:
            for index, count in enumerate(notes[: self._types]):
                self._counts[index] = max(0, self._counts[index] - count)

    def available(self) -> tuple[int, ...]:
        """Notes per type that one reply may order."""
        counts = self._counts
        return tuple(
            0 if self._out[index] else TYPE_NOTES_MAX if counts is None else min(TYPE_NOTES_MAX, counts[index])
            for index in range(self._types)
        )
