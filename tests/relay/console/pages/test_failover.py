"""The failover room: everything that somebody at a gate has to read, masked and escaped, and nothing to press."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.cli.failoverpage import lines_of
from relay.console.pages.failover import failover
from relay.console.words import Language
from relay.errors import RelayError
from relay.failover import events as e
from relay.failover.bankday import BankClock
from relay.failover.evidence import Evidence
from relay.failover.view import RunView, view_of
from tests.support.consoleroom import ConsoleRoom, assert_page, frame, words_of
from tests.support.failoverbook import Book


def shown(book: Book) -> RunView:
    return view_of(book.run, book.keeper.entries, book.time.wall_ms(), BankClock(), center="tokyo", may_act=True)


def at_gate_2() -> Book:
    book = Book()
    book.to_gate(2)
    book.write(book.approved(2, "Baba", "operations"))
    book.write(e.Said(topic="remark", text="<script>alert(1)</script> 4000001234567899", who="Baba"))
    return book


@pytest.mark.parametrize("language", ["en", "ja"])
def test_what_is_read_at_a_gate_is_there(language: Language) -> None:
    view = shown(at_gate_2())
    assert view.gate is not None
    made = failover(frame("/failover", language=language), view, 5_000)
    assert_page(made)
    said = words_of(made)
    for word in ("r1", "tokyo (7) → osaka (8)", "Abe", "Baba", "business", "2026-11-24", "move-the-record", "snapshot"):
        assert word in said, word
    assert f"relay failover approve 2 --seen {view.gate.binding[:16]} --role ROLE" in said
    assert "<script>alert" not in made
    assert "4000001234567899" not in made
    assert "<form" not in made.partition('id="main"')[2], "nothing on it does anything"
    assert ("Gate 2" in said) == (language == "en")


def test_what_is_wrong_is_said_aloud() -> None:
    book = at_gate_2()
    book.write(e.Held(why="the copy stands still", who="Doi"))
    book.write(e.PeerAway(why="cut"))
    book.wait(3_600_000)
    said = words_of(failover(frame("/failover"), shown(book), 5_000))
    for word in ("Doi: the copy stands still", "HAS NO COPY", "THE TARGET WILL BE MISSED", "stale", "it can be called off"):
        assert word in said, word
    book.write(e.Resumed(who="Doi", why="x"))
    book.write(e.Answered(step="promote", how="by-hand", who="Baba", second="Chiba", evidence="seen"))
    assert "the point of no return is passed" in words_of(failover(frame("/failover"), shown(book), 5_000))


def test_all_of_a_snapshot_that_decides_anything_is_shown() -> None:
    """An approval signs the whole of it."""
    book = at_gate_2()
    book.show(
        Evidence(lag_ms=9_000, is_peer_away=True, is_lag_accepted=True, batch_checkpoint="step 14", zengin="open till 15")
    )
    said = words_of(failover(frame("/failover"), shown(book), 5_000))
    on_paper = "\n".join(lines_of(shown(book)))
    for word in ("to go on alone", "step 14", "open till 15", "loss is accepted"):
        assert word in said, word
        assert word in on_paper, word


def test_without_a_run_there_is_the_calendar() -> None:
    said = words_of(failover(frame("/failover"), shown(Book()), 5_000))
    assert "No run was declared here." in said
    assert "core hours end" in said


@pytest.mark.parametrize("is_configured", [True, False])
async def test_it_is_there_where_an_orchestrator_can_be_asked(tmp_path: Path, is_configured: bool) -> None:
    room = ConsoleRoom(tmp_path)
    room.restart(has_failover=is_configured)
    room.sources.answers["failover-status"] = shown(at_gate_2())
    person = room.browser()
    await person.sign_in("viewer")
    await person.get("/failover")
    assert person.status == (200 if is_configured else 404)
    assert ('href="/failover"' in await person.get("/")) is is_configured
    if is_configured:
        room.time.run(60_000)
        room.sources.answers["failover-status"] = RelayError("no orchestrator answers.", "systemctl status relay-failover")
        assert "no orchestrator answers." in words_of(await person.get("/failover"))
