"""Continuations of durable writes: in order, and never after a failure."""

from __future__ import annotations

from functools import partial

from protocols.dialect import Action, Note, Store, Stored
from protocols.zengin.session.stores import Stores


def say(word: str, now_ms: int, actions: list[Action]) -> None:
    actions.append(Note(word))


def test_what_waits_happens_in_order_when_stored() -> None:
    stores, actions = Stores("line/"), list[Action]()
    stores.put("out", b"1", actions, partial(say, "first"))
    stores.put("out", b"2", actions, partial(say, "second"))
    stores.put("in", b"3", actions)
    assert actions == [Store("line/out", b"1"), Store("line/out", b"2"), Store("line/in", b"3")]
    assert stores.is_waiting
    actions.clear()
    for name in ("out", "in", "out"):
        assert stores.stored(Stored(f"line/{name}", True), 0, actions)
    assert actions == [Note("first"), Note("second")]
    assert not stores.is_waiting


def test_a_failed_write_ends_everything_that_waited() -> None:
    stores, actions = Stores(""), list[Action]()
    stores.put("out", b"1", actions, partial(say, "never"))
    stores.put("out", b"2", actions, partial(say, "never"))
    actions.clear()
    assert not stores.stored(Stored("out", False), 0, actions)
    assert stores.stored(Stored("out", True), 0, actions), "nobody waits any more"
    assert actions == []
