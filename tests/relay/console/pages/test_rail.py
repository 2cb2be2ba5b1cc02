"""The run at one look: what is past, where it stands, what is ahead, and the way back."""

from __future__ import annotations

import re

import msgspec
import pytest

from relay.console.pages.rail import rail
from relay.failover import events as e
from relay.failover.bankday import BankClock
from relay.failover.view import RunView, view_of
from tests.support.consoleroom import assert_page, frame, words_of
from tests.support.failoverbook import Book

PARTS = ("Gate 1", "Seal", "Gate 2", "Promote", "Record", "Verify", "Gate 3", "Release")


def shown(book: Book) -> RunView:
    return view_of(book.run, book.keeper.entries, book.time.wall_ms(), BankClock(), center="tokyo", may_act=True)


def stands(view: RunView) -> list[str]:
    made = rail(frame("/failover"), view)
    assert made is not None
    return [found.split()[0] for found in re.findall(r'<li class="([^"]*)"', made)]


@pytest.mark.parametrize(("gate", "past"), [(1, 0), (2, 2), (3, 6)])
def test_what_is_past_and_what_is_ahead(gate: int, past: int) -> None:
    book = Book()
    book.to_gate(gate)
    assert stands(shown(book)) == ["past"] * past + ["here"] + ["ahead"] * (7 - past)
    made = rail(frame("/failover"), shown(book))
    assert made is not None
    said = words_of(made)
    assert [said.index(part) for part in PARTS] == sorted(said.index(part) for part in PARTS)
    assert made.count('aria-current="step"') == 1
    assert re.search(r"<li[^>]*no-return.*Promote.*no way back from here", made)
    assert "gate" in said


def test_nothing_without_a_run_and_a_frame_that_holds_it() -> None:
    assert rail(frame("/failover"), RunView()) is None
    book = Book()
    book.declare()
    assert stands(shown(book)) == ["ahead"] * 8
    made = rail(frame("/failover", language="ja"), shown(book))
    assert made is not None
    assert "ここから後戻り不可" in made
    assert_page(f'<h1></h1><script src="/x"></script>{made}')


def test_held_called_off_and_late() -> None:
    book = Book()
    book.to_gate(2)
    book.write(e.Held(why="the copy stands still", who="Doi"))
    book.wait(3_600_000)
    made = rail(frame("/failover"), shown(book))
    assert made is not None
    assert "Held: gate 2 waits" in words_of(made)
    assert "THE TARGET WILL BE MISSED" in words_of(made)
    assert " over" in made, "its own budget as well"
    back = msgspec.structs.replace(shown(book), state="ABORTED", held="", clock=_without_a_part(shown(book)))
    assert stands(back)[-1] == "never"
    assert "Projected end" not in words_of(rail(frame("/failover"), back) or "")


def _without_a_part(view: RunView) -> object:
    assert view.clock is not None
    parts = tuple(msgspec.structs.replace(part, is_now=False) for part in view.clock.parts)
    return msgspec.structs.replace(view.clock, parts=parts)
