"""A report is repeated under one key until the core confirms it, with growing pauses, in every life."""

from __future__ import annotations

from relay.journal.outbound import OutboundState
from relay.outbound.desk import OutboundLimits
from relay.outbound.reports import EVENT, ReportLimits
from relay.permit import Permit
from tests.support.outboundworld import OutboundWorld


def test_what_the_core_is_told() -> None:
    world = OutboundWorld()
    world.connect(mode="fail")
    world.posted("k1", kind="cutover")
    world.time.run(20)
    (report,) = world.core.calls
    stored = world.stored("k1")
    assert report.key == f"tokyo/outbound/{stored.taken.outbound_id}/failed"
    assert report.at_ms == stored.updated_ms
    assert report.detail == {
        "key": "k1",
        "kind": "cutover",
        "state": "failed",
        "recorded_ms": str(stored.taken.recorded_ms),
        "sent_ms": str(stored.sent_ms),
        "detail": "no such kind",
    }
    assert EVENT == "outbound-delivery"


def test_it_is_repeated_until_confirmed_with_pauses_that_grow() -> None:
    limits = OutboundLimits(reports=ReportLimits(retry_first_ms=500, retry_max_ms=8_000))
    world = OutboundWorld(limits)
    world.core.is_confirming = False
    world.connect()
    world.posted("k1")
    world.time.run(60_000)
    calls = len(world.core.calls)
    assert 10 <= calls <= 22
    assert len({report.key for report in world.core.calls}) == 1
    assert world.count("relay_outbound_reports_owed_messages") == 1
    assert 59 <= world.count("relay_outbound_report_oldest_seconds") <= 60
    world.core.is_confirming = True
    world.time.run(10_000)
    assert len(world.core.calls) == calls + 1
    assert world.stored("k1").reported is OutboundState.ACKNOWLEDGED
    assert world.count("relay_outbound_reports_owed_messages") == 0
    assert world.outbound.register.open == {}


def test_it_is_owed_after_a_crash_under_the_same_key() -> None:
    world = OutboundWorld()
    world.core.is_confirming = False
    world.connect()
    world.posted("k1")
    world.time.run(1_000)
    key = world.core.calls[0].key
    world.crash()
    world.core.is_confirming = True
    world.time.run(1_000)
    assert list(world.core.known) == [key]
    world.crash()
    calls = len(world.core.calls)
    world.time.run(60_000)
    assert len(world.core.calls) == calls, "confirmed once is enough"


def test_without_a_permit_nobody_is_asked() -> None:
    world = OutboundWorld()
    world.permit = None
    for number in range(50):
        world.connect(line=str(number), mode="fail")
        world.posted(f"k{number}", line=str(number))
    world.time.run(1_000)
    before = world.time.steps
    world.time.run(10_000)
    assert world.core.calls == []
    assert world.time.steps - before <= 21, "one look each half second, not one per message"
    world.permit = Permit(2, "osaka")
    world.time.run(1_000)
    assert len(world.core.known) == 50


def test_the_limit_of_reports_under_way() -> None:
    world = OutboundWorld(OutboundLimits(reports=ReportLimits(inflight_count_max=2)))
    world.core.delay_ms = 1_000
    for number in range(5):
        world.connect(line=str(number), mode="fail")
        world.posted(f"k{number}", line=str(number))
    world.time.run(500)
    assert len(world.core.calls) == 2
    world.time.run(3_000)
    assert len(world.core.known) == 5


def test_a_state_that_moved_on_while_its_report_was_under_way_is_reported_too() -> None:
    world = OutboundWorld()
    world.core.delay_ms = 1_000
    world.connect(mode="mute")
    world.posted("k1")
    world.links["switch", ""].close()
    world.time.run(100)
    world.settled("k1", OutboundState.FAILED)
    world.time.run(5_000)
    assert world.core.states_of("k1") == ["unknown", "failed"]
    assert world.stored("k1").reported is OutboundState.FAILED
    assert world.outbound.register.open == {}


def test_a_confirmation_that_is_not_written_is_asked_for_again() -> None:
    world = OutboundWorld()
    world.core.delay_ms = 100
    world.connect()
    world.posted("k1")
    world.time.run(50)
    world.journal.disk.is_full = True
    world.time.run(5_000)
    assert world.stored("k1").reported is None
    world.journal.disk.is_full = False
    world.time.run(60_000)
    assert world.stored("k1").reported is OutboundState.ACKNOWLEDGED
    assert world.core.states_of("k1") == ["acknowledged"]
