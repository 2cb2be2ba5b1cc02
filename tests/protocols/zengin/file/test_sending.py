"""A file going out: how much at a time, from where, and what is said about it when the link ends."""

from __future__ import annotations

import pytest

from protocols.dialect import Delivery, Send
from protocols.vocabulary import Secret
from protocols.zengin.file.message import DataMessage, FileMessage, Frame, Offer
from protocols.zengin.file.rules import LinkRules
from protocols.zengin.file.sending import Sending
from protocols.zengin.file.session import Moment, State
from protocols.zengin.file.talk import Talk
from tests.support.zenginlink import BANK, COMPANY, WALL_MS, profile

OFFER = Offer("o1", "SOUFURI", "01", 120, bytes(range(10)) * 12 * 8)


def sending(**changes: object) -> tuple[Sending, Talk]:
    talk = Talk(LinkRules(profile(COMPANY, BANK, **changes), lambda: WALL_MS))
    talk.station = talk.rules.profile.stations[0]
    talk.move(Moment.OPEN_ASKED)
    talk.move(Moment.OPENED)
    return Sending(talk), talk


def sent(talk: Talk) -> list[FileMessage | DataMessage]:
    codec = talk.rules.codec
    frames = [codec.read(codec.cutter().feed(one.data)[0]) for one in talk.actions if isinstance(one, Send)]
    talk.actions = [one for one in talk.actions if not isinstance(one, Send)]
    return [frame.telegram for frame in frames if isinstance(frame, Frame)]  # type: ignore[misc]  # only these are sent here


def answered(resume: int = 1, result: str = "ok") -> FileMessage:
    return FileMessage(kind="file-start-answer", result=result, file="SOUFURI", cycle="01", resume=resume)


def test_telegrams_of_whole_records_up_to_the_next_ack() -> None:
    one, talk = sending(send_count=2)
    one.announce(OFFER)
    assert [telegram.kind for telegram in sent(talk) if isinstance(telegram, FileMessage)] == ["file-start"]
    talk.acknowledged(1)
    one.answered(answered())
    assert [(one.serial, len(one.text)) for one in sent(talk) if isinstance(one, DataMessage)] == [(1, 240), (3, 240), (5, 240)]
    talk.acknowledged(4)
    assert talk.rules.positions == {"o1": 7}
    assert [telegram.serial for telegram in sent(talk) if isinstance(telegram, DataMessage)] == [7]
    assert talk.state is State.TRANSFER
    talk.acknowledged(5)
    assert talk.state is State.FILE_ENDING
    assert Delivery("o1", "sent") in talk.actions


@pytest.mark.parametrize(("resume", "first"), [(0, 1), (1, 1), (5, 5), (8, 8)])
def test_the_receivers_word_on_where_to_begin(resume: int, first: int) -> None:
    one, talk = sending()
    one.announce(OFFER)
    talk.acknowledged(1)
    sent(talk)
    one.answered(answered(resume))
    assert [telegram.serial for telegram in sent(talk) if isinstance(telegram, DataMessage)] == [first]


def test_everything_is_there_already() -> None:
    one, talk = sending()
    one.announce(OFFER)
    talk.acknowledged(1)
    sent(talk)
    one.answered(answered(9))
    assert [telegram.kind for telegram in sent(talk) if isinstance(telegram, FileMessage)] == ["file-end"]


def test_a_place_behind_the_end_is_nonsense() -> None:
    one, talk = sending()
    one.announce(OFFER)
    one.answered(answered(10))
    assert talk.state is State.ABORTED


def test_what_is_said_when_the_link_ends() -> None:
    one, talk = sending()
    one.announce(OFFER)
    one.lost()
    assert [one.state for one in talk.actions if isinstance(one, Delivery)] == ["deferred"]
    one, talk = sending()
    one.announce(OFFER)
    talk.acknowledged(1)
    one.answered(answered(9))
    one.lost()
    assert [one.state for one in talk.actions if isinstance(one, Delivery)] == ["sent", "unknown"]
    talk.actions.clear()
    one.lost()
    assert talk.actions == []


@pytest.mark.parametrize(
    ("message", "result"),
    [
        (FileMessage(kind="file-start", file="MEISAI", cycle="01"), "no-file"),
        (FileMessage(kind="file-start", file="SOUFURI", cycle="02", access_key=Secret("KEY1")), "no-file"),
        (FileMessage(kind="file-start", file="SOUFURI", cycle="01", access_key=Secret("KEY2")), "wrong-access-key"),
        (FileMessage(kind="file-resend", file="SOUFURI", cycle="01", access_key=Secret("KEY1"), resume=10), "serial-fault"),
        (FileMessage(kind="file-resend", file="SOUFURI", cycle="00", access_key=Secret("KEY1"), resume=9), "ok"),
        (FileMessage(kind="file-start", file="SOUFURI", cycle="00", access_key=Secret("KEY1")), "ok"),
    ],
)
def test_a_file_that_is_asked_for(message: FileMessage, result: str) -> None:
    one, talk = sending()
    one.offer = OFFER
    one.wanted(message)
    (answer,) = sent(talk)
    assert isinstance(answer, FileMessage)
    assert answer.result == result
    assert (talk.state is State.TRANSFER) is (result == "ok")
    assert one.offer is OFFER
