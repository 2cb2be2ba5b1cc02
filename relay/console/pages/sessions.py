"""Live sessions: found by terminal or address, by line, dialect and branch; a page at a time.

Owns its look. Pure. It must never walk the roster (roll.py does, in slices). The trap: a terminal's name is what a peer said
it is, and here it stands in the middle of a page.
"""

from __future__ import annotations

from collections.abc import Sequence

from relay.console.html import Child, Html, address, h, join
from relay.console.pages.layout import Frame, choices, page, table, tag, text_field
from relay.console.roll import TEXT_CHARS_MAX, Page, Wanted

SIGNED = {"yes": True, "no": False}


def sessions(frame: Frame, found: Page, wanted: Wanted, listeners: Sequence[str], refresh_ms: int) -> Html:
    t = frame.words
    return page(
        frame,
        t("nav.sessions"),
        _counted(frame, found),
        table(_heads(frame), _rows(frame, found), t("nav.sessions"), t("sessions.none")),
        _turning(frame, found, wanted),
        refresh_ms=refresh_ms,
        tools=_search(frame, found, wanted, listeners),
    )


def _search(frame: Frame, found: Page, wanted: Wanted, listeners: Sequence[str]) -> Html:
    t = frame.words
    everything = ("", t("every"))
    signed = "" if wanted.is_signed_on is None else "yes" if wanted.is_signed_on else "no"
    branches = [(name, f"{name} ({t.number(count)})") for name, count in found.branches]
    if wanted.branch and wanted.branch not in dict(found.branches):
        branches.append((wanted.branch, wanted.branch))
    dialects = [(name, f"{name} ({t.number(count)})") for name, count in found.dialects]
    signing = [everything, ("yes", t("sessions.signed-on")), ("no", t("sessions.not-signed-on"))]
    return h(
        "form",
        text_field("q", t("sessions.find"), wanted.text, "search", maxlength=TEXT_CHARS_MAX, data_search=True),
        choices("dialect", t("col.dialect"), [everything, *dialects], wanted.dialect),
        choices("branch", t("col.branch"), [everything, *branches], wanted.branch),
        choices("listener", t("col.listener"), [everything, *((name, name) for name in listeners)], wanted.listener),
        choices("signed", t("col.state"), signing, signed),
        h("button", t("find"), type="submit"),
        h("a", t("clear"), href="/sessions", class_="button"),
        method="get",
        action="/sessions",
        class_="search",
        role="search",
    )


def _counted(frame: Frame, found: Page) -> Html:
    t = frame.words
    return h(
        "p", t("sessions.count", n=t.number(found.matching), all=t.number(found.total)), class_="count", aria_live="polite"
    )


def _heads(frame: Frame) -> list[tuple[str, str]]:
    t = frame.words
    return [
        (t("col.terminal"), "k"),
        (t("col.branch"), ""),
        (t("col.dialect"), ""),
        (t("col.listener"), ""),
        (t("col.state"), ""),
        (t("col.in"), "n"),
        (t("col.out"), "n"),
        (t("col.since"), "n"),
        (t("col.peer"), "n d"),
    ]


def _rows(frame: Frame, found: Page) -> list[list[Child]]:
    t = frame.words
    rows: list[list[Child]] = []
    for row in found.rows:
        entry = row.entry
        state = tag(t("sessions.signed-on")) if entry.signed_on else tag(t("sessions.not-signed-on"), "warn")
        rows.append(
            [
                h("a", entry.terminal, href=address("/journal", terminal=entry.terminal)) if entry.terminal else "–",
                row.branch or "–",
                row.dialect,
                entry.listener,
                state,
                t.number(entry.messages_in),
                t.number(entry.messages_out),
                t.duration(found.at_ms - entry.since_ms),
                entry.peer,
            ]
        )
    return rows


def _turning(frame: Frame, found: Page, wanted: Wanted) -> Html | None:
    """To the page before and the page after."""
    if not found.rows or not (found.has_before or found.has_after):
        return None
    t = frame.words
    signed = "" if wanted.is_signed_on is None else "yes" if wanted.is_signed_on else "no"
    asked = {"q": wanted.text, "dialect": wanted.dialect, "branch": wanted.branch, "listener": wanted.listener}
    before = address("/sessions", **asked, signed=signed, before=found.rows[0].mark)
    after = address("/sessions", **asked, signed=signed, after=found.rows[-1].mark)
    return h(
        "nav",
        join(
            h("a", t("page.before"), href=before, class_="button", rel="prev") if found.has_before else None,
            h("a", t("page.after"), href=after, class_="button", rel="next") if found.has_after else None,
        ),
        class_="turning",
        aria_label=t("page.turn"),
    )
