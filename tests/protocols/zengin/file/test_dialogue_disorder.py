"""Disorder on a file transfer link: telegrams out of order, serials, data that does not fit, timers that run out."""

from __future__ import annotations

import base64

import msgspec
import pytest

from protocols.dialect import BytesArrived
from protocols.vocabulary import Secret
from protocols.zengin.file.message import DataMessage, FileMessage, Signal, StationMessage, Telegram
from protocols.zengin.file.session import State
from tests.support.zenginfiles import sound_file
from tests.support.zenginlink import AT, BANK, COMPANY, Line, Side, opened, pair, profile

BODY = msgspec.json.encode(
    {"file": "SOUFURI", "cycle": "01", "format": "21", "content": base64.b64encode(sound_file("21", 5)).decode()}
)


@pytest.mark.parametrize(
    "telegram",
    [
        StationMessage(kind="open", peer_code=BANK, own_code=COMPANY, at=AT),
        StationMessage(kind="open-answer", peer_code=BANK, own_code=COMPANY, at=AT),
        StationMessage(kind="close-answer", peer_code=BANK, own_code=COMPANY, at=AT),
        FileMessage(kind="file-start-answer", file="SOUFURI"),
        FileMessage(kind="file-end", file="SOUFURI"),
        FileMessage(kind="file-end-answer", file="SOUFURI"),
        DataMessage(1, bytes(120)),
    ],
    ids=lambda telegram: str(getattr(telegram, "kind", "data")),
)
def test_a_telegram_that_may_not_come_now_gets_a_nak_and_ends_the_session(telegram: Telegram) -> None:
    bank, hand = opened()
    hand.say(telegram)
    assert hand.signals() == [Signal("nak", 2)]
    assert bank.hung_up == "out-of-order"
    assert bank.dialogue is not None
    assert bank.dialogue.state is State.ABORTED


@pytest.mark.parametrize("serial", [0, 1, 3, 65_535])
def test_a_serial_out_of_order(serial: int) -> None:
    bank, hand = opened()
    hand.say(FileMessage(kind="file-start", file="SOUFURI", cycle="01"), serial)
    assert hand.signals() == [Signal("nak", serial)]
    assert "serial-gap" in bank.names


@pytest.mark.parametrize(("serial", "size"), [(2, 120), (0, 120), (1, 119), (1, 121)])
def test_data_that_is_not_the_records_that_must_come(serial: int, size: int) -> None:
    bank, hand = opened()
    start = FileMessage(
        kind="file-start", file="SOUFURI", access_key=Secret("KEY1"), cycle="01", record_bytes=120, record_count=8
    )
    hand.say(start)
    assert hand.heard(FileMessage).resume == 1
    hand.say(DataMessage(serial, sound_file("21", 20)[:size]))
    assert [signal.name for signal in hand.signals()] == ["nak"]
    assert bank.hung_up == "out-of-order"


@pytest.mark.parametrize("changed", [{"file": "MEISAI"}, {"cycle": "02"}])
def test_the_end_of_another_file_than_the_one_that_came(changed: dict[str, str]) -> None:
    bank, hand = opened()
    content = sound_file("21", 5)
    start = FileMessage(
        kind="file-start", file="SOUFURI", access_key=Secret("KEY1"), cycle="01", record_bytes=120, record_count=8
    )
    hand.say(start)
    hand.heard(FileMessage)
    for first in range(1, 9, 2):
        hand.say(DataMessage(first, content[(first - 1) * 120 : (first + 1) * 120]))
    bank.out.clear()
    hand.say(msgspec.structs.replace(start, kind="file-end", **changed))
    assert [signal.name for signal in hand.signals()] == ["nak"]
    assert (bank.hung_up, bank.asked_count) == ("out-of-order", 0)


