"""All troupes by name, and how a load is divided among them. The only place that knows every dialect's fake peers.

Owns the default shares, the reading of a mix, and the making of troupes. It must never drive one. The traps: shares divide
rate and terminals alike, but every chosen dialect has one peer at least; and a port is chosen before the daemon is configured,
so that it stays the same over a kill -9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from relay.loopback.branchtroupe import BranchTroupe
from relay.loopback.customers import Customers
from relay.loopback.deeds import AtmPolicy
from relay.loopback.filetroupe import FileTroupe
from relay.loopback.isotroupe import IsoTroupe
from relay.loopback.ndctroupe import NdcTroupe
from relay.loopback.stage import free_port
from relay.loopback.troupe import HOST, Part, Troupe
from relay.loopback.zrctroupe import ZrcTroupe

ISO8583 = "iso8583"
DEFAULT_SHARES: dict[str, float] = {ISO8583: 80, "ndc": 10, "branch-p1": 5, "zrc": 4, "zengin-file": 1}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The whole load, before it is divided. `target`: a relay elsewhere, which only ISO 8583 ATMs can be pointed at.
    `day_offset_minutes`: of the days that the relay counts; None: whatever each dialect thinks best."""

    shares: dict[str, float] = msgspec.field(default_factory=lambda: dict(DEFAULT_SHARES))
    terminals: int = 500
    rate_per_s: float | None = 1_000.0
    think_ms: float = 0.0
    policy: AtmPolicy = AtmPolicy()
    framing: str = "ascii4"
    encoding: str = "ascii"
    seed: int = 1
    with_faults: bool = False
    target: tuple[str, int] | None = None
    day_offset_minutes: int | None = None


def parse_shares(text: str) -> dict[str, float]:
    """ "iso8583=80,ndc=10" -> shares; a name alone has the share 1. Raises ValueError with the part at fault."""
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, found, weight = part.strip().partition("=")
        if name not in DEFAULT_SHARES:
            raise ValueError(f"{name!r} is not one of {', '.join(DEFAULT_SHARES)}")
        try:
            shares[name] = float(weight) if found else 1.0
        except ValueError:
            raise ValueError(f"{part.strip()!r}: the share is not a number") from None
        if not 0 <= shares[name] <= 1e9:
            raise ValueError(f"{part.strip()!r}: the share is not a number from 0 to a milliard")
    shares = {name: share for name, share in shares.items() if share}
    if not shares:
        raise ValueError("all shares are zero")
    return shares


def shares_text(shares: Mapping[str, float]) -> str:
    return ",".join(f"{name}={share:g}" for name, share in shares.items())


def assemble(plan: Plan, customers: Customers) -> list[Troupe]:
    """The troupes of `plan`, in the order of DEFAULT_SHARES. Inside the running loop."""
    total = sum(plan.shares.values())
    return [
        _BUILDERS[name](plan, _part(plan, plan.shares[name] / total), customers)
        for name in DEFAULT_SHARES
        if plan.shares.get(name)
    ]


def _part(plan: Plan, share: float) -> Part:
    return Part(
        terminals=max(1, round(plan.terminals * share)),
        rate_per_s=None if plan.rate_per_s is None else plan.rate_per_s * share,
        think_ms=plan.think_ms,
        reply_timeout_ms=plan.policy.reply_timeout_ms,
        seed=plan.seed,
    )


def _iso(plan: Plan, part: Part, customers: Customers) -> Troupe:
    target = (HOST, free_port()) if plan.target is None else plan.target
    policy = plan.policy
    if plan.day_offset_minutes is not None:
        policy = msgspec.structs.replace(policy, day_offset_minutes=plan.day_offset_minutes)
    return IsoTroupe(part, customers, policy, target, plan.framing, plan.encoding)


def _ndc(plan: Plan, part: Part, customers: Customers) -> Troupe:
    return NdcTroupe(part, customers, free_port())


def _branch(plan: Plan, part: Part, customers: Customers) -> Troupe:
    return BranchTroupe(part, free_port())


def _zrc(plan: Plan, part: Part, customers: Customers) -> Troupe:
    return ZrcTroupe(part, plan.with_faults, day_offset_minutes=plan.day_offset_minutes)


def _files(plan: Plan, part: Part, customers: Customers) -> Troupe:
    return FileTroupe(part, free_port(), free_port())


_BUILDERS: dict[str, Callable[[Plan, Part, Customers], Troupe]] = {
    ISO8583: _iso,
    "ndc": _ndc,
    "branch-p1": _branch,
    "zrc": _zrc,
    "zengin-file": _files,
}
