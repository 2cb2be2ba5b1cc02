"""What settings must be to each other, one relation at a time, at its edge."""

from __future__ import annotations

from typing import Any

import pytest

from relay.configuration.relations import Finding, check_relations, credential_names
from relay.settings import Settings

ATM = {"name": "atm"}


def found(**tables: Any) -> list[Finding]:
    tables.setdefault("listener", (ATM,))
    tables.setdefault("core", {})
    tables["core"].setdefault("name", "localhost")
    return list(check_relations(Settings.model_validate(tables)))


def only(**tables: Any) -> Finding:
    [finding] = found(**tables)
    return finding


def test_defaults_go_together() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ("inflight_count_min", "inflight_count_max"),
        ("retry_first_ms", "retry_max_ms"),
        ("connect_timeout_ms", "call_timeout_ms"),
        ("ttl_floor_ms", "serve_stale_ms"),
    ],
)
def test_a_lower_bound_may_equal_the_upper_and_no_more(low: str, high: str) -> None:
    assert found(core={low: 700, high: 700}) == []
    finding = only(core={low: 701, high: 700})
    assert finding.path == ("core", low)
    assert finding.also == (("core", high),)
    assert "700" in finding.problem


def test_reconciliation_reads_either_engine() -> None:
    journal = {"engine": "postgresql", "dsn": "postgresql://relay@localhost:5432/relay"}
    assert found(reconcile={"enabled": True}) == []
    assert not [each for each in found(reconcile={"enabled": True}, journal=journal) if each.path[0] == "reconcile"]


def test_what_is_in_work_is_not_compared_yet() -> None:
    links = ({"name": "atm", "endpoint": "tcp:8583", "reply_deadline_ms": 20_000},)
    enough = {"enabled": True, "margin_ms": 24_000}
    assert found(listener=links, core={"call_timeout_ms": 4_000}, reconcile=enough) == []
    finding = only(listener=links, core={"call_timeout_ms": 4_000}, reconcile={**enough, "margin_ms": 23_999})
    assert (finding.path, finding.is_warning) == (("reconcile", "margin_ms"), True)
    assert finding.also == (("listener", 0, "reply_deadline_ms"),)
    assert found(listener=links, reconcile={"margin_ms": 1}) == []


def test_a_call_ends_before_the_terminal_is_answered() -> None:
    assert found(core={"call_timeout_ms": 14_999}) == []
    finding = only(core={"call_timeout_ms": 15_000}, listener=(ATM, {"name": "b", "endpoint": "tcp:1"}))
    assert (finding.path, finding.suggestion) == (("core", "call_timeout_ms"), "less than 15000")
    named = only(listener=({"name": "atm", "reply_deadline_ms": 4_000},))
    assert (named.path, named.suggestion) == (("listener", 0, "reply_deadline_ms"), "more than 4000")


@pytest.mark.parametrize("name", ["core..bad", "core bank", "core!", "-core", "core-", "a" * 64, ".core", "", "a." * 128])
def test_a_core_name_that_no_name_server_can_know(name: str) -> None:
    finding = only(core={"name": name})
    assert (finding.path, finding.is_warning) == (("core", "name"), False)


@pytest.mark.parametrize(
    "name", ["core.bank.internal", "core.bank.internal.", "10.0.0.1", "2001:db8::1", "a_b", "a" * 63, "a." * 127]
)
def test_a_core_name_or_address(name: str) -> None:
    assert all(finding.is_warning for finding in found(core={"name": name}))


@pytest.mark.parametrize(
    ("network", "suggestion"),
    [
        ("10.0.0.1/8", '"10.0.0.0/8"'),
        ("10.0.0.0/33", "10.20.0.0/16"),
        ("bank", "10.20.0.0/16"),
        ("2001:db8::1/32", '"2001:db8::/32"'),
    ],
)
def test_networks(network: str, suggestion: str) -> None:
    finding = only(listener=({**ATM, "allow_networks": ("10.0.0.0/8", network)},))
    assert finding.path == ("listener", 0, "allow_networks", 1)
    assert suggestion in finding.suggestion
    assert found(listener=({**ATM, "allow_networks": ("10.0.0.0/8", "192.168.1.1", "2001:db8::/32")},)) == []


@pytest.mark.parametrize("server", ["10.0.0.53", "ns.bank:53", "10.0.0.53:0", "10.0.0.53:65536", "[2001:db8::53]:x", ":53"])
def test_name_servers_are_addresses_with_ports(server: str) -> None:
    assert only(core={"name_servers": ("10.0.0.53:53", "[2001:db8::53]:53", server)}).path == ("core", "name_servers", 2)


