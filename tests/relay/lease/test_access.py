"""The lease database's door: named in the configuration, its password in a credential, its driver only where it is needed."""

from __future__ import annotations

import builtins

import pytest

from protocols.vocabulary import Secret
from relay.errors import ConfigurationError
from relay.handoversettings import LeaseSettings
from relay.lease.access import Mine, access_of, open_store

DSN = "postgresql://relay@db1,db2/relay"


def test_the_password_is_read_from_its_credential_and_shown_nowhere() -> None:
    settings = LeaseSettings(dsn=DSN, password_credential="lease-password")
    access = access_of(settings, lambda name: Secret(f"secret of {name}"))
    assert access.password is not None
    assert access.password.reveal() == "secret of lease-password"
    assert "secret of" not in repr(access)
    assert access_of(LeaseSettings(dsn=DSN), Secret).password is None


def test_without_a_database_nothing_is_exclusive() -> None:
    with pytest.raises(ConfigurationError, match="no lease database"):
        access_of(LeaseSettings(), Secret)


def test_a_missing_driver_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "relay.lease.store":
            raise ModuleNotFoundError(name)
        return real(name, *rest)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigurationError, match="asyncpg"):
        open_store(access_of(LeaseSettings(dsn=DSN), Secret), Mine("tokyo", 1), 15_000, lambda: 0)


def test_a_dsn_that_names_no_server_is_found_at_the_start() -> None:
    with pytest.raises(ConfigurationError, match=r"lease\.dsn"):
        open_store(access_of(LeaseSettings(dsn="postgresql:///relay"), Secret), Mine("tokyo", 1), 15_000, lambda: 0)
