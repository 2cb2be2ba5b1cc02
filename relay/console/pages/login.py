"""The page in front of all others: a name, a password, and one sentence about what was wrong.

Owns its look. Pure. The trap: the sentence never says whether it was the name or the password.
"""

from __future__ import annotations

from relay.console.html import Html, h
from relay.console.pages.layout import Frame, languages, page


def login(frame: Frame, *, next_path: str = "/", name: str = "", problem: str = "") -> Html:
    """`csrf` of the frame is the form's, bound to a cookie of its own. `next_path` is a path of ours."""
    t = frame.words
    form = h(
        "form",
        h("p", h("span", "relay", class_="brand"), " ", h("span", frame.center, class_="center"), class_="home"),
        h("p", problem, class_="wrong", role="alert") if problem else None,
        h("input", type="hidden", name="csrf", value=frame.csrf),
        h("input", type="hidden", name="next", value=next_path),
        h(
            "label",
            h("span", t("login.name")),
            h(
                "input",
                type="text",
                name="name",
                value=name,
                autocomplete="username",
                autocapitalize="none",
                spellcheck="false",
                required=True,
                maxlength=64,
                autofocus=not name,
            ),
        ),
        h(
            "label",
            h("span", t("login.password")),
            h(
                "input",
                type="password",
                name="password",
                autocomplete="current-password",
                required=True,
                maxlength=200,
                autofocus=bool(name),
            ),
        ),
        h("button", t("login.enter"), type="submit", class_="main"),
        h("p", t("login.note"), class_="quiet"),
        h("p", languages(frame), class_="quiet"),
        method="post",
        action="/login",
        class_="login",
    )
    return page(frame, t("login"), form)
