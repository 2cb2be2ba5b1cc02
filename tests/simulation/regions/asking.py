"""What the centers of the history ask each other about a key, and when they could not.

Owns the way between them: an answer takes a moment, a center that is dead, asleep or cannot read its journal gives none, and
who asks goes on after a while (relay/pair/enquiry.py). It must never decide what an answer means. The trap: the law that no
approval follows an acknowledged reversal is only then not held against a relay, when its last question about it found nobody;
those are kept by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from relay.exchange.elsewhere import is_reversed_here
from tests.simulation.regions.center import Center
from tests.support.virtualtime import VirtualTime

WAY_MS = 2  # one way
WAIT_MS = 300


class Between:
    """The question of `center` to all others, of which there is one."""

    def __init__(self, time: VirtualTime, centers: Sequence[Center]) -> None:
        self._time = time
        self._centers = centers
        self.asked = self.reversed = 0
        self.unanswered: set[tuple[str, str]] = set()  # terminal and trace, of those who found nobody

    def ask(self, center: Center, key: str, done: Callable[[bool], None]) -> None:
        self.asked += 1
        asker = center.relay
        is_open = True

        def end(is_reversed: bool | None) -> None:
            nonlocal is_open
            if not is_open:
                return
            is_open = False
            parts = key.split(":")
            name = parts[3].strip(), parts[5]
            self.unanswered.discard(name)
            if is_reversed is None:
                self.unanswered.add(name)
            self.reversed += bool(is_reversed)
            if center.relay is asker:
                done(bool(is_reversed))

        timers = self._time if center.time is None else center.time
        timers.after(WAIT_MS, lambda: end(None))
        other = next((each for each in self._centers if each is not center), None)
        if other is not None:
            self._time.after(WAY_MS, lambda: self._arrived(other, key, lambda said: timers.after(WAY_MS, lambda: end(said))))

    @staticmethod
    def _arrived(other: Center, key: str, answer: Callable[[bool], object]) -> None:
        relay = other.relay
        if relay is None or other.time is None or other.is_asleep:
            return

        def looked(is_reversed: bool | None) -> None:
            if is_reversed is not None and other.relay is relay:
                answer(is_reversed)

        is_reversed_here(relay.journal, key, looked)
