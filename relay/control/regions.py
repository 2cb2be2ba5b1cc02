"""What people ask and decide about the regions, and what they are shown: the language of `relay region`.

Owns arguments and answers. It must never decide. The trap: each of these commands can stop a bank's money, so every one that
changes something is signed, and the pin, which overrules the name servers, by two.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

Signature = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
RegionName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Epoch = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
ClassName = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{1,16}$")]
PIN_MINUTES_MAX = 72 * 60


class RegionPinArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the relay at `region` for `minutes`; `epoch` 0 is the one that is known."""

    region: RegionName
    epoch: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)] = 0
    minutes: Annotated[int, msgspec.Meta(ge=1, le=PIN_MINUTES_MAX)]
    who: Signature
    second: Signature
    why: Reason


class RegionUnpinArgs(msgspec.Struct, frozen=True, kw_only=True):
    who: Signature
    why: Reason


class RegionSealArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Say nothing more in `epoch` (or take that seal away); answered when it is durable and nothing is under way any more."""

    epoch: Epoch
    who: Signature
    why: Reason


class RegionBlockArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Classes of messages; "all" is every one."""

    classes: Annotated[tuple[ClassName, ...], msgspec.Meta(min_length=1, max_length=8)]
    who: Signature
    why: Reason


class RegionReleaseArgs(RegionBlockArgs, frozen=True, kw_only=True):
    """`despite_tail`: although what the old region lost has not all been asked for."""

    despite_tail: bool = False


class RegionTailArgs(msgspec.Struct, frozen=True, kw_only=True):
    """How far the new region's copy was behind: everything confirmed since `from_ms` (UTC epoch milliseconds; 0: not given) is
    asked for again, or what was confirmed in the last `lag_ms` before the old region's last word."""

    from_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    lag_ms: Annotated[int, msgspec.Meta(ge=0, le=86_400_000 * 35)] = 0
    who: Signature
    why: Reason


class TailRow(msgspec.Struct, frozen=True, kw_only=True):
    """The replay of what the old region may have lost. `left`: rows of the journal not looked at yet, and what is not settled.
    `since_ms` 0: not measured yet. `trouble`: why it does not go on."""

    epoch: int = 0
    began_ms: int = 0
    since_ms: int = 0
    evidence: str = ""
    left: int = 0
    asked: int = 0
    missing: int = 0
    mended: int = 0
    listed: int = 0
    is_finished: bool = True
    finished_ms: int = 0
    trouble: str = ""


class SiteRow(msgspec.Struct, frozen=True, kw_only=True):
    """One region as the shadow probe sees it; `since_ms` is for how long `result` has been so."""

    name: str = ""
    address_name: str = ""
    addresses: tuple[str, ...] = ()
    result: str = ""
    said_epoch: int = 0
    said_state: str = ""
    since_ms: int = 0
    skew_ms: int | None = None  # its clock less ours


class ServerRow(msgspec.Struct, frozen=True, kw_only=True):
    server: str = ""
    result: str = ""


class DeedRow(msgspec.Struct, frozen=True, kw_only=True):
    at_ms: int = 0
    what: str = ""
    who: str = ""
    second: str = ""
    why: str = ""


class RegionsReport(msgspec.Struct, frozen=True, kw_only=True):
    """`source` is core or dns. `pinned` and `frozen` are sentences, empty where it is neither. `candidate` is named by too few
    servers, and not confirmed by its region."""

    source: str = "core"
    region: str = ""
    epoch: int = 0
    run: str = ""
    has_permit: bool = False
    detail: str = ""
    sealed_epoch: int = 0
    blocked: tuple[str, ...] = ()
    pinned: str = ""
    frozen: str = ""
    candidate: str = ""
    is_stale: bool = False
    unconfirmed_ms: int = 0
    servers: tuple[ServerRow, ...] = ()
    sites: tuple[SiteRow, ...] = ()
    deeds: tuple[DeedRow, ...] = ()
    tail: TailRow = TailRow()
