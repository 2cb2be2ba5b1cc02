"""What a `[console]` table is told: no password without TLS, an endpoint that can be opened, times that fit each other."""

from __future__ import annotations

import pytest

from relay.configuration.console import check_console
from relay.configuration.relations import check_relations, credential_names
from relay.consolesettings import ConsoleSettings, ConsoleTlsSettings
from relay.settings import Settings

TLS = {"certificate": "/etc/relay/tls/console.pem", "key": "credential:console-key"}


def wrong(**console: object) -> list[tuple[str, bool]]:
    return [(".".join(map(str, each.path)), each.is_warning) for each in check_console(ConsoleSettings.model_validate(console))]


def test_what_is_right() -> None:
    for good in (
        {},
        {"endpoint": "tcp:8443:interface=127.0.0.1"},
        {"endpoint": "tcp6:8443:interface=\\:\\:1"},
        {"endpoint": "tcp:8443", "tls": ConsoleTlsSettings.model_validate(TLS)},
        {"endpoint": "tcp:8443:interface=127.0.0.1", "session_hours": 1, "session_idle_minutes": 60},
    ):
        assert wrong(**good) == []


@pytest.mark.parametrize(
    ("console", "found"),
    [
        ({"endpoint": "tcp:8443"}, [("console.endpoint", False)]),
        ({"endpoint": "tcp:8443:interface=10.0.0.1"}, [("console.endpoint", False)]),
        ({"endpoint": "unix:/run/x"}, [("console.endpoint", False)]),
        ({"session_hours": 2}, [("console.endpoint", True)]),
        (
            {"endpoint": "tcp:8443:interface=127.0.0.1", "session_hours": 1, "session_idle_minutes": 61},
            [("console.session_idle_minutes", False)],
        ),
    ],
)
def test_what_is_wrong(console: dict[str, object], found: list[tuple[str, bool]]) -> None:
    assert wrong(**console) == found


def test_its_port_and_its_key_are_known_to_the_other_checks() -> None:
    settings = Settings.model_validate(
        {"console": {"endpoint": "tcp:8583:interface=127.0.0.1", "tls": TLS}, "listener": ({"name": "atm"},)}
    )
    assert (("console", "tls", "key"), "console-key") in set(credential_names(settings))
    assert [each.path for each in check_relations(settings) if "is taken by" in each.problem] == [("console", "endpoint")]
