"""The page: escaped, whole in itself, and with a word beside every colour."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import msgspec

from relay.reconcile.page import as_html
from relay.reconcile.report import Report, sign
from tests.relay.reconcile.test_report import REPORT
from tests.relay.reconcile.test_sheet import sheet

FULL = msgspec.structs.replace(REPORT, totals=sheet())


class Tags(HTMLParser):
    """Every tag is closed, and every row of a table has as many cells as its head."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[int] = []
        self.tables: list[list[int]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta",):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append(0)
        elif tag in ("td", "th"):
            self.rows[-1] += int(dict(attributes).get("colspan") or 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "table":
            self.tables.append(self.rows)
            self.rows = []


def test_it_is_well_made() -> None:
    for report in (REPORT, FULL, sign(FULL, "Sato", "seen", 5)):
        tags = Tags()
        tags.feed(as_html(report))
        assert tags.open == []
        assert all(len(set(rows)) == 1 for rows in tags.tables)


def test_it_escapes_and_needs_nothing_from_outside() -> None:
    page = as_html(FULL)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "\x1b" not in page
    for outside in ("http", "src=", "url(", "@import", "<link"):
        assert outside not in page
    assert "Signature" in page
    assert "Signature" not in as_html(sign(FULL, "Sato", "seen", 5))


def test_the_verdict_is_a_word() -> None:
    def verdict(report: Report) -> str:
        (found,) = re.findall(r"<span class='verdict (?:good|bad)'>([^<]+)<", as_html(report))
        return str(found)

    assert verdict(FULL) == "3 for a person"
    assert verdict(msgspec.structs.replace(REPORT, differences=())) == "All agree"
    assert verdict(msgspec.structs.replace(REPORT, differences=(), is_whole=False, trouble="circles")) == "NOT WHOLE"
    assert "✗ differs" in as_html(FULL)
    assert "@media print" in as_html(FULL)
