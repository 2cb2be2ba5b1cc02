"""What `[reconnect]` of the configuration says: how a fleet that comes back at once is let in, and told to the core.

Owns the table's model; relay/settings.py has the other tables and the whole. It must never read a file. The trap: all of this
is of one process: where several serve a relay, each has these numbers for itself.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Milliseconds = Annotated[int, Field(ge=1, le=86_400_000)]


class ReconnectSettings(BaseModel):
    """How the fleet is let in when all of it comes at once, and how its sign-ons are told to the core: docs/storm.md."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    accept_per_s: int = Field(
        500, ge=1, le=100_000, description="New links let in per second, of all listeners together; the rest waits or is reset."
    )
    accept_burst_count: int = Field(
        1_000, ge=1, le=100_000, description="New links let in at once after a quiet time, of all listeners together."
    )
    waiting_count_max: int = Field(1_000, ge=1, le=100_000, description="Accepted connections that wait to be let in.")
    waiting_ms_max: int = Field(
        2_000,
        ge=1,
        le=60_000,
        description="Longest wait to be let in, milliseconds; who could not be by then is reset.",
    )
    refuse_per_s_max: int = Field(
        5_000, ge=1, le=100_000, description="Connections reset per second; beyond it they are left in the kernel's backlog."
    )
    tls_handshakes_count_max: int = Field(
        64, ge=1, le=10_000, description="TLS handshakes of listeners at once; three quarters of them for ATMs at most."
    )
    ramp_start_percent: int = Field(
        25, ge=1, le=100, description="Part of the accept rate after a start or take-over, percent; it doubles step by step."
    )
    ramp_step_ms: Milliseconds = Field(
        5_000, description="Length of one step of the ramp, milliseconds; a step that was not good is repeated."
    )
    ramp_slow_ms: Milliseconds = Field(
        500, description="A step is good when calls to the core and the event loop's lateness stay below it, milliseconds, p99."
    )
    sign_on_inflight_count_max: int = Field(
        16, ge=1, le=64, description="Network events under way to the core at once: ceiling of their own adaptive target."
    )
    sign_on_inflight_count_min: int = Field(2, ge=1, le=64, description="Floor of that target.")
    sign_on_waiting_count_max: int = Field(
        25_000, ge=1, le=1_000_000, description="Network events waiting to be told; beyond it new ones are dropped and counted."
    )

    @model_validator(mode="after")
    def _floor_below_ceiling(self) -> ReconnectSettings:
        if self.sign_on_inflight_count_min > self.sign_on_inflight_count_max:
            raise ValueError("sign_on_inflight_count_min is above sign_on_inflight_count_max")
        return self
