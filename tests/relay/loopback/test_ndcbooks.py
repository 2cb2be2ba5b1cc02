"""The notes of a machine are always somewhere, and the acts say the same as the notes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from relay.loopback import ndcbooks
from relay.loopback.ndcbooks import NoteBooks

VALUES, LOADED = (1_000, 5_000, 10_000, 0), (10, 10, 10, 0)


def test_every_note_is_somewhere() -> None:
    books = NoteBooks()
    machine = books.install("A", VALUES, LOADED)
    act = books.begin("A", "account", 16_000)
    machine.stack((1, 1, 1, 0))
    machine.hand_over(act, (0, 1, 0, 0))
    machine.retract()
    machine.stack((2, 0, 0, 0))
    machine.purge()
    assert (act.taken, machine.retracted, machine.rejected) == (5_000, [1, 0, 1, 0], [2, 0, 0, 0])
    assert machine.missing() == [0, 0, 0, 0]
    assert books.imbalance() == {}
    assert books.total_taken() == 5_000


def test_notes_that_vanish_or_were_never_handed_over_are_found() -> None:
    books = NoteBooks()
    machine = books.install("A", VALUES, LOADED)
    machine.cassettes[0] -= 1
    assert "nowhere" in books.imbalance()["A"]
    machine.cassettes[0] += 1
    books.begin("A", "account", 1_000).taken = 1_000
    assert "the acts say 1000" in books.imbalance()["A"]


def test_an_empty_cassette_gives_nothing() -> None:
    machine = NoteBooks().install("A", VALUES, LOADED)
    with pytest.raises(ValueError, match="empty"):
        machine.stack((11, 0, 0, 0))
    assert machine.cassettes == list(LOADED)


def test_a_host_that_uses_a_tsn_twice_for_money_is_found() -> None:
    books = NoteBooks()
    for _ in range(2):
        books.begin("A", "account", 1_000).tsn = "0001"
    with pytest.raises(ValueError, match="twice"):
        books.taken_by_act()


def test_the_books_import_nothing_of_what_they_check() -> None:
    tree = ast.parse(Path(ndcbooks.__file__).read_text("utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"__future__", "collections.abc"}
