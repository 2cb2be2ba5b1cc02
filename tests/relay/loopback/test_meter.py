"""What a core has on its hands, by kind, and the most there ever were."""

from __future__ import annotations

from relay.loopback.meter import EVENTS, LATER, OTHER, REGION, TRANSACTIONS, Meter, kind_of


def test_kinds() -> None:
    assert kind_of("/v1/transactions") == TRANSACTIONS
    assert kind_of("/v1/transactions/k/reversals") == kind_of("/v1/transactions/k") == LATER
    assert kind_of("/v1/network-events") == EVENTS
    assert (kind_of("/v1/region"), kind_of("/v1/ledger/2026-11-24")) == (REGION, OTHER)


def test_the_most_at_once() -> None:
    meter = Meter()
    kinds = [meter.began("/v1/network-events"), meter.began("/v1/transactions"), meter.began("/v1/region")]
    assert meter.most_money == 2
    for kind in kinds:
        meter.ended(kind)
    meter.ended(meter.began("/v1/network-events"))
    assert (meter.most, meter.counts[EVENTS]) == ({EVENTS: 1, TRANSACTIONS: 1, REGION: 1}, 2)


def test_counted_anew() -> None:
    meter = Meter()
    meter.began("/v1/network-events")
    meter.ended(meter.began("/v1/network-events"))
    meter.forget()
    assert meter.most[EVENTS] == 1, "one is still there"
    meter.began("/v1/network-events")
    assert (meter.most[EVENTS], meter.counts[EVENTS]) == (2, 1)
