"""Serials, acknowledgements and the queue behind them, watch frames, and the two ways of ending."""

from __future__ import annotations

from protocols.dialect import HangUp, Send, Timer
from protocols.zengin.file.message import Frame, Signal, StationMessage
from protocols.zengin.file.rules import LinkRules
from protocols.zengin.file.session import Moment, State
from protocols.zengin.file.talk import QUEUE_MAX, SERIAL_MAX, Talk, after
from tests.support.zenginlink import BANK, COMPANY, WALL_MS, profile

MESSAGE = StationMessage(kind="mode", peer_code=BANK, own_code=COMPANY, at="20261125120000")


def talk() -> Talk:
    return Talk(LinkRules(profile(COMPANY, BANK), lambda: WALL_MS))


def sent(one: Talk) -> list[Frame | Signal]:
    codec = one.rules.codec
    frames = [codec.read(codec.cutter().feed(action.data)[0]) for action in one.actions if isinstance(action, Send)]
    one.actions.clear()
    return frames


def test_serials_skip_zero() -> None:
    assert after(0) == 1
    assert after(SERIAL_MAX) == 1


def test_one_telegram_waits_for_its_ack_and_the_others_behind_it() -> None:
    one = talk()
    done: list[int] = []
    one.say(MESSAGE, lambda: done.append(1))
    one.say(MESSAGE)
    assert [frame.serial for frame in sent(one)] == [1]
    assert not one.acknowledged(2)
    assert one.acknowledged(1)
    assert done == [1]
    assert [frame.serial for frame in sent(one)] == [2]
    assert one.acknowledged(2)
    assert not one.waits_for_ack


def test_the_queue_is_limited() -> None:
    one = talk()
    for _ in range(QUEUE_MAX + 1):
        one.say(MESSAGE)
    assert one.state is State.TCP_UP
    one.say(MESSAGE)
    assert one.state is State.ABORTED


def test_incoming_serials_are_consecutive() -> None:
    one = talk()
    assert [one.is_next(serial) for serial in (1, 2, 2, 4, 3)] == [True, True, False, False, True]


def test_silence_aborts_and_our_own_silence_is_broken() -> None:
    one = talk()
    one.move(Moment.OPEN_ASKED)
    one.move(Moment.OPENED)
    one.now_ms = one.heard_ms = 100_000
    one.signal("watch")
    one.actions.clear()
    one.now_ms += 9_999
    one.watch()
    assert sent(one) == []
    one.now_ms += 1
    one.watch()
    assert sent(one) == [Signal("watch", 0)]
    one.now_ms = one.heard_ms + 30_000
    one.is_ours = True
    one.watch()
    assert one.state is State.OPEN
    one.is_ours = False
    one.watch()
    assert one.state is State.ABORTED


def test_after_an_end_nothing_more_is_said() -> None:
    one = talk()
    one.abort("idle")
    assert HangUp("idle") in one.actions
    one.actions.clear()
    one.say(MESSAGE)
    one.signal("watch")
    one.abort("again")
    one.hang_up("again")
    assert one.actions == []


def test_what_cannot_be_written_ends_the_link_and_not_the_process() -> None:
    one = talk()
    one.say(StationMessage(kind="mode", at="not digits"))
    assert one.state is State.ABORTED


def test_an_ack_stops_its_timer() -> None:
    one = talk()
    one.say(MESSAGE)
    assert Timer("ack", 30_000) in one.actions
    one.acknowledged(1)
    assert one.actions[-1] == Timer("ack", None)
