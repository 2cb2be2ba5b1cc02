"""The picture: a bar per step that began, in the colours of its standing, names escaped."""

from __future__ import annotations

from xml.etree import ElementTree

from relay.failover.bankday import BankClock
from relay.failover.timeline import timeline_svg
from relay.failover.view import view_of
from tests.support.failoverbook import Book


def drawn(book: Book) -> str:
    return timeline_svg(view_of(book.run, book.keeper.entries, book.time.wall_ms(), BankClock(), center="tokyo"))


def test_each_step_that_began_has_a_bar_in_its_place() -> None:
    book = Book()
    book.to_gate(1)
    book.wait(30_000)
    book.passed(1)
    book.looked("block-tokyo")
    book.wait(30_000)
    picture = ElementTree.fromstring(drawn(book))
    rects = picture.findall("{http://www.w3.org/2000/svg}rect")
    waits = [rect for rect in rects if rect.get("fill") == "#eef2f6"]
    assert [(float(rect.get("x", 0)), float(rect.get("width", 0))) for rect in waits] == [(210, 390)]  # gate 1: half of it
    bars = [rect for rect in rects if rect.get("fill") != "#eef2f6"]
    assert len(bars) == 4  # three of the preparation, and the block
    assert float(bars[3].get("x", 0)) == 210 + 780 / 2
    assert float(bars[3].get("width", 0)) == 780 / 2
    assert "timeline of r1" in picture.get("aria-label", "")


def test_before_any_time_has_passed_there_is_nothing_to_draw() -> None:
    book = Book()
    book.declare()
    assert drawn(book) == "<p>nothing to draw</p>"
