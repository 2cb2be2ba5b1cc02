"""Damaged logs in the failover room: said before anything else, with the line to type where people have to decide."""

from __future__ import annotations

import pytest

from relay.console.pages.failover import failover
from relay.console.pages.failover_damage import damage_of
from relay.console.words import Language
from relay.failover.damage import Damaged
from relay.failover.room import RoomView
from relay.failover.view import RunView
from tests.support.consoleroom import assert_page, frame, words_of
from tests.support.failoverbook import Book
from tests.support.toproom import run_view

UNCLEAR = Damaged(run="r0", why="line 9 <b>is</b> another one.", digest="3f9ac1d27be04411aa", lines=8, state="G2_WAIT")
OVER = Damaged(run="r1", why="line 2 is another one.", standing="over", proof="DONE with line 90")
ASIDE = Damaged(run="r2", why="empty.", standing="laid-aside", proof="Baba and Chiba: card 4000001234567899")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_what_is_known_of_each_is_there_and_the_line_for_two(language: Language) -> None:
    view = RunView(center="tokyo", damaged=(UNCLEAR, OVER, ASIDE), copy_trouble="no space.")
    made = failover(frame("/failover", language=language), RoomView(view=view), 5_000)
    assert_page(made)
    said = words_of(made)
    for word in ("r0", "G2_WAIT", "DONE with line 90", "Baba and Chiba", "no space."):
        assert word in said, word
    assert "relay failover lay-aside r0 --seen 3f9ac1d27be04411 --second NAME" in said
    assert said.count("lay-aside") == 1
    assert "<b>is" not in made
    assert "4000001234567899" not in made
    assert ("NOBODY KNOWS" in said) == (language == "en")


def test_it_stands_beside_a_run_too_and_not_where_nothing_is_wrong() -> None:
    book = Book()
    book.to_gate(1)
    view = run_view(book)
    assert damage_of(frame("/failover"), view) is None
    trouble = RunView(center="tokyo", copy_trouble="no space.")
    assert "no space." in words_of(damage_of(frame("/failover"), trouble) or "")
