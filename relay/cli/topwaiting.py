"""The pages of `relay top` on what waits: owed to the core, for a person, deliveries nobody knows; and the newest
reconciliation.

Owns their lines. Pure. It must never show a card number: none is in what it gets. The trap: a list of hundreds hides the
oldest, which is the one that matters, so it comes first and its age stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from relay.cli.screen import DIM, YELLOW, duration
from relay.cli.spans import Line, Span, columns_of, text
from relay.cli.topsnap import Snapshot
from relay.cli.topwords import Words
from relay.control.report import OutboundRow, SafRow


def waiting(snapshot: Snapshot, t: Words) -> Iterator[Line]:
    status = snapshot.status
    if status is None:
        return
    rows = sorted(snapshot.owed.rows if snapshot.owed else (), key=lambda row: row.recorded_ms)
    listed, owed = [row for row in rows if row.is_listed], [row for row in rows if not row.is_listed]
    if not rows and not snapshot.outbound:
        yield text(f" {t('nothing')}")
    now_ms = status.at_ms
    yield from _saf(t("listed"), listed, now_ms, "relay saf resolve KEY", t)
    yield from _saf(t("owed"), owed, now_ms, "relay saf retry KEY", t)
    yield from _outbound(snapshot.outbound, now_ms, t)


def _saf(title: str, rows: Sequence[SafRow], now_ms: int, typed: str, t: Words) -> Iterator[Line]:
    if not rows:
        return
    yield ((YELLOW, f" {title}: {len(rows)}"), (DIM, f"   {typed}"))
    cells: list[list[Span]] = [[(DIM, head) for head in (t("age"), t("terminal"), t("kind"), "", t("tries"), "key", t("why"))]]
    for row in rows:
        amount = "" if row.amount_minor is None else f"{row.amount_minor:,} {row.currency}"
        said = (duration(now_ms - row.recorded_ms), row.terminal, row.kind, amount, str(row.tries), row.key, row.why)
        cells.append([("", each) for each in said])
    yield from columns_of(cells, right=(3, 4))


def _outbound(rows: Sequence[OutboundRow], now_ms: int, t: Words) -> Iterator[Line]:
    if not rows:
        return
    yield ((YELLOW, f" {t('outbound')}, {t('delivery')}: {len(rows)}"), (DIM, "   relay outbound settle KEY"))
    cells: list[list[Span]] = []
    for row in sorted(rows, key=lambda row: row.recorded_ms):
        said = (duration(now_ms - row.recorded_ms), row.line or row.listener, row.kind, row.key, row.detail)
        cells.append([("", each) for each in said])
    yield from columns_of(cells)


def report(snapshot: Snapshot, t: Words) -> Iterator[Line]:
    """As `relay reconcile report` prints it."""
    if not snapshot.report:
        yield text(f" {t('no-report')}")
    yield from (text(f" {line}") for line in snapshot.report.splitlines())
