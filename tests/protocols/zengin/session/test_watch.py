"""The connection watch, both ways."""

from __future__ import annotations

from protocols.zengin.session.message import Watch
from tests.support.zrcline import LineRig, hang_ups, notes


def test_we_say_that_we_are_there() -> None:
    rig = LineRig()
    rig.opens()
    assert [rig.sent(rig.pass_ms(ms)) for ms in (29_999, 1, 30_000)] == [[], [Watch()], [Watch()]]


def test_silence_releases_the_line_with_an_alarm() -> None:
    rig = LineRig()
    rig.opens()
    assert hang_ups(rig.pass_ms(89_999)) == []
    done = rig.pass_ms(1)
    assert "line-silent" in notes(done)
    assert hang_ups(done) == ["line-silent"]


def test_any_message_is_a_sign_of_life() -> None:
    rig = LineRig()
    rig.opens()
    rig.pass_ms(60_000)
    rig.says(Watch())
    assert hang_ups(rig.pass_ms(89_999)) == []
    assert hang_ups(rig.pass_ms(1)) == ["line-silent"]


def test_the_watch_can_be_off() -> None:
    rig = LineRig(timers={"watch_send_ms": 0, "watch_silence_ms": 0})
    rig.opens()
    done = rig.pass_ms(3_600_000)
    assert rig.sent(done) == []
    assert hang_ups(done) == []
