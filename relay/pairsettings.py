"""`[pair]` of the configuration: the other relay center, the ways to it, and what is done through it.

Owns the model of that table, for `relay.settings`. It must never read a file or a secret. The trap: as everywhere, numbers are
strict and unknown names are mistakes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

PATHS_MAX = 2
Wait = Annotated[int, Field(ge=1, le=86_400_000)]
AckNeed = Literal["local+peer", "core", "local"]


def _ack_needs(what: str, in_pair: str) -> tuple[AckNeed, ...]:
    """A setting: the order of needs of one class of acknowledgements."""
    text = f"What {what} needs, best first; the next holds while those before it cannot be reached. Default: {in_pair}."
    field: tuple[AckNeed, ...] = Field((), max_length=3, description=text)
    return field


class PairSettings(BaseModel):
    """The other relay center: what it says of itself and sees, and core calls through it while our own cross-connect is cut."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    peer: str | None = Field(
        None, pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Name of the other relay center; absent means there is none."
    )
    paths: tuple[str, ...] = Field(
        (),
        max_length=PATHS_MAX,
        description="Ways to it, the link between the centers first, as name=own-address>peer-address.",
    )
    port: int = Field(
        9_586, ge=1, le=65_535, description="UDP port of heartbeats and TCP port of forwarded calls, on both sides."
    )
    mac_credentials: tuple[str, ...] = Field(
        (), max_length=4, description="Credentials holding the 32-byte hex keys that sign heartbeats; the first signs."
    )
    beat_ms: int = Field(1_000, ge=100, le=10_000, description="Interval of the heartbeats on each path, milliseconds.")
    lost_after_ms: int = Field(
        3_000, ge=200, le=60_000, description="A path without a fresh heartbeat for so long is lost, milliseconds."
    )
    probe_ms: int = Field(
        1_000, ge=100, le=60_000, description="Interval of GET /v1/region to each region by ourselves, milliseconds."
    )
    probe_timeout_ms: int = Field(800, ge=50, le=60_000, description="Longest wait for its answer, milliseconds.")
    rise_count: int = Field(3, ge=1, le=100, description="Heartbeats or looks in a row that make good again what was lost.")
    fall_count: int = Field(3, ge=1, le=100, description="Looks in a row that must fail before a region counts as unreachable.")
    settle_ms: Wait = Field(2_000, description="How long a finding must stand before it is told, milliseconds.")
    clock_skew_ms_max: Wait = Field(2_000, description="Clocks of the two centers that differ by more are told, milliseconds.")
    certificate: str | None = Field(None, description="PEM file with our certificate chain, shown to the other center.")
    key: str | None = Field(None, description="PEM file with its private key, or credential:NAME.")
    authorities: str | None = Field(None, description="PEM file with the authorities of the other center's certificate.")
    peer_certificate_name: str | None = Field(
        None, description="DNS name that the other center's certificate must hold; absent means its name as in peer."
    )
    use_peer: bool = Field(False, description="true: core calls go through the other center while only ours is cut off.")
    serve_peer: bool = Field(False, description="true: the other center's core calls are forwarded from here.")
    return_after_ms: Wait = Field(
        10_000, description="The direct way must have been good for so long before calls return to it, milliseconds; doubles."
    )
    return_max_ms: Wait = Field(300_000, description="Longest such time, milliseconds.")
    damping_window_ms: Wait = Field(
        600_000, description="Who leaves the direct way again so soon waits twice as long to return, milliseconds."
    )
    journal_standby: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_.-]{1,63}$",
        description="application_name of our journal's standby at the other center; absent means there is none.",
    )
    ack_needs_request: tuple[AckNeed, ...] = _ack_needs("the reply to a financial message", "local")
    ack_needs_advice: tuple[AckNeed, ...] = _ack_needs(
        "the acknowledgement of an advice or reversal", "local+peer, core with a standby, else local"
    )
    ack_needs_telegram: tuple[AckNeed, ...] = _ack_needs(
        "the acknowledgement of an interbank telegram or file", "local+peer, core with a standby, else local"
    )
    ack_needs_ej: tuple[AckNeed, ...] = _ack_needs(
        "the acknowledgement of an electronic journal block", "local+peer, core with a standby, else local"
    )
    ack_needs_outward: tuple[AckNeed, ...] = _ack_needs(
        "the sending of a message that the core started", "local+peer with a standby, else local"
    )
    ack_needs_serial: tuple[AckNeed, ...] = _ack_needs(
        "the use of a serial or sequence number of a line", "local+peer, local with a standby, else local"
    )
    ack_timeout_ms: int = Field(
        1_000,
        ge=50,
        le=60_000,
        description="A standby that keeps an acknowledgement waiting for so long is away, milliseconds.",
    )
    ack_return_after_ms: Wait = Field(5_000, description="A standby that has kept up for so long is back, milliseconds.")
    forward_count_max: int = Field(128, ge=1, le=10_000, description="Connections forwarded for the other center.")
    forward_buffer_bytes_max: int = Field(
        65_536, ge=4_096, le=1_048_576, description="Bytes under way in each direction of one of them, in this process."
    )
    forward_bytes_max: int = Field(
        83_886_080,
        ge=1_048_576,
        le=1_073_741_824,
        description="Bytes under way of all of them together, at either end; one more connection is refused beyond it.",
    )
    forward_head_ms: Wait = Field(3_000, description="Longest TLS handshake, and longest wait for a request, milliseconds.")
    forward_idle_ms: Wait = Field(
        60_000, description="A forwarded connection that carries nothing for so long ends, milliseconds."
    )
