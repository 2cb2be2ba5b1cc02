"""Who did what at the console, newest first.

Owns its look. Pure. The trap: a deed whose end nobody knows (the relay died in between) says so, and is not shown as done.
"""

from __future__ import annotations

from collections.abc import Sequence

from relay.console.audit import Entry
from relay.console.html import Child, Html, h
from relay.console.pages.layout import Frame, page, table, tag

PAGE_COUNT = 100
_MEANING = {"half": "warn", "refused": "warn", "": "bad"}


def audit(frame: Frame, entries: Sequence[Entry]) -> Html:
    t = frame.words
    heads = [
        (t("col.at"), "n"),
        (t("audit.who"), ""),
        (t("audit.deed"), ""),
        (t("audit.target"), "k"),
        (t("audit.why"), "w"),
        (t("audit.result"), "w"),
    ]
    rows: list[list[Child]] = [
        [
            t.moment(each.at_ms),
            h("span", each.who, " ", h("small", f"{t.maybe(f'role.{each.role}', each.role)} · {each.address}", class_="note")),
            t.maybe(f"deed.{each.deed}", each.deed),
            h("span", each.target, title=each.target) if each.target else "–",
            each.why or "–",
            [
                tag(t(f"result.{each.result or 'unknown'}"), _MEANING.get(each.result, "")),
                h("small", each.said, class_="note", lang="en") if each.said else None,
            ],
        ]
        for each in entries
    ]
    older = None
    if len(entries) == PAGE_COUNT and entries[-1].number > 1:
        older = h(
            "nav",
            h("a", t("page.after"), href=f"/audit?below={entries[-1].number}", class_="button"),
            class_="turning",
            aria_label=t("page.turn"),
        )
    return page(
        frame,
        t("nav.audit"),
        h("p", t("audit.what"), class_="quiet"),
        table(heads, rows, t("nav.audit"), t("audit.none")),
        older,
    )
