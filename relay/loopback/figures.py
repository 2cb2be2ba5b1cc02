"""The end of a load or a demo in figures: one object for machines, aligned lines for people.

Owns the names that `--json` promises. It must never compute a figure that the tally, the books or the conservation check do
not hold. The trap: a load that refused everything is fast and loses nothing, so the core's own outcomes outside the fault
windows stand beside the rest.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from relay.loopback.books import Books, Fate
from relay.loopback.histogram import Percentiles
from relay.loopback.report import Conservation, Difference
from relay.loopback.tally import Tally


class LoadReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `relay load --json` and `relay demo --json` print: one object."""

    requests: int
    answered: int
    reversed: int
    listed: int
    lost: int
    doubled: int
    throughput_per_s: float
    latency_ms: Percentiles
    conservation_holds: bool
    violations: int
    approved: int
    declined: int
    refused: int
    doubted: int
    timed_out: int
    late_approvals: int
    repeats_sent: int
    duplicate_replies: int
    unresolved_deposits: int
    outside_fault_windows_requests: int
    outside_fault_windows_core_outcome_ratio: float
    outside_fault_windows_misses: dict[str, int]
    in_doubt_after_quiet: int
    quiet_s: float
    unserved: int
    links_lost: int
    daemon_kills: int
    faults: dict[str, int]
    duration_s: float
    violation_examples: tuple[str, ...]
    difference_examples: tuple[Difference, ...]
    listed_reasons: dict[str, int]

    @property
    def is_good(self) -> bool:
        """The laws hold. How fast, and how many outcomes were the core's own, is for the caller to judge."""
        return self.conservation_holds and not self.violations and not self.in_doubt_after_quiet


def load_report(
    tally: Tally,
    books: Books,
    conservation: Conservation,
    *,
    listed: int,
    listed_reasons: Mapping[str, int] | None = None,
    duration_s: float,
    in_doubt: int,
    quiet_s: float,
    daemon_kills: int = 0,
    faults: dict[str, int] | None = None,
) -> LoadReport:
    return LoadReport(
        requests=tally.requests,
        answered=tally.answered,
        reversed=books.counts()[Fate.REVERSED],
        listed=listed,
        lost=conservation.lost,
        doubled=conservation.doubled,
        throughput_per_s=round(tally.answered / duration_s, 1) if duration_s > 0 else 0.0,
        latency_ms=tally.latency.percentiles(),
        conservation_holds=conservation.holds,
        violations=tally.violation_count,
        approved=tally.approved,
        declined=tally.declined,
        refused=tally.refused,
        doubted=tally.doubted,
        timed_out=tally.timed_out,
        late_approvals=tally.late_approvals,
        repeats_sent=tally.repeats_sent,
        duplicate_replies=tally.duplicate_replies,
        unresolved_deposits=tally.unresolved_deposits,
        outside_fault_windows_requests=tally.outside_requests,
        outside_fault_windows_core_outcome_ratio=tally.outside_ratio,
        outside_fault_windows_misses=dict(sorted(tally.outside_misses.items())),
        in_doubt_after_quiet=in_doubt,
        quiet_s=round(quiet_s, 1),
        unserved=tally.unserved,
        links_lost=tally.links_lost,
        daemon_kills=daemon_kills,
        faults={} if faults is None else faults,
        duration_s=round(duration_s, 2),
        violation_examples=tuple(tally.violations),
        difference_examples=conservation.differences,
        listed_reasons=dict(listed_reasons or {}),
    )


def as_text(report: LoadReport) -> str:
    """The report for people: aligned, the verdict last."""
    latency = report.latency_ms
    rows = [
        ("requests", f"{report.requests:,}", f"{report.throughput_per_s:,.0f}/s answered over {report.duration_s:.0f} s"),
        ("approved", f"{report.approved:,}", ""),
        ("declined", f"{report.declined:,}", "by the core"),
        ("refused", f"{report.refused:,}", "by the relay: core unreachable, overloaded, draining"),
        ("in doubt", f"{report.doubted:,}", "got code 68; the relay undoes or holds each by itself"),
        ("no reply", f"{report.timed_out:,}", f"{report.late_approvals:,} approvals came too late"),
        ("reversed", f"{report.reversed:,}", "by the terminals, acknowledged"),
        ("repeats", f"{report.repeats_sent:,}", f"{report.duplicate_replies:,} answers seen twice"),
        ("latency", f"{latency.p50:.1f} ms", f"p99 {latency.p99:.1f} ms, p99.9 {latency.p999:.1f} ms"),
        ("listed", f"{report.listed:,}", "waiting for a person"),
        ("posted twice", f"{report.doubled:,}", ""),
        ("lost", f"{report.lost:,}", ""),
    ]
    if report.faults or report.daemon_kills:
        struck = ", ".join(f"{name} {count}" for name, count in report.faults.items() if count)
        rows.append(("faults", f"{sum(report.faults.values()):,}", struck))
        ratio = report.outside_fault_windows_core_outcome_ratio
        rows.append(("calm", f"{ratio:.3%}", "got the core's own outcome, of those asked outside the fault windows"))
    lines = [f"  {name:<14}{value:>12}  {note}".rstrip() for name, value, note in rows]
    for difference in report.difference_examples[:10]:
        lines.append(
            f"  {'listed' if difference.is_listed else 'LOST':<14}terminal {difference.terminal} trace {difference.trace}"
            f" {difference.kind} ({difference.fate}): books {difference.books_minor:+,}, ledger {difference.ledger_minor:+,}"
        )
    lines += [f"  {'VIOLATION':<14}{example}" for example in report.violation_examples[:10]]
    lines += [f"  {'listed':<14}{count:>12,}  {why}" for why, count in list(report.listed_reasons.items())[:10]]
    if report.in_doubt_after_quiet:
        lines.append(f"  {'IN DOUBT':<14}{report.in_doubt_after_quiet} exchanges after {report.quiet_s:.0f} s of quiet")
    verdict = "the ledger equals the terminals' books" if report.conservation_holds else "THE LEDGER DIFFERS FROM THE BOOKS"
    return "\n".join(["", *lines, "", f"  conservation: {verdict}."])