def answered(kind: str, **changed: str) -> Side:
    """A caller that sent a file, and hears an answer about another one."""
    line = pair()
    line.connect()
    line.caller.offer("o1", BODY)
    codec = line.called.dialect.rules.codec
    while True:
        line.called.step(BytesArrived(line.caller.out.popleft()))
        while line.called.out:
            data = line.called.out.popleft()
            frame = codec.read(codec.cutter().feed(data)[0])
            if not isinstance(frame, Signal) and getattr(frame.telegram, "kind", "") == kind:
                other = msgspec.structs.replace(frame.telegram, **changed)
                line.caller.step(BytesArrived(codec.write(frame.serial, other, ack_wanted=True)))
                line.cut()
                return line.caller
            line.caller.step(BytesArrived(data))


@pytest.mark.parametrize(
    ("kind", "changed", "state"),
    [
        ("file-start-answer", {"file": "MEISAI"}, "deferred"),
        ("file-end-answer", {"file": "MEISAI"}, "unknown"),
        ("file-end-answer", {"cycle": "02"}, "unknown"),
    ],
)
def test_the_answer_about_another_file_settles_nothing(kind: str, changed: dict[str, str], state: str) -> None:
    caller = answered(kind, **changed)
    assert caller.hung_up == "out-of-order"
    assert caller.deliveries[-1] == ("o1", state)


def test_malformed_telegrams_and_frames() -> None:
    bank, hand = opened()
    bank.step(BytesArrived(bytes.fromhex("000600000002f9f9")))
    assert hand.signals() == [Signal("nak", 2)]
    assert bank.hung_up == "format-error"
    bank, _ = opened()
    bank.step(BytesArrived(b"\xff\xff\x00"))
    assert bank.hung_up == "frame-error"
    bank, _ = opened()
    bank.step(BytesArrived(b"\x00\x00"))
    assert bank.hung_up == "frame-error"


def test_a_nak_and_an_ack_for_nothing() -> None:
    bank, hand = opened()
    bank.step(BytesArrived(hand.codec.signal(Signal("ack", 77))))
    assert "ack-unmatched" in bank.names
    assert bank.hung_up == ""
    bank.step(BytesArrived(hand.codec.signal(Signal("nak", 1))))
    assert bank.hung_up == "nak"


@pytest.mark.parametrize(("timer", "reason"), [("open", "open-missed")])
def test_a_line_on_which_nobody_opens(timer: str, reason: str) -> None:
    bank = Side(profile(BANK, COMPANY))
    bank.open(dialled=False)
    bank.fire(timer)
    assert bank.hung_up == reason


def test_every_timer_that_runs_out_ends_the_session() -> None:
    line = pair()
    line.connect()
    line.caller.offer("o1", BODY)
    for side, timer, reason in ((line.caller, "ack", "ack-missed"), (line.called, "open", "open-missed")):
        side.fire(timer)
        assert side.hung_up == reason
    bank, _ = opened()
    bank.now_ms += 30_000
    bank.fire("idle")
    assert bank.hung_up == "idle"
    bank, _ = opened()
    bank.step(BytesArrived(b"\x00"))
    bank.fire("partial")
    assert bank.hung_up == "partial-frame"


def test_the_wait_for_a_file_answer_goes_on_while_the_far_end_watches() -> None:
    company = Side(profile(COMPANY, BANK))
    line = Line(company, Side(profile(BANK, COMPANY)))
    line.connect()
    company.offer("o1", BODY)
    line.run(budget=400)
    company = Side(profile(COMPANY, BANK))
    company.open(dialled=True)
    company.offer("o1", BODY)
    codec = company.dialect.rules.codec
    company.step(BytesArrived(codec.signal(Signal("ack", 1))))
    answer = StationMessage(
        kind="open-answer", peer_code=COMPANY, own_code=BANK, password=Secret("OPEN02"), at=AT, text_bytes_max=256
    )
    company.step(BytesArrived(codec.write(1, answer, ack_wanted=True)))
    company.step(BytesArrived(codec.signal(Signal("ack", 2))))
    company.now_ms += 60_000
    company.step(BytesArrived(codec.signal(Signal("watch"))))
    company.fire("file")
    assert company.hung_up == ""
    company.now_ms += 60_000
    company.fire("file")
    assert company.hung_up == "file-timeout"
