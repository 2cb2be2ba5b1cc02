"""What may go wrong between the core's ledger and the relay, drawn from a seed. Pure.

Owns the kinds of fault, their rates and the windows in which they were on. The trap: a fault is drawn per request together
with whether the ledger was still reached, because the same 503 hides a posting or does not, and the relay cannot know.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from enum import StrEnum

import msgspec

# A fault's traces outlive it: answers that are late, addresses still ejected. Requests this close to a window count as inside.
WINDOW_TAIL_MS = 2_000


class Fault(StrEnum):
    CORE_5XX = "core-5xx"  # the core's own error page: no word about the key's fate
    PROXY_503 = "proxy-503"  # a balancer's text/html 503, without key or epoch
    HANG = "hang"  # never answers, keeps the connection
    DROP_AFTER_COMMIT = "drop-after-commit"  # books, then closes the connection
    LATE_COMMIT = "late-commit"  # closes now, books later
    DUPLICATE_REPLY = "duplicate-reply"  # one request, two answers on the wire
    GARBAGE = "garbage"  # 200 and a body that is no answer
    CLOSE_MID_ANSWER = "close-mid-answer"  # half an answer, then closes
    SLOW = "slow"  # the right answer, late


class Drawn(msgspec.Struct, frozen=True):
    """One request's fate. `commits`: the ledger is asked before the fault shows; `delay_ms` for the faults that wait."""

    fault: Fault
    commits: bool
    delay_ms: int = 0


class Window(msgspec.Struct, frozen=True):
    """From when to when something was wrong, milliseconds of the clock the load runs on, and what."""

    start_ms: float
    end_ms: float
    what: str


# How often each fault strikes inside a window, as a share of requests. Slow hangs are rare: each takes a relay's connection.
STORM: dict[Fault, float] = {
    Fault.CORE_5XX: 0.03,
    Fault.PROXY_503: 0.03,
    Fault.HANG: 0.01,
    Fault.DROP_AFTER_COMMIT: 0.02,
    Fault.LATE_COMMIT: 0.02,
    Fault.DUPLICATE_REPLY: 0.02,
    Fault.GARBAGE: 0.01,
    Fault.CLOSE_MID_ANSWER: 0.01,
    Fault.SLOW: 0.02,
}


class FaultInjector:
    """Draws faults while any rate is above zero; both directions of a switch are recorded as windows by who switches."""

    def __init__(self, seed: int = 1, late_commit_ms_max: int = 1_500, slow_ms_max: int = 800) -> None:
        self.counts: dict[Fault, int] = dict.fromkeys(Fault, 0)
        self._chance = random.Random(seed)
        self._late_commit_ms_max = late_commit_ms_max
        self._slow_ms_max = slow_ms_max
        self._ladder: list[tuple[float, Fault]] = []

    @property
    def is_on(self) -> bool:
        return bool(self._ladder)

    def set_rates(self, rates: Mapping[Fault, float]) -> None:
        """From now on each fault strikes with its share (0 to 1) of requests; an empty mapping ends all.

        Raises ValueError when the shares do not sum up to 1 or less.
        """
        total, ladder = 0.0, []
        for fault, rate in rates.items():
            if rate < 0:
                raise ValueError(f"the rate of {fault} is negative")
            total += rate
            if rate:
                ladder.append((total, fault))
        if total > 1.000_001:
            raise ValueError(f"fault rates sum up to {total:g}")
        self._ladder = ladder

    def draw(self) -> Drawn | None:
        if not self._ladder:
            return None
        at = self._chance.random()
        fault = next((fault for upto, fault in self._ladder if at < upto), None)
        if fault is None:
            return None
        self.counts[fault] += 1
        commits, delay_ms = True, 0
        if fault in (Fault.CORE_5XX, Fault.PROXY_503, Fault.HANG, Fault.GARBAGE):
            commits = self._chance.random() < 0.5
        elif fault is Fault.LATE_COMMIT:
            commits, delay_ms = False, self._chance.randint(1, self._late_commit_ms_max)
        elif fault is Fault.SLOW:
            delay_ms = self._chance.randint(1, self._slow_ms_max)
        return Drawn(fault, commits, delay_ms)


def is_outside(windows: list[Window], start_ms: float, end_ms: float, tail_ms: float = WINDOW_TAIL_MS) -> bool:
    """Did something that lasted from `start_ms` to `end_ms` happen with nothing wrong, tails included?"""
    return all(end_ms < w.start_ms or start_ms > w.end_ms + tail_ms for w in windows)
