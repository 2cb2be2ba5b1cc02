"""The settings of handing over: the lease of exclusive lines, the drain by stages, the take-over of the other center.

Owns the tables `[lease]`, `[drain]` and `[takeover]` with units, defaults and bounds. It must never read a file. The trap:
how the times of a lease fit each other is checked in relay/lease/limits.py, not here, so that `relay check` can say it with
a suggestion.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from relay.basesettings import Milliseconds, Model


class LeaseSettings(Model):
    """The database that says which relay center has an exclusive line (`exclusive = true` of a listener or dialer)."""

    dsn: str | None = Field(
        None, description="PostgreSQL with its standby: postgresql://relay@db1:5432,db2:5432/relay; no password."
    )
    schema_name: str = Field(
        "relay_lease", pattern=r"^[a-z_][a-z0-9_]{0,62}$", description="Schema of the leases; made by `relay lease init`."
    )
    password_credential: str | None = Field(
        None, description="Credential holding the password; absent means PGPASSFILE, a certificate or the socket."
    )
    ttl_ms: int = Field(15_000, ge=1_000, le=600_000, description="A lease ends so long after its last renewal, milliseconds.")
    renew_ms: int = Field(3_000, ge=50, le=300_000, description="Pause between two renewals, milliseconds, jittered.")
    request_timeout_ms: int = Field(
        2_000, ge=50, le=60_000, description="An answer of the database that takes longer is none, milliseconds."
    )
    clock_drift_ms: int = Field(
        1_000,
        ge=0,
        le=60_000,
        description="By how much clocks of relay and database servers may part within one lease, milliseconds.",
    )


class DrainSettings(Model):
    """How sessions are taken out of service by `relay drain`, and in which order."""

    order: tuple[Literal["idle-atm", "atm", "branch", "zengin"], ...] = Field(
        ("idle-atm", "atm", "branch", "zengin"), description="Who goes first; classes that are not named go last."
    )
    depreference_ms: int = Field(
        0, ge=0, le=600_000, description="Pause after the text port of the role says drain, before doors shut, milliseconds."
    )
    step_ms: Milliseconds = Field(
        5_000, description="The next class begins at the latest so long after the one before it, milliseconds."
    )
    deadline_ms: Milliseconds = Field(
        60_000, description="What is left then is reset, milliseconds; `relay drain start --deadline-s` says otherwise."
    )
    told_per_s_max: int = Field(
        500, ge=1, le=100_000, description="Sessions told to sign off, per second: they all come back at the other center."
    )
    sign_off_ms: int = Field(
        5_000, ge=0, le=600_000, description="So long before that, busy sessions sign off and take nothing new, milliseconds."
    )


class TakeoverSettings(Model):
    """The other center's journal, whose copy is kept here: taken over by two people's word when that center is lost."""

    dsn: str | None = Field(
        None, description="PostgreSQL server here that copies the other center's journal; absent: it cannot be taken over."
    )
    schema_name: str = Field(
        "relay_journal", pattern=r"^[a-z_][a-z0-9_]{0,62}$", description="Schema of that journal, as the other center has it."
    )
    password_credential: str | None = Field(
        None, description="Credential holding the password; absent means PGPASSFILE, a certificate or the socket."
    )
    key_credential: str = Field(
        "peer-journal-key", description="Credential holding the 32-byte hex key of the other center's journal."
    )
    older_key_credentials: tuple[str, ...] = Field(
        (), max_length=7, description="Credentials of its earlier keys, as long as a row may need them."
    )
    promote_command: tuple[str, ...] = Field(
        (), max_length=16, description="Program and arguments that make the copy write; absent: the server's pg_promote()."
    )
    look_ms: Milliseconds = Field(1_000, description="Pause between two looks while something is awaited, milliseconds.")
    own_look_ms: int = Field(
        2_000,
        ge=100,
        le=60_000,
        description="In a pair: how often this center asks the core whether it was taken over itself, milliseconds.",
    )
