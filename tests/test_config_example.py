"""config/relay.example.toml is valid, complete, and honest about every default."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from relay.configfile import check
from relay.consolesettings import ConsoleSettings, ConsoleTlsSettings
from relay.handoversettings import DrainSettings, LeaseSettings
from relay.hourssettings import HoursSettings
from relay.pairsettings import PairSettings
from relay.reconnectsettings import ReconnectSettings
from relay.servicesettings import AnnounceSettings
from relay.settings import (
    ControlSettings,
    CoreSettings,
    DialerSettings,
    HotLanesSettings,
    JournalSettings,
    ListenerSettings,
    OutboundSettings,
    RegionSettings,
    RelaySettings,
    Settings,
    TelemetrySettings,
    TlsSettings,
)

EXAMPLE = Path(__file__).resolve().parent.parent / "config" / "relay.example.toml"
# Settings that have no default, or none that could be written in TOML: what stands behind the "#" is a sample.
SAMPLES = {
    "archive_directory",
    "older_key_credentials",
    "credentials_directory",
    "bearer_credential",
    "password_credential",
    "name_servers",
    "regions",
    "alias_name",
    "mac_credentials",
    "tsig_name",
    "dsn",
    "lease_name",
    "tsig_credential",
    "notify_endpoint",
    "addresses",
    "text_port",
    "tail_holds",
    "allow_networks",
    "terminals",
    "source_address",
    "tls_server_name",
    "certificate",
    "peer",
    "paths",
    "peer_certificate_name",
    "key",
    "authorities",
    "journal_standby",
    "ack_needs_request",
    "ack_needs_advice",
    "ack_needs_telegram",
    "ack_needs_ej",
    "ack_needs_outward",
    "ack_needs_serial",
    "atm",
    "branch",
    "partner",
    "inquiry",
    "lines",
    "extra_holidays",
    "extra_bank_days",
}


def whole() -> str:
    """The example with every `#name = value` switched on."""
    return re.sub(r"^#(?=[a-z_]+ = )", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def as_settings(text: str) -> Settings:
    # By way of JSON: strict models take an array for a tuple there, as the daemon's own reader does.
    return Settings.model_validate_json(json.dumps(tomllib.loads(text)))


def test_it_is_valid_as_it_stands() -> None:
    settings = as_settings(EXAMPLE.read_text(encoding="utf-8"))
    assert [link.name for link in (*settings.listener, *settings.dialer)] == ["atm", "branch", "switch"]


def test_it_is_valid_with_everything_switched_on() -> None:
    as_settings(whole())


def test_relay_check_finds_nothing() -> None:
    checked = check(str(EXAMPLE))
    assert checked.mistakes == ()
    assert checked.settings is not None


TABLES: list[tuple[str, type[BaseModel], Any]] = [
    ("relay", RelaySettings, lambda data: data["relay"]),
    ("journal", JournalSettings, lambda data: data["journal"]),
    ("core", CoreSettings, lambda data: data["core"]),
    ("core.tls", TlsSettings, lambda data: data["core"]["tls"]),
    ("region", RegionSettings, lambda data: data["region"]),
    ("announce", AnnounceSettings, lambda data: data["announce"]),
    ("lease", LeaseSettings, lambda data: data["lease"]),
    ("drain", DrainSettings, lambda data: data["drain"]),
    ("pair", PairSettings, lambda data: data["pair"]),
    ("hot_lanes", HotLanesSettings, lambda data: data["hot_lanes"]),
    ("hours", HoursSettings, lambda data: data["hours"]),
    ("reconnect", ReconnectSettings, lambda data: data["reconnect"]),
    ("outbound", OutboundSettings, lambda data: data["outbound"]),
    ("telemetry", TelemetrySettings, lambda data: data["telemetry"]),
    ("control", ControlSettings, lambda data: data["control"]),
    ("console", ConsoleSettings, lambda data: {"tls": None, **data["console"]}),
    ("console.tls", ConsoleTlsSettings, lambda data: data["console"]["tls"]),
    ("first listener", ListenerSettings, lambda data: {"tls": None, **data["listener"][0]}),
    ("dialer", DialerSettings, lambda data: {"tls": None, **data["dialer"][0]}),
]


@pytest.mark.parametrize(("name", "model", "pick"), TABLES, ids=[row[0] for row in TABLES])
def test_every_setting_is_shown(name: str, model: type[BaseModel], pick: Any) -> None:
    assert sorted(pick(tomllib.loads(whole()))) == sorted(model.model_fields)


@pytest.mark.parametrize(("name", "model", "pick"), TABLES, ids=[row[0] for row in TABLES])
def test_what_stands_behind_the_hash_is_the_default(name: str, model: type[BaseModel], pick: Any) -> None:
    shown, set_here = pick(tomllib.loads(whole())), pick(tomllib.loads(EXAMPLE.read_text(encoding="utf-8")))
    wrong = {
        setting: value
        for setting, value in shown.items()
        if setting not in set_here
        and setting not in SAMPLES
        and (tuple(value) if isinstance(value, list) else value) != model.model_fields[setting].default
    }
    assert not wrong


@pytest.mark.parametrize(("name", "model", "pick"), TABLES, ids=[row[0] for row in TABLES])
def test_each_is_explained_by_its_own_sentence(name: str, model: type[BaseModel], pick: Any) -> None:
    said = " ".join(EXAMPLE.read_text(encoding="utf-8").replace("\n# ", " ").split())
    silent = [
        setting
        for setting in pick(tomllib.loads(whole()))
        if setting not in {"tls", "profile"}  # tables, introduced in words of their own
        and (model.model_fields[setting].description or "") not in said
    ]
    assert not silent
