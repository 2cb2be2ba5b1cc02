"""What is told of acknowledgements: what each class needs now, since when, and how the journal's standby is.

Owns shapes and sentences. It must never gather. The trap: a fall-back is no fault of this relay, and yet somebody has to know
that a lost center would now cost more than it should.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

RUNBOOK = "RelayAckFallback"


class AckRow(msgspec.Struct, frozen=True, kw_only=True):
    """One class: its needs, best first, and the one that `holds` now for `since_ms`; empty: nothing is acknowledged."""

    name: str
    needs: tuple[str, ...] = ()
    holds: str = ""
    since_ms: int = 0


class AcksReport(msgspec.Struct, frozen=True, kw_only=True):
    """`standby` is the name of the journal's standby at the other center, empty for none; `peer` is follows, away, starting or
    none, for `since_ms`, and `why`. `warning` is what is configured badly. `waiting` acknowledgements wait for the standby,
    `held` advices are taken and not acknowledged."""

    standby: str = ""
    peer: str = "none"
    since_ms: int = 0
    why: str = ""
    warning: str = ""
    lag_bytes: int = 0
    waiting: int = 0
    held: int = 0
    classes: tuple[AckRow, ...] = ()


def ack_words(report: AcksReport) -> Iterator[tuple[str, str]]:
    """What is not as it should be, worst first, each with the page of the runbook."""
    refused = [row.name for row in report.classes if not row.holds]
    if refused:
        yield f"nothing of this class is acknowledged: {', '.join(refused)}", "runbook: RelayAckRefused"
    if report.peer == "away":
        fallen = sorted({f"{row.name} by {row.holds}" for row in report.classes if row.holds and row.holds != row.needs[0]})
        text = f"the journal's standby {report.standby} is away: {report.why}"
        yield text + (f"; acknowledged are {', '.join(fallen)}" if fallen else ""), f"runbook: {RUNBOOK}"
    if report.warning:
        yield f"the journal's standby {report.standby}: {report.warning}", f"runbook: {RUNBOOK}"
