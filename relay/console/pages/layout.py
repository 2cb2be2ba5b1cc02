"""What every page has: the head, the way around, who is signed in, and the part that refreshes itself.

Owns the frame. Pure. It must never know what a page shows. The traps: the part that refreshes is replaced as a whole, so
nothing that somebody types into stands in it; and without scripts everything works but the refreshing, so a link or a form
does each deed.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec

from relay.console.assets import CSS_PATH, ICON_PATH, JS_PATH
from relay.console.deeds import allowed
from relay.console.html import Child, Html, Value, address, h, join
from relay.console.identity import Person
from relay.console.words import NAMES, Words

NAV = (
    ("/", "overview"),
    ("/sessions", "sessions"),
    ("/traffic", "traffic"),
    ("/owed", "owed"),
    ("/outbound", "outbound"),
    ("/reports", "reports"),
    ("/journal", "journal"),
    ("/tables", "tables"),
    ("/system", "system"),
    ("/audit", "audit"),
)
FAILOVER = ("/failover", "failover")  # where an orchestrator can be asked
REFRESH_MS = 2_000


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks at what. `path` and `asked` are the page's own address, `csrf` and `form` go into every form of it."""

    words: Words
    center: str
    path: str
    now_ms: int
    asked: tuple[tuple[str, str], ...] = ()
    person: Person | None = None
    csrf: str = ""
    has_failover: bool = False

    def may(self, deed: str) -> bool:
        return self.person is not None and allowed(self.person.role, deed)


def page(frame: Frame, title: str, *body: Child, refresh_ms: int = 0, tools: Child = None) -> Html:
    """The whole document. With `refresh_ms` the body is asked for again; `tools` stand above it and stay as they are."""
    t = frame.words
    main = h(
        "main",
        h("h1", title),
        join(tools),
        h("div", join(*body), id="live", data_every=refresh_ms or None),
        id="main",
        tabindex="-1",
    )
    inside = (
        [main]
        if frame.person is None
        else [h("a", t("skip"), href="#main", class_="skip"), _top(frame), _nav(frame), main, _lost(t)]
    )
    return join(
        Html("<!doctype html>"),
        h(
            "html",
            h(
                "head",
                h("meta", charset="utf-8"),
                h("meta", name="viewport", content="width=device-width, initial-scale=1"),
                h("meta", name="color-scheme", content="dark"),
                h("title", f"{title} · {frame.center} · relay"),
                h("link", rel="icon", href=ICON_PATH, type="image/svg+xml"),
                h("link", rel="stylesheet", href=CSS_PATH),
                h("script", src=JS_PATH, defer=True),
            ),
            h("body", *inside, class_="signed" if frame.person else "alone"),
            lang=t.language,
        ),
    )


def _top(frame: Frame) -> Html:
    t, person = frame.words, frame.person
    assert person is not None  # page() draws it for somebody
    return h(
        "header",
        h("a", h("span", "relay", class_="brand"), " ", h("span", frame.center, class_="center"), href="/", class_="home"),
        h(
            "div",
            h("time", t.clock(frame.now_ms), id="clock", title=t("clock.what")),
            h("span", t.zone, class_="quiet"),
            class_="now",
        ),
        h(
            "div",
            languages(frame),
            h("span", person.name, " ", h("span", t(f"role.{person.role}"), class_="quiet"), class_="who"),
            h(
                "form",
                h("input", type="hidden", name="csrf", value=frame.csrf),
                h("button", t("sign-out"), type="submit", class_="plain"),
                method="post",
                action="/sign-out",
            ),
            class_="me",
        ),
        class_="top",
    )


def languages(frame: Frame) -> Html:
    """Links to this page in the other languages."""
    others = [(code, name) for code, name in NAMES.items() if code != frame.words.language]
    return join([h("a", name, href=_here(frame, code), lang=code, hreflang=code) for code, name in others])


def _here(frame: Frame, language: str) -> str:
    return f"{frame.path}?{urlencode([*((name, value) for name, value in frame.asked if name != 'lang'), ('lang', language)])}"


def _nav(frame: Frame) -> Html:
    t = frame.words
    items = [
        h(
            "li",
            h(
                "a",
                t(f"nav.{name}"),
                href=path,
                aria_current="page" if _is_here(path, frame.path) else None,
                data_key=(number + 1) % 10 if number < len(NAV) else None,
            ),
        )
        for number, (path, name) in enumerate((*NAV, FAILOVER) if frame.has_failover else NAV)
    ]
    return h("nav", h("ul", items), aria_label=t("nav"))


def _is_here(path: str, here: str) -> bool:
    return here == path or (path != "/" and here.startswith(f"{path}/"))


def _lost(t: Words) -> Html:
    """Shown by the script: when the relay does not answer, and while words are selected that a new look would take away."""
    return join(
        h("p", t("lost"), " ", h("time"), id="lost", role="alert", hidden=True),
        h("p", t("held"), " ", h("time"), id="held", role="status", hidden=True),
    )


# ---- parts that many pages have ----------------------------------------------------------------------------------------
def table(heads: Sequence[tuple[str, str]], rows: Sequence[Sequence[Child]], caption: str, empty: str) -> Html:
    """`heads` are (words, class): "n" for numbers, "b" for a list of words, "p" for a few, "t" for a name, "w" for any text,
    which may break. On a phone each cell has its head beside it."""
    if not rows:
        return h("p", empty, class_="empty")
    head = h("tr", [h("th", name, scope="col", class_=kind or None) for name, kind in heads])
    body = [
        h(
            "tr",
            [h("td", cell, class_=_kind(cell, kind), data_head=name) for cell, (name, kind) in zip(row, heads, strict=True)],
        )
        for row in rows
    ]
    return h(
        "div",
        h("table", h("caption", caption, class_="hidden"), h("thead", head), h("tbody", body)),
        class_="sheet",
        role="region",
        aria_label=caption,
        tabindex="0",
    )


def _kind(cell: Child, kind: str) -> str | None:
    """What says nothing takes no room on a phone."""
    return f"{kind} none".strip() if cell == "–" else kind or None


def tag(text: str, meaning: str = "") -> Html:
    """A word with its colour: good, warn, bad, or none. The word says it too."""
    return h("span", text, class_=f"tag {meaning}".strip())


def facts(pairs: Sequence[tuple[str, Child]]) -> Html:
    return h("dl", [join(h("dt", name), h("dd", value)) for name, value in pairs], class_="facts")


def link(text: str, path: str, **query: Value) -> Html:
    return h("a", text, href=address(path, **query))


def deed_link(frame: Frame, deed: str, is_main: bool = False, **query: Value) -> Html | None:
    """To the form of a deed, for whoever may do it."""
    if not frame.may(deed):
        return None
    return h(
        "a", frame.words(f"deed.{deed}"), href=address(f"/deed/{deed}", **query), class_="button main" if is_main else "button"
    )


def section(title: str, *children: Child, tools: Child = None) -> Html:
    return h("section", h("div", h("h2", title), join(tools), class_="title"), join(*children))


def choices(name: str, label: str, options: Sequence[tuple[str, str]], chosen: str) -> Html:
    """A field to choose from; each option is (value, words)."""
    return h(
        "label",
        h("span", label),
        h("select", [h("option", said, value=value, selected=value == chosen) for value, said in options], name=name),
    )


def text_field(name: str, label: str, value: str = "", kind: str = "text", **attributes: Value) -> Html:
    return h("label", h("span", label), h("input", type=kind, name=name, value=value, autocomplete="off", **attributes))
