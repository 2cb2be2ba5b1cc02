"""The relay as the bench runs it, with many thousand sessions in its roster that have no wire: for what walks all of them.

`python -m tests.bench.crowdedrelay CONFIG COUNT`. Owns those sessions. The trap: they say nothing and are counted by no
metric, so that what is measured is the walk; sockets for all of them would need a limit of open files that few machines have.
"""

from __future__ import annotations

import sys
from typing import Any

from relay import daemon
from relay.wire.roster import Roster
from tests.bench import relayproc
from tests.support.consolelinks import Line

BRANCH_TERMINALS = 8  # of one branch


class Present(Line):
    """As a link that is signed on, owes nothing, and is nobody's to close."""

    is_busy = is_draining = False
    is_whole_line = False

    def is_of(self, listener: str) -> bool:
        return self.listener.name == listener

    def drain(self) -> None:
        pass

    def close(self, why: str, abort: bool = False) -> None:
        pass


def crowd(count: int) -> list[Present]:
    """In no order of names; every second one is a branch's."""
    present = []
    for number in range(count):
        shuffled = number * 7_919 % count
        peer = f"10.{shuffled >> 16}.{shuffled >> 8 & 255}.{shuffled & 255}:40001"
        if shuffled % 2:
            name = f"0310-{shuffled // 2 // BRANCH_TERMINALS:04}-{shuffled // 2 % BRANCH_TERMINALS + 1}"
            present.append(Present(name, "branches", peer=peer, channel="branch"))
        else:
            present.append(Present(f"T{shuffled:07}", "atm", peer=peer))
    return present


def main(config: str, count: int) -> int:
    class CrowdedRoster(Roster[Any]):
        def __init__(self) -> None:
            super().__init__()
            for each in crowd(count):
                self.opened(each)

    daemon.Roster = CrowdedRoster  # type: ignore[misc]
    return relayproc.main(config, "own")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
