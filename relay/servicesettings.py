"""The settings of `[announce]`: the service address, who announces it, and when.

Owns the model, beside relay/settings.py, whose rules for models hold here too.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Milliseconds = Annotated[int, Field(ge=1, le=86_400_000)]
Med = Annotated[int, Field(ge=0, le=4_294_967_295)]


class AnnounceSettings(BaseModel):
    """Which center serves: the service address, who announces it, and when."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    adapter: Literal["none", "bird", "exabgp"] = Field(
        "none", description="Who announces: BIRD 2, ExaBGP 5, or nobody here (the role is known and told all the same)."
    )
    addresses: tuple[str, ...] = Field(
        (), max_length=2, description="The service address: one of IPv4, one of IPv6, or both; listeners bind to it."
    )
    device: str = Field(
        "relay-svc0",
        pattern=r"^[a-z][a-z0-9-]{0,14}$",
        description="TUN device that holds the service address as long as this process lives.",
    )
    control_socket: str = Field(
        "/run/bird/bird.ctl", description="bird: BIRD's control socket; exabgp: socket that this relay makes for its bridge."
    )
    holding_protocol: str = Field(
        "svc",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$",
        description="bird: its direct protocol while this center holds the role.",
    )
    standby_protocol: str = Field(
        "svc_standby", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$", description="bird: its direct protocol while it does not."
    )
    holding_med: Med = Field(10, description="exabgp: MED while this center holds the role; the lower is preferred.")
    standby_med: Med = Field(1_010, description="exabgp: MED while it does not; above every center's holding_med.")
    without_region: Literal["standby", "withdraw"] = Field(
        "standby", description="What becomes of the holder while the active region does not answer."
    )
    look_ms: int = Field(500, ge=50, le=60_000, description="Interval of the looks at health, milliseconds.")
    rise_count: int = Field(3, ge=1, le=1_000, description="Good looks in a row that make a cause well.")
    fall_count: int = Field(2, ge=1, le=1_000, description="Bad looks in a row that make a cause ill.")
    region_silent_ms: Milliseconds = Field(
        5_000, description="The active region is ill when it has not answered for so long, milliseconds."
    )
    stay_ms: int = Field(
        5_000,
        ge=1_000,  # bytes of terminals that have left are counted up to half a second later
        le=86_400_000,
        description="A role is kept for so long before it may get better, milliseconds; doubled by each flap.",
    )
    stay_ms_max: Milliseconds = Field(300_000, description="Longest such time, milliseconds.")
    calm_ms: Milliseconds = Field(600_000, description="Flaps are forgotten after so long without one, milliseconds.")
    changes_per_minute_max: int = Field(6, ge=4, le=60, description="Changes of the route in any minute.")
    settle_ms: Milliseconds = Field(
        200, description="From the loss of the role, when the route moves, to the reset of the sessions here, milliseconds."
    )
    ask_ms: int = Field(1_000, ge=20, le=30_000, description="bird: longest conversation with it, milliseconds.")
    speaker_look_ms: int = Field(
        1_000, ge=100, le=60_000, description="How often the speaker is looked at and told again, milliseconds."
    )
    text_host: str = Field("127.0.0.1", description="Address of the port that tells the role in one line.")
    text_port: int | None = Field(
        None, ge=0, le=65_535, description="Its TCP port; 0 picks a free one, absent means that there is none."
    )
