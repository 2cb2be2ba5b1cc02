"""A file coming in: what is judged before a byte of it, and where it goes on."""

from __future__ import annotations

import msgspec

from protocols.dialect import Send, Store
from protocols.vocabulary import Secret
from protocols.zengin.file.message import DataMessage, FileMessage, Frame
from protocols.zengin.file.receiving import Receiving
from protocols.zengin.file.rules import LinkRules
from protocols.zengin.file.session import Moment
from protocols.zengin.file.talk import Talk
from protocols.zengin.file.work import Work
from tests.support.zenginfiles import sound_file
from tests.support.zenginlink import BANK, COMPANY, WALL_MS, profile

CONTENT = sound_file("21", 5)
START = FileMessage(kind="file-start", file="SOUFURI", access_key=Secret("KEY1"), cycle="01", record_bytes=120, record_count=8)
RULES = LinkRules(profile(BANK, COMPANY), lambda: WALL_MS)


def receiving(rules: LinkRules) -> tuple[Receiving, Talk, list[Work]]:
    taken: list[Work] = []
    talk = Talk(rules)
    talk.station = rules.profile.stations[0]
    talk.peer_date = "20261125"
    talk.move(Moment.OPEN_ASKED)
    talk.move(Moment.OPENED)
    return Receiving(talk, taken.append), talk, taken


def fresh() -> LinkRules:
    rules = LinkRules(profile(BANK, COMPANY), lambda: WALL_MS)
    rules.archive.load({})
    return rules


def durable(one: Receiving, talk: Talk) -> None:
    for name in [action.name for action in talk.actions if isinstance(action, Store)]:
        one.stored(name)


def answer(talk: Talk) -> FileMessage:
    codec = talk.rules.codec
    frames = [codec.read(codec.cutter().feed(one.data)[0]) for one in talk.actions if isinstance(one, Send)]
    frame = frames[-1]
    assert isinstance(frame, Frame)
    assert isinstance(frame.telegram, FileMessage)
    return frame.telegram


def test_a_fresh_start_forgets_what_was_there_and_a_resend_goes_on() -> None:
    rules = fresh()
    one, talk, _ = receiving(rules)
    one.announced(START)
    one.data(DataMessage(1, CONTENT[:360]))
    one.lost()
    resend = FileMessage(**{**{n: getattr(START, n) for n in START.__struct_fields__}, "kind": "file-resend", "resume": 9})
    two, talk, _ = receiving(rules)
    two.announced(resend)
    durable(two, talk)
    assert answer(talk).resume == 4
    assert two.accepts(DataMessage(4, CONTENT[360:480]))
    assert not two.accepts(DataMessage(3, CONTENT[240:360]))
    two.lost()
    three, talk, _ = receiving(rules)
    three.announced(START)
    durable(three, talk)
    assert answer(talk).resume == 1


def test_a_resend_with_another_size_starts_anew() -> None:
    rules = fresh()
    one, _, _ = receiving(rules)
    one.announced(START)
    one.data(DataMessage(1, CONTENT[:360]))
    one.lost()
    other = FileMessage(
        **{**{n: getattr(START, n) for n in START.__struct_fields__}, "kind": "file-resend", "resume": 4, "record_count": 9}
    )
    two, talk, _ = receiving(rules)
    two.announced(other)
    durable(two, talk)
    assert answer(talk).resume == 1


def test_a_resend_from_an_earlier_point_forgets_durably_what_came_behind_it() -> None:
    rules = fresh()
    one, talk, _ = receiving(rules)
    one.announced(START)
    one.data(DataMessage(1, CONTENT[:600]))
    one.lost()
    variables = {store.name: store.value for store in talk.actions if isinstance(store, Store)}
    two, talk, _ = receiving(rules)
    two.announced(msgspec.structs.replace(START, kind="file-resend", resume=3))
    assert not any(isinstance(action, Send) for action in talk.actions), "not before it is durable"
    variables |= {store.name: store.value for store in talk.actions if isinstance(store, Store)}
    durable(two, talk)
    assert answer(talk).resume == 3
    assert two.accepts(DataMessage(3, CONTENT[240:360]))
    other = LinkRules(profile(BANK, COMPANY), lambda: WALL_MS)
    assert other.archive.load(variables) == []
    found = other.archive.find("COMPANY", "SOUFURI", "01")
    assert found is not None
    assert bytes(found.content) == CONTENT[:240]


def test_one_file_is_received_on_one_link_only() -> None:
    rules = fresh()
    one, _, _ = receiving(rules)
    one.announced(START)
    two, talk, _ = receiving(rules)
    two.announced(START)
    assert answer(talk).result == "other"
    assert two.work is None


def test_a_sound_file_is_handed_over_and_answered_only_when_it_is_durable() -> None:
    rules = fresh()
    one, talk, taken = receiving(rules)
    one.announced(START)
    one.data(DataMessage(1, CONTENT))
    talk.actions.clear()
    one.ended(FileMessage(kind="file-end", file="SOUFURI", cycle="01", record_bytes=120, record_count=8))
    (work,) = taken
    assert work.staged_bytes == len(CONTENT)
    assert talk.is_ours
    assert not any(isinstance(action, Send) for action in talk.actions)
    assert talk.acknowledged(1)
    one.finished(work.identity, "ok")
    assert (answer(talk).kind, answer(talk).result) == ("file-end-answer", "ok")
    assert not talk.is_ours
