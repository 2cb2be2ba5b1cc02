"""Latencies in few numbers: a histogram with logarithmic buckets, about three percent wide.

Owns counting and percentiles. The trap: a percentile is the upper edge of its bucket, never the lower, so that a figure we
print is never better than what was measured.
"""

from __future__ import annotations

import msgspec

SUB_BUCKET_BITS = 5  # 32 buckets per power of two
_SUB = 1 << SUB_BUCKET_BITS


class Percentiles(msgspec.Struct, frozen=True):
    """Milliseconds."""

    p50: float
    p99: float
    p999: float


class Histogram:
    """Microseconds in, milliseconds out."""

    __slots__ = ("_counts", "count", "max_us")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.count = 0
        self.max_us = 0

    def record(self, latency_us: int) -> None:
        """Count one latency; below zero counts as zero."""
        latency_us = max(latency_us, 0)
        shift = max(latency_us.bit_length() - SUB_BUCKET_BITS - 1, 0)
        index = (shift << (SUB_BUCKET_BITS + 1)) + (latency_us >> shift)
        self._counts[index] = self._counts.get(index, 0) + 1
        self.count += 1
        self.max_us = max(self.max_us, latency_us)

    def percentile_ms(self, share: float) -> float:
        """The latency that `share` (0 to 1) of all did not exceed, milliseconds; 0.0 when there are none."""
        wanted = share * self.count
        seen = 0
        for index in sorted(self._counts):
            seen += self._counts[index]
            if seen >= wanted:
                shift = index >> (SUB_BUCKET_BITS + 1)
                upper = ((index & (2 * _SUB - 1)) + 1 << shift) - 1
                return min(upper, self.max_us) / 1_000
        return 0.0

    def percentiles(self) -> Percentiles:
        return Percentiles(self.percentile_ms(0.5), self.percentile_ms(0.99), self.percentile_ms(0.999))

    def add(self, other: Histogram) -> None:
        """Count everything that `other` counted."""
        for index, count in other._counts.items():
            self._counts[index] = self._counts.get(index, 0) + count
        self.count += other.count
        self.max_us = max(self.max_us, other.max_us)

    def clear(self) -> None:
        self._counts.clear()
        self.count = self.max_us = 0
