"""The end of a load or a demo in figures: one object for machines, aligned lines for people.

Owns the names that `--json` promises. It must never compute a figure that the tally, the books or the conservation check do
not hold. The trap: a load that refused everything is fast and loses nothing, so the core's own outcomes outside the fault
windows stand beside the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from relay.loopback.histogram import Histogram, Percentiles
from relay.loopback.reckoning import Account, Reckoning
from relay.loopback.report import Difference
from relay.loopback.troupe import Troupe

EXAMPLES_KEPT = 50


class DialectFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One dialect's share of a report; the names mean what they mean for the whole. `outbound`: messages of the core by
    state, `outbound_lost` and `outbound_doubled` those that the peers' own books contradict. `books`: from those books."""

    peers: int
    requests: int
    answered: int
    approved: int
    declined: int
    refused: int
    doubted: int
    timed_out: int
    repeats_sent: int
    unserved: int
    reversed: int
    listed: int
    lost: int
    doubled: int
    conservation_holds: bool
    books_minor: int
    ledger_minor: int
    listed_minor: int
    violations: int
    throughput_per_s: float
    latency_ms: Percentiles
    outbound: dict[str, int]
    outbound_lost: int
    outbound_doubled: int
    books: dict[str, int]


class LoadReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `relay load --json` and `relay demo --json` print: one object. Figures are of all dialects together, latencies of
    those at which a customer waits; `dialects` holds each one's own."""

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
    outbound: dict[str, int]
    outbound_lost: int
    outbound_doubled: int
    outbound_examples: tuple[str, ...]
    dialects: dict[str, DialectFigures]
    reconciled: dict[str, int] = {}  # the sweep of the day: journal_rows, statements, mended, listed, totals_differ, whole

    @property
    def is_good(self) -> bool:
        """The laws hold. How fast, and how many outcomes were the core's own, is for the caller to judge."""
        return self.conservation_holds and not self.violations and not self.in_doubt_after_quiet


def load_report(
    troupes: Sequence[Troupe],
    reckoning: Reckoning,
    *,
    listed: int,
    listed_reasons: Mapping[str, int] | None = None,
    duration_s: float,
    in_doubt: int,
    quiet_s: float,
    daemon_kills: int = 0,
    faults: dict[str, int] | None = None,
    reconciled: dict[str, int] | None = None,
) -> LoadReport:
    tallies = [troupe.tally for troupe in troupes]
    latency, misses = Histogram(), Counter[str]()
    outbound: Counter[str] = Counter()
    for troupe, account in zip(troupes, reckoning.accounts, strict=True):
        if troupe.customer_waits:
            latency.add(troupe.tally.latency)
        misses.update(troupe.tally.outside_misses)
        outbound.update(account.outbound.states)
    answered = sum(t.answered for t in tallies)
    outside = sum(t.outside_requests for t in tallies)
    outcomes = [account.outbound for account in reckoning.accounts]
    return LoadReport(
        requests=sum(t.requests for t in tallies),
        answered=answered,
        reversed=sum(troupe.reversed_count() for troupe in troupes),
        listed=listed,
        lost=reckoning.whole.lost,
        doubled=reckoning.whole.doubled,
        throughput_per_s=_per_s(answered, duration_s),
        latency_ms=latency.percentiles(),
        conservation_holds=reckoning.holds,
        violations=sum(t.violation_count for t in tallies),
        approved=sum(t.approved for t in tallies),
        declined=sum(t.declined for t in tallies),
        refused=sum(t.refused for t in tallies),
        doubted=sum(t.doubted for t in tallies),
        timed_out=sum(t.timed_out for t in tallies),
        late_approvals=sum(t.late_approvals for t in tallies),
        repeats_sent=sum(t.repeats_sent for t in tallies),
        duplicate_replies=sum(t.duplicate_replies for t in tallies),
        unresolved_deposits=sum(t.unresolved_deposits for t in tallies),
        outside_fault_windows_requests=outside,
        outside_fault_windows_core_outcome_ratio=sum(t.outside_core_outcomes for t in tallies) / outside if outside else 1.0,
        outside_fault_windows_misses=dict(sorted(misses.items())),
        in_doubt_after_quiet=in_doubt,
        quiet_s=round(quiet_s, 1),
        unserved=sum(t.unserved for t in tallies),
        links_lost=sum(t.links_lost for t in tallies),
        daemon_kills=daemon_kills,
        faults={} if faults is None else faults,
        duration_s=round(duration_s, 2),
        violation_examples=tuple(example for t in tallies for example in t.violations)[:EXAMPLES_KEPT],
        difference_examples=reckoning.whole.differences,
        listed_reasons=dict(listed_reasons or {}),
        outbound=dict(outbound),
        outbound_lost=sum(outcome.lost for outcome in outcomes),
        outbound_doubled=sum(outcome.doubled for outcome in outcomes),
        outbound_examples=tuple(example for outcome in outcomes for example in outcome.examples)[:EXAMPLES_KEPT],
        dialects={
            troupe.name: _dialect(troupe, account, duration_s)
            for troupe, account in zip(troupes, reckoning.accounts, strict=True)
        },
        reconciled=reconciled or {},
    )


