"""The orchestrator's configuration file: one small TOML file, not the relay's. Parsed at the door into frozen values.

Owns its form. It must never open what it names. The trap: it lives beside the relay's file and not in it, because a
failover goes on while a relay is being restarted with another configuration; and whoever may write it decides who may
approve, so one that others could have written is refused.
"""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Final

import msgspec

from protocols.zengin.bankdays import BankDays
from relay.errors import ConfigurationError
from relay.failover.deeds import Name, Text, Words
from relay.failover.people import Person, SealedCode
from relay.failover.planwatch import WatchSettings
from relay.orchestrator.cloud import AwsSettings
from relay.orchestrator.trusted import read_trusted
from relay.places import CONTROL_SOCKET, FAILOVER_SOCKET

FILE_BYTES_MAX: Final = 262_144
Endpoint = Annotated[str, msgspec.Meta(pattern=r"^(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.\-]+):[0-9]{1,5}$")]
CredentialName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
Days = Annotated[tuple[date, ...], msgspec.Meta(max_length=366)]
LogHash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class PeerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The other center's orchestrator: where it is, where it finds us, and the certificates between us (TLS 1.3, both
    sides)."""

    center: Name
    address: Endpoint
    listen: Endpoint
    certificate: Text
    key: Text
    authorities: Text
    certificate_name: Text


class OrchestratorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`plans`: the folder of the plans that may be declared. `log_key` names the credential that signs the run log, `log_keys`
    older ones that still read, `unsigned_logs` the last hashes of logs from before there was one. `lag` prints how many
    milliseconds the copy is behind; `page` is run with the sentence as its last word. `speakers` are user ids of services
    that have found out themselves who somebody is (the console). `metrics`: where Prometheus asks. `environment`: see
    CommandDeed. `extra_holidays` and `extra_bank_days`: of the bank, beyond the calendar, as in the relay's [hours]."""

    center: Name
    folder: Text = "/var/lib/relay-failover"
    plans: Text = "/etc/relay/plans"
    socket: Text = FAILOVER_SOCKET
    relay_socket: Text = CONTROL_SOCKET
    credentials_directory: str | None = None
    log_key: CredentialName | None = None
    log_keys: Annotated[tuple[CredentialName, ...], msgspec.Meta(max_length=20)] = ()
    unsigned_logs: Annotated[tuple[LogHash, ...], msgspec.Meta(max_length=1_000)] = ()
    tsig_timeout_s: Annotated[int, msgspec.Meta(ge=1, le=60)] = 3
    lag: Words | None = None
    page: Words | None = None
    speakers: tuple[Annotated[int, msgspec.Meta(ge=0)], ...] = ()
    watch: WatchSettings = WatchSettings()
    metrics: Endpoint | None = None
    extra_holidays: Days = ()
    extra_bank_days: Days = ()
    peer: PeerSettings | None = None
    aws: AwsSettings | None = None
    person: Annotated[tuple[Person, ...], msgspec.Meta(min_length=1)]
    code: tuple[SealedCode, ...] = ()

    def bank_days(self) -> BankDays:
        """What the bank's day stands on."""
        return BankDays(self.extra_holidays, self.extra_bank_days)


def load_settings(file: str) -> OrchestratorSettings:
    """Raises ConfigurationError with the first mistake."""
    try:
        data = read_trusted(Path(file), FILE_BYTES_MAX)
        return msgspec.convert(tomllib.loads(data.decode()), OrchestratorSettings)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} is not TOML: {error}.") from error
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{file}: {error}.", "config/orchestrator/example.toml shows one.") from error
