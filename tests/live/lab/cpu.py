"""How much of the machine a scenario had: its CPUs in all, and what the forwarder of the cables took of them.

Owns reading /proc. The trap: on a machine that others use, the first figure is theirs too; a run above the limit is void, for
its times say more about the machine than about the relay.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

VOID_ABOVE = 0.70


class Share(msgspec.Struct, frozen=True):
    """Of all CPUs, 0 to 1."""

    total: float
    forwarder: float

    @property
    def is_void(self) -> bool:
        return self.total > VOID_ABOVE


class Meter:
    """From the moment it is made."""

    def __init__(self, forwarder: int) -> None:
        self._forwarder = forwarder
        self._begun = self._read()

    def share(self) -> Share:
        busy, every, forwarder = (end - begin for end, begin in zip(self._read(), self._begun, strict=True))
        return Share(busy / every, forwarder / every) if every else Share(0.0, 0.0)

    def _read(self) -> tuple[int, int, int]:
        fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        every = sum(fields)
        try:
            told = Path(f"/proc/{self._forwarder}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return every - fields[3] - fields[4], every, 0
        return every - fields[3] - fields[4], every, int(told[11]) + int(told[12])
