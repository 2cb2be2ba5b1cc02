"""Fifty histories hold; the same seed is the same history; and a relay that breaks a law is caught."""

import logging
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from protocols.vocabulary import Approved
from relay.exchange import desk as desk_module
from relay.exchange.desk import Desk
from relay.exchange.register import Open
from relay.journal.memory import MemoryJournal
from relay.journal.outbound import OutboundState
from relay.journal.port import StepResult
from relay.journal.records import Step
from relay.loopback import ledger as ledger_module
from relay.outbound.desk import Outbound
from relay.outbound.lines import Message
from relay.outbound.register import Register
from relay.outbound.reports import Reports
from relay.outbound.states import State
from tests.simulation.outboundside import BrokenPromise
from tests.simulation.world import Violation, World

SEEDS = range(1, 51)
pytestmark = pytest.mark.timeout(300)  # thousands of simulated seconds each: what a loaded machine needs, not a goal


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of simulated failures log thousands of lines."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("first", SEEDS[::10])
def test_every_history_keeps_the_laws(first: int) -> None:
    ends: set[str] = set()
    for seed in range(first, first + 10):
        figures = World(seed).run()
        ends |= set(figures.outbound)
        assert figures.exchanges > 200, "a history in which nothing happened proves nothing"
        assert figures.faults * 20 >= figures.exchanges, "at least one fault per twenty exchanges"
    assert ends == {"acknowledged", "unknown", "cancelled", "failed"}, "the core's messages met what they must survive"


def test_the_same_seed_is_the_same_history() -> None:
    assert World(7).run() == World(7).run()


def caught(seeds: range = range(1, 21)) -> str:
    """What the simulation says of the mutated relay, or "" when it noticed nothing."""
    for seed in seeds:
        try:
            World(seed).run()
        except (Violation, BrokenPromise) as violation:
            return str(violation)
    return ""


def test_a_reply_before_its_intent_is_durable_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Desk.answer

    def hasty(self: Desk, entry: Open, answer: object) -> None:
        if isinstance(answer, Approved) and entry.link is not None and entry.facts is not None:
            reply = entry.facts.dialect.to_reply(entry.message, answer, self.register.clock.wall_ms())
            entry.link.reply(entry.message, reply)
            entry.link = None
        whole(self, entry, answer)  # type: ignore[arg-type]

    monkeypatch.setattr(Desk, "answer", hasty)
    assert "law 1" in caught()


def test_a_request_asked_under_another_key_after_doubt_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    import msgspec

    whole = Desk.start_call

    def rekeyed(self: Desk, entry: Open, *rest: object) -> None:
        if entry.resubmits:
            entry.request = msgspec.structs.replace(entry.request, key=f"{entry.key}x{entry.resubmits}")
        whole(self, entry, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Desk, "start_call", rekeyed)
    assert caught()


def test_a_core_that_does_not_reverse_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module.Ledger, "_undo", lambda self, entry, standing_minor: None)
    assert caught()


def test_a_forgotten_undo_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from relay.exchange.saf import Saf

    whole = Saf.owe

    def forgetful(self: Saf, entry: Open) -> None:
        if entry.state is not desk_module.State.UNDOING:
            whole(self, entry)

    monkeypatch.setattr(Saf, "owe", forgetful)
    assert caught()


def test_an_outbound_message_that_is_sent_again_after_a_crash_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def trusting(self: Outbound, message: Message) -> None:
        if message.stored.state in (OutboundState.QUEUED, OutboundState.SENT):
            message.state = State.QUEUED
            self.register.keep(message)
            self.turns.add(message)

    monkeypatch.setattr(Outbound, "_take_up", trusting)
    assert caught(range(1, 51))


def test_an_outbound_message_that_is_offered_before_its_intent_is_durable_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Register.write

    def hasty(self: Register, message: Message, done: Callable[[StepResult], None]) -> None:
        if message.state is State.INTENDING:
            whole(self, message, lambda result: None)
            done(None)
        else:
            whole(self, message, done)

    monkeypatch.setattr(Register, "write", hasty)
    assert caught()


def test_a_report_that_is_not_repeated_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reports, "_later", lambda self, message: None)
    assert caught()


def test_a_journal_that_answers_before_it_is_durable_is_caught() -> None:
    class Hasty(MemoryJournal):
        """Says "durable" at once, and writes later."""

        def step(self, record: Step, done: Callable[[StepResult], None]) -> None:
            self._timers.after(0, partial(done, None))
            super().step(record, lambda result: None)

    said = ""
    for seed in range(1, 21):
        try:
            World(seed, make_journal=Hasty).run()
        except Violation as violation:
            said = str(violation)
            break
    assert said


def test_a_first_approval_given_again_after_its_reversal_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryJournal, "_with_reversal", lambda self, stored: stored)
    assert "after its reversal" in caught()
