"""Each setting reaches its limit, and the defaults of both are the same."""

from __future__ import annotations

from relay.outbound.desk import OutboundLimits
from relay.outbound.limits import outbound_limits, server_limits
from relay.outbound.server import ServerLimits
from relay.settings import OutboundSettings, Settings


def test_the_defaults_agree() -> None:
    assert outbound_limits(Settings()) == OutboundLimits()
    assert server_limits(Settings()) == ServerLimits()


def test_every_setting_changes_its_limit() -> None:
    given = OutboundSettings(
        connection_count_max=1,
        body_bytes_max=256,
        request_ms=3,
        idle_ms=4,
        open_count_max=5,
        open_bytes_max=70_000,
        line_queue_count_max=7,
        deferred_first_ms=8,
        deferred_max_ms=9,
        delivery_deadline_ms=10,
        report_inflight_count_max=11,
    )
    settings = Settings(outbound=given)
    limits, server = outbound_limits(settings), server_limits(settings)
    assert (server.connection_count_max, server.body_bytes_max, server.request_ms, server.idle_ms) == (1, 256, 3, 4)
    assert (limits.open_count_max, limits.open_bytes_max, limits.line_queue_count_max) == (5, 70_000, 7)
    turns = limits.turns
    assert (turns.deferred_first_ms, turns.deferred_max_ms, turns.delivery_deadline_ms) == (8, 9, 10)
    assert limits.reports.inflight_count_max == 11
