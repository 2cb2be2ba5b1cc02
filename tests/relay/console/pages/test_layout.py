"""The frame of every page: who is signed in, where one is, what refreshes itself, and nothing for a stranger."""

from __future__ import annotations

import msgspec

from relay.console.html import h
from relay.console.identity import Role
from relay.console.pages.layout import NAV, deed_link, page, table
from tests.support.consoleroom import assert_page, frame, tags_of, words_of


def test_a_page_of_somebody_and_of_nobody() -> None:
    made = page(frame("/owed/one"), "Title <b>", h("p", "x"), refresh_ms=2_000, tools=h("i"))
    assert_page(made)
    tags = tags_of(made)
    current = [given["href"] for tag, given in tags if tag == "a" and given.get("aria-current") == "page"]
    assert current == ["/owed"]
    assert len([given for tag, given in tags if tag == "a" and "data-key" in given]) == len(NAV)
    live = next(given for _, given in tags if given.get("id") == "live")
    assert live["data-every"] == "2000"
    assert made.index("<i>") < made.index('id="live"'), "what one types into does not refresh"
    assert "Title &lt;b&gt;" in made
    alone = page(frame("/login", role=None), "Sign in", h("p", "x"))
    assert_page(alone)
    assert not [tag for tag, _ in tags_of(alone) if tag in ("nav", "header")]


def test_deeds_are_offered_to_who_may_do_them() -> None:
    assert deed_link(frame(role=Role.VIEWER), "resolve", key="k") is None
    made = deed_link(frame(role=Role.OPERATOR), "resolve", key='k"<')
    assert made is not None
    assert '/deed/resolve?key=k%22%3C"' in made


def test_a_table_says_its_heads_on_a_phone_and_that_it_is_empty() -> None:
    made = table([("Name", ""), ("Count", "n")], [["<a>", "1"]], "Rows", "None.")
    assert '<td data-head="Name">&lt;a&gt;</td><td class="n" data-head="Count">1</td>' in made
    assert "<caption" in made
    nothing = table([("Name", "w"), ("Why", "")], [["–", "–"]], "Rows", "None.")
    assert '<td class="w none"' in nothing, "what says nothing takes no room on a phone"
    assert '<td class="none"' in nothing
    assert words_of(table([("Name", "")], [], "Rows", "None.")) == "None."


def test_the_other_language_is_of_the_same_page() -> None:
    made = page(msgspec.structs.replace(frame("/sessions"), asked=(("q", '"><b>'), ("lang", "en"), ("q", "x&y"))), "Sessions")
    assert_page(made)
    assert 'href="/sessions?q=%22%3E%3Cb%3E&amp;q=x%26y&amp;lang=ja"' in made
