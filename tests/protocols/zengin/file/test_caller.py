"""The calling side's list of work; its conversations are in test_dialogue.py."""

from __future__ import annotations

from protocols.dialect import Delivery
from protocols.zengin.file.caller import JOBS_MAX, Caller
from protocols.zengin.file.message import Offer
from protocols.zengin.file.receiving import Receiving
from protocols.zengin.file.rules import LinkRules
from protocols.zengin.file.sending import Sending
from protocols.zengin.file.session import State
from protocols.zengin.file.talk import Talk
from tests.support.zenginlink import BANK, COMPANY, WALL_MS, profile


def caller() -> tuple[Caller, Talk]:
    talk = Talk(LinkRules(profile(COMPANY, BANK), lambda: WALL_MS))
    talk.station = talk.rules.profile.called()
    return Caller(talk, Receiving(talk, lambda work: None), Sending(talk)), talk


def offer(number: int) -> Offer:
    return Offer(f"o{number}", "SOUFURI", "01", 120, bytes(240))


def test_nothing_to_do_opens_nothing() -> None:
    one, talk = caller()
    one.start()
    assert talk.state is State.TCP_UP
    one.add(offer(1))
    one.start()
    assert talk.state is State.OPENING


def test_the_list_is_limited() -> None:
    one, _ = caller()
    assert all(one.add(offer(number)) for number in range(JOBS_MAX))
    assert not one.add(offer(JOBS_MAX))


def test_what_was_not_begun_is_offered_again() -> None:
    one, talk = caller()
    one.add(offer(1))
    one.add(talk.rules.profile.files[1])
    one.lost()
    assert talk.actions == [Delivery("o1", "deferred", "the link ended")]
    one.is_draining = True
    assert not one.add(offer(2))
