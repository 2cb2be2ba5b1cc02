"""Nothing is announced, and the role is kept all the same."""

from __future__ import annotations

from relay.announce.none import NoAnnouncer
from relay.announce.port import Announcer, Level


async def test_what_is_wanted_is_what_is_seen() -> None:
    announcer: Announcer = NoAnnouncer()
    await announcer.start()
    assert announcer.announce(Level.HOLDING) == ""
    assert announcer.state().seen is Level.HOLDING
    announcer.withdraw()
    assert announcer.state().seen is Level.NONE
    announcer.announce(Level.STANDBY)
    await announcer.stop()
    assert announcer.state().seen is Level.NONE
