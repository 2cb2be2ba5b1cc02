"""The shortest history in which a seed still fails: fewer rooms, fewer kinds of fault, less time.

Owns the search. It must never change what is checked. The trap: a smaller history that fails in another way is another
fault, so only the same law counts as the same failure.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tests.simulation.reconciling import world_of
from tests.simulation.rooms import Violation
from tests.simulation.world import FAULTS_MS

RUNS_MAX = 60


class Failure(msgspec.Struct, frozen=True):
    """What is left of a history. `words` is the violation, `transcript` the last of what happened before it."""

    words: str
    rooms: tuple[str, ...]
    kinds: tuple[str, ...]
    faults_ms: int
    transcript: tuple[str, ...]

    def in_words(self) -> str:
        head = f"rooms {', '.join(self.rooms)}; faults {', '.join(sorted(set(self.kinds))) or 'none'}; {self.faults_ms} ms"
        return "\n".join([head, *self.transcript, self.words])


def fails(seed: int, rooms: Sequence[str], kinds: Sequence[str], faults_ms: int) -> Failure | None:
    world = world_of(seed, rooms, kinds=kinds, faults_ms=faults_ms)
    try:
        world.run()
    except Violation as violation:
        return Failure(str(violation), tuple(rooms), tuple(kinds), faults_ms, tuple(world.transcript))
    return None


def shrink(seed: int) -> Failure | None:
    """The smallest failure found within `RUNS_MAX` histories; None where the seed does not fail."""
    whole = world_of(seed)
    best = fails(seed, tuple(whole.rooms), tuple(whole.kinds), FAULTS_MS)
    if best is None:
        return None
    law = best.words.partition(":")[0]
    runs = 0
    shrunk = True
    while shrunk and runs < RUNS_MAX:
        shrunk = False
        for rooms, kinds, faults_ms in _smaller(best):
            if runs >= RUNS_MAX:
                break
            runs += 1
            found = fails(seed, rooms, kinds, faults_ms)
            if found is not None and found.words.partition(":")[0] == law:
                best, shrunk = found, True
                break
    return best


def _smaller(failure: Failure) -> list[tuple[tuple[str, ...], tuple[str, ...], int]]:
    """Smaller histories, those first that leave most away."""
    tries: list[tuple[tuple[str, ...], tuple[str, ...], int]] = []
    if len(failure.rooms) > 1:
        tries += [((room,), failure.kinds, failure.faults_ms) for room in failure.rooms]
    if failure.faults_ms > 5_000:
        tries.append((failure.rooms, failure.kinds, failure.faults_ms // 2))
    for kind in sorted(set(failure.kinds)):
        left = tuple(each for each in failure.kinds if each != kind)
        if left:
            tries.append((failure.rooms, left, failure.faults_ms))
    return tries
