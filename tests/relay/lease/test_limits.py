"""How long a lease is held, and how soon one asks again."""

from __future__ import annotations

from relay.handoversettings import LeaseSettings
from relay.lease.limits import LeaseLimits


def test_the_holder_stops_before_the_lease_ends_by_the_drift_and_one_request() -> None:
    limits = LeaseLimits(ttl_ms=10_000, renew_ms=1_000, request_timeout_ms=1_500, clock_drift_ms=700)
    assert limits.hold_ms == 10_000 - 700 - 1_500
    assert limits.retry_ms == 375


def test_the_defaults_are_those_of_the_settings() -> None:
    settings, limits = LeaseSettings(), LeaseLimits()
    assert (limits.ttl_ms, limits.renew_ms) == (settings.ttl_ms, settings.renew_ms)
    assert (limits.request_timeout_ms, limits.clock_drift_ms) == (settings.request_timeout_ms, settings.clock_drift_ms)


def test_a_pause_is_never_nothing() -> None:
    assert LeaseLimits(request_timeout_ms=1).retry_ms == 1
