"""What is owed to the core and what waits for a person: the list, one of it with its history, and what can be done about it.

Owns its look. Pure. The trap: `resolve` moves no money and `retry` may; the forms behind these links say so, and who may not
do it sees no link.
"""

from __future__ import annotations

from relay.console.html import Child, Html, address, h, join
from relay.console.pages.layout import Frame, deed_link, facts, page, section, table, tag
from relay.control.report import SafDetail, SafReport, SafRow

WHICH = ("", "owed", "listed")


def owed(frame: Frame, report: SafReport, which: str, refresh_ms: int) -> Html:
    t = frame.words
    tabs = [
        h("a", t(f"owed.{name or 'both'}"), href=address("/owed", what=name), aria_current="true" if name == which else None)
        for name in WHICH
    ]
    counted = t("owed.count", owed=t.number(report.owed), listed=t.number(report.listed))
    is_cut = len(report.rows) < {"owed": report.owed, "listed": report.listed}.get(which, report.owed + report.listed)
    return page(
        frame,
        t("nav.owed"),
        h("p", counted, f" · {t('owed.cut', n=t.number(len(report.rows)))}" if is_cut else None, class_="count"),
        table(_heads(frame), [_row(frame, row) for row in report.rows], t("nav.owed"), t("owed.none")),
        refresh_ms=refresh_ms,
        tools=join(h("nav", tabs, class_="spans", aria_label=t("owed.which")), h("p", t("owed.what"), class_="quiet")),
    )


def _heads(frame: Frame) -> list[tuple[str, str]]:
    t = frame.words
    return [
        (t("col.recorded"), "n"),
        (t("col.terminal"), "t"),
        (t("col.kind"), "p"),
        (t("col.amount"), "n"),
        (t("col.state"), ""),
        (t("col.tries"), "n"),
        (t("col.because"), "w"),
        (t("col.key"), "k"),
    ]


def _row(frame: Frame, row: SafRow) -> list[Child]:
    t = frame.words
    return [
        h("a", t.moment(row.recorded_ms), href=address("/owed/one", key=row.key)),
        row.terminal,
        row.kind,
        t.money(row.amount_minor, row.currency),
        _state(frame, row),
        t.number(row.tries),
        h("span", row.why, lang="en") if row.why else "–",
        h("span", row.key, title=row.key),
    ]


def _state(frame: Frame, row: SafRow) -> Html:
    t = frame.words
    if row.is_listed:
        return tag(t("owed.for-a-person"), "warn")
    return tag(t.maybe(f"stored.{row.state}", row.state) + (f", {t('owed.waits')}" if row.is_waiting else ""))


def owed_one(frame: Frame, detail: SafDetail) -> Html:
    t, row = frame.words, detail.row
    told: list[tuple[str, Child]] = [
        (t("col.key"), row.key),
        (t("col.terminal"), f"{row.terminal} · {row.listener}" if row.listener else row.terminal),
        (t("col.kind"), f"{row.message_class} · {row.kind}"),
        (t("col.amount"), t.money(row.amount_minor, row.currency)),
        (t("owed.stands"), "–" if row.standing_minor is None else t.money(row.standing_minor, row.currency)),
        (
            t("col.original"),
            h("a", row.original_key, href=address("/owed/one", key=row.original_key)) if row.original_key else "–",
        ),
        (t("col.state"), _state(frame, row)),
        (t("col.tries"), t.number(row.tries)),
        (t("col.because"), h("span", row.why or "–", lang="en")),
        (t("col.recorded"), t.moment(row.recorded_ms)),
    ]
    steps: list[list[Child]] = [
        [
            t.moment(step.at_ms),
            step.event,
            t.maybe(f"stored.{step.state}", step.state),
            h("span", step.detail, lang="en") if step.detail else "–",
        ]
        for step in detail.history
    ]
    heads = [(t("col.at"), "n"), (t("col.event"), ""), (t("col.state"), ""), (t("col.detail"), "w")]
    tools = h(
        "p",
        deed_link(frame, "saf-retry", key=row.key),
        deed_link(frame, "resolve", key=row.key) if row.is_listed else None,
        h("a", t("owed.journal"), href=address("/journal/one", key=row.key), class_="button"),
        class_="deeds",
    )
    return page(
        frame,
        t("owed.one"),
        facts(told),
        section(t("history"), table(heads, steps, t("history"), t("history.none"))),
        tools=tools,
    )
