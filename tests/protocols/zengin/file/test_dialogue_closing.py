"""The ends of a file transfer link: closing, stopping, and what is said there that means nothing."""

from __future__ import annotations

import base64

import msgspec
import pytest

from protocols.dialect import CommandRequested, DrainStarted, LinkOpened, Stored
from protocols.vocabulary import Secret
from protocols.zengin.file.message import StationMessage
from protocols.zengin.file.session import State
from tests.support.zenginfiles import sound_file
from tests.support.zenginlink import AT, BANK, COMPANY, Hand, Side, opened, pair, profile


def body(count: int = 5, file: str = "SOUFURI", cycle: str = "01", code: str = "21") -> bytes:
    content = base64.b64encode(sound_file(code, count)).decode()
    return msgspec.json.encode({"file": file, "cycle": cycle, "format": code, "content": content})


# ---- closing -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("setting", ["answer-sent", "answer-acknowledged"])
@pytest.mark.parametrize("is_acknowledged", [True, False])
def test_the_half_closed_case_as_set(setting: str, is_acknowledged: bool) -> None:
    bank = Side(profile(BANK, COMPANY, close_done=setting))
    bank.open(dialled=False)
    hand = Hand(bank)
    hand.open()
    hand.say(StationMessage(kind="close", peer_code=BANK, own_code=COMPANY, password=Secret("CLOSE1"), at=AT))
    if is_acknowledged:
        assert hand.heard(StationMessage).password == Secret("CLOSE2")
    bank.close()
    assert ("session-closed" in bank.names) is (is_acknowledged or setting == "answer-sent")
    assert ("session-half-closed" in bank.names) is (not is_acknowledged and setting == "answer-acknowledged")


def test_a_caller_that_does_not_hang_up_after_close() -> None:
    bank, hand = opened()
    hand.say(StationMessage(kind="close", peer_code=BANK, own_code=COMPANY, password=Secret("CLOSE1"), at=AT))
    hand.heard(StationMessage)
    bank.fire("close")
    assert bank.hung_up == "close-timeout"


# ---- stopping, and small things ------------------------------------------------------------------------------------------
def test_while_draining_nobody_new_is_let_in_and_the_session_ends_in_order() -> None:
    line = pair()
    line.connect()
    line.called.step(DrainStarted())
    line.caller.offer("o1", body())
    line.run()
    assert "called open-answer closed" in line.transcript
    company = Side(profile(COMPANY, BANK))
    company.open(dialled=True)
    company.step(DrainStarted())
    company.offer("o2", body())
    assert company.deliveries == [("o2", "deferred")]
    assert company.dialogue is not None
    assert company.dialogue.is_idle


def test_a_variable_that_cannot_be_stored_ends_the_link() -> None:
    bank, _ = opened()
    bank.step(Stored("zfile/head/COMPANY/SOUFURI/01", False))
    assert bank.hung_up == "not-stored"


def test_commands_and_offers_that_mean_nothing_here() -> None:
    bank, _ = opened()
    bank.step(CommandRequested("fetch", b"MEISAI"))
    assert ("command-impossible", "fetch") in bank.notes
    bank.offer("o1", b"{}")
    bank.offer("o2", body(), kind="zengin-telegram")
    bank.offer("o3", body(2, "MEISAI", "01", "03"))
    bank.offer("o4", body(2, "MEISAI", "01", "03"))
    assert bank.deliveries == [("o1", "failed"), ("o2", "failed"), ("o4", "deferred")]
    bank.close()
    assert bank.deliveries[-1] == ("o3", "deferred")


def test_troubles_of_the_archive_are_told() -> None:
    bank = Side(profile(BANK, COMPANY))
    bank.variables["zfile/head/COMPANY/SOUFURI/01"] = b"{"
    bank.open(dialled=False)
    assert "file-work-unreadable" in bank.names


def test_a_closed_dialogue_does_nothing() -> None:
    bank, _ = opened()
    dialogue = bank.dialogue
    assert dialogue is not None
    bank.close()
    assert list(dialogue.step(LinkOpened("192.0.2.1", 1), 0)) == []
    assert dialogue.state is State.CLOSED
