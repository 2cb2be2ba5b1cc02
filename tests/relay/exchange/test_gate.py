"""What is shut for whom: each class alone, people before a missing permit, and everything while the relay drains."""

from __future__ import annotations

import pytest

from protocols.vocabulary import Approved, Refusal
from relay.exchange.gate import CLASSES, Gate, class_of
from relay.hours import CLASSES as HOURS_CLASSES
from relay.hours import Days, Hours, Span, always_open, hours_of
from relay.hourssettings import HoursSettings
from relay.permit import Permit
from tests.relay.core.builders import withdrawal
from tests.support.deskworld import W1, DeskWorld, Message, reversal

EVENING_MS = 12 * 3_600_000  # 21:00 in Japan, of 1970-01-01
NOON_MS = 3 * 3_600_000


class World:
    def __init__(self) -> None:
        self.permit: Permit | None = Permit(8, "tokyo")
        self.is_sealed = False
        self.gate = Gate(lambda: self.permit, lambda: self.is_sealed)

    def refusal(self, line: str = "atm-1", wall_ms: int = NOON_MS) -> Refusal | None:
        return self.gate.refusal(withdrawal(), line, wall_ms)


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
    assert World().refusal() is None


@pytest.mark.parametrize(("blocked", "refusal"), [({"atm"}, Refusal.SUSPENDED), ({"branch", "partner", "inquiry"}, None)])
def test_a_class_is_blocked_alone(blocked: set[str], refusal: Refusal | None) -> None:
    w = World()
    w.gate.blocked = blocked
    assert w.refusal() is refusal


def test_a_class_that_waits_for_a_lost_tail_is_suspended_and_the_others_are_not() -> None:
    w = World()
    w.gate.awaited = frozenset({"branch"})
    assert w.refusal() is None
    w.gate.awaited = frozenset({"atm"})
    assert w.refusal() is Refusal.SUSPENDED


def test_without_a_permit_the_core_is_away_unless_people_sealed_it() -> None:
    w = World()
    w.permit = None
    assert w.refusal() is Refusal.CORE_UNREACHABLE
    w.is_sealed = True
    assert w.refusal() is Refusal.SUSPENDED


@pytest.mark.parametrize(
    ("line", "wall_ms", "refusal"),
    [
        ("atm-1", EVENING_MS - 1, None),
        ("atm-1", EVENING_MS, Refusal.OUT_OF_HOURS),
        ("convenience", EVENING_MS, None),
    ],
)
def test_hours_are_of_the_line_or_else_of_the_class(line: str, wall_ms: int, refusal: Refusal | None) -> None:
    w = World()
    w.gate.hours = hours_of(HoursSettings(atm=("07:00-21:00",), lines=("convenience=00:00-24:00",)), 540)
    assert w.refusal(line, wall_ms) is refusal
    assert w.refusal(line, NOON_MS) is None, "a clock that was set back"


def test_out_of_hours_is_said_whether_or_not_people_blocked_it_too() -> None:
    w = World()
    w.gate.hours = hours_of(HoursSettings(atm=("07:00-21:00",)), 540)
    w.gate.blocked = frozenset({"atm"})
    assert w.refusal(wall_ms=EVENING_MS) is Refusal.OUT_OF_HOURS
    assert w.refusal() is Refusal.SUSPENDED


def test_the_classes_are_those_that_have_hours() -> None:
    assert HOURS_CLASSES == CLASSES


def test_draining_comes_first() -> None:
    w = World()
    w.gate.hours = hours_of(HoursSettings(atm=("07:00-07:01",)), 540)
    w.gate.blocked = frozenset(CLASSES)
    w.gate.is_draining = True
    assert w.refusal() is Refusal.DRAINING


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


def test_at_the_desk_hours_refuse_what_is_new_and_nothing_else() -> None:
    w = DeskWorld()
    link = w.link()
    w.say(link, Message(trace="1"))
    w.core.last("submit").reply(Approved())
    w.time.run(5)
    assert link.said == [("1", "approved")]
    name = link.listener.name
    w.desk.gate.hours = Hours({}, {name: (Span(Days.ALL, 0, 0),)}, lambda day: True, 0)
    w.say(link, Message(trace="2"))
    w.say(link, Message(trace="1"))  # answered before the hours ended
    w.say(link, reversal("3", "1"))
    assert link.said[1:] == [("2", "out-of-hours"), ("1", "approved"), ("3", "taken")]
    w.desk.gate.hours = always_open()
    w.say(link, Message(trace="2"))
    w.say(link, Message(trace="4"))
    assert link.said[4:] == [("2", "out-of-hours")], "a no stays a no; only what is new is asked"
    assert [call.key for call in w.core.calls if call.verb == "submit"][1:] == [W1.replace("-1", "-4")]
