"""One step of a run where its action cannot even be made: it fails as any other, and what comes after a failure comes."""

from __future__ import annotations

import pytest

from relay.credentials import CredentialUnusable
from relay.errors import ConfigurationError
from relay.failover import decide as d
from relay.failover import events as e
from relay.failover.actions.port import Action, Look, Scene
from relay.failover.bankday import BankClock
from relay.failover.peer import Copier, NoPeer
from relay.failover.steps import StepWorker
from tests.support.failoverbook import Book

MISSING = CredentialUnusable("there is no credential region-mac.", "LoadCredential= of the unit names it.")


class Unmade:
    """A workshop that lacks a credential."""

    def action(self, step: str, is_undo: bool) -> Action:
        raise MISSING


class Blind:
    """An action that finds out only when it looks: an extra that is not installed."""

    async def observe(self, scene: Scene) -> Look:
        raise ConfigurationError("AWS actions need the extra `aws`, and it is not installed.", "pip install")

    async def act(self, scene: Scene) -> str:
        raise AssertionError("nothing is done that could not be looked at")

    compensate = act


def at_the_record() -> Book:
    book = Book()
    book.to_gate(2)
    book.passed(2)
    book.did("promote")
    book.write(e.PhaseDone(phase="promote"))
    return book


def moves(book: Book) -> list[d.Move]:
    return list(d.moves_of(book.run, book.time.wall_ms(), BankClock()))


async def test_a_way_to_the_record_that_lacks_its_credential_gives_way_to_the_second() -> None:
    """After the promotion: held by a mistake of ours it would stand there, and the second way would never have its turn."""
    book = at_the_record()
    worker = StepWorker(book.keeper, Copier(book.keeper, NoPeer()), Unmade(), book.time, "tokyo")
    for _ in range(3):
        (move,) = moves(book)
        assert move == d.RunStep("move-the-record")
        await worker.perform(d.RunStep("move-the-record"))
        book.wait(60_000)
    assert "no credential region-mac" in book.run.standing("move-the-record").detail
    assert moves(book) == [d.RunStep("move-the-record-by-hand")]
    assert not book.run.held


async def test_why_an_action_cannot_look_is_said_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    book = at_the_record()

    class Made:
        def action(self, step: str, is_undo: bool) -> Action:
            return Blind()

    worker = StepWorker(book.keeper, Copier(book.keeper, NoPeer()), Made(), book.time, "tokyo")
    monkeypatch.setattr(book.time, "monotonic_ms", iter(range(0, 10_000_000, 120_000)).__next__)  # it has time for one look
    await worker.perform(d.RunStep("move-the-record"))
    assert "the extra `aws`" in book.run.standing("move-the-record").detail
