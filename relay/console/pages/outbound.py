"""Messages that the core started: which wait, which are under way, and which nobody knows about.

Owns its look. Pure. The trap: only an unknown delivery is settled by a person, and only a waiting one can be cancelled; the
relay refuses the rest, and the page offers no more than that.
"""

from __future__ import annotations

from relay.console.html import Child, Html, address, h, join
from relay.console.pages.layout import Frame, deed_link, page, table, tag
from relay.control.report import OutboundListReport, OutboundRow

STATES = ("", "queued", "sent", "unknown", "acknowledged", "failed", "cancelled")
_MEANING = {"unknown": "bad", "failed": "warn"}


def outbound(frame: Frame, report: OutboundListReport, state: str, refresh_ms: int) -> Html:
    t = frame.words
    tabs = [
        h(
            "a",
            t(f"outbound.{name or 'all'}"),
            href=address("/outbound", state=name),
            aria_current="true" if name == state else None,
        )
        for name in STATES
    ]
    heads = [
        (t("col.recorded"), "n"),
        (t("col.listener"), ""),
        (t("col.line"), "t"),
        (t("col.kind"), "p"),
        (t("col.state"), ""),
        (t("col.detail"), "w"),
        (t("col.key"), "k"),
        (t("col.deeds"), "p"),
    ]
    return page(
        frame,
        t("nav.outbound"),
        table(heads, [_row(frame, row) for row in report.rows], t("nav.outbound"), t("outbound.none")),
        refresh_ms=refresh_ms,
        tools=join(h("nav", tabs, class_="spans", aria_label=t("col.state")), h("p", t("outbound.what"), class_="quiet")),
    )


def _row(frame: Frame, row: OutboundRow) -> list[Child]:
    t = frame.words
    deed = {"queued": "outbound-cancel", "unknown": "outbound-settle"}.get(row.state)
    return [
        t.moment(row.recorded_ms),
        row.listener,
        row.line or "–",
        row.kind,
        tag(t.maybe(f"outbound.{row.state}", row.state), _MEANING.get(row.state, "")),
        h("span", row.detail, lang="en") if row.detail else "–",
        h("span", row.key, title=row.key),
        deed_link(frame, deed, key=row.key) if deed else "–",
    ]