@pytest.mark.parametrize(
    ("first", "second", "is_clash"),
    [
        ("tcp:9001", "tcp:9001", True),
        ("tcp:9001", "tcp:port=9001:interface=10.0.0.1", True),
        ("tcp:9001:interface=10.0.0.1", "tcp:9001:interface=10.0.0.2", False),
        ("tcp6:9001:interface=\\:\\:1", "tcp6:9001:interface=\\:\\:1", True),
        ("tcp:9001", "tcp:9002", False),
        ("tcp:0", "tcp:0", False),
        ("tcp:9583:interface=127.0.0.1", "tcp:9001", True),  # the metrics port
        ("systemd:domain=INET:name=a", "systemd:domain=INET:name=b", False),
    ],
)
def test_ports_are_bound_once(first: str, second: str, is_clash: bool) -> None:
    listeners = ({"name": "a", "endpoint": first}, {"name": "b", "endpoint": second})
    assert [("port" in finding.problem) for finding in found(listener=listeners)] == [True] * is_clash


def test_dialers_pauses_and_addresses() -> None:
    dialer = {"name": "sw", "endpoint": "tcp:host=10.0.0.1:port=1"}
    assert found(dialer=({**dialer, "source_address": "10.0.0.9", "backoff_first_ms": 5, "backoff_max_ms": 5},)) == []
    assert only(dialer=({**dialer, "source_address": "host9"},)).path == ("dialer", 0, "source_address")
    assert only(dialer=({**dialer, "backoff_first_ms": 6, "backoff_max_ms": 5},)).path == ("dialer", 0, "backoff_first_ms")


@pytest.mark.parametrize("name", ["a/b", "..", "", "a b"])
def test_credentials_are_names(name: str) -> None:
    assert only(journal={"key_credential": name}).path == ("journal", "key_credential")


