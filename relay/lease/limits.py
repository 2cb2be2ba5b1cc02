"""The times of a lease.

Owns the numbers and what follows from them. It must never measure one. The trap: the holder stops `clock_drift_ms` and one
request before its lease ends, so the time that it has for renewals is shorter than the lease; how that has to fit is checked
where the configuration is (relay/configuration/leases.py).
"""

from __future__ import annotations

import msgspec


class LeaseLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds.

    `ttl_ms`: a lease ends so long after its last renewal, by the database's clock. `renew_ms`: pause between two renewals.
    `request_timeout_ms`: an answer that takes longer is none. `clock_drift_ms`: by how much the clocks of the relay and of the
    database's servers may differ in the course of one lease, a change of server included.
    """

    ttl_ms: int = 15_000
    renew_ms: int = 3_000
    request_timeout_ms: int = 2_000
    clock_drift_ms: int = 1_000

    @property
    def hold_ms(self) -> int:
        """How long the holder speaks after it asked for its last renewal."""
        return self.ttl_ms - self.clock_drift_ms - self.request_timeout_ms

    @property
    def retry_ms(self) -> int:
        """Pause after a question that nobody answered."""
        return max(1, self.request_timeout_ms // 4)
