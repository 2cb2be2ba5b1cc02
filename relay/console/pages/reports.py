"""Reconciliation reports: which there are, one of them, and the signature under it.

Owns its look. Pure. It must never make a report. The trap: a signature is about the report that was read, so it is given on
that report's own page, and a signed report offers no second one.
"""

from __future__ import annotations

from collections.abc import Sequence

from relay.console.html import Child, Html, h
from relay.console.pages.layout import Frame, deed_link, page, table, tag
from relay.reconcile.report import Report


def reports(frame: Frame, shelf: Sequence[Report], total: int) -> Html:
    """`shelf`: the newest, newest first."""
    t = frame.words
    heads = [
        (t("report.number"), "n"),
        (t("col.business-date"), "n"),
        (t("report.layer"), ""),
        (t("report.result"), ""),
        (t("report.differences"), "n"),
        (t("report.for-a-person"), "n"),
        (t("report.made"), "n d"),
        (t("report.signed"), ""),
    ]
    rows: list[list[Child]] = [
        [
            h("a", str(each.number), href=f"/reports/one?number={each.number}"),
            each.business_date,
            t(f"layer.{each.layer}"),
            _result(frame, each),
            t.number(len(each.differences) + each.left_out),
            t.number(each.listed),
            t.moment(each.made_ms),
            each.signed_by or "–",
        ]
        for each in shelf
    ]
    return page(
        frame,
        t("nav.reports"),
        h("p", t("report.count", n=t.number(len(rows)), all=t.number(total)), class_="count"),
        table(heads, rows, t("nav.reports"), t("report.none")),
        tools=h("p", deed_link(frame, "reconcile-now"), class_="deeds"),
    )


def _result(frame: Frame, report: Report) -> Html:
    t = frame.words
    if not report.is_whole:
        return tag(t("report.not-whole"), "bad")
    if report.listed and not report.is_signed:
        return tag(t("report.differs"), "warn")
    return tag(t("report.agrees")) if not report.differences else tag(t("report.mended"))


def report_one(frame: Frame, report: Report, text: str) -> Html:
    """`text` is the report as it is printed and signed."""
    t = frame.words
    signed = (
        t("report.signed-by", who=report.signed_by, at=t.moment(report.signed_ms)) if report.is_signed else t("report.unsigned")
    )
    return page(
        frame,
        t("report.one", n=report.number),
        h("p", _result(frame, report), " ", signed, class_="count"),
        h("pre", text, class_="paper", lang="en", tabindex="0"),
        tools=h(
            "p",
            None if report.is_signed else deed_link(frame, "reconcile-sign", is_main=True, number=report.number),
            h("a", t("report.print"), href=f"/reports/print?number={report.number}", class_="button"),
            h("a", t("back"), href="/reports", class_="button"),
            class_="deeds",
        ),
    )
