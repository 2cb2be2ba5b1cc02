"""A wall clock that was set in the middle of a run: its moments move along, and what people had seen is void. Pure.

Owns the shift of every moment that is compared with the clock later. It must never know which clock is right. The trap: 0 means
"not yet", and stays 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from relay.failover.run import Run, Standing


def set_clock(run: Run, by_ms: int) -> None:
    """`by_ms` milliseconds, negative where it was set back. How long something has waited stays as it was; how old evidence
    is, nobody knows, so it is taken and approved anew."""
    for name in ("declared_ms", "prepared_ms", "woke_ms", "gate_opened_ms"):
        setattr(run, name, moved(getattr(run, name), by_ms))
    for kept in (run.steps, run.undos):
        for name, standing in kept.items():
            kept[name] = _standing(standing, by_ms)
    run.path = [(state, moved(at_ms, by_ms)) for state, at_ms in run.path]
    run.shown, run.newest, run.approvals = {}, None, ()


def moved(at_ms: int, by_ms: int) -> int:
    return max(1, at_ms + by_ms) if at_ms else 0


def _standing(standing: Standing, by_ms: int) -> Standing:
    return msgspec.structs.replace(
        standing,
        began_ms=moved(standing.began_ms, by_ms),
        intended_ms=moved(standing.intended_ms, by_ms),
        ended_ms=moved(standing.ended_ms, by_ms),
    )
