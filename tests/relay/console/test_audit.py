"""The record of deeds: numbered on through lives, bounded, and an end is written over its beginning."""

from __future__ import annotations

import msgspec
import pytest

from relay.console import audit as module
from relay.console.audit import ENTRIES_COUNT_MAX, LINK_NAME, Book, Entry
from relay.journal.port import StepResult
from tests.support.consoleroom import Variables

ENTRY = Entry(at_ms=1, who="sato", role="operator", address="192.0.2.7", deed="saf-retry", target="key=k", why="asked")


def test_a_deed_is_kept_before_and_after() -> None:
    variables = Variables()
    book, told = Book(variables), list[StepResult]()
    noted = book.note(ENTRY, told.append)
    assert told == [None]
    assert [each.result for each in Book(variables).newest(10)] == [""], "its end is not known yet"
    book.ended(noted, "done", "asked again")
    (kept,) = Book(variables).newest(10)
    assert (kept.number, kept.result, kept.said, kept.why) == (1, "done", "asked again", "asked")


def test_numbers_go_on_in_another_life_and_pages_go_back() -> None:
    variables = Variables()
    for life in range(3):
        book = Book(variables)
        for number in range(4):
            book.note(msgspec.structs.replace(ENTRY, at_ms=life * 10 + number), lambda _: None)
    assert [each.number for each in book.newest(3)] == [12, 11, 10]
    assert [each.number for each in book.newest(3, below=10)] == [9, 8, 7]
    assert book.newest(3, below=1) == []


def test_the_oldest_makes_room() -> None:
    variables = Variables()
    for number in range(1, ENTRIES_COUNT_MAX + 1):
        kept = msgspec.msgpack.encode(msgspec.structs.replace(ENTRY, number=number))
        variables.store_variable(LINK_NAME, f"entry/{number:012}", kept, lambda _: None)
    book = Book(variables)
    for _ in range(2):
        book.note(ENTRY, lambda _: None)
    assert len(variables.kept[LINK_NAME]) == ENTRIES_COUNT_MAX
    assert book.newest(ENTRIES_COUNT_MAX + 5)[-1].number == 3


def test_who_may_only_look_pushes_out_nobodys_deeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """By signing in and out for an hour."""
    monkeypatch.setattr(module, "COMINGS_COUNT_MAX", 5)
    variables = Variables()
    book = Book(variables)
    book.note(ENTRY, lambda _: None)
    for number in range(20):
        if number == 10:
            book = Book(variables)  # another life
        book.note(msgspec.structs.replace(ENTRY, deed=("sign-in", "sign-out")[number % 2]), lambda _: None)
    assert [each.number for each in book.newest(100)] == [21, 20, 19, 18, 17, 1]


def test_a_record_that_is_not_written_is_told() -> None:
    variables, told = Variables(), list[StepResult]()
    variables.is_failing = True
    Book(variables).note(ENTRY, told.append)
    assert told != [None]
    assert Book(variables).newest(10) == []


def test_sessions_are_kept_beside_the_deeds() -> None:
    variables = Variables()
    book = Book(variables)
    book.note(ENTRY, lambda _: None)
    book.keep_session("d1", b"x")
    assert dict(Book(variables).sessions()) == {"d1": b"x"}
    book.keep_session("d1", None)
    assert not Book(variables).sessions()
