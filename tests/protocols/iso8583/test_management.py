"""The session at work, message by message: the bar, the binding, and what a drain still takes."""

from __future__ import annotations

import pytest

from protocols.dialect import Action, Identify, Note, Refuse, Send, Tell, Timer
from protocols.iso8583.management import Session
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.session import Moment, State
from protocols.vocabulary import Refusal
from tests.support.isolink import TERMINAL, make_dialect, network, withdrawal

RULES = make_dialect().rules


def managed(session: Session, message: IsoMessage) -> list[Action]:
    actions: list[Action] = []
    session.manage(message, actions)
    return actions


def asked(session: Session, message: IsoMessage) -> tuple[bool, list[Action]]:
    actions: list[Action] = []
    return session.may_ask(message, actions), actions


@pytest.mark.parametrize(("sign_on", "barred"), [("required", Refusal.NOT_SIGNED_ON), ("optional", None)])
def test_the_bar_before_sign_on(sign_on: str, barred: Refusal | None) -> None:
    session = Session(make_dialect(session={"sign_on": sign_on}).rules)
    for moments in ([], [Moment.SIGN_ON_SENT], [Moment.SIGN_ON_SENT, Moment.SIGN_ON_REFUSED]):
        for moment in moments:
            session.move(moment)
        assert session.barred is barred
        assert session.is_signed_on is (barred is None)
    session.move(Moment.SIGNED_ON)
    assert session.barred is None
    session.move(Moment.SIGNED_OFF)
    assert session.barred is Refusal.NOT_SIGNED_ON


def test_an_echo_does_not_bind_and_a_sign_on_does() -> None:
    session = Session(RULES)
    managed(session, network("301"))
    assert session.terminal == ""
    actions = managed(session, network("001"))
    assert [type(action) for action in actions] == [Identify, Send, Timer, Note, Tell]
    assert session.terminal == TERMINAL
    assert session.is_signed_on


def test_a_sign_on_without_a_terminal_is_bound_by_the_first_message() -> None:
    session = Session(RULES)
    managed(session, network("001", changes={41: None, 33: "440011"}))
    assert session.terminal == ""
    assert asked(session, withdrawal()) == (True, [Identify(TERMINAL)])
    assert asked(session, withdrawal()) == (True, [])


@pytest.mark.parametrize("mti", ["0200", "0100", "0201", "0220", "0420", "0400", "0520"])
def test_a_drain_leaves_every_message_to_the_desk(mti: str) -> None:
    """Which refuses what is new, and answers what was taken before: that is in the journal, not here."""
    session = Session(RULES)
    managed(session, network("001"))
    session.move(Moment.DRAIN_STARTED)
    may, actions = asked(session, withdrawal(mti))
    assert may
    assert not [action for action in actions if isinstance(action, Refuse)]


def test_a_drain_before_sign_on_keeps_the_bar() -> None:
    session = Session(RULES)
    session.move(Moment.DRAIN_STARTED)
    may, actions = asked(session, withdrawal("0420"))
    assert not may
    assert isinstance(actions[0], Refuse)
    assert actions[0].reason is Refusal.NOT_SIGNED_ON
    actions = []
    session.closed("gone", actions)
    assert actions == []
    assert session.state is State.CLOSED


def test_a_session_that_is_up_tells_when_it_goes() -> None:
    for message, reason in ((network("002"), "signed off"), (None, "peer-lost")):
        session = Session(RULES)
        managed(session, network("001"))
        actions: list[Action] = []
        if message is None:
            session.closed("peer-lost", actions)
        else:
            session.manage(message, actions)
        assert Tell("session-down", {"terminal": TERMINAL, "reason": reason}) in actions
