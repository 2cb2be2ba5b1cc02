"""The line's own words: restore, move, alarm, release."""

from __future__ import annotations

from protocols.dialect import Action, HangUp, LinkOpened, Note, Tell
from protocols.zengin.session.line import Line, Moment, State
from tests.support.zrcline import LineRig, hang_ups, notes


def line() -> Line:
    return Line(LineRig().dialect.rules)


def test_a_moment_at_the_wrong_time_moves_nothing_and_is_noted() -> None:
    one, actions = line(), list[Action]()
    assert not one.move(Moment.OPENED, actions)
    assert one.state is State.DOWN
    assert notes(actions) == ["out-of-turn"]


def test_an_alarm_is_counted_and_told() -> None:
    actions = list[Action]()
    line().alarm("sequence-gap", "LCN 00", actions)
    assert actions == [Note("sequence-gap", "LCN 00"), Tell("sequence-gap", {"line": "01-01", "detail": "LCN 00"})]


def test_a_line_is_released_once() -> None:
    one, actions = line(), list[Action]()
    one.release("wrong-line", actions)
    one.release("line-silent", actions)
    assert actions == [HangUp("wrong-line")]


def test_a_stored_state_nobody_can_read_stops_the_line() -> None:
    rig = LineRig()
    rig.disk["zrc-01-01/out"] = b"\xc1"
    done = rig.step(LinkOpened("192.0.2.7", 5_000, stored=rig.disk))
    assert notes(done)[0] == "stored-unreadable"
    assert hang_ups(done) == ["stored-unreadable"]
    assert rig.dialogue.state is State.FAULT
    assert rig.sent(done) == []
