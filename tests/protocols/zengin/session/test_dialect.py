"""The kit: built from a profile, told apart from other messages."""

from __future__ import annotations

import pytest

from protocols.errors import LocalMisuse
from protocols.vocabulary import TAKEN, Approved, Received, Refusal, Request, Verdict
from protocols.zengin.session.dialect import ZRC
from protocols.zengin.session.inward import InwardTelegram
from protocols.zengin.session.profile import ZrcProfile
from tests.support.zrcline import LineRig, transfer

RECEIVED = Received(0, "zengin", "bank", "partner")


def test_the_kit_builds_what_its_model_describes() -> None:
    assert ZRC.profile_model is ZrcProfile
    dialect = ZRC.build(ZrcProfile(), lambda name: "", lambda: 0)
    assert (dialect.name, dialect.answers_on_new_link) == ("zrc", False)
    with pytest.raises(LocalMisuse):
        ZRC.build(object(), lambda name: "", lambda: 0)


def test_telegrams_become_requests_and_answers_become_words() -> None:
    dialect = LineRig().dialect
    message = InwardTelegram(transfer(1), 0, 1)
    request = dialect.to_request(message, RECEIVED)
    assert isinstance(request, Request)
    assert request.key == "bank:zrc:0005:20261126:1"
    assert dialect.to_request("something", RECEIVED) is Refusal.INTERNAL
    assert dialect.to_reply(message, TAKEN, 0).code == "ack"
    refused = dialect.to_reply(message, Refusal.NO_JOURNAL, 0)
    assert (refused.verdict, refused.code) == (Verdict.DECLINE, "no-journal")
    assert dialect.to_reply(message, Approved(), 0).verdict is Verdict.DECLINE, "an advice is never answered with a booking"


def line(logical: int, first: int, last: int, bank: str = "0001") -> ZrcProfile:
    telegram = {"serial_first": first, "serial_last": last, "own_bank": bank}
    return ZrcProfile.model_validate({"line": {"logical": logical}, "telegram": telegram})


def test_lines_must_not_share_numbers() -> None:
    good = [line(1, 1, 100), line(2, 101, 200), line(3, 1, 100, "0009")]
    assert ZRC.clashes(good) == []
    clashing = ZRC.clashes([*good, line(2, 100, 101)])
    assert [(n, where) for n, where, _ in clashing] == [
        (3, "telegram.serial_first"),
        (3, "line.logical"),
        (3, "telegram.serial_first"),
    ]
