"""The metrics as the ring wants them: summed over lines, counts per bucket."""

from __future__ import annotations

from relay.console.ring import FINE_MS
from relay.console.sampler import Sampler, reading
from relay.telemetry.metrics import LATENCY_S, Metrics
from tests.support.virtualtime import VirtualTime


def test_a_reading_sums_the_lines() -> None:
    metrics = Metrics()
    metrics.exchanges.labels("atm", "approve").inc(3)
    metrics.exchanges.labels("branch", "approve").inc(4)
    metrics.exchanges.labels("atm", "decline").inc()
    metrics.refusals.labels("atm", "overloaded").inc(2)
    metrics.exchange_seconds.labels("atm").observe(0.0005)
    metrics.exchange_seconds.labels("branch").observe(0.0005)
    metrics.exchange_seconds.labels("branch").observe(99)
    metrics.sessions_signed_on.labels("atm").set(5)
    metrics.sessions_signed_on.labels("branch").set(6)
    metrics.core_queue.set(7)
    read = reading(metrics, 1)
    assert dict(read.endings) == {"approve": 7, "decline": 1, "refused": 2}
    assert len(read.reply) == len(LATENCY_S) + 1
    assert (read.reply[0], read.reply[-1], sum(read.reply)) == (2, 1, 3)
    assert (read.sessions, read.queue) == (11, 7)


def test_it_reads_every_few_seconds_until_it_is_stopped() -> None:
    time, metrics = VirtualTime(), Metrics()
    sampler = Sampler(metrics, time, time)
    sampler.start()
    for _ in range(3):
        metrics.exchanges.labels("atm", "approve").inc(10)
        time.step()
    assert [point.per_s["approve"] for point in sampler.ring.fine()] == [10_000 / FINE_MS] * 3
    sampler.stop()
    assert not time.step()
