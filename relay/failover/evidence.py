"""What the people at a gate are shown, as one frozen snapshot with a digest. Pure.

Owns the snapshot's form, its digest, and the binding of an approval: SHA-256 over run, gate, plan version and that digest.
It must never gather anything. The trap: an approval means what was on the screen, not what was true a moment later, so a
snapshot is written to the log before it is shown, and it ages: after `evidence_age_max_s` what was approved on it is void.
"""

from __future__ import annotations

import hashlib

import msgspec


class CenterFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One relay center, as its relay says. `trouble`: why it could not be asked. Counts are of this moment."""

    center: str
    trouble: str = ""
    region: str = ""
    epoch: int = 0
    sealed_epoch: int = 0
    blocked: tuple[str, ...] = ()
    may_speak: bool = False
    sessions: int = 0
    inflight: int = 0
    owed: int = 0  # advices and reversals that wait for the core
    listed: int = 0  # cases that wait for a person
    tail_left: int = 0
    tail_is_finished: bool = True


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`lag_ms`: how far the copy is behind, None where nobody knows. `batch_checkpoint`: what a person said of the night's
    batch. `zengin`: the line's window, in words. `is_peer_away`: the log is on this center's disk only."""

    centers: tuple[CenterFacts, ...] = ()
    standby: str = ""
    lag_ms: int | None = None
    is_lag_accepted: bool = False
    batch_checkpoint: str = ""
    zengin: str = ""
    is_peer_away: bool = False
    preparation: tuple[tuple[str, str], ...] = ()  # step and how it stands
    remarks: tuple[str, ...] = ()


def digest_of(evidence: Evidence) -> str:
    """SHA-256 of the snapshot, in hexadecimal digits."""
    return hashlib.sha256(msgspec.json.encode(evidence)).hexdigest()


def binding_of(run: str, gate: int, part: str, plan_version: str, evidence_digest: str) -> str:
    """What an approval signs: this run, this gate (and part of it), this plan, this evidence."""
    parts = ("relay failover approval 1", run, str(gate), part, plan_version, evidence_digest)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def epoch_known(evidence: Evidence) -> int:
    """The highest epoch that any center knows; 0 where none could be asked."""
    return max((center.epoch for center in evidence.centers), default=0)