@pytest.mark.parametrize("secret", ["0123456789abcdef" * 4, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJyZWxheSJ9.abcdefghij"])
def test_a_secret_is_no_name(secret: str) -> None:
    finding = only(core={"bearer_credential": secret})
    assert "secret itself" in finding.problem
    assert secret not in finding.problem + finding.suggestion


def test_every_credential_is_named_once_with_its_place() -> None:
    tls = {"certificate": "/c.pem", "key": "credential:tls-key"}
    settings = Settings.model_validate(
        {
            "core": {"bearer_credential": "token", "tls": tls},
            "listener": ({**ATM, "tls": tls},),
            "dialer": ({"name": "d", "endpoint": "tcp:a:1", "tls": {**tls, "key": "/k.pem"}},),
        }
    )
    assert list(credential_names(settings)) == [
        (("journal", "key_credential"), "journal-key"),
        (("core", "bearer_credential"), "token"),
        (("core", "tls", "key"), "tls-key"),
        (("listener", 0, "tls", "key"), "tls-key"),
    ]


def test_no_more_sessions_are_expected_than_links_allowed() -> None:
    assert found(listener=({**ATM, "connection_count_max": 500, "expected_sessions": 500},)) == []
    finding = only(listener=({**ATM, "connection_count_max": 500, "expected_sessions": 501},))
    assert (finding.path, finding.is_warning) == (("listener", 0, "expected_sessions"), False)


def test_warnings_stop_nothing() -> None:
    assert only(core={"name": "core.bank.internal"}).is_warning
    assert found(core={"name": "core.bank.internal", "tls": {}}) == []
    assert only(listener=()).is_warning
    assert only(listener=({**ATM, "terminals": ("A", "B", "A")},)).is_warning
    per_host = {**ATM, "connection_count_max": 5, "connection_count_per_host_max": 6}
    assert only(listener=(per_host,)).is_warning
    assert found(listener=({**ATM, "connection_count_max": 5},)) == []  # the default per host is no choice of anybody


# ---- messages that the core starts ---------------------------------------------------------------------------------------
MUTUAL = {"certificate": "/c.pem", "key": "/c.key", "authorities": "/a.pem", "require_peer_certificate": True}
ONE_WAY = {"certificate": "/c.pem", "key": "/c.key"}


@pytest.mark.parametrize("interface", ["127.0.0.1", "127.0.0.9", r"\:\:1"])
def test_without_tls_only_this_machine_may_post(interface: str) -> None:
    assert found(outbound={"endpoint": f"tcp:9443:interface={interface}"}) == []


@pytest.mark.parametrize(
    "endpoint", ["tcp:9443", "tcp:9443:interface=10.0.0.1", "tcp6:9443", "systemd:name=outbound", "tcp:9443:interface=127x"]
)
def test_anywhere_else_a_certificate_is_asked_for(endpoint: str) -> None:
    assert found(outbound={"endpoint": endpoint, "tls": MUTUAL}) == []
    bare = only(outbound={"endpoint": endpoint})
    assert (bare.path, bare.is_warning, bare.also) == (("outbound", "endpoint"), False, (("outbound", "tls"),))
    one_way = only(outbound={"endpoint": endpoint, "tls": ONE_WAY})
    assert (one_way.path, one_way.is_warning) == (("outbound", "tls", "require_peer_certificate"), False)


def test_what_is_no_endpoint_for_it() -> None:
    assert only(outbound={"endpoint": "unix:/run/x:interface=127.0.0.1"}).path == ("outbound", "endpoint")


@pytest.mark.parametrize("tls", [None, ONE_WAY])
def test_a_terminal_is_known_by_its_certificate_only_where_one_is_asked_for(tls: dict[str, object] | None) -> None:
    named = {"name": "atm", "certificate_names": "terminal"}
    assert found(listener=({**named, "tls": MUTUAL},)) == []
    finding = only(listener=({**named, "tls": tls},))
    assert (finding.path, finding.also) == (("listener", 0, "certificate_names"), (("listener", 0, "tls"),))
    assert "require_peer_certificate" in finding.suggestion


def test_names_of_clients_come_from_certificates() -> None:
    local = "tcp:9443:interface=127.0.0.1"
    assert only(outbound={"endpoint": local, "clients": ("core.test",)}).path == ("outbound", "clients")
    assert found(outbound={"endpoint": local, "clients": ("core.test",), "tls": MUTUAL}) == []


def test_settings_that_nothing_is_served_with_are_a_warning() -> None:
    for table in ({"tls": MUTUAL}, {"clients": ("core.test",)}):
        finding = only(outbound=table)
        assert (finding.path, finding.is_warning) == (("outbound", "endpoint"), True)


def test_the_pauses_and_the_bodies_fit_each_other() -> None:
    assert found(outbound={"deferred_first_ms": 5, "deferred_max_ms": 5}) == []
    assert only(outbound={"deferred_first_ms": 6, "deferred_max_ms": 5}).path == ("outbound", "deferred_first_ms")
    assert found(outbound={"body_bytes_max": 70_000, "open_bytes_max": 70_000}) == []
    assert only(outbound={"body_bytes_max": 70_001, "open_bytes_max": 70_000}).path == ("outbound", "body_bytes_max")


def test_its_port_is_taken_once_and_its_key_is_a_credential() -> None:
    endpoint = "tcp:8583:interface=127.0.0.1"
    finding = only(outbound={"endpoint": endpoint})
    assert (finding.path, "listener[0].endpoint" in finding.problem) == (("outbound", "endpoint"), True)
    settings = Settings.model_validate({"outbound": {"tls": {**MUTUAL, "key": "credential:outbound-key"}}})
    assert (("outbound", "tls", "key"), "outbound-key") in list(credential_names(settings))


def test_several_workers_are_refused_and_said_why() -> None:
    assert found(relay={"workers": 1}) == []
    finding = only(relay={"workers": 2})  # and SQLite
    assert (finding.path, finding.is_warning) == (("journal", "engine"), False)


PAIR = "postgresql://relay@db1:5432,db2:5432/relay"


@pytest.mark.parametrize(
    ("dsn", "says", "is_warning"),
    [
        ("postgresql://relay:secret@db1,db2/relay", "password", False),
        (f"{PAIR}?password=secret", "password", False),
        ("mysql://relay@db1,db2/relay", "not the address", False),
        ("postgresql://relay@db1,db2", "no database", False),
        ("postgresql://db1,db2/relay", "no user", True),
        ("postgresql://relay@db1/relay", "one server only", True),
    ],
)
def test_where_postgresql_is_and_never_its_password(dsn: str, says: str, is_warning: bool) -> None:
    assert found(journal={"engine": "postgresql", "dsn": PAIR}) == []
    finding = only(journal={"engine": "postgresql", "dsn": dsn})
    assert (finding.path, finding.is_warning) == (("journal", "dsn"), is_warning)
    assert says in finding.problem
    assert "secret" not in f"{finding.problem} {finding.suggestion}"


def test_what_is_for_postgresql_does_nothing_for_sqlite() -> None:
    finding = only(journal={"dsn": PAIR})
    assert (finding.path, finding.is_warning) == (("journal", "dsn"), True)


def test_the_journals_password_is_a_credential_like_the_others() -> None:
    settings = Settings.model_validate({"journal": {"password_credential": "journal-password"}})
    assert (("journal", "password_credential"), "journal-password") in list(credential_names(settings))


def test_bodies_are_archived_before_their_window_is_over() -> None:
    archive = {"archive_directory": "/var/lib/relay/archive", "body_window_days": 5}
    assert not [each for each in found(journal={**archive, "archive_after_days": 5}) if each.path[0] == "journal"]
    (finding,) = [each for each in found(journal={**archive, "archive_after_days": 6}) if each.path[0] == "journal"]
    assert (finding.path, finding.suggestion) == (("journal", "archive_after_days"), "5 at most")
    assert not [each for each in found(journal={"archive_after_days": 9}) if each.path[0] == "journal"], "nothing is archived"
