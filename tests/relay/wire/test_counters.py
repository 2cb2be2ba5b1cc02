"""Label values stay few, and bytes are passed on in sums."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from protocols.vocabulary import Refusal
from relay.telemetry.metrics import Metrics
from relay.wire.admission import Refused
from relay.wire.counters import NAMES_COUNT_MAX, LinkCounters
from tests.support.virtualtime import VirtualTime


def counters() -> tuple[LinkCounters, VirtualTime, CollectorRegistry]:
    registry = CollectorRegistry()
    time = VirtualTime()
    return LinkCounters(Metrics(registry), "atm", time), time, registry


def test_bytes_are_passed_on_twice_a_second_and_the_timer_rests_between() -> None:
    made, time, registry = counters()
    made.received(10)
    made.received(5)
    made.sent(3)
    assert registry.get_sample_value("relay_received_bytes_total", {"listener": "atm"}) == 0
    time.run(500)
    assert registry.get_sample_value("relay_received_bytes_total", {"listener": "atm"}) == 15
    assert registry.get_sample_value("relay_sent_bytes_total", {"listener": "atm"}) == 3
    assert not time.step()  # nothing scheduled
    made.sent(4)
    made.flush()
    assert registry.get_sample_value("relay_sent_bytes_total", {"listener": "atm"}) == 7


def test_notes_beyond_the_limit_are_counted_together() -> None:
    made, _, registry = counters()
    for number in range(NAMES_COUNT_MAX + 10):
        made.noted(f"note-{number}")
    made.noted("note-3")
    samples = [s for m in registry.collect() for s in m.samples if s.name == "relay_link_notes_total"]
    assert len(samples) == NAMES_COUNT_MAX + 1
    by_note = {s.labels["note"]: s.value for s in samples}
    assert (by_note["note-3"], by_note["other"]) == (2, 10)


def test_every_reason_is_bound_from_the_start() -> None:
    made, _, registry = counters()
    for refusal in Refusal:
        made.refused(refusal)
    for refused in Refused:
        made.not_admitted(refused)
    assert registry.get_sample_value("relay_refusals_total", {"listener": "atm", "reason": "no-journal"}) == 1
    assert registry.get_sample_value("relay_links_refused_total", {"listener": "atm", "reason": "tls-handshake"}) == 1


def test_gauges_go_up_and_down() -> None:
    made, _, registry = counters()
    made.opened()
    made.opened()
    made.signed(True)
    made.closed("bye")
    made.signed(False)
    assert registry.get_sample_value("relay_links_open", {"listener": "atm"}) == 1
    assert registry.get_sample_value("relay_links_opened_total", {"listener": "atm"}) == 2
    assert registry.get_sample_value("relay_sessions_signed_on", {"listener": "atm"}) == 0
    assert registry.get_sample_value("relay_links_closed_total", {"listener": "atm", "reason": "bye"}) == 1
