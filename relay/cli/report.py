"""`relay report pressure`: where it builds up before the core, who sends most, who is hot, what was refused and why.

Owns the page. It must never gather or judge: control/pressure.py does. The trap: whoever reads this was woken up, so what
it means comes first, in sentences, and the figures after it.
"""

from __future__ import annotations

import argparse
import sys

import msgspec

from relay.cli import reach
from relay.cli.screen import BOLD, DIM, GREEN, RED, YELLOW, Paint, count, duration, safe, table
from relay.control.pressure import HottestRow, PressureReport, meaning

NAME = "report"
HELP = "where it builds up: pressure before the core"
MOVES_SHOWN = 8


def configure(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    pressure = what.add_parser(
        "pressure",
        help="hottest terminals, branches, accounts; hot lanes; waits; refusals",
        description="Where it builds up before the core, who sends most, who is hot, what was refused and why.",
    )
    reach.add_arguments(pressure)
    pressure.add_argument("--json", action="store_true", help="everything, as one object")


def run(args: argparse.Namespace) -> int:
    report = reach.client(args).pressure()
    print(msgspec.json.encode(report).decode() if args.json else "\n".join(show(report, Paint.for_stream(sys.stdout))))
    return 0


def show(report: PressureReport, paint: Paint) -> list[str]:
    """The page, line by line."""
    said = list(meaning(report))
    lines = [paint(BOLD + (YELLOW if said else GREEN), "PRESSURE" if said else "NOTHING BUILDS UP")]
    lines += [f"  {paint(RED, '!')} {safe(each)}" for each in said]
    lines += ["", *_lanes(report, paint), "", *_waits(report, paint), "", *_refused(report, paint), "", *_core(report, paint)]
    for scope in ("branch", "terminal", "account"):
        rows = [row for row in report.hottest if row.scope == scope]
        if rows:
            lines += ["", *_hottest(scope, rows, paint)]
    return lines


def _headed(rows: list[list[str]], paint: Paint, right: tuple[int, ...]) -> list[str]:
    lines = table(rows, right=right)
    return [paint(DIM, lines[0]), *lines[1:]]


def _lanes(report: PressureReport, paint: Paint) -> list[str]:
    if not report.lanes:
        return [f"{paint(DIM, 'hot lanes ')}none" + ("" if report.is_enabled else ", switched off")]
    rows = [["hot lane", "since", "now/s", "usual/s", "leaves at/s", "waiting", "in flight", "for example"]]
    for lane in report.lanes:
        rates = [f"{number:,.1f}" for number in (lane.per_s, lane.usual_per_s, lane.leaves_per_s)]
        numbers = [count(lane.waiting), count(lane.inflight)]
        rows.append([safe(f"{lane.scope} {lane.who}"), duration(lane.hot_ms), *rates, *numbers, safe(lane.example_key)])
    return _headed(rows, paint, (2, 3, 4, 5, 6))


def _waits(report: PressureReport, paint: Paint) -> list[str]:
    rows = [["wait for the core", "p50", "p99", "asked", "waiting", "in flight", "at most"]]
    for row in report.waits:
        waits = ["-" if wait is None else duration(wait) for wait in (row.p50_ms, row.p99_ms)]
        name = "hot lanes" if row.lane == "hot" else "everybody else"
        rows.append([name, *waits, *map(count, (row.count, row.waiting, row.inflight, row.inflight_max))])
    queued = f"{count(report.queue)} of {count(report.queue_max)} waiting in all"
    return [*_headed(rows, paint, (1, 2, 3, 4, 5, 6)), f"{queued}; waits and counts are of the last one to two minutes"]


def _refused(report: PressureReport, paint: Paint) -> list[str]:
    said = ", ".join(f"{count(row.count)} {'hot' if row.lane == 'hot' else 'others'}: {row.why}" for row in report.refused)
    return [f"{paint(DIM, 'refused   ')}{said or 'nobody for want of room'}"]


def _core(report: PressureReport, paint: Paint) -> list[str]:
    best = f"mean {report.core_mean_ms:.0f} ms, at its best {report.core_best_ms} ms"
    moves = "; ".join(
        f"{duration(move.ago_ms)} ago {move.before} → {move.after} ({move.why})" for move in report.target_moves[:MOVES_SHOWN]
    )
    waiting = f"{count(report.journal_waiting)} of {count(report.journal_waiting_max)} records waiting"
    return [
        f"{paint(DIM, 'core      ')}{count(report.target)} calls at once; {best}",
        f"{paint(DIM, 'it moved  ')}{moves or 'not since the start'}",
        f"{paint(DIM, 'journal   ')}{waiting}",
        f"{paint(DIM, 'owed      ')}{count(report.owed)} advices and reversals, which wait for no hot lane",
    ]


def _hottest(scope: str, rows: list[HottestRow], paint: Paint) -> list[str]:
    cells = [[f"busiest {scope}", "now/s", "usual/s", ""]]
    for row in rows:
        usual = "not known" if row.usual_per_s is None else f"{row.usual_per_s:,.2f}"
        cells.append([safe(row.who), f"{row.per_s:,.1f}", usual, "hot" if row.is_hot else ""])
    return _headed(cells, paint, (1, 2))
