"""What the room is told: who looks, who else there is, what may be declared; and no secret."""

from __future__ import annotations

import msgspec

from relay.failover.room import PlanRow, room_of
from relay.failover.view import RunView
from tests.support.failoverroom import PEOPLE


def test_who_looks_and_who_else_there_is() -> None:
    plans = [PlanRow(file="unplanned.toml", version="f" * 64)]
    room = room_of(RunView(), PEOPLE, frozenset({"Baba"}), "BABA2", plans)
    assert room.me is not None
    assert (room.me.name, room.me.has_authenticator) == ("Baba", True)
    assert [one.name for one in room.people if one.has_authenticator] == ["Baba"]
    assert room.plans == tuple(plans)
    stranger = room_of(RunView(), PEOPLE, frozenset(), "administrator", ())
    assert stranger.me is None
    assert b"authenticator" in msgspec.json.encode(stranger)
    assert b"logins" not in msgspec.json.encode(stranger)