def _per_s(count: int, duration_s: float) -> float:
    return round(count / duration_s, 1) if duration_s > 0 else 0.0


def _dialect(troupe: Troupe, account: Account, duration_s: float) -> DialectFigures:
    tally, held = troupe.tally, account.conservation
    return DialectFigures(
        peers=troupe.peer_count(),
        requests=tally.requests,
        answered=tally.answered,
        approved=tally.approved,
        declined=tally.declined,
        refused=tally.refused,
        doubted=tally.doubted,
        timed_out=tally.timed_out,
        repeats_sent=tally.repeats_sent,
        unserved=tally.unserved,
        reversed=troupe.reversed_count(),
        listed=account.listed,
        lost=held.lost,
        doubled=held.doubled,
        conservation_holds=held.holds,
        books_minor=held.books_minor,
        ledger_minor=held.ledger_minor,
        listed_minor=held.listed_minor,
        violations=tally.violation_count,
        throughput_per_s=_per_s(tally.answered, duration_s),
        latency_ms=tally.latency.percentiles(),
        outbound=account.outbound.states,
        outbound_lost=account.outbound.lost,
        outbound_doubled=account.outbound.doubled,
        books=dict(troupe.extras()),
    )


def as_text(report: LoadReport) -> str:
    """The report for people: aligned, the verdict last."""
    latency = report.latency_ms
    rows = [
        ("requests", f"{report.requests:,}", f"{report.throughput_per_s:,.0f}/s answered over {report.duration_s:.0f} s"),
        ("approved", f"{report.approved:,}", ""),
        ("declined", f"{report.declined:,}", "by the core"),
        ("refused", f"{report.refused:,}", "by the relay: core unreachable, overloaded, draining"),
        ("in doubt", f"{report.doubted:,}", "were told so; the relay undoes or holds each by itself"),
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
    if report.outbound:
        told = ", ".join(f"{state} {count:,}" for state, count in sorted(report.outbound.items()))
        rows.append(("core's own", f"{sum(report.outbound.values()):,}", f"messages that the core started: {told}"))
    swept = report.reconciled
    if swept:
        note = f"differences of messages, {swept['totals_differ']} of totals; {swept['statements']} far ends stated theirs"
        rows.append(("reconciled", f"{swept['listed']:,}", note))
    lines = [f"  {name:<14}{value:>12}  {note}".rstrip() for name, value, note in rows]
    if len(report.dialects) > 1:
        lines += ["", *_by_dialect(report), ""]
    for difference in report.difference_examples[:10]:
        lines.append(
            f"  {'listed' if difference.is_listed else 'LOST':<14}terminal {difference.terminal} trace {difference.trace}"
            f" {difference.kind} ({difference.fate}): books {difference.books_minor:+,}, ledger {difference.ledger_minor:+,}"
        )
    lines += [f"  {'CONTRADICTED':<14}{example}" for example in report.outbound_examples[:10]]
    lines += [f"  {'VIOLATION':<14}{example}" for example in report.violation_examples[:10]]
    lines += [f"  {'listed':<14}{count:>12,}  {why}" for why, count in list(report.listed_reasons.items())[:10]]
    if report.in_doubt_after_quiet:
        lines.append(f"  {'IN DOUBT':<14}{report.in_doubt_after_quiet} exchanges after {report.quiet_s:.0f} s of quiet")
    return "\n".join(["", *lines, "", f"  conservation: {_verdict(report)}."])


def _verdict(report: LoadReport) -> str:
    if report.conservation_holds:
        dialects = f", in all {len(report.dialects)} dialects" if len(report.dialects) > 1 else ""
        return f"the ledger equals the terminals' books{dialects}"
    if report.in_doubt_after_quiet:  # as where the relay did not come back: what is owed was said by nobody yet
        return f"THE BOOKS CANNOT BE CLOSED, {report.in_doubt_after_quiet} exchanges are in doubt still, and they differ by now"
    return "THE LEDGER DIFFERS FROM THE BOOKS"


HEADINGS = (
    *("", "asked", "ok", "no", "no reply", "p50 ms", "p99 ms"),
    *("told", "listed", "lost", "twice", "in the books", "in the ledger"),
)


def _by_dialect(report: LoadReport) -> list[str]:
    """A line for each dialect, under headings. Sums are what the accounts gained, in yen."""
    rows = [HEADINGS]
    for name, own in report.dialects.items():
        refused = own.declined + own.refused + own.doubted
        rows.append(
            (
                name,
                f"{own.requests:,}",
                f"{own.approved:,}",
                f"{refused:,}",
                f"{own.timed_out:,}",
                f"{own.latency_ms.p50:.1f}",
                f"{own.latency_ms.p99:.1f}",
                f"{own.outbound.get('acknowledged', 0):,}",
                f"{own.listed:,}",
                f"{own.lost + own.outbound_lost:,}",
                f"{own.doubled + own.outbound_doubled:,}",
                f"{own.books_minor:+,}",
                f"{own.ledger_minor:+,}",
            )
        )
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADINGS))]
    return [
        "  " + row[0].ljust(widths[0]) + "".join(f"  {cell:>{widths[place]}}" for place, cell in enumerate(row) if place)
        for row in rows
    ]
