"""The called side: dates and secrets; its conversations are in test_dialogue.py."""

from __future__ import annotations

import pytest

from protocols.dialect import Identify
from protocols.vocabulary import Secret
from protocols.zengin.file.called import Called, date_of, same_secret
from protocols.zengin.file.message import StationMessage
from protocols.zengin.file.rules import LinkRules
from protocols.zengin.file.session import State
from protocols.zengin.file.talk import Talk
from tests.support.zenginlink import BANK, COMPANY, WALL_MS, profile


@pytest.mark.parametrize(
    ("at", "found"),
    [("20261125120000", "20261125"), ("20260230120000", None), ("20261125250000", None), ("", None), ("2026112512000", None)],
)
def test_dates(at: str, found: str | None) -> None:
    assert date_of(at) == found


def test_secrets() -> None:
    assert same_secret(Secret("A"), Secret("A"))
    assert not same_secret(Secret("A"), Secret("B"))
    assert not same_secret(Secret("ｱ"), Secret("A"))


@pytest.mark.parametrize(
    ("change", "is_open"),
    [
        ({}, True),
        ({"mode": "2"}, True),
        ({"mode": "3"}, False),
        ({"at": "20269999120000"}, False),
        ({"send_count": 16}, False),
        ({"peer_code": COMPANY}, False),
        ({"password": Secret("OPEN02")}, False),
    ],
)
def test_who_is_let_in(change: dict[str, object], is_open: bool) -> None:
    talk = Talk(LinkRules(profile(BANK, COMPANY), lambda: WALL_MS))
    fields: dict[str, object] = {
        "kind": "open",
        "peer_code": BANK,
        "own_code": COMPANY,
        "password": Secret("OPEN01"),
        "at": "20261125120000",
        "mode": "1",
        **change,
    }
    Called(talk).opening(StationMessage(**fields))  # type: ignore[arg-type]  # one of each type
    assert (talk.state is State.OPEN) is is_open
    assert (Identify("COMPANY") in talk.actions) is is_open
    assert talk.is_over is not is_open
