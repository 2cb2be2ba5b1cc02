"""Another center's variables: seen while its journal is at work here, and written only where that center keeps them itself."""

from __future__ import annotations

from relay.journal.inherited import Inherited
from tests.support.wireworld import Variables


def adopted() -> tuple[Inherited, Variables]:
    inherited, theirs = Inherited(), Variables()
    theirs.kept["ndc"] = {"tsn/1": b"5"}
    return inherited, theirs


def test_a_view_fills_and_empties_with_the_journal() -> None:
    inherited, theirs = adopted()
    view = inherited.variables("ndc")
    assert (dict(view), len(view), "tsn/1" in view) == ({}, 0, False)
    inherited.adopted = theirs
    assert (dict(view), len(view), "tsn/1" in view) == ({"tsn/1": b"5"}, 1, True)
    assert dict(inherited.variables("branch")) == {}
    inherited.adopted = None
    assert view.get("tsn/1") is None


def test_nothing_new_comes_into_it_and_nothing_is_written_twice() -> None:
    inherited, theirs = adopted()
    inherited.hand_back("ndc", "tsn/1", b"6")
    assert not theirs.waiting, "its journal is not here"
    inherited.adopted = theirs
    inherited.hand_back("ndc", "tsn/2", b"1")
    inherited.hand_back("ndc", "tsn/1", b"5")
    assert not theirs.waiting
    inherited.hand_back("ndc", "tsn/1", b"6")
    theirs.make_durable()
    assert theirs.kept == {"ndc": {"tsn/1": b"6"}}


def test_a_journal_that_does_not_take_it_is_told_to_nobody_who_waits() -> None:
    inherited, theirs = adopted()
    inherited.adopted, theirs.is_failing = theirs, True
    inherited.hand_back("ndc", "tsn/1", b"6")
    theirs.make_durable()
    assert theirs.kept == {"ndc": {"tsn/1": b"5"}}
