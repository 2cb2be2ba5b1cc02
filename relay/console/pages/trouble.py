"""A page for what cannot be shown: not found, not allowed, not now. Pure; in the reader's language, with the way back."""

from __future__ import annotations

from relay.console.html import Html, h
from relay.console.pages.layout import Frame, page


def trouble(frame: Frame, what: str, detail: str = "", next_step: str = "") -> Html:
    """`what` is a key under `trouble`; `detail` and `next_step` are the relay's own words."""
    t = frame.words
    return page(
        frame,
        t(f"trouble.{what}"),
        h("p", t(f"trouble.{what}.what")),
        h("p", detail, lang="en", class_="said") if detail else None,
        h("p", next_step, lang="en", class_="quiet") if next_step else None,
        h("p", h("a", t("trouble.home"), href="/", class_="button main"), class_="deeds"),
    )
