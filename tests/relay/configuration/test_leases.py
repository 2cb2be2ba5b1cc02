"""What `[lease]` must be: times that fit at the limit, a database that is named, and lines that can be shut."""

from __future__ import annotations

import pytest

from relay.configuration.leases import check_leases
from relay.handoversettings import LeaseSettings
from relay.settings import DialerSettings, ListenerSettings, Settings

DSN = "postgresql://relay@db1,db2/relay"
LINE = DialerSettings(name="zengin", endpoint="tcp:host=10.0.0.1:port=1", exclusive=True)


def found(lease: LeaseSettings, *links: DialerSettings | ListenerSettings) -> list[tuple[str, bool]]:
    settings = Settings(
        lease=lease,
        listener=tuple(link for link in links if isinstance(link, ListenerSettings)),
        dialer=tuple(link for link in links if isinstance(link, DialerSettings)),
    )
    return [(".".join(map(str, wrong.path)), wrong.is_warning) for wrong in check_leases(settings)]


def test_the_defaults_fit() -> None:
    assert found(LeaseSettings(dsn=DSN), LINE) == []
    assert found(LeaseSettings()) == []


@pytest.mark.parametrize(("ttl_ms", "wrong"), [(10_000, []), (9_999, [("lease.ttl_ms", False)])])
def test_a_second_try_fits_into_the_time_that_it_is_held(ttl_ms: int, wrong: list[tuple[str, bool]]) -> None:
    # 3,000 + 2 * 2,000 to renew, 1,000 of drift, 2,000 for the last request
    assert found(LeaseSettings(dsn=DSN, ttl_ms=ttl_ms), LINE) == wrong


def test_a_database_has_to_be_named_and_two_servers_are_better() -> None:
    assert found(LeaseSettings(), LINE) == [("lease.dsn", False)]
    assert found(LeaseSettings(dsn="postgresql://relay@db1/relay"), LINE) == [("lease.dsn", True)]
    assert found(LeaseSettings(dsn="postgresql://relay:secret@db1,db2/relay"), LINE) == [("lease.dsn", False)]
    assert found(LeaseSettings(dsn="mysql://db1,db2/relay"), LINE) == [("lease.dsn", False)]


def test_what_nobody_uses_is_said() -> None:
    assert found(LeaseSettings(dsn=DSN)) == [("lease.dsn", True)]
    named = DialerSettings(name="switch", endpoint="tcp:host=10.0.0.1:port=1", lease_name="group")
    assert found(LeaseSettings(), named) == [("dialer.0.lease_name", True)]


def test_an_exclusive_listener_listens_by_itself() -> None:
    handed_over = ListenerSettings(name="zengin", endpoint="systemd:domain=INET:index=0", exclusive=True)
    assert found(LeaseSettings(dsn=DSN), handed_over) == [("listener.0.endpoint", False)]
    assert found(LeaseSettings(dsn=DSN), ListenerSettings(name="zengin", endpoint="tcp:5001", exclusive=True)) == []
