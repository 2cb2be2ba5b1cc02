"""Endings, refusals and repeats are counted per listener, latencies in seconds."""

from protocols.vocabulary import Declined, Refusal
from relay.exchange.counters import Counters
from relay.telemetry.metrics import Metrics
from tests.support.deskworld import DeskWorld


def test_each_ending_refusal_and_repeat_has_its_counter() -> None:
    metrics = Metrics()
    counters = Counters(metrics)
    for _ in range(2):
        counters.ended("atm", "approve", 1_500)
    counters.refused("atm", Refusal.OVERLOADED)
    facts = DeskWorld().facts
    counters.decided(facts, Refusal.OVERLOADED)
    counters.decided(facts, Declined(reason="insufficient-funds"))
    counters.duplicate("atm", "journal")
    value = metrics.registry.get_sample_value
    assert value("relay_exchanges_total", {"listener": "atm", "ending": "approve"}) == 2
    assert value("relay_exchange_seconds_sum", {"listener": "atm"}) == 3
    assert value("relay_refusals_total", {"listener": "atm", "reason": "overloaded"}) == 2
    assert value("relay_duplicates_total", {"listener": "atm", "how": "journal"}) == 1
