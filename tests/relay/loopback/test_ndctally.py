"""Violations are counted, and only so many are kept."""

from __future__ import annotations

from relay.loopback.ndctally import VIOLATIONS_KEPT, NdcTally


def test_violations_are_counted_beyond_those_kept() -> None:
    tally = NdcTally()
    for number in range(VIOLATIONS_KEPT + 1):
        tally.violation(str(number))
    assert (tally.violation_count, len(tally.violations)) == (VIOLATIONS_KEPT + 1, VIOLATIONS_KEPT)
