"""Deeds, newest first; an end that nobody knows is not shown as done."""

from __future__ import annotations

from relay.console.audit import Entry
from relay.console.pages.audit import PAGE_COUNT, audit
from tests.support.consoleroom import assert_page, frame, words_of


def entry(number: int, result: str = "done", deed: str = "saf-retry") -> Entry:
    return Entry(
        number=number,
        at_ms=1_000,
        who="<b>sato",
        role="operator",
        address="192.0.2.7",
        deed=deed,
        target="key=<k>",
        why="because <i>",
        result=result,
        said="asked",
    )


def test_the_record() -> None:
    made = audit(frame("/audit"), [entry(3, ""), entry(2, "refused"), entry(1, deed="<gone>")])
    assert_page(made)
    said = words_of(made)
    assert "end not known" in said
    assert "refused" in said
    assert "Ask the core again" in said
    assert "<b>sato" not in made
    assert "&lt;gone&gt;" in made
    assert "below=" not in made


def test_a_full_page_leads_to_the_older_ones() -> None:
    assert "/audit?below=5" in audit(frame("/audit"), [entry(number) for number in range(PAGE_COUNT + 4, 4, -1)])
    assert_page(audit(frame("/audit", language="ja"), []))
