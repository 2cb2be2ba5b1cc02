"""The report says who decided what on which evidence, as JSON and as one page in which nothing of a stranger's is alive."""

from __future__ import annotations

from html.parser import HTMLParser

import msgspec

from relay.failover import events as e
from relay.failover.bankday import BankClock
from relay.failover.evidence import CenterFacts, Evidence, binding_of
from relay.failover.report import Report, report_html, report_json, report_of
from tests.support.failoverbook import Book
from tests.support.failoverexample import ROOT, example

EVIL = "<script>alert(1)</script>\"' onload=x & </title><img src=x>"


def reported(book: Book) -> Report:
    return report_of(book.run, book.keeper.entries, book.time.wall_ms(), BankClock(), "tokyo", book.keeper.last)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def evil_book() -> Book:
    book = Book()
    book.to_gate(1)
    evidence = Evidence(centers=(CenterFacts(center="tokyo", trouble=EVIL, listed=3, tail_left=2),), lag_ms=1, zengin=EVIL)
    digest = book.show(evidence)
    binding = binding_of("r1", 1, "", book.run.plan_version, digest)
    book.write(e.Approved(gate=1, who="Baba", role="operations", evidence_digest=digest, binding=binding, why=EVIL))
    book.write(e.Withdrawn(gate=1, who="Baba", why=EVIL))
    book.write(e.BrokeGlass(gate=1, who=EVIL, seal="envelope-1", evidence_digest=digest, binding=binding, why=EVIL))
    book.write(e.GatePassed(gate=1))
    book.wait(60_000)
    book.looked("block-tokyo")
    book.write(e.Intended(step="block-tokyo", attempt=1, token="t"))
    book.wait(1_000)
    book.write(e.Finished(step="block-tokyo", result="failed", detail=EVIL))
    book.write(e.Answered(step="block-tokyo", how="waived", who="Baba", second="Chiba", evidence=EVIL))
    book.write(e.Held(who=EVIL, why=EVIL))
    return book


def test_nothing_in_the_page_is_alive() -> None:
    page = report_html(reported(evil_book()))
    tags = Tags()
    tags.feed(page)
    assert tags.tags <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "code", "table", "thead", "tbody", "tr", "th", "td",
        "svg", "rect", "text", "line",
    }  # fmt: skip
    assert not {name for name in tags.attributes if name.startswith("on") or name in ("src", "href", "style")}
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_the_report_says_who_decided_what_on_which_evidence() -> None:
    report = reported(evil_book())
    assert [(one.what, one.gate) for one in report.decisions] == [("approved", 1), ("withdrawn", 1), ("GLASS BROKEN", 1)]
    assert report.decisions[0].evidence is not None
    assert report.decisions[0].evidence.zengin == EVIL
    assert report.unknowns == (("tokyo", 3, 2),)
    assert [row.what for row in report.answers] == ["answered"]
    assert report.lines == len(report.view.log)


def test_the_example_in_the_documents_is_what_is_made() -> None:
    for name, content in example().items():
        assert (ROOT / "docs" / name).read_bytes() == content, f"{name}: python -m tests.support.failoverexample"


def test_as_json_it_is_read_back_whole() -> None:
    report = reported(evil_book())
    assert msgspec.json.decode(report_json(report), type=Report) == report
