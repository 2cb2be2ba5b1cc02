"""The page of a run: what to type stands beside what was seen, and a stranger's text obeys nobody."""

from __future__ import annotations

import msgspec

from relay.cli.failoverpage import lines_of
from relay.failover import events as e
from relay.failover.bankday import BankClock
from relay.failover.evidence import CenterFacts, Evidence
from relay.failover.view import RunView, view_of
from tests.support.failoverbook import Book


def shown(book: Book) -> RunView:
    return view_of(book.run, book.keeper.entries, book.time.wall_ms(), BankClock(), center="tokyo", may_act=True)


def test_a_gate_says_what_to_type() -> None:
    book = Book()
    book.to_gate(2)
    view = shown(book)
    page = "\n".join(lines_of(view))
    assert view.gate is not None
    assert f"relay failover approve 2 --seen {view.gate.binding[:16]}" in page
    for expected in (
        "a bank day",
        "phase core",
        "GATE 2 waits since",
        "copy behind by 3 s",
        "it can be called off",
        "projected end",
    ):
        assert expected in page, expected
    book.write(book.approved(2, "Baba", "operations"))
    book.wait(301_000)
    late = "\n".join(lines_of(shown(book)))
    assert "STALE, to be given anew" in late
    assert "(STALE: wait" in late


def test_trouble_is_said_and_escape_bytes_are_not_passed_on() -> None:
    book = Book()
    book.to_gate(1)
    book.show(Evidence(centers=(CenterFacts(center="osaka", trouble="away \x1b[31m"),), remarks=("mind \x1b[2J",)))
    book.write(e.PeerAway(why="cut"))
    book.write(e.Held(who="Doi \x1b[1m", why="look \x1b[0m"))
    view = shown(book)
    page = "\n".join(lines_of(view))
    for expected in ("HELD by Doi", "THE PEER HAS NO COPY", "away ?[31m", "copy behind by not known"):
        assert expected in page, expected
    assert "\x1b" not in page
    stopped = "\n".join(lines_of(msgspec.structs.replace(view, may_act=False, stopped="superseded")))
    assert "the orchestrator of tokyo acts" in stopped
    assert "stopped: superseded" in stopped


def test_without_a_run_there_is_the_day() -> None:
    page = "\n".join(lines_of(view_of(Book().run, (), 1_795_482_000_000, BankClock(), center="osaka")))
    assert "no run was declared here" in page
