"""A report is confirmed by the core itself, or it is owed still."""

from __future__ import annotations

import msgspec

from relay.core import contract as c
from relay.core.door import Lost, Why
from tests.relay.core.builders import PERMIT, Bench


def test_a_report_counts_only_with_its_key_echoed_in_an_epoch_that_is_not_old() -> None:
    b = Bench()

    def report() -> None:
        detail = {"key": "k1", "state": "unknown"}
        b.client.report(
            "tokyo/outbound/1/unknown", "outbound-delivery", "", "switch", 5, detail, PERMIT, 4_000, b.results.append
        )

    report()
    call = b.door.last
    assert call.line == "POST /v1/network-events"
    assert (call.headers["idempotency-key"], call.headers["region-epoch"]) == ('"tokyo/outbound/1/unknown"', "8")
    event = msgspec.json.decode(call.call.body, type=c.NetworkEvent)
    assert (event.event, event.listener, event.at_ms) == ("outbound-delivery", "switch", 5)
    assert event.detail == {"key": "k1", "state": "unknown"}
    call.answer(204, b"", region_epoch="8", idempotency_key='"tokyo/outbound/1/unknown"')
    for headers in (
        {"region_epoch": "8"},
        {"region_epoch": "8", "idempotency_key": '"another"'},
        {"region_epoch": "7", "idempotency_key": '"tokyo/outbound/1/unknown"'},
        {"idempotency_key": '"tokyo/outbound/1/unknown"'},
    ):
        report()
        b.door.last.answer(204, b"", **headers)
    report()
    b.door.last.answer(503, b"<html>")
    report()
    b.door.last.finish(Lost(Why.CLOSED))
    assert b.results == [True, False, False, False, False, False, False]
