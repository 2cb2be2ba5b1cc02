"""One outstanding command, and its count of answers."""

from __future__ import annotations

import msgspec

from protocols.dialect import Action, Command, Delivery, Note, Timer
from protocols.ndc.commanding import KEY, Commands, Step


def step(name: str = "one", *, may_resend: bool = True, outbound_id: str = "") -> Step:
    return Step(name=name, frame=lambda: name.encode(), may_resend=may_resend, outbound_id=outbound_id)


def sent(actions: list[Action]) -> list[str]:
    return [action.name for action in actions if isinstance(action, Command)]


def test_the_second_waits_for_the_answer_to_the_first() -> None:
    commands, actions = Commands(30_000), []  # type: Commands, list[Action]
    commands.plan([step("one"), step("two")], actions)
    commands.advance(actions)
    commands.advance(actions)
    assert (sent(actions), commands.is_free, commands.is_quiet) == (["one"], False, False)
    ended = commands.answered(True, "ready", actions)
    assert ended is not None
    assert (ended.step.name, ended.ok) == ("one", True)
    commands.advance(actions)
    assert sent(actions) == ["one", "two"]


def test_sent_twice_needs_two_answers_and_a_third_sending_there_is_not() -> None:
    commands, actions = Commands(30_000), []  # type: Commands, list[Action]
    commands.plan([step()], actions)
    commands.advance(actions)
    assert not commands.overdue(True, actions)
    assert sent(actions) == ["one", "one"]
    assert commands.answered(True, "ready", actions) is None
    assert commands.overdue(True, actions), "the line is not to be trusted"
    ended = commands.answered(False, "C 01", actions)
    assert ended is not None
    assert ended.ok, "one of the two was accepted"


def test_what_may_not_be_sent_twice_is_not() -> None:
    for may_resend, allowed in ((False, True), (True, False)):
        commands, actions = Commands(30_000), []  # type: Commands, list[Action]
        commands.plan([step(may_resend=may_resend)], actions)
        commands.advance(actions)
        assert commands.overdue(allowed, actions)
        assert sent(actions) == ["one"]


def test_a_refusal_owes_an_answer_before_anything_else() -> None:
    commands, actions = Commands(30_000), []  # type: Commands, list[Action]
    commands.refusal_sent(actions)
    assert not commands.is_quiet
    commands.plan([step()], actions)
    commands.advance(actions)
    assert commands.answered(True, "ready", actions) is None
    commands.refusal_sent(actions)
    assert commands.answered(True, "ready", actions) is None
    assert commands.answered(True, "ready", actions) is not None
    assert not commands.take_extra(actions)
    commands.refusal_sent(actions)
    assert commands.take_extra(actions)
    assert commands.is_quiet


def test_a_rejected_key_stays_rejected_whatever_a_refusals_status_says() -> None:
    for answers in ((True, False), (False, True)):
        commands, actions = Commands(30_000), []  # type: Commands, list[Action]
        commands.plan([msgspec.structs.replace(step("key"), answer=KEY)], actions)
        commands.advance(actions)
        commands.refusal_sent(actions)
        assert commands.answered(answers[0], "", actions) is None
        ended = commands.answered(answers[1], "", actions)
        assert ended is not None
        assert not ended.ok


def test_nothing_waits_nothing_is_overdue_or_answered() -> None:
    commands, actions = Commands(30_000), []  # type: Commands, list[Action]
    assert not commands.overdue(True, actions)
    assert commands.answered(True, "ready", actions) is None
    assert actions == []


def test_what_the_core_asked_for_is_reported() -> None:
    commands, actions = Commands(30_000), []  # type: Commands, list[Action]
    commands.plan([step(outbound_id="a"), step(outbound_id="b")], actions)
    commands.advance(actions)
    assert actions[0] == Delivery("a", "sent")
    commands.link_closed(actions)
    assert [a.state for a in actions if isinstance(a, Delivery)] == ["sent", "unknown", "deferred"]
    assert commands.is_free


def test_the_timer_runs_from_sending_to_the_last_answer() -> None:
    commands, actions = Commands(30_000), []  # type: Commands, list[Action]
    commands.add(step())
    assert commands.queued_count == 1
    commands.advance(actions)
    commands.answered(True, "", actions)
    assert [a for a in actions if isinstance(a, Timer)] == [Timer("step", 30_000), Timer("step", None)]
    assert not [a for a in actions if isinstance(a, Note)]


def test_what_the_core_asked_for_and_a_new_plan_replaces_is_offered_again() -> None:
    commands, actions = Commands(30_000), []  # type: Commands, list[Action]
    commands.plan([step(outbound_id="a")], actions)
    commands.plan([step()], actions)
    assert actions == [Delivery("a", "deferred", "not sent yet")]
