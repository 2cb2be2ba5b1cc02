"""What a room of fake NDC machines counts: visits, dispenses, faults, and everything that must never happen.

Owns counters only. It must never know a wire format or the books.
"""

from __future__ import annotations

VIOLATIONS_KEPT = 50


class NdcTally:
    def __init__(self) -> None:
        self.links_opened = 0
        self.loads = 0
        self.requests = 0
        self.repeats = 0
        self.replies = 0
        self.dispenses = 0
        self.faults = 0
        self.unknowns = 0  # dispenses of which the machine itself cannot say what came out
        self.rejects = 0
        self.timed_out = 0
        self.power_cuts = 0
        self.supervisor_visits = 0
        self.blocks_acknowledged: list[tuple[str, str]] = []  # (terminal, last character)
        self.violation_count = 0
        self.violations: list[str] = []

    def violation(self, what: str) -> None:
        """Something that no host may do."""
        self.violation_count += 1
        if len(self.violations) < VIOLATIONS_KEPT:
            self.violations.append(what)
