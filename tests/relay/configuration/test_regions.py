"""What a `[region]` table is told: what is missing, what contradicts itself, and what could never be found."""

from __future__ import annotations

import pytest

from relay.configuration.regions import check_regions, check_tail, parse_region
from relay.errors import ConfigurationError
from relay.settings import JournalSettings, RegionSettings

GOOD: dict[str, object] = {
    "source": "dns",
    "record_name": "_active.core.example",
    "alias_name": "active.core.example",
    "regions": ("tokyo=tyo.core.example", "osaka=osa.core.example"),
    "name_servers": ("10.0.0.53:53", "10.0.1.53:53"),
    "mac_credentials": ("region-mac",),
}


def wrong(**changes: object) -> list[tuple[str, bool]]:
    settings = RegionSettings.model_validate({**GOOD, **changes})
    return [(".".join(map(str, each.path[1:])), each.is_warning) for each in check_regions(settings)]


def test_a_whole_table_is_right_and_the_default_too() -> None:
    assert wrong() == []
    assert list(check_regions(RegionSettings())) == []


def test_what_is_only_for_dns_is_pointed_out() -> None:
    assert wrong(source="core") == [("alias_name", True)]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"regions": ()}, "regions"),
        ({"regions": ("tokyo",)}, "regions.0"),
        ({"regions": ("Tokyo=tyo.core.example",)}, "regions.0"),
        ({"regions": ("tokyo=tyo core",)}, "regions.0"),
        ({"regions": ("tokyo=a.example", "tokyo=b.example")}, "regions.1"),
        ({"regions": ("tokyo=a.example", "osaka=A.example.")}, "regions.1"),
        ({"regions": ("tokyo=10.0.0.1",)}, "regions.0"),
        ({"name_servers": ()}, "name_servers"),
        ({"name_servers": ("ns.example:53", "10.0.0.53:53")}, "name_servers.0"),
        ({"name_servers": ("10.0.0.53", "10.0.1.53:53")}, "name_servers.0"),
        ({"name_servers": ("10.0.0.53:53", "10.0.0.53:53")}, "name_servers.1"),
        ({"name_servers": ("10.0.0.53:53", "10.0.0.53:053")}, "name_servers.1"),
        ({"name_servers": ("10.0.0.53:53", "[::ffff:10.0.0.53]:53")}, "name_servers.1"),
        ({"name_servers": ("[2001:db8::53]:53", "[2001:DB8:0::53]:53")}, "name_servers.1"),
        ({"name_servers": ("2001:db8::53:53", "10.0.1.53:53")}, "name_servers.0"),
        ({"name_servers": ("[10.0.0.53]:53", "10.0.1.53:53")}, "name_servers.0"),
        ({"name_servers": ("[2001:db8::53:53", "10.0.1.53:53")}, "name_servers.0"),
        ({"record_name": "a b"}, "record_name"),
        ({"alias_name": "-a.example"}, "alias_name"),
        ({"mac_credentials": ()}, "mac_credentials"),
        ({"tsig_name": "poll"}, "tsig_name"),
        ({"tsig_credential": "poll"}, "tsig_name"),
        ({"poll_timeout_ms": 1_000}, "poll_timeout_ms"),
        ({"stale_after_ms": 2_999}, "stale_after_ms"),
        ({"notify_endpoint": "ns.example:53"}, "notify_endpoint"),
        ({"notify_endpoint": "10.0.0.1"}, "notify_endpoint"),
    ],
)
def test_each_mistake_is_found_alone(changes: dict[str, object], where: str) -> None:
    assert wrong(**changes) == [(where, False)]


def test_servers_of_both_kinds_and_two_ports_of_one_address_are_right() -> None:
    assert wrong(name_servers=("[2001:db8::53]:53", "10.0.0.53:53", "10.0.0.53:5353"), notify_endpoint="[2001:db8::1]:53") == []


def test_one_name_server_is_a_warning() -> None:
    assert wrong(name_servers=("10.0.0.53:53",)) == [("name_servers", True)]


def test_an_address_will_do_where_no_alias_leads_to_it() -> None:
    assert wrong(regions=("tokyo=127.0.0.2",), alias_name=None) == []


def test_a_region_as_people_write_it() -> None:
    assert parse_region("tokyo=tyo.core.example.") == ("tokyo", "tyo.core.example.")
    with pytest.raises(ConfigurationError, match="no region"):
        parse_region("=tyo.core.example")


def tail(hours: int | None, **journal: object) -> list[tuple[str, bool]]:
    region = RegionSettings() if hours is None else RegionSettings(tail_replay_window_hours=hours)
    settings = JournalSettings.model_validate(journal)
    return [(".".join(map(str, each.path)), each.is_warning) for each in check_tail(region, settings)]


def test_what_is_promised_to_a_new_region_is_kept_as_long() -> None:
    where = "region.tail_replay_window_hours"
    assert tail(None) == tail(168) == tail(72, archive_directory="/a") == []
    assert tail(169) == [(where, False)], "the body is gone after seven days"
    assert tail(73, archive_directory="/a") == [(where, False)], "and sooner where it is archived"
    assert tail(None, body_window_days=2) == [(where, True)], "nobody chose that: a warning"


def test_what_is_asked_by_default_fits_the_window() -> None:
    region = RegionSettings(tail_replay_window_hours=1, tail_lag_assumed_ms=3_540_000)
    assert list(check_tail(region, JournalSettings())) == []
    region = RegionSettings(tail_replay_window_hours=1, tail_lag_assumed_ms=3_540_001)
    assert [each.path for each in check_tail(region, JournalSettings())] == [("region", "tail_lag_assumed_ms")]


def test_a_tail_is_replayed_whoever_names_the_region() -> None:
    assert wrong(source="core", record_name="_active.core.example", tail_lag_assumed_ms=1) == [("alias_name", True)]
