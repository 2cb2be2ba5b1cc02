"""The journal: what was made durable, searched and shown masked.

Owns its look. Pure. It must never show a card number; the reader gives none. The trap: a search without anything to look for
walks the whole journal, so it looks at the last hours where nobody says more.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from relay.console.html import Child, Html, address, h, join
from relay.console.pages.layout import Frame, choices, facts, page, section, table, tag, text_field
from relay.journal.reader import ExchangeDetail, ExchangeView
from relay.journal.records import StoredState

HOURS = (1, 6, 24, 72, 720)
HOURS_USUAL = 6
_MEANING = {"listed": "warn", "unproven": "warn", "held": "warn"}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the form says; empty texts match everything."""

    terminal: str = ""
    kind: str = ""
    state: str = ""
    business_date: str = ""
    hours: int = HOURS_USUAL


def journal(frame: Frame, found: Sequence[ExchangeView], asked: Asked, count_max: int, problem: str = "") -> Html:
    t = frame.words
    heads = [
        (t("col.recorded"), "n"),
        (t("col.terminal"), "t"),
        (t("col.kind"), "p"),
        (t("col.amount"), "n"),
        (t("col.state"), "p"),
        (t("col.code"), ""),
        (t("col.pan"), "n d"),
        (t("col.key"), "k"),
    ]
    counted = t("journal.count", n=t.number(len(found)))
    is_cut = len(found) >= count_max
    return page(
        frame,
        t("nav.journal"),
        h("p", problem, class_="wrong", role="alert") if problem else None,
        h("p", counted, f" · {t('journal.cut')}" if is_cut else None, class_="count"),
        table(heads, [_row(frame, view) for view in found], t("nav.journal"), t("journal.none")),
        tools=_search(frame, asked),
    )


def _search(frame: Frame, asked: Asked) -> Html:
    t = frame.words
    states = [("", t("every")), *((each.value, t.maybe(f"stored.{each.value}", each.value)) for each in StoredState)]
    hours = [(str(each), t("journal.hours", n=each) if each < 48 else t("journal.days", n=each // 24)) for each in HOURS]
    return join(
        h(
            "form",
            text_field("terminal", t("col.terminal"), asked.terminal, maxlength=64, data_search=True),
            text_field("kind", t("col.kind"), asked.kind, maxlength=64),
            choices("state", t("col.state"), states, asked.state),
            text_field("business_date", t("col.business-date"), asked.business_date, maxlength=10, title="YYYY-MM-DD"),
            choices("hours", t("journal.since"), hours, str(asked.hours)),
            h("button", t("find"), type="submit"),
            method="get",
            action="/journal",
            class_="search",
            role="search",
        ),
        h(
            "form",
            text_field("key", t("journal.by-key"), maxlength=400, required=True),
            h("button", t("journal.show"), type="submit"),
            method="get",
            action="/journal/one",
            class_="search",
        ),
    )


def _row(frame: Frame, view: ExchangeView) -> list[Child]:
    t = frame.words
    return [
        h("a", t.moment(view.recorded_ms), href=address("/journal/one", key=view.key)),
        view.terminal,
        view.kind,
        t.money(view.amount_minor, view.currency),
        _state(frame, view),
        view.code or "–",
        view.pan or "–",
        h("span", view.key, title=view.key),
    ]


def _state(frame: Frame, view: ExchangeView) -> Html:
    return tag(frame.words.maybe(f"stored.{view.state}", view.state), _MEANING.get(view.state, ""))


def journal_one(frame: Frame, detail: ExchangeDetail) -> Html:
    t, view = frame.words, detail.exchange
    told: list[tuple[str, Child]] = [
        (t("col.key"), view.key),
        (t("journal.number"), str(view.exchange_id)),
        (t("col.terminal"), f"{view.terminal} · {view.listener}"),
        (t("col.kind"), f"{view.message_class} · {view.kind} · {view.policy}"),
        (t("col.amount"), t.money(view.amount_minor, view.currency)),
        (t("owed.stands"), "–" if view.standing_minor is None else t.money(view.standing_minor, view.currency)),
        (t("col.pan"), view.pan or "–"),
        (t("col.state"), _state(frame, view)),
        (t("col.code"), f"{view.verdict or '–'} {view.code or ''}"),
        (t("col.business-date"), view.business_date or "–"),
        (
            t("col.original"),
            h("a", view.original_key, href=address("/journal/one", key=view.original_key)) if view.original_key else "–",
        ),
        (t("col.tries"), t.number(view.tries)),
        (t("journal.epoch"), f"{view.epoch} · {view.incarnation}"),
        (t("col.recorded"), t.moment(view.recorded_ms)),
        (t("journal.updated"), t.moment(view.updated_ms)),
        (t("journal.evidence"), h("code", view.evidence) if view.evidence else "–"),
    ]
    steps: list[list[Child]] = [
        [
            t.moment(line.at_ms),
            line.event,
            t.maybe(f"stored.{line.state.value}", line.state.value),
            h("span", line.detail, lang="en") if line.detail else "–",
        ]
        for line in detail.history
    ]
    heads = [(t("col.at"), "n"), (t("col.event"), ""), (t("col.state"), ""), (t("col.detail"), "w")]
    return page(
        frame,
        t("journal.one"),
        facts(told),
        section(t("history"), table(heads, steps, t("history"), t("history.none"))),
        tools=h("p", h("a", t("back"), href="/journal", class_="button"), class_="deeds"),
    )
