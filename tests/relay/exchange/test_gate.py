"""What is shut for whom: each class alone, people before a missing permit, and everything while the relay drains."""

from __future__ import annotations

import pytest

from protocols.vocabulary import Refusal
from relay.exchange.gate import CLASSES, Gate, class_of
from relay.permit import Permit
from tests.relay.core.builders import withdrawal
from tests.support.deskworld import DeskWorld, Message, reversal


class World:
    def __init__(self) -> None:
        self.permit: Permit | None = Permit(8, "tokyo")
        self.is_sealed = False
        self.gate = Gate(lambda: self.permit, lambda: self.is_sealed)


@pytest.mark.parametrize(
    ("channel", "kind", "wanted"),
    [
        ("atm", "withdrawal", "atm"),
        ("atm", "balance-inquiry", "inquiry"),
        ("branch", "balance-inquiry", "inquiry"),
        ("branch", "deposit", "branch"),
        ("partner", "interbank-transfer", "partner"),
    ],
)
def test_each_message_has_one_class(channel: str, kind: str, wanted: str) -> None:
    assert class_of(channel, kind) == wanted
    assert wanted in CLASSES


def test_an_open_gate() -> None:
    assert World().gate.refusal(withdrawal()) is None


@pytest.mark.parametrize(("blocked", "refusal"), [({"atm"}, Refusal.SUSPENDED), ({"branch", "partner", "inquiry"}, None)])
def test_a_class_is_blocked_alone(blocked: set[str], refusal: Refusal | None) -> None:
    w = World()
    w.gate.blocked = blocked
    assert w.gate.refusal(withdrawal()) is refusal


def test_a_class_that_waits_for_a_lost_tail_is_suspended_and_the_others_are_not() -> None:
    w = World()
    w.gate.awaited = frozenset({"branch"})
    assert w.gate.refusal(withdrawal()) is None
    w.gate.awaited = frozenset({"atm"})
    assert w.gate.refusal(withdrawal()) is Refusal.SUSPENDED


def test_without_a_permit_the_core_is_away_unless_people_sealed_it() -> None:
    w = World()
    w.permit = None
    assert w.gate.refusal(withdrawal()) is Refusal.CORE_UNREACHABLE
    w.is_sealed = True
    assert w.gate.refusal(withdrawal()) is Refusal.SUSPENDED


def test_draining_comes_first() -> None:
    w = World()
    w.gate.blocked = frozenset(CLASSES)
    w.gate.is_draining = True
    assert w.gate.refusal(withdrawal()) is Refusal.DRAINING


def test_at_the_desk_a_blocked_class_is_refused_on_a_living_link_and_its_advices_are_taken() -> None:
    w = DeskWorld()
    link = w.link()
    w.desk.gate.blocked = frozenset({"atm"})
    w.say(link, Message(trace="1"))
    assert link.said == [("1", "suspended")]
    assert [call.verb for call in w.core.calls] == []
    w.say(link, reversal("2", "1"))
    assert link.said[-1] == ("2", "taken")
    w.desk.gate.blocked = frozenset()
    w.say(link, Message(trace="3"))
    assert w.core.last("submit")
