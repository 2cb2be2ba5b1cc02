"""The outbound floor's limits out of the configuration.

Owns which setting becomes which limit. It must never decide a default: settings.py has them.
"""

from __future__ import annotations

from relay.outbound.desk import OutboundLimits
from relay.outbound.reports import ReportLimits
from relay.outbound.server import ServerLimits
from relay.outbound.turns import TurnLimits
from relay.settings import Settings


def outbound_limits(settings: Settings) -> OutboundLimits:
    outbound, core = settings.outbound, settings.core
    return OutboundLimits(
        open_count_max=outbound.open_count_max,
        open_bytes_max=outbound.open_bytes_max,
        line_queue_count_max=outbound.line_queue_count_max,
        journal_waiting_count_max=settings.journal.waiting_count_max,
        turns=TurnLimits(
            deferred_first_ms=outbound.deferred_first_ms,
            deferred_max_ms=outbound.deferred_max_ms,
            delivery_deadline_ms=outbound.delivery_deadline_ms,
        ),
        reports=ReportLimits(
            inflight_count_max=outbound.report_inflight_count_max,
            call_timeout_ms=core.call_timeout_ms,
            retry_first_ms=core.retry_first_ms,
            retry_max_ms=core.retry_max_ms,
        ),
    )


def server_limits(settings: Settings) -> ServerLimits:
    outbound = settings.outbound
    return ServerLimits(
        connection_count_max=outbound.connection_count_max,
        tls_handshake_count_max=outbound.connection_count_max,
        body_bytes_max=outbound.body_bytes_max,
        request_ms=outbound.request_ms,
        first_ms=outbound.idle_ms,
        idle_ms=outbound.idle_ms,
    )
